#include "migration/zookeeper/preflight.h"

#include <utility>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "migration/zookeeper/preflight_looks.h"
#include "migration/zookeeper/recovery_outlook.h"
#include "migration/zookeeper/zookeeper_ensemble.h"
#include "zk_store/client/root_path.h"

namespace metarec {
namespace {

constexpr absl::Duration kEnsembleTimeout = absl::Seconds(5);

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
  if (!outlook.obstacles.empty() && request.way == MoveWay::kRecovery) {
    found.warnings.push_back(
        "a recovery: here -b (--skip_bad_nodes) and -l (--skip_lost_partitions) are for all such "
        "servers and partitions, without names behind them. To accept single ones, or to settle "
        "conflicts, recover by hand with metarec recover");
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
        "not alive: ", CutList(request.dead, kPreflightNamesMax),
        ". A recovery would not know of what they hold, and a stock meta server may die of what "
        "they report when they come back"));
  }
  if (request.nodes.empty()) found.refusals.push_back("no replica server is alive");
  for (const MoveServer& server : request.metas) {
    const absl::StatusOr<PortState> port = co_await world->LookAtPort(server.address);
    if (absl::IsCancelled(port.status())) co_return port.status();
    if (port.ok() && *port == PortState::kOpen) continue;
    found.warnings.push_back(absl::StrCat(
        server.address, " does not listen: it is not running, or cannot be reached from here",
        port.ok() ? "" : absl::StrCat(" (", port.status().message(), ")")));
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
  looked = co_await LookAtRecoveryNow(looking);
  METAREC_CO_RETURN_IF_ERROR(Unless(looked, [&](std::string why) {
    // By copy it is only not known what the other way would have come to.
    std::vector<std::string>& lines =
        request.way == MoveWay::kRecovery ? found.refusals : found.warnings;
    lines.push_back(absl::StrCat("it cannot be seen what a recovery would come to: ", why));
  }));
  co_return found;
}

}  // namespace metarec
