#include "migration/zookeeper/preflight.h"

#include <algorithm>
#include <set>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "migration/zookeeper/moved_root.h"
#include "migration/zookeeper/recovery_outlook.h"
#include "migration/zookeeper/same_zookeeper.h"
#include "migration/zookeeper/tree_transfer.h"
#include "migration/zookeeper/zookeeper_ensemble.h"
#include "pegasus_client/config_edit.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/root_path.h"
#include "zk_store/client/store_error.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/topology/root_inspection.h"
#include "zk_store/topology/topology_reader.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {
namespace {

constexpr absl::Duration kEnsembleTimeout = absl::Seconds(5);
constexpr size_t kNamesMax = 10;
// No znode has this version.
constexpr int32_t kNoVersion = 2'000'000'000;
// ZooKeeper's default, less what a request has beside the data.
constexpr size_t kUsualBytesMax = 1'000'000;

struct Looking {
  MoveWorld* world;
  Preflight* found;
  Clock* clock() const { return world->clock(); }
};

// host:port of the server that a config.ini is of: the entry of its server_list with its own port.
absl::StatusOr<std::string> OwnerOfConfig(const std::string& path, const std::string& text,
                                          const std::vector<MoveServer>& metas) {
  const std::string port = ConfigValue(text, "apps.meta", "ports").value_or("");
  std::vector<std::string> owners;
  for (const MoveServer& server : metas) {
    if (!port.empty() && absl::EndsWith(server.address, ":" + port)) {
      owners.push_back(server.address);
    }
  }
  if (owners.size() == 1) return owners.front();
  return absl::InvalidArgumentError(
      absl::StrCat("--config ", path, ": say whose it is, with --config HOST:PORT=", path));
}

absl::Status TakeConfig(const std::string& config, MoveRequest* request) {
  std::string owner;
  std::string path = config;
  const size_t equals = config.find('=');
  if (equals != std::string::npos) {
    owner = config.substr(0, equals);
    path = config.substr(equals + 1);
  }
  METAREC_ASSIGN_OR_RETURN(const std::string text, ReadConfigText(path));
  if (owner.empty()) {
    METAREC_ASSIGN_OR_RETURN(owner, OwnerOfConfig(path, text, request->metas));
  }
  const auto server = std::find_if(request->metas.begin(), request->metas.end(),
                                   [&](const MoveServer& known) { return known.address == owner; });
  if (server == request->metas.end()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--config ", config, ": ", owner, " is not one of the cluster's meta servers, ",
        absl::StrJoin(AddressesOf(request->metas), ", ")));
  }
  if (!server->config.empty() && server->config != path) {
    return absl::InvalidArgumentError(
        absl::StrCat("--config ", config, ": ", owner, " has ", server->config, " already"));
  }
  server->config = path;
  const std::string hosts = ConfigValue(text, "zookeeper", "hosts_list").value_or("");
  if (hosts != request->from.hosts) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": [zookeeper] hosts_list is '", Printable(hosts), "', and ", owner,
                     " runs with ", request->from.hosts, ": is it the file of that server?"));
  }
  int64_t lease = 0;
  const std::string lease_text = ConfigValue(text, "replication", "fd_lease_seconds").value_or("");
  if (absl::SimpleAtoi(lease_text, &lease) && lease > 0) request->lease_seconds = lease;
  return absl::OkStatus();
}

// Each edit is tried, since it would fail while the cluster is down.
void TryEdits(Preflight* found) {
  for (const MoveServer& server : found->request.metas) {
    if (server.config.empty()) continue;
    const absl::Status tried = TryConfigEdit(server.config, found->request.ConfigChanges());
    if (tried.ok()) continue;
    found->refusals.push_back(absl::StrCat("the config.ini of ", server.address,
                                           " could not be changed: ", tried.message()));
  }
}

// The lock root that the first config.ini says; Pegasus's own place without one.
std::string LockRootOf(const MoveWishes& wishes, const std::string& root) {
  if (!wishes.from_lock_root.empty()) return wishes.from_lock_root;
  for (const std::string& config : wishes.configs) {
    const absl::StatusOr<std::string> text = ReadConfigText(config.substr(config.find('=') + 1));
    if (!text.ok()) continue;
    const auto value = ConfigValue(*text, "meta_server", "distributed_lock_service_parameters");
    if (value.has_value() && !value->empty()) return *value;
  }
  return root + "/lock";
}

