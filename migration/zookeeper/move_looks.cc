// What a move looks at; nothing here changes anything.

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/line_file/line_file.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "migration/zookeeper/zookeeper_move.h"
#include "pegasus_client/config_edit.h"
#include "replica_collector/collector.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/topology/root_inspection.h"
#include "zk_store/topology/topology_reader.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {
namespace {

// A meta server's own start, beside what we do.
constexpr absl::Duration kRestartAssumed = absl::Seconds(5);
constexpr size_t kExamplesMax = 3;

Sight Outcome(const std::vector<std::string>& wrong, absl::string_view right) {
  return wrong.empty() ? Sight::Holds(std::string(right))
                       : Sight::Lacks(Printable(CutList(wrong, kExamplesMax)));
}

std::string EnvsText(const TableDescription& table) {
  return absl::StrJoin(table.envs, " ", absl::PairFormatter("="));
}

}  // namespace

std::vector<std::string> TableLines(const std::vector<TableView>& tables, bool with_envs) {
  std::map<int32_t, std::string> lines;
  for (const TableView& table : tables) {
    std::string line =
        absl::StrCat(table.app_id, " ", table.app_name, " ", TableStatusWord(table.status),
                     " partitions=", table.partition_count, " replicas=", table.max_replica_count);
    if (with_envs) {
      absl::StrAppend(&line, " created=", table.create_second, " dropped=", table.drop_second,
                      " expires=", table.expire_second, " ", EnvsText(table));
    }
    lines[table.app_id] = Printable(line);
  }
  std::vector<std::string> in_order;
  in_order.reserve(lines.size());
  for (auto& [id, line] : lines) in_order.push_back(std::move(line));
  return in_order;
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::AllPortsClosed(
    std::vector<MoveServer> servers) {
  std::vector<std::string> wrong;
  for (const MoveServer& server : servers) {
    METAREC_CO_ASSIGN_OR_RETURN(const PortState state, co_await world_->LookAtPort(server.address));
    if (state == PortState::kOpen) wrong.push_back(absl::StrCat(server.address, " still listens"));
    if (state == PortState::kUnknown) {
      wrong.push_back(absl::StrCat(server.address,
                                   " neither answers nor refuses connections, so "
                                   "it may still run"));
    }
  }
  co_return Outcome(wrong, absl::StrCat(NamesOf(servers), " refuse", servers.size() == 1 ? "s" : "",
                                        " connections"));
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::LevelIs(std::string level) {
  METAREC_CO_ASSIGN_OR_RETURN(const ClusterInfo info, co_await world_->AskCluster(MetaAddresses()));
  const std::string text = absl::StrCat("the level of ", info.leader, " is ", info.level);
  co_return info.level == level ? Sight::Holds(text) : Sight::Lacks(text);
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::IsBlind() {
  METAREC_CO_ASSIGN_OR_RETURN(const ClusterInfo info, co_await world_->AskCluster(MetaAddresses()));
  if (info.leader != request_.leader().address) {
    co_return Sight::Lacks(absl::StrCat(info.leader, " leads now, and not ",
                                        request_.leader().address, " as when this was planned"));
  }
  const std::string text = absl::StrCat("the level of ", info.leader, " is ", info.level);
  co_return info.level == "blind" ? Sight::Holds(text) : Sight::Lacks(text);
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::IsTargetOurs() {
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace to, co_await Place(MoveEnd::kTo));
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<std::string> mark,
                              co_await ReadMoveMark(to, world_->clock()));
  const std::string& run_id = state_->head().run_id;
  if (mark.has_value() && *mark == run_id) co_return Sight::Holds("the target is ours");
  if (mark.has_value()) {
    co_return Sight::Lacks(
        absl::StrCat("the target ", to.text, " was begun by another run, ", Printable(*mark), " (",
                     MoveMarkPath(to.root),
                     "). Abort that one with its own state file, or remove what it left: "
                     "the tree and that mark"));
  }
  RetryBudget budget(world_->clock());
  StoreReader reader(to.store, &budget);
  RootInspectionOptions options;
  options.lock_root = request_.to.RealLockRoot();
  METAREC_CO_ASSIGN_OR_RETURN(const RootInspection found,
                              co_await InspectRoot(&reader, to.root, options));
  const bool is_free = found.root_case == RootCase::kAbsent ||
                       found.root_case == RootCase::kEmpty ||
                       found.root_case == RootCase::kOnlyLockDirectory;
  co_return is_free ? Sight::Holds("the target is free") : Sight::Lacks(found.Describe());
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::MayWriteBlind() {
  METAREC_CO_ASSIGN_OR_RETURN(Sight sight, co_await NobodyInNewLock());
  if (!sight.holds) co_return sight;
  METAREC_CO_ASSIGN_OR_RETURN(sight, co_await IsBlind());
  if (!sight.holds) co_return sight;
  METAREC_CO_ASSIGN_OR_RETURN(sight, co_await OnlyLeaderInOldLock());
  if (!sight.holds) co_return sight;
  co_return co_await IsTargetOurs();
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::MayWriteStopped() {
  METAREC_CO_ASSIGN_OR_RETURN(Sight sight, co_await NobodyInNewLock());
  if (!sight.holds) co_return sight;
  METAREC_CO_ASSIGN_OR_RETURN(sight, co_await AllPortsClosed(request_.metas));
  if (!sight.holds) co_return sight;
  METAREC_CO_ASSIGN_OR_RETURN(sight, co_await NobodyNewInOldLock());
  if (!sight.holds) co_return sight;
  co_return co_await IsTargetOurs();
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::CanBegin() {
  METAREC_CO_ASSIGN_OR_RETURN(const ClusterInfo info, co_await world_->AskCluster(MetaAddresses()));
  if (info.leader != request_.leader().address) {
    co_return Sight::Lacks(absl::StrCat(info.leader, " leads now, and not ",
                                        request_.leader().address,
                                        " as when this was planned: plan again"));
  }
  if (info.zookeeper_hosts != request_.from.hosts || info.zookeeper_root != request_.from.root) {
    co_return Sight::Lacks(absl::StrCat("the cluster keeps its metadata in ", info.zookeeper_hosts,
                                        info.zookeeper_root, " now, and not in ",
                                        request_.from.Text(), ": plan again"));
  }
  METAREC_CO_ASSIGN_OR_RETURN(Sight sight, co_await NobodyInNewLock());
  if (!sight.holds) co_return sight;
  METAREC_CO_ASSIGN_OR_RETURN(sight, co_await IsTargetOurs());
  if (!sight.holds) co_return sight;
  for (const MoveServer& server : request_.metas) {
    if (server.config.empty()) continue;
    METAREC_CO_ASSIGN_OR_RETURN(const std::string text, ReadConfigText(server.config));
    METAREC_CO_RETURN_IF_ERROR(EditConfig(text, server.config, request_.ConfigChanges()).status());
  }
  co_return Sight::Holds(absl::StrCat(info.leader, " leads ", request_.from.Text(), ", and ",
                                      request_.to.Text(), " is free"));
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::Serves(std::vector<MoveServer> servers,
                                                             MoveEnd end) {
  for (const MoveServer& server : servers) {
    METAREC_CO_ASSIGN_OR_RETURN(const PortState state, co_await world_->LookAtPort(server.address));
    if (state == PortState::kOpen) continue;
    co_return Sight::Lacks(absl::StrCat(server.address, " does not listen yet"));
  }
  METAREC_CO_ASSIGN_OR_RETURN(const ClusterInfo info, co_await world_->AskCluster(MetaAddresses()));
  const MoveSide& side = world_->side(end);
  if (info.zookeeper_hosts != side.hosts || info.zookeeper_root != side.root) {
    co_return Sight::Lacks(absl::StrCat(info.leader, " was started with ", info.zookeeper_hosts,
                                        info.zookeeper_root, ", and not with ", side.Text()));
  }
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<MetaCandidate> candidates,
                              co_await world_->Candidates(end));
  // The leader is there, too, when the others are started.
  const bool with_leader = servers.front() == request_.leader();
  const size_t expected = with_leader ? servers.size() : request_.metas.size();
  if (candidates.size() < expected) {
    co_return Sight::Lacks(absl::StrCat("only ", candidates.size(),
                                        " of them are candidates in the lock directory in ",
                                        side.Text()));
  }
  co_return Sight::Holds(absl::StrCat(info.leader, " leads in ", side.Text()));
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::TreesAreEqual() {
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace from, co_await Place(MoveEnd::kFrom));
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace to, co_await Place(MoveEnd::kTo));
  METAREC_CO_ASSIGN_OR_RETURN(const TreeComparison compared,
                              co_await CompareTrees(from, to, world_->clock()));
  if (compared.equal()) {
    co_return Sight::Holds(
        absl::StrCat(Counted(compared.znodes, "znode"), ", the same on both sides"));
  }
  co_return Sight::Lacks(absl::StrCat(Counted(compared.differences, "znode"),
                                      " of the copy differ, such as ",
                                      Printable(CutList(compared.examples, kExamplesMax))));
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::OutageFits() {
  double pass = 0;
  if (!absl::SimpleAtod(state_->Fact("pass_seconds"), &pass)) {
    co_return Sight::Lacks("it is not known how long a pass takes: abort, and plan again");
  }
  const absl::Duration outage = absl::Seconds(pass) + kRestartAssumed;
  const std::string text = absl::StrCat(
      "without a leader for about ", absl::FormatDuration(absl::Ceil(outage, absl::Seconds(1))),
      " (the last pass ", pass, " s, as measured, and ", absl::FormatDuration(kRestartAssumed),
      " assumed for the meta server); replica servers serve for ", request_.lease_seconds,
      " s without one");
  if (request_.accept_outage || outage < absl::Seconds(request_.lease_seconds)) {
    co_return Sight::Holds(text);
  }
  co_return Sight::Lacks(absl::StrCat(
      text,
      ". Then all partitions stop serving until the new leader has come up. Abort, and plan "
      "with --accept_outage if that may be"));
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::TablesAreAsBefore() {
  METAREC_CO_ASSIGN_OR_RETURN(LineReader before, LineReader::Open(BackupPath("tables")));
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<TableView> tables,
                              co_await world_->AskTables(MetaAddresses(), false));
  const std::vector<std::string> lines = TableLines(tables, is_copy());
  const std::set<std::string> now(lines.begin(), lines.end());
  std::vector<std::string> wrong;
  std::string line;
  for (;;) {
    METAREC_CO_ASSIGN_OR_RETURN(const bool is_line, before.Next(&line));
    if (!is_line) break;
    // What was dropped may come back by a recovery, or not.
    if (!is_copy() && absl::StrContains(line, " dropped partitions=")) continue;
    if (!now.contains(line)) {
      wrong.push_back(absl::StrCat("not as before: table ", line));
    }
  }
  co_return Outcome(
      wrong, absl::StrCat(Counted(static_cast<int64_t>(lines.size()), "table"), ", as before"));
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::NodesAreAsBefore() {
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<NodeView> nodes,
                              co_await world_->AskNodes(MetaAddresses()));
  std::set<std::string> alive;
  for (const NodeView& node : nodes) {
    if (node.liveness == NodeLiveness::kAlive) alive.insert(node.name);
  }
  std::vector<std::string> wrong;
  for (const std::string& node : request_.alive) {
    if (!alive.contains(node)) wrong.push_back(absl::StrCat(node, " is not alive"));
  }
  co_return Outcome(
      wrong, absl::StrCat(Counted(static_cast<int64_t>(request_.alive.size()), "replica server"),
                          " alive, as before"));
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::ReplicasAreInactive() {
  METAREC_CO_ASSIGN_OR_RETURN(const Evidence evidence, co_await world_->Collect(request_.nodes));
  std::vector<std::string> wrong;
  for (const NodeEvidence& node : evidence.nodes) {
    const std::string& name = node.listed_as.front();
    if (!node.complete()) {
      if (!request_.skip_bad_nodes)
        wrong.push_back(absl::StrCat(name, " does not answer: ", node.error));
      continue;
    }
    const int64_t serving = CountServing(node);
    if (serving == 0) continue;
    wrong.push_back(absl::StrCat(name, " still serves ", Counted(serving, "replica")));
  }
  co_return Outcome(wrong, "no replica is served any more");
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::IsRecovered() {
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace to, co_await Place(MoveEnd::kTo));
  RetryBudget budget(world_->clock());
  StoreReader reader(to.store, &budget);
  RootInspectionOptions options;
  options.lock_root = request_.to.RealLockRoot();
  METAREC_CO_ASSIGN_OR_RETURN(const RootInspection found,
                              co_await InspectRoot(&reader, to.root, options));
  const std::string digest = state_->Fact("plan_digest");
  if (found.root_case == RootCase::kFinishedRun && !digest.empty() && found.IsRunOf(digest)) {
    co_return Sight::Holds(absl::StrCat(Counted(found.journal->tables, "table"), " and ",
                                        Counted(found.journal->partitions, "partition"),
                                        " are written and checked", state_->Fact("losses")));
  }
  co_return Sight::Lacks(found.Describe());
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::ConfigsAre(bool edited) {
  std::vector<std::string> wrong;
  std::vector<MoveServer> elsewhere;
  for (const MoveServer& server : request_.metas) {
    if (server.config.empty()) {
      elsewhere.push_back(server);
      continue;
    }
    METAREC_CO_ASSIGN_OR_RETURN(const std::string text, ReadConfigText(server.config));
    for (const ConfigChange& change : request_.ConfigChanges()) {
      const bool is_new = ConfigValue(text, change.section, change.key) == change.value;
      if (is_new == edited) continue;
      wrong.push_back(absl::StrCat(server.config, edited ? " does not have" : " still has",
                                   " the new value of [", change.section, "] ", change.key));
    }
  }
  // What is elsewhere cannot be seen: the command's exit code or the operator says it.
  const std::string confirmation = ConfirmationPath(/*back=*/!edited);
  const bool by_command = !request_.edit_config.empty();
  std::error_code error;
  if (by_command && !elsewhere.empty() && state_->Fact(ConfigsFact(!edited)).empty()) {
    wrong.push_back(
        absl::StrCat("--edit_config has not yet ended with 0 for ", NamesOf(elsewhere)));
  }
  if (!by_command && !elsewhere.empty() && !std::filesystem::exists(confirmation, error)) {
    wrong.push_back(absl::StrCat("nobody has confirmed it for ", NamesOf(elsewhere), " (by touch ",
                                 confirmation, ")"));
  }
  co_return Outcome(wrong,
                    absl::StrCat(Counted(static_cast<int64_t>(request_.metas.size()), "config.ini"),
                                 edited ? " changed" : " as before"));
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::OldTreeIsStillTrue() {
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace from, co_await Place(MoveEnd::kFrom));
  RetryBudget budget(world_->clock());
  StoreReader reader(from.store, &budget);
  METAREC_CO_ASSIGN_OR_RETURN(
      const RootContents old,
      co_await ReadTopology(&reader, from.root, TopologyReaderOptions(), &silent_));
  std::map<std::pair<int32_t, int32_t>, int64_t> ballots;
  std::map<int32_t, const AppZnode*> tables;
  for (const TableZnodes& table : old.tables) {
    tables[table.app.app_id] = &table.app;
    for (const PartitionZnode& partition : table.partitions) {
      ballots[{partition.app_id, partition.index}] = partition.ballot;
    }
  }
  std::vector<std::string> wrong;
  METAREC_CO_ASSIGN_OR_RETURN(const Evidence evidence, co_await world_->Collect(request_.nodes));
  for (const NodeEvidence& node : evidence.nodes) {
    if (!node.complete()) {
      wrong.push_back(
          absl::StrCat(node.listed_as.front(), " does not tell its ballots: ", node.error));
    }
    for (const ReplicaRecord& replica : node.replicas) {
      const auto found = ballots.find({replica.app_id, replica.partition_index});
      const std::string name = absl::StrCat(replica.app_id, ".", replica.partition_index);
      if (found == ballots.end()) {
        // A dropped table's partitions are nobody's any more.
        const auto table = tables.find(replica.app_id);
        if (table != tables.end() && table->second->status != TableStatus::kAvailable) continue;
        wrong.push_back(absl::StrCat("partition ", name, " is not in the old tree"));
      } else if (replica.ballot > found->second) {
        wrong.push_back(absl::StrCat("partition ", name, " has ballot ", replica.ballot, " on ",
                                     node.listed_as.front(), " and ", found->second,
                                     " in the old tree"));
      }
    }
  }
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace to, co_await Place(MoveEnd::kTo));
  RetryBudget to_budget(world_->clock());
  StoreReader to_reader(to.store, &to_budget);
  TopologyReaderOptions only_tables;
  only_tables.wants_partitions = [](const AppZnode&) { return false; };
  const absl::StatusOr<RootContents> now =
      co_await ReadTopology(&to_reader, to.root, only_tables, &silent_);
  if (!now.ok() && !absl::IsNotFound(now.status())) co_return now.status();
  for (const TableZnodes& table : now.ok() ? now->tables : std::vector<TableZnodes>()) {
    const auto found = tables.find(table.app.app_id);
    if (found == tables.end()) {
      wrong.push_back(absl::StrCat("table ", table.app.app_name, " was created since"));
    } else if (is_copy() && !(table.app == *found->second)) {
      wrong.push_back(absl::StrCat("table ", table.app.app_name, " was changed since"));
    }
  }
  if (wrong.empty()) co_return Sight::Holds("no replica has gone beyond the old tree");
  co_return Sight::Lacks(absl::StrCat(
      "the cluster has gone beyond the old tree: ", Printable(CutList(wrong, kExamplesMax)),
      ". Replica servers would permanently ignore what it says"));
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::OldLeaderMayStart() {
  if (state_->StateOf("start_leader") == StepState::kPending) {
    co_return Sight::Holds("no meta server has served from the new tree");
  }
  METAREC_CO_ASSIGN_OR_RETURN(Sight sight, co_await OldTreeIsStillTrue());
  if (!sight.holds) {
    absl::StrAppend(&sight.seen,
                    ". It went beyond it while the abort was under way: set each config.ini to ",
                    request_.to.Text(), " and start the meta servers there by hand");
  }
  co_return sight;
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::TargetIsGone() {
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace to, co_await Place(MoveEnd::kTo));
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<std::string> mark,
                              co_await ReadMoveMark(to, world_->clock()));
  if (!mark.has_value() || *mark != state_->head().run_id) {
    co_return Sight::Holds("nothing of this run is there");
  }
  co_return Sight::Lacks(absl::StrCat(to.text, " has still what this run wrote"));
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::OldRootIsMarked() {
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace from, co_await Place(MoveEnd::kFrom));
  RetryBudget budget(world_->clock());
  StoreReader reader(from.store, &budget);
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeData> apps,
                              co_await reader.Get(ClusterPaths(from.root).apps()));
  if (apps.has_value() && apps->data == MovedMark()) {
    co_return Sight::Holds("no meta server starts from the old root any more");
  }
  co_return Sight::Lacks("the old root is not marked");
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::OldTreeIsGone() {
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace from, co_await Place(MoveEnd::kFrom));
  RetryBudget budget(world_->clock());
  StoreReader reader(from.store, &budget);
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeChildren> children,
                              co_await reader.Children(from.root));
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeChildren> tables,
                              co_await reader.Children(ClusterPaths(from.root).apps()));
  const size_t left = children.has_value() ? children->names.size() : 0;
  if (left <= 1 && (!tables.has_value() || tables->names.empty())) {
    co_return Sight::Holds(absl::StrCat("only the mark is left in ", from.text));
  }
  co_return Sight::Lacks(absl::StrCat("there is still something in ", from.text));
}

}  // namespace metarec
