// What a move asks the replica servers, and what it says of those that do not answer.

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "migration/zookeeper/tables_before.h"
#include "migration/zookeeper/zookeeper_move.h"
#include "replica_collector/collector.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/topology/topology_reader.h"

namespace metarec {
namespace {

// Beyond fd_lease_seconds: replica servers look at their leases every fd_check_interval_seconds,
// which is 2 with stock servers.
constexpr absl::Duration kLeaseSlack = absl::Seconds(5);

std::string WhyNoAnswer(const NodeEvidence& node) {
  return absl::StrCat(node.listed_as.front(), " (", node.error, ")");
}

// "; not looked at, as accepted: what n3:34801 (ERR_TIMEOUT) holds"; empty: all was looked at.
std::string NotLookedAt(const std::vector<std::string>& servers, absl::string_view what) {
  if (servers.empty()) return "";
  return absl::StrCat("; not looked at, as accepted: ", what, " ", CutList(servers));
}

// When its last event was; InfinitePast if it had none.
absl::Time TimeOfLast(const ProcedureState& state, absl::string_view step) {
  const ProcedureEvent* const last = state.LastOf(step);
  absl::Time at = absl::InfinitePast();
  std::string error;
  if (last != nullptr && !absl::ParseTime(absl::RFC3339_full, last->at, &at, &error)) {
    return absl::InfinitePast();
  }
  return at;
}

struct OldTables {
  std::map<int32_t, AppZnode> tables;
  std::map<std::pair<int32_t, int32_t>, int64_t> ballots;
};

asio::awaitable<absl::StatusOr<OldTables>> ReadOldTables(TreePlace from, Clock* clock) {
  RetryBudget budget(clock);
  StoreReader reader(from.store, &budget);
  SilentProgress silent;
  METAREC_CO_ASSIGN_OR_RETURN(
      const RootContents old,
      co_await ReadTopology(&reader, from.root, TopologyReaderOptions(), &silent));
  OldTables read;
  for (const TableZnodes& table : old.tables) {
    read.tables[table.app.app_id] = table.app;
    for (const PartitionZnode& partition : table.partitions) {
      read.ballots[{partition.app_id, partition.index}] = partition.ballot;
    }
  }
  co_return read;
}

// In what this server has gone beyond the old tree.
void CompareWithOld(const NodeEvidence& node, const OldTables& old,
                    std::vector<std::string>* wrong) {
  for (const ReplicaRecord& replica : node.replicas) {
    const auto found = old.ballots.find({replica.app_id, replica.partition_index});
    const std::string name = absl::StrCat(replica.app_id, ".", replica.partition_index);
    if (found == old.ballots.end()) {
      // A dropped table's partitions are nobody's any more.
      const auto table = old.tables.find(replica.app_id);
      if (table != old.tables.end() && table->second.status != TableStatus::kAvailable) continue;
      wrong->push_back(absl::StrCat("partition ", name, " is not in the old tree"));
    } else if (replica.ballot > found->second) {
      wrong->push_back(absl::StrCat("partition ", name, " has ballot ", replica.ballot, " on ",
                                    node.listed_as.front(), " and ", found->second,
                                    " in the old tree"));
    }
  }
}

}  // namespace

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::ReplicasAreInactive() {
  METAREC_CO_ASSIGN_OR_RETURN(const Evidence evidence, co_await world_->Collect(request_.nodes));
  // A server that does not answer serves until its lease must be over.
  const absl::Duration lease = absl::Seconds(request_.lease_seconds) + kLeaseSlack;
  const bool is_over = world_->clock()->Now() >= TimeOfLast(*state_, move_step::kStopMetas) + lease;
  std::vector<std::string> wrong;
  std::vector<std::string> left_out;
  for (const NodeEvidence& node : evidence.nodes) {
    const std::string& name = node.listed_as.front();
    if (node.complete()) {
      const int64_t serving = CountServing(node);
      if (serving == 0) continue;
      wrong.push_back(absl::StrCat(name, " still serves ", Counted(serving, "replica")));
    } else if (!AcceptsBadNodes()) {
      wrong.push_back(absl::StrCat(name, " does not answer: ", node.error,
                                   " (run --skip_bad_nodes goes on without it)"));
    } else if (!is_over) {
      wrong.push_back(absl::StrCat(name, " does not answer, and its lease may last for up to ",
                                   absl::FormatDuration(lease)));
    } else {
      left_out.push_back(WhyNoAnswer(node));
    }
  }
  co_return SightOf(wrong, absl::StrCat("no replica is served any more",
                                        NotLookedAt(left_out, "what is served by")));
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::NodesAreAsBefore() {
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<NodeView> nodes,
                              co_await world_->AskNodes(MetaAddresses()));
  std::vector<std::string> missing = request_.alive;
  for (const NodeView& node : nodes) {
    if (node.liveness == NodeLiveness::kAlive) std::erase(missing, node.name);
  }
  const std::string right = absl::StrCat(
      Counted(static_cast<int64_t>(request_.alive.size() - missing.size()), "replica server"),
      " alive, as before");
  if (missing.empty()) co_return Sight::Holds(right);
  std::vector<std::string> wrong;
  std::vector<std::string> left_out;
  if (AcceptsBadNodes()) {
    // One that answers us is up, and only has not found the leader yet.
    METAREC_CO_ASSIGN_OR_RETURN(const Evidence evidence, co_await world_->Collect(missing));
    for (const NodeEvidence& node : evidence.nodes) {
      if (node.complete()) {
        wrong.push_back(absl::StrCat(node.listed_as.front(), " has not found the leader yet"));
      } else {
        left_out.push_back(WhyNoAnswer(node));
      }
    }
  } else {
    for (const std::string& name : missing) {
      wrong.push_back(
          absl::StrCat(name, " is not alive (run --skip_bad_nodes goes on without it)"));
    }
  }
  co_return SightOf(wrong, absl::StrCat(right, NotLookedAt(left_out, "that they are back:")));
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::OldTreeIsStillTrue() {
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace from, co_await Place(MoveEnd::kFrom));
  METAREC_CO_ASSIGN_OR_RETURN(const OldTables old, co_await ReadOldTables(from, world_->clock()));
  // Also those that were dead: they may be back.
  std::vector<std::string> servers = request_.nodes;
  const std::set<std::string> dead(request_.dead.begin(), request_.dead.end());
  for (const std::string& name : dead) {
    if (std::find(servers.begin(), servers.end(), name) == servers.end()) servers.push_back(name);
  }
  METAREC_CO_ASSIGN_OR_RETURN(const Evidence evidence, co_await world_->Collect(servers));
  std::vector<std::string> wrong;
  std::vector<std::string> left_out;
  for (const NodeEvidence& node : evidence.nodes) {
    if (node.complete()) {
      CompareWithOld(node, old, &wrong);
    } else if (AcceptsBadNodes() || dead.contains(node.listed_as.front())) {
      left_out.push_back(WhyNoAnswer(node));
    } else {
      wrong.push_back(absl::StrCat(node.listed_as.front(), " does not tell its ballots: ",
                                   node.error, " (abort --skip_bad_nodes goes back without them)"));
    }
  }
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace to, co_await Place(MoveEnd::kTo));
  RetryBudget budget(world_->clock());
  StoreReader reader(to.store, &budget);
  TopologyReaderOptions only_tables;
  only_tables.wants_partitions = [](const AppZnode&) { return false; };
  const absl::StatusOr<RootContents> now =
      co_await ReadTopology(&reader, to.root, only_tables, &silent_);
  if (!now.ok() && !absl::IsNotFound(now.status())) co_return now.status();
  for (const TableZnodes& table : now.ok() ? now->tables : std::vector<TableZnodes>()) {
    const auto found = old.tables.find(table.app.app_id);
    if (found == old.tables.end()) {
      wrong.push_back(absl::StrCat("table ", table.app.app_name, " was created since"));
    } else if (is_copy() && !(table.app == found->second)) {
      wrong.push_back(absl::StrCat("table ", table.app.app_name, " was changed since"));
    }
  }
  if (wrong.empty()) {
    co_return Sight::Holds(Printable(absl::StrCat("no replica has gone beyond the old tree",
                                                  NotLookedAt(left_out, "the ballots of"))));
  }
  co_return Sight::Lacks(
      absl::StrCat("the cluster has gone beyond the old tree, or may have: ",
                   Printable(CutList(wrong, kSightExamplesMax)),
                   ". Replica servers would permanently ignore what an older tree says"));
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::OldLeaderMayStart() {
  // Once a configuration names the new ZooKeeper, somebody else may have started a server there.
  if (state_->StateOf(move_step::kEditConfigs) == StepState::kPending) {
    co_return Sight::Holds("no meta server can have served from the new tree");
  }
  METAREC_CO_ASSIGN_OR_RETURN(Sight sight, co_await OldTreeIsStillTrue());
  if (!sight.holds) {
    absl::StrAppend(&sight.seen,
                    ". It went beyond it while the abort was under way: set each config.ini to ",
                    request_.to.Text(), " and start the meta servers there by hand");
  }
  co_return sight;
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::TablesAreAsBefore() {
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<AppZnode> before,
                              ReadTablesBefore(BackupPath(move_file::kTables)));
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<TableView> tables,
                              co_await world_->AskTables(MetaAddresses()));
  co_return SightOf(
      TablesThatDiffer(before, tables, is_copy()),
      absl::StrCat(Counted(static_cast<int64_t>(before.size()), "table"), ", as before"));
}

}  // namespace metarec