asio::awaitable<absl::Status> LookAtEnsemble(Looking looking, MoveEnd end) {
  const MoveSide& side = looking.world->side(end);
  METAREC_CO_ASSIGN_OR_RETURN(
      const std::vector<ZooKeeperServerInfo> servers,
      co_await AskEnsemble(side.Reach(), kEnsembleTimeout, looking.clock()));
  const char* const name = end == MoveEnd::kFrom ? "old" : "new";
  looking.found->facts.push_back(
      absl::StrCat(name, " ZooKeeper ", side.hosts, ": ", DescribeEnsemble(servers)));
  for (const std::string& warning : EnsembleWarnings(servers)) {
    looking.found->warnings.push_back(absl::StrCat("the ", name, " ZooKeeper: ", warning));
  }
  co_return absl::OkStatus();
}

// Whether we may write there: a transaction that would make the mark, and that always fails.
asio::awaitable<absl::Status> TryToWrite(MetaStore* store, std::string root) {
  std::string parent = root;
  for (;;) {
    const size_t slash = parent.rfind('/');
    parent = slash == 0 ? "/" : parent.substr(0, slash);
    METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeStat> stat, co_await store->Exists(parent));
    if (stat.has_value() || parent == "/") break;
  }
  std::vector<StoreOp> ops;
  CreateOp create;
  create.path = absl::StrCat(parent == "/" ? "" : parent, "/metarec_move_trial");
  ops.emplace_back(create);
  CheckOp check;
  check.path = parent;
  check.version = kNoVersion;
  ops.emplace_back(check);
  const absl::Status tried = (co_await store->Multi(std::move(ops))).status();
  const bool is_allowed = StoreErrorOf(tried) == StoreError::kBadVersion;
  co_return is_allowed ? absl::OkStatus() : tried;
}

// A root that is not free: it may have the mark by which a former move away from it ended.
asio::awaitable<absl::Status> LookAtFormerMove(Looking looking, TreePlace place,
                                               RootInspection root) {
  Preflight& found = *looking.found;
  std::optional<MovedRoot> moved;
  if (!root.enclosing.has_value()) {
    METAREC_CO_ASSIGN_OR_RETURN(
        moved, co_await ReadMovedRoot(place, looking.world->side(MoveEnd::kTo).RealLockRoot(),
                                      looking.clock()));
  }
  if (!moved.has_value()) {
    found.refusals.push_back(root.Describe());
  } else if (!moved->is_finished) {
    found.refusals.push_back(absl::StrCat(
        "a former move away from ", place.text, " is not finished (", place.text, "/apps says '",
        Printable(moved->text), "', and not all else is gone): finish it with its own state file, ",
        "or remove what is left with metarec zk rm"));
  } else {
    found.facts.push_back(absl::StrCat(place.text, " has only the mark of a former move ('",
                                       Printable(moved->text), "'), which this one replaces"));
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> LookAtTarget(Looking looking) {
  Preflight& found = *looking.found;
  const MoveSide& to = looking.world->side(MoveEnd::kTo);
  METAREC_CO_ASSIGN_OR_RETURN(MetaStore* const store, co_await looking.world->Store(MoveEnd::kTo));
  TreePlace place;
  place.store = store;
  place.root = to.RealRoot();
  place.text = to.Text();
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<std::string> mark,
                              co_await ReadMoveMark(place, looking.clock()));
  if (mark.has_value()) {
    found.refusals.push_back(absl::StrCat(to.Text(), " was begun by another run, ",
                                          Printable(*mark), " (", MoveMarkPath(place.root),
                                          "): abort that one with its own state file"));
  }
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<MetaCandidate> candidates,
                              co_await looking.world->Candidates(MoveEnd::kTo));
  if (!candidates.empty()) {
    found.refusals.push_back(absl::StrCat("in the new lock directory there is already ",
                                          NamesOf(candidates), ": a meta server lives there"));
  }
  RetryBudget budget(looking.clock());
  StoreReader reader(store, &budget);
  RootInspectionOptions options;
  options.lock_root = to.RealLockRoot();
  METAREC_CO_ASSIGN_OR_RETURN(const RootInspection root,
                              co_await InspectRoot(&reader, place.root, options));
  if (!root.IsFree() && !mark.has_value()) {
    METAREC_CO_RETURN_IF_ERROR(co_await LookAtFormerMove(looking, place, root));
  }
  const absl::Status may_write = co_await TryToWrite(store, place.root);
  if (absl::IsCancelled(may_write)) co_return may_write;
  if (!may_write.ok()) {
    found.refusals.push_back(absl::StrCat(to.Text(), " cannot be written: ", may_write.message()));
  }
  co_return absl::OkStatus();
}

