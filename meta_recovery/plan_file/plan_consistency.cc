#include "meta_recovery/plan_file/plan_consistency.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "idl/error_names.h"
#include "meta_recovery/planner/partition_planner.h"
#include "meta_recovery/planner/planned_tables.h"
#include "meta_recovery/planner/planner.h"
#include "meta_recovery/planner/replica_index.h"
#include "meta_recovery/planner/settlements.h"
#include "replica_collector/node_list.h"

namespace metarec {
namespace {

// Settlements may be as long as a line is.
constexpr size_t kOptionsProblemBytesMax = 300;

// For messages.
std::string NameOf(const TopologyTable& table) { return Printable(Shortened(table.app_name)); }

// Whether from `node` to `end` there are the nodes of the replicas of that role, the best one
// first.
template <typename NodeIterator>
bool AreNodesOf(ReplicaRole role, absl::Span<const RankedReplica> replicas, NodeIterator node,
                NodeIterator end) {
  for (const RankedReplica& replica : replicas) {
    if (replica.role != role) continue;
    if (node == end || *node++ != replica.node) return false;
  }
  return node == end;
}

}  // namespace

std::string PlanConsistency::ProblemOfOptions() const {
  absl::Status status = CheckPlanOptions(plan_.options);
  status.Update(Settlements::Parse(plan_.options.settlements).status());
  return Printable(Shortened(status.message(), kOptionsProblemBytesMax));
}

std::string PlanConsistency::ProblemOfLastNode() {
  const TopologyNode& node = plan_.topology.nodes.back();
  const NodeDecision& decision = plan_.nodes.back();
  last_partition_of_node_.push_back(0);
  findings_.AddLastNode();
  const bool has_address = node.address != Ipv4Endpoint{};
  if (plan_.nodes.size() > 1) {
    const Ipv4Endpoint& before = plan_.topology.nodes[plan_.nodes.size() - 2].address;
    if (node.address < before || (has_address && node.address == before)) {
      return "'address' is not above that of the node before";
    }
  }
  if (decision.listed_as.empty()) return "'listed_as' is empty";
  for (size_t i = 1; i < decision.listed_as.size(); ++i) {
    if (decision.listed_as[i] <= decision.listed_as[i - 1]) return "'listed_as' does not ascend";
  }
  for (const auto* folders : {&decision.folders_set_aside, &decision.folders_unusable}) {
    for (size_t i = 1; i < folders->size(); ++i) {
      if ((*folders)[i] <= (*folders)[i - 1]) return "folders on its disks do not ascend";
    }
  }
  if (decision.on_disk_only && decision.error != idl::kErrOk) {
    return "'error' says that it did not answer, while it was read from its disks";
  }
  if (decision.error != idl::kErrOk) {
    const int64_t reported =
        decision.tables + decision.replicas + decision.primaries + decision.secondaries;
    return reported == 0 ? "" : "it reported something, while 'error' says that it did not answer";
  }
  if (!decision.error_detail.empty()) return "'error_detail' is not empty, while 'error' is ERR_OK";
  if (!has_address || node.name.empty()) return "a node that answered has an address and a name";
  if (const auto host_port = ParseNodeListEntry(node.name); !host_port.ok()) {
    return absl::StrCat("'name' is no host:port: ", host_port.status().message());
  } else if (host_port->port != node.address.port) {
    return "'name' has another port than 'address'";
  }
  if (!node_names_.insert(node.name).second) return "'name' is that of another node, too";
  return "";
}

std::string PlanConsistency::ProblemOfLastTable(int64_t partitions) {
  const TopologyTable& table = plan_.topology.tables.back();
  partitions_of_table_ = 0;
  spread_.BeginTable(table.app_id);
  const TableDecision& decision = plan_.tables.back();
  std::string problem;
  if (table.app_id > plan_.options.max_app_id) {
    problem = "'app_id' is above the option max_app_id";
  } else if (table.partition_count > plan_.options.max_partition_count) {
    problem = "'partition_count' is above the option max_partition_count";
  } else if ((table.status == TableStatus::kDropped) !=
             (decision.placeholder || StaysDropped(decision))) {
    problem =
        "'status' does not fit 'placeholder': placeholders are dropped, and nothing else is, but "
        "for what an old tree says so of";
  } else if (std::string of_tree = ProblemOfOldTreeUse(); !of_tree.empty()) {
    problem = std::move(of_tree);
  } else {
    problem =
        decision.placeholder ? ProblemOfPlaceholder(partitions) : ProblemOfLivingTable(partitions);
  }
  if (!problem.empty()) {
    return absl::StrCat("table ", table.app_id, " (", NameOf(table), "): ", problem);
  }
  findings_.AddLastTable(partitions);
  return "";
}

std::string PlanConsistency::ProblemOfLastOldTree() const {
  const OldTreeSource& tree = plan_.old_trees.back();
  if (tree.source.empty()) return "'source' is empty";
  if (tree.root.empty() || tree.root.front() != '/') return "'root' is no absolute path";
  for (size_t i = 0; i + 1 < plan_.old_trees.size(); ++i) {
    const OldTreeSource& other = plan_.old_trees[i];
    if (other.source == tree.source && other.root == tree.root) {
      return "'source' and 'root' are those of another old tree, too";
    }
  }
  if (tree.tables_same == 0) return "'tables_same' is 0: nothing shows that it is of this cluster";
  if (static_cast<int64_t>(tree.problems.size()) > tree.problems_count) {
    return "'problems' has more than 'problems_count'";
  }
  return "";
}

std::string PlanConsistency::ProblemOfOldTreeUse() const {
  const TableDecision& decision = plan_.tables.back();
  const OldTreeUse use = decision.old_tree;
  if (use != OldTreeUse::kNone && plan_.old_trees.empty()) {
    return "'old_tree' is used, and there is none";
  }
  if (use == OldTreeUse::kOnlyThere && !decision.placeholder) {
    return "'old_tree' says that no server knows it, while it is no placeholder";
  }
  if (decision.placeholder && use != OldTreeUse::kNone && use != OldTreeUse::kOnlyThere) {
    return "'old_tree' is used for a placeholder";
  }
  const bool may_carry = use != OldTreeUse::kNone && use != OldTreeUse::kOnlyThere;
  if (!may_carry && !decision.carried_fields.empty()) {
    return "'carried_fields' is not empty, while no old tree is used";
  }
  const TopologyTable& table = plan_.topology.tables.back();
  if (StaysDropped(decision) && table.app_name != decision.old_name) {
    return "'app_name' is not 'old_name', while a dropped table competes for no name";
  }
  if (StaysDropped(decision) && decision.partition_count_before_split != 0) {
    return "'partition_count_before_split' is not 0, while the table stays dropped";
  }
  const bool is_count =
      table.init_partition_count == -1 ||
      (table.init_partition_count > 0 && table.init_partition_count <= table.partition_count);
  if (may_carry && !IsSplitUnfinished(table, decision) && !is_count) {
    return "'init_partition_count' is no count that the table may have had";
  }
  for (size_t i = 0; i < decision.carried_fields.size(); ++i) {
    if (i > 0 && decision.carried_fields[i] <= decision.carried_fields[i - 1]) {
      return "'carried_fields' does not ascend";
    }
  }
  return "";
}

std::string PlanConsistency::ProblemOfPlaceholder(int64_t partitions) const {
  const TopologyTable& table = plan_.topology.tables.back();
  const TableDecision& decision = plan_.tables.back();
  PlannedTable made = MakePlaceholder(table.app_id, table.partition_count);
  made.decision.replicas = decision.replicas;
  made.decision.old_tree = decision.old_tree;
  if (partitions != table.partition_count) return "'partitions' is not 'partition_count'";
  // Which partitions will be kept is not known here.
  TopologyTable comparable = table;
  comparable.partitions_begin = made.table.partitions_begin;
  comparable.partitions_count = made.table.partitions_count;
  if (comparable == made.table && decision == made.decision) return "";
  return absl::StrCat("it is no placeholder as plans have them: one of that id is called ",
                      made.table.app_name,
                      ", never expires, has no envs and is described by no node");
}

std::string PlanConsistency::ProblemOfLivingTable(int64_t partitions) const {
  const TableDecision& decision = plan_.tables.back();
  if (decision.old_name.empty()) return "'old_name' is empty";
  for (size_t i = 0; i < decision.described_by.size(); ++i) {
    const NodeIndex node = decision.described_by[i];
    if (plan_.nodes[node].error != idl::kErrOk) {
      return absl::StrCat("'described_by' names node ", node, ", which did not answer");
    }
    if (i > 0 && node <= decision.described_by[i - 1]) return "'described_by' does not ascend";
  }
  if (decision.described_by.empty() && !StaysDropped(decision)) {
    std::string problem = ProblemOfSettledTable();
    if (!problem.empty()) return problem;
  }
  return ProblemOfPartitionCounts(partitions);
}

std::string PlanConsistency::ProblemOfSettledTable() const {
  const TopologyTable& table = plan_.topology.tables.back();
  TopologyTable settled;
  if (!DescribeTable(table.app_id, DecisionOf(plan_.options, SettlementKey(table.app_id)),
                     &settled)) {
    return "'described_by' names no node, and no settlement describes the table";
  }
  TableDescription comparable = table;
  comparable.app_name = plan_.tables.back().old_name;
  if (plan_.tables.back().old_tree != OldTreeUse::kNone ||
      comparable == static_cast<const TableDescription&>(settled)) {
    return "";
  }
  return "it is not as the settlement describes it, while 'described_by' names no node";
}

std::string PlanConsistency::ProblemOfPartitionCounts(int64_t partitions) const {
  const TopologyTable& table = plan_.topology.tables.back();
  const int32_t before_split = plan_.tables.back().partition_count_before_split;
  const bool is_unfinished = IsSplitUnfinished(table, plan_.tables.back());
  if (before_split != 0 && (is_unfinished ? before_split != table.init_partition_count
                                          : before_split >= table.partition_count)) {
    return "'partition_count_before_split' does not fit the partition counts";
  }
  if (!is_unfinished) {
    // Until the partition count is decided, no partition is planned.
    const bool undecided = partitions == 0 && plan_.outcome == PlanOutcome::kConflict;
    if (partitions == table.partition_count || undecided) return "";
    return "'partitions' is not 'partition_count', while no split is unfinished";
  }
  if (int64_t{2} * table.init_partition_count != table.partition_count || before_split == 0) {
    return "'init_partition_count' is neither 'partition_count' nor half of it";
  }
  if (partitions >= table.init_partition_count && partitions < table.partition_count) return "";
  return "'partitions' is not what an unfinished split leaves";
}

std::string PlanConsistency::ProblemOfPartition(const TopologyPartition& partition,
                                                const PartitionDecision& decision,
                                                const PartitionMembers& members,
                                                absl::Span<const RankedReplica> replicas) {
  const TopologyTable& table = plan_.topology.tables.back();
  const bool is_placeholder = plan_.tables.back().placeholder;
  const bool is_dropped = table.status == TableStatus::kDropped;
  const int64_t position = partitions_of_table_++;
  ++partitions_read_;
  std::string problem;
  const int32_t before_split = PartitionsBeforeSplit(table, plan_.tables.back());
  if (position < before_split && partition.index != position) {
    problem = "'pid' leaves out a partition";
  } else if (partition.partition_flags != (is_dropped ? kDroppedPartitionFlag : 0)) {
    problem = is_dropped ? "'flags' does not say dropped, as that of a dropped table does"
                         : "'flags' is not 0";
  } else if (replicas.empty()) {
    problem = ProblemOfEmptyPartition(partition, decision, members);
  } else if (is_placeholder || decision.lost) {
    problem = absl::StrCat("'replicas' is not empty, while ",
                           is_placeholder ? "its table is a placeholder" : "'lost' is true");
  } else {
    const MembershipRule rule(plan_.options.membership, table.max_replica_count, replicas,
                              StaysDropped(plan_.tables.back()));
    problem = ProblemOfReplicas(partition, replicas, rule);
    if (problem.empty()) problem = ProblemOfChoice(partition, members, replicas, rule);
  }
  if (!problem.empty()) {
    return absl::StrCat("partition ", table.app_id, ".", partition.index, " (", NameOf(table),
                        "): ", problem);
  }
  findings_.AddPartition(partition, replicas);
  return "";
}

std::string PlanConsistency::ProblemOfEmptyPartition(const TopologyPartition& partition,
                                                     const PartitionDecision& decision,
                                                     const PartitionMembers& members) {
  const TopologyTable& table = plan_.topology.tables.back();
  constexpr absl::string_view kWhile = ", while 'replicas' is empty";
  if (partition.primary != kNoNode) return absl::StrCat("'primary' is not null", kWhile);
  if (!members.last_drops.empty()) return absl::StrCat("'last_drops' is not empty", kWhile);
  if (!members.secondaries.empty()) return absl::StrCat("'secondaries' is not empty", kWhile);
  if (partition.ballot != 0) return absl::StrCat("'ballot' is not 0", kWhile);
  if (partition.last_committed_decree != 0) {
    return absl::StrCat("'last_committed_decree' is not 0", kWhile);
  }
  const bool is_dropped = table.status == TableStatus::kDropped;
  const bool accepted = AcceptsLoss(plan_.options, table.app_id, partition.index);
  if (decision.lost != (accepted && !is_dropped)) {
    return "'lost' does not fit 'replicas' and the option skip_lost_partitions";
  }
  if (is_dropped) return "";
  if (partition.index >= PartitionsBeforeSplit(table, plan_.tables.back())) {
    return "it was split off, and would not be there without a replica";
  }
  if (!decision.lost && plan_.outcome == PlanOutcome::kReady) {
    return "'replicas' is empty, which was not accepted, while the plan's 'outcome' is ready";
  }
  return "";
}

std::string PlanConsistency::ProblemOfReplicas(const TopologyPartition& partition,
                                               absl::Span<const RankedReplica> replicas,
                                               const MembershipRule& rule) {
  const TopologyTable& table = plan_.topology.tables.back();
  bool is_registered = false;
  for (size_t i = 0; i < replicas.size(); ++i) {
    const RankedReplica& replica = replicas[i];
    if (plan_.nodes[replica.node].error != idl::kErrOk) {
      return absl::StrCat("'replicas' has one of node ", replica.node, ", which did not answer");
    }
    int64_t& last_partition = last_partition_of_node_[replica.node];
    if (last_partition == partitions_read_) {
      return absl::StrCat("'replicas' has two of node ", replica.node);
    }
    last_partition = partitions_read_;
    const std::optional<RankReason> reason =
        i == 0 ? RankReason::kBest : ReasonAfter(replicas[i - 1], replica);
    if (!reason.has_value()) {
      return absl::StrCat("'replicas' has that of node ", replica.node, " below a worse one");
    }
    const ReplicaRole role = rule.RoleOf(i);
    if (replica.role != role || replica.reason != *reason) {
      return absl::StrCat("'replicas' calls that of node ", replica.node, " ",
                          ReplicaRoleName(replica.role), " and ", RankReasonName(replica.reason),
                          ", while by the others it is ", ReplicaRoleName(role), " and ",
                          RankReasonName(*reason));
    }
    if (plan_.tables.back().probably_dropped && !IsLeftByDrop(replica.status)) {
      return absl::StrCat("'replicas' has one that is ", ReplicaStatusName(replica.status),
                          ", while its table is 'probably_dropped'");
    }
    is_registered |= replica.status != ReplicaStatus::kPartitionSplit;
  }
  if (partition.index >= PartitionsBeforeSplit(table, plan_.tables.back()) && !is_registered) {
    return "'replicas' are all PS_PARTITION_SPLIT: the partition is not split off yet";
  }
  return "";
}

std::optional<RankReason> PlanConsistency::ReasonAfter(const RankedReplica& better,
                                                       const RankedReplica& worse) const {
  const RankReason reason = ReasonBelow(ClaimOf(better), ClaimOf(worse));
  if (reason != RankReason::kHigherAddress) {
    if (!IsBetter(ClaimOf(better), ClaimOf(worse))) return std::nullopt;
    return reason;
  }
  const PrimarySpread::Rank rank = spread_.RankOf(better.node);
  const PrimarySpread::Rank rank_below = spread_.RankOf(worse.node);
  if (!(rank < rank_below)) return std::nullopt;
  return PrimarySpread::ReasonAfter(rank, rank_below);
}

std::string PlanConsistency::ProblemOfChoice(const TopologyPartition& partition,
                                             const PartitionMembers& members,
                                             absl::Span<const RankedReplica> replicas,
                                             const MembershipRule& rule) {
  const RankedReplica& best = replicas.front();
  const bool stays_dropped = StaysDropped(plan_.tables.back());
  if (stays_dropped && partition.primary != kNoNode) {
    return "'primary' is not null, while the table stays dropped";
  }
  if (!stays_dropped && partition.primary != best.node) {
    return absl::StrCat("'primary' is not the node of the first of 'replicas', ", best.node);
  }
  if (partition.last_committed_decree != best.last_committed_decree) {
    return absl::StrCat("'last_committed_decree' is ", partition.last_committed_decree,
                        ", while the primary's replica has ", best.last_committed_decree);
  }
  const int64_t ballot = rule.Ballot();
  if (partition.ballot != ballot) {
    return absl::StrCat("'ballot' is ", partition.ballot, ", while by 'replicas' it is ", ballot);
  }
  if (!AreNodesOf(ReplicaRole::kSecondary, replicas, members.secondaries.begin(),
                  members.secondaries.end())) {
    return "'secondaries' are not those that 'replicas' calls so, the best one first";
  }
  if (!AreNodesOf(ReplicaRole::kLastDrop, replicas, members.last_drops.rbegin(),
                  members.last_drops.rend())) {
    return "'last_drops' are not those that 'replicas' calls so, the best one last";
  }
  if (!stays_dropped) spread_.Count(partition.primary);
  return "";
}

std::string PlanConsistency::ProblemOfWhole() {
  std::string problem = findings_.ProblemOfWhole();
  if (!problem.empty()) return problem;
  const PlanOutcome outcome = OutcomeOf(findings_.gravest());
  if (plan_.outcome == outcome) return "";
  return absl::StrCat("the first line's 'outcome' is ", PlanOutcomeName(plan_.outcome),
                      ", while by the findings it is ", PlanOutcomeName(outcome));
}

}  // namespace metarec