void NoteLosses(const RootContents& tree, Preflight* found) {
  for (const TableZnodes& table : tree.tables) {
    const AppZnode& app = table.app;
    if (!app.envs.empty()) {
      std::vector<std::string> envs;
      for (const auto& [key, value] : app.envs) envs.push_back(absl::StrCat(key, "=", value));
      const std::string line =
          Printable(absl::StrCat("table ", app.app_name, ": envs ", CutList(envs, kNamesMax)));
      found->lost_by_recovery.push_back(line);
      found->kept_by_carry_over.push_back(line);
    }
    if (app.status == TableStatus::kDropped && !absl::StartsWith(app.app_name, "__drop_holder__")) {
      const std::string line = Printable(absl::StrCat(
          "table ", app.app_name, ": that it is dropped; it may come back as available"));
      found->lost_by_recovery.push_back(line);
      found->kept_by_carry_over.push_back(line);
    }
  }
}

asio::awaitable<absl::Status> LookWhetherOne(Looking looking) {
  const MoveSide& from = looking.world->side(MoveEnd::kFrom);
  const MoveSide& to = looking.world->side(MoveEnd::kTo);
  bool is_one = from.hosts == to.hosts;
  if (!is_one) {
    METAREC_CO_ASSIGN_OR_RETURN(is_one, co_await AreOneZooKeeper(looking.world));
  }
  if (!is_one) co_return absl::OkStatus();
  const std::string why_not = WhyNotWithinOne(from, to);
  if (!why_not.empty()) {
    looking.found->refusals.push_back(why_not);
  } else {
    looking.found->facts.push_back(
        absl::StrCat(from.hosts, " and ", to.hosts, " are one ZooKeeper: only the root changes"));
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> LookAtOldTree(Looking looking) {
  Preflight& found = *looking.found;
  METAREC_CO_ASSIGN_OR_RETURN(MetaStore* const store,
                              co_await looking.world->Store(MoveEnd::kFrom));
  const std::string root = looking.world->side(MoveEnd::kFrom).RealRoot();
  RetryBudget budget(looking.clock());
  StoreReader reader(store, &budget);
  SilentProgress silent;
  const absl::Time began = looking.clock()->Now();
  METAREC_CO_ASSIGN_OR_RETURN(
      const RootContents tree,
      co_await ReadTopology(&reader, root, TopologyReaderOptions(), &silent));
  const double seconds = absl::ToDoubleSeconds(looking.clock()->Now() - began);
  int64_t partitions = 0;
  size_t largest = 0;
  for (const TableZnodes& table : tree.tables) {
    partitions += static_cast<int64_t>(table.partitions.size());
    std::string json;
    EncodeApp(table.app, &json);
    largest = std::max(largest, json.size());
  }
  found.facts.push_back(absl::StrCat(
      "old tree: ", Counted(static_cast<int64_t>(tree.tables.size()), "table"), ", ",
      Counted(partitions, "partition"), ", read in ", absl::StrFormat("%.1f", seconds), " s"));
  for (size_t i = 0; i < std::min(tree.problems.size(), kNamesMax); ++i) {
    found.warnings.push_back(absl::StrCat("the old tree: ", Printable(tree.problems[i].message)));
  }
  if (largest > kUsualBytesMax) {
    found.warnings.push_back(
        absl::StrCat("the old tree has a znode of ", largest,
                     " bytes: the new servers need the same jute.maxbuffer as the old ones"));
  }
  NoteLosses(tree, &found);
  TreePlace place;
  place.store = store;
  place.root = root;
  METAREC_CO_ASSIGN_OR_RETURN(
      const std::vector<std::string> strangers,
      co_await StrangersBelow(place, looking.world->side(MoveEnd::kFrom).RealLockRoot(),
                              looking.clock()));
  if (!strangers.empty()) {
    found.warnings.push_back(absl::StrCat("below the old root there is what is not Pegasus's: ",
                                          Printable(CutList(strangers, kNamesMax)),
                                          "; finish refuses until it is moved or removed"));
  }
  const ClusterPaths paths(root);
  for (const TableZnodes& table : tree.tables) {
    const std::string path = paths.Duplications(table.app.app_id);
    METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeChildren> children,
                                co_await reader.Children(path));
    if (!children.has_value() || children->names.empty()) continue;
    const std::string line = Printable(
        absl::StrCat("table ", table.app.app_name, ": its duplications and their progress"));
    found.lost_by_recovery.push_back(line);
    found.kept_by_carry_over.push_back(line);
  }
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeChildren> policies,
                              co_await reader.Children(paths.backup()));
  if (policies.has_value() && !policies->names.empty()) {
    const std::string line =
        Printable(absl::StrCat("backup policies: ", CutList(policies->names, kNamesMax)));
    found.lost_by_recovery.push_back(line);
    found.kept_by_carry_over.push_back(line);
  }
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeChildren> loads,
                              co_await reader.Children(paths.bulk_load()));
  if (loads.has_value() && !loads->names.empty()) {
    found.lost_by_recovery.push_back(Printable(absl::StrCat(
        "bulk loads under way, of the tables with the ids ", CutList(loads->names, kNamesMax))));
  }
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<MetaCandidate> candidates,
                              co_await looking.world->Candidates(MoveEnd::kFrom));
  if (candidates.size() != found.request.metas.size()) {
    found.warnings.push_back(
        absl::StrCat("in the old lock directory there are ", candidates.size(), " candidates (",
                     NamesOf(candidates), "), and the cluster lists ", found.request.metas.size(),
                     " meta servers; if none is seen, say where it is with --lock_root"));
  }
  if (candidates.empty()) {
    found.refusals.push_back(
        "nobody is seen in the old lock directory, so that it could not be "
        "looked after; say where it is with --lock_root");
  }
  co_return absl::OkStatus();
}

// What a recovery would come to, from what the replica servers say now.
asio::awaitable<absl::Status> LookAtRecoveryNow(Looking looking) {
  Preflight& found = *looking.found;
  const MoveRequest& request = found.request;
  if (request.nodes.empty()) co_return absl::OkStatus();
  RecoveryAccepts accepts;
  accepts.skip_bad_nodes = request.skip_bad_nodes;
  accepts.skip_lost_partitions = request.skip_lost_partitions;
  METAREC_CO_ASSIGN_OR_RETURN(RecoveryOutlook outlook,
                              co_await LookAtRecovery(request.nodes, accepts, looking.world));
  AddDeadServers(request.dead, accepts, &outlook);
  for (const std::string& obstacle : outlook.obstacles) {
    found.lost_by_recovery.push_back(absl::StrCat("it would be refused: ", obstacle));
    if (request.way == MoveWay::kRecovery) {
      found.refusals.push_back(absl::StrCat("a recovery: ", obstacle));
    }
  }
  for (std::string& loss : outlook.losses) found.lost_by_recovery.push_back(std::move(loss));
  if (request.way != MoveWay::kRecovery) co_return absl::OkStatus();
  for (const std::string& hazard : outlook.hazards) {
    found.warnings.push_back(absl::StrCat("a recovery: ", hazard));
  }
  co_return absl::OkStatus();
}

// Options that would have no effect.
absl::Status CheckWay(const MoveRequest& request) {
  if (request.way == MoveWay::kRecovery) {
    if (!request.accept_outage) return absl::OkStatus();
    return absl::InvalidArgumentError(
        "--accept_outage is for --way copy; a recovery always stops all partitions");
  }
  const char* const option = request.skip_bad_nodes         ? "--skip_bad_nodes"
                             : request.skip_lost_partitions ? "--skip_lost_partitions"
                             : request.carry_over           ? "--carry_over"
                                                            : nullptr;
  if (option == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(option, " is for --way recovery; a copy takes everything as it is"));
}

// kCancelled, or what is wrong as a sentence.
template <typename Take>
absl::Status Unless(const absl::Status& status, const Take& take) {
  if (status.ok() || absl::IsCancelled(status)) return status;
  take(std::string(status.message()));
  return absl::OkStatus();
}

}  // namespace

asio::awaitable<absl::StatusOr<MoveSide>> FindOldSide(const MoveWishes& wishes, MoveWorld* world) {
  METAREC_CO_ASSIGN_OR_RETURN(const ClusterInfo info, co_await world->AskCluster(wishes.metas));
  MoveSide side;
  side.hosts = info.zookeeper_hosts;
  side.reached_by = wishes.from_hosts;
  side.root = info.zookeeper_root;
  side.lock_root = LockRootOf(wishes, side.root);
  side.auth_file = wishes.from_auth_file;
  co_return side;
}

asio::awaitable<absl::StatusOr<Preflight>> LookBeforeMove(MoveWishes wishes, MoveWorld* world) {
  Preflight found;
  const Looking looking = {world, &found};
  MoveRequest& request = found.request;
  request = wishes.options;
  request.from = world->side(MoveEnd::kFrom);
  request.to = world->side(MoveEnd::kTo);
  METAREC_CO_ASSIGN_OR_RETURN(const ClusterInfo info, co_await world->AskCluster(wishes.metas));
  found.cluster_name = info.cluster_name;
  request.level = info.level;
  request.metas.push_back({info.leader, ""});
  for (const std::string& meta : info.meta_servers) {
    if (meta != info.leader) request.metas.push_back({meta, ""});
  }
  METAREC_CO_RETURN_IF_ERROR(ValidateRootPath(request.to.root));
  for (const std::string& config : wishes.configs) {
    METAREC_CO_RETURN_IF_ERROR(TakeConfig(config, &request));
  }
  TryEdits(&found);
  found.facts.push_back(absl::StrCat(
      "cluster ", Printable(info.cluster_name), ": ", info.leader, " leads at level ", info.level,
      "; ", Counted(static_cast<int64_t>(info.meta_servers.size()), "meta server")));
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<NodeView> nodes,
                              co_await world->AskNodes(wishes.metas));
  request.nodes = wishes.nodes;
  for (const NodeView& node : nodes) {
    if (node.liveness == NodeLiveness::kUnalive) request.dead.push_back(node.name);
    if (node.liveness == NodeLiveness::kAlive) request.alive.push_back(node.name);
  }
  if (request.nodes.empty()) request.nodes = request.alive;
  found.facts.push_back(absl::StrCat(
      Counted(static_cast<int64_t>(request.alive.size()), "replica server"), " alive"));
  if (!request.dead.empty()) {
    found.warnings.push_back(absl::StrCat(
        "not alive: ", CutList(request.dead, kNamesMax),
        ". A recovery would not know of what they hold, and a stock meta server may die of what "
        "they report when they come back"));
  }
  if (request.nodes.empty()) found.refusals.push_back("no replica server is alive");
  for (const MoveServer& server : request.metas) {
    METAREC_CO_ASSIGN_OR_RETURN(const PortState port, co_await world->LookAtPort(server.address));
    if (port == PortState::kOpen) continue;
    found.warnings.push_back(absl::StrCat(server.address,
                                          " does not listen: it is not running, or "
                                          "cannot be reached from here"));
  }
  METAREC_CO_RETURN_IF_ERROR(co_await LookAtEnsemble(looking, MoveEnd::kFrom));
  METAREC_CO_RETURN_IF_ERROR(co_await LookAtEnsemble(looking, MoveEnd::kTo));
  const size_t refusals = found.refusals.size();
  absl::Status looked = co_await LookWhetherOne(looking);
  METAREC_CO_RETURN_IF_ERROR(Unless(looked, [&](std::string why) {
    found.warnings.push_back(
        absl::StrCat("it cannot be seen whether both sides are one ZooKeeper: ", why));
  }));
  // Then all that is in the new place is only in the way because it is the old one.
  if (found.refusals.size() == refusals) {
    looked = co_await LookAtTarget(looking);
    METAREC_CO_RETURN_IF_ERROR(Unless(looked, [&](std::string why) {
      found.refusals.push_back(absl::StrCat("the new ZooKeeper: ", why));
    }));
  }
  bool has_old_tree = true;
  looked = co_await LookAtOldTree(looking);
  METAREC_CO_RETURN_IF_ERROR(Unless(looked, [&](std::string why) {
    has_old_tree = false;
    found.lost_by_copy.push_back(absl::StrCat("it cannot be done: the old tree: ", why));
    found.lost_by_recovery.push_back(
        "all that only ZooKeeper knew: envs, drop states, "
        "duplications, backup policies; nothing can be carried over");
    found.kept_by_carry_over.clear();
  }));
  found.recommended = has_old_tree ? MoveWay::kCopy : MoveWay::kRecovery;
  found.why_recommended = has_old_tree ? "the old tree can be read, so that nothing is lost"
                                       : "the old tree cannot be read, which a copy would need";
  request.way = found.recommended;
  if (wishes.way == "copy") request.way = MoveWay::kCopy;
  if (wishes.way == "recovery") request.way = MoveWay::kRecovery;
  METAREC_CO_RETURN_IF_ERROR(CheckWay(request));
  if (request.way == MoveWay::kCopy && !has_old_tree) {
    found.refusals.push_back("the old tree cannot be read: --way recovery does without it");
  }
  METAREC_CO_RETURN_IF_ERROR(co_await LookAtRecoveryNow(looking));
  co_return found;
}

}  // namespace metarec
