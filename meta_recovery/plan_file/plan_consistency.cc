#include "meta_recovery/plan_file/plan_consistency.h"

#include <algorithm>

#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "idl/error_names.h"
#include "meta_recovery/planner/finding_registry.h"
#include "meta_recovery/planner/node_identity.h"
#include "meta_recovery/planner/partition_planner.h"
#include "meta_recovery/planner/planned_tables.h"
#include "meta_recovery/planner/planner.h"
#include "meta_recovery/planner/replica_index.h"
#include "meta_recovery/planner/settlements.h"
#include "meta_recovery/planner/unique_names.h"
#include "replica_collector/node_list.h"

namespace metarec {
namespace {

// Settlements may be as long as a line is.
constexpr size_t kOptionsProblemBytesMax = 300;

// For messages.
std::string NameOf(const TopologyTable& table) { return Printable(Shortened(table.app_name)); }

bool IsServed(ReplicaStatus status) {
  return status == ReplicaStatus::kPrimary || status == ReplicaStatus::kSecondary;
}

// Renaming appends the id as often as it takes (unique_names.h).
bool IsNameMadeOf(absl::string_view name, absl::string_view old_name, absl::string_view suffix) {
  if (!absl::ConsumePrefix(&name, old_name)) return false;
  while (absl::ConsumePrefix(&name, suffix)) continue;
  return name.empty();
}

// Findings that follow from the rest of a plan, and what they follow from, in words.
struct DueFindings {
  FindingKind kind;
  absl::string_view noun;
  absl::string_view rest;
};

constexpr DueFindings kDueFindings[] = {
    {FindingKind::kBadNode, "node", " that did not answer"},
    {FindingKind::kNodeNameDiffers, "listed name", " that is not its node's"},
    {FindingKind::kNodeListedTwice, "node", " listed more than once"},
    {FindingKind::kNodeAddressDiffers, "node", " with another address of its own"},
    {FindingKind::kLoopbackAmongOthers, "node", " with a loopback address among others"},
    {FindingKind::kServerMissing, "cluster", " with partitions that no node holds"},
    {FindingKind::kTableRenamed, "table", " with another name than before"},
    {FindingKind::kNameUnusableInShell, "table", " with a name that stock shells refuse"},
    {FindingKind::kTableProbablyDropped, "table", " that is probably dropped"},
    {FindingKind::kSplitUnfinished, "table", " with an unfinished split"},
    {FindingKind::kTableLostState, "table", " that is no placeholder"},
    {FindingKind::kPlaceholder, "table", " that is a placeholder"},
    {FindingKind::kSettled, "settlement", ""},
    {FindingKind::kReplicasMissing, "partition", " with fewer replicas than it should have"},
    {FindingKind::kPartitionLost, "partition", " without replicas"},
    {FindingKind::kPrimaryIncomplete, "partition", " with an incomplete primary"},
    {FindingKind::kReplicaOverruled, "partition", " with an overruled replica"},
    {FindingKind::kBallotAbovePrimary, "partition", " with a ballot above its primary's"},
    {FindingKind::kLessDataThanOverruled, "partition",
     " with a replica that has committed more than its primary"},
};

size_t Index(FindingKind kind) { return static_cast<size_t>(kind); }

// Checks that the nodes that facts name did answer, and that lists of nodes ascend.
class NodesOfFacts {
 public:
  explicit NodesOfFacts(const RecoveryPlan& plan) : plan_(plan) {}

  const std::string& problem() const { return problem_; }

  template <typename Field>
  void operator()(absl::string_view, const Field&) {}
  void operator()(absl::string_view key, const NodeIndex& node) { Check(key, {&node, 1}); }
  void operator()(absl::string_view key, const std::vector<NodeIndex>& nodes) { Check(key, nodes); }
  void operator()(absl::string_view key, const std::vector<WeighedValue>& values) {
    for (const WeighedValue& value : values) Check(key, value.nodes);
  }

 private:
  void Check(absl::string_view key, absl::Span<const NodeIndex> nodes) {
    for (size_t i = 0; i < nodes.size(); ++i) {
      if (nodes[i] >= plan_.nodes.size()) {
        problem_ = absl::StrCat("'", key, "' names no node");
      } else if (plan_.nodes[nodes[i]].error != idl::kErrOk) {
        problem_ = absl::StrCat("'", key, "' names node ", nodes[i], ", which did not answer");
      } else if (i > 0 && nodes[i] <= nodes[i - 1]) {
        problem_ = absl::StrCat("'", key, "' does not ascend");
      }
    }
  }

  const RecoveryPlan& plan_;
  std::string problem_;
};

// Whether they are the replicas of that role, the best one last.
bool AreLastDropsOf(absl::Span<const NodeIndex> last_drops,
                    absl::Span<const RankedReplica> replicas) {
  size_t left = last_drops.size();
  for (const RankedReplica& replica : replicas) {
    if (replica.role != ReplicaRole::kLastDrop) continue;
    if (left == 0 || last_drops[--left] != replica.node) return false;
  }
  return left == 0;
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
  const bool has_address = node.address != Ipv4Endpoint{};
  if (plan_.nodes.size() > 1) {
    const Ipv4Endpoint& before = plan_.topology.nodes[plan_.nodes.size() - 2].address;
    if (node.address < before || (has_address && node.address == before)) {
      return "'address' is not above that of the node before";
    }
  }
  due_[Index(FindingKind::kBadNode)] += decision.error != idl::kErrOk;
  due_[Index(FindingKind::kNodeListedTwice)] += decision.listed_as.size() > 1;
  due_[Index(FindingKind::kNodeAddressDiffers)] += GivesOtherAddress(node, decision);
  for (size_t i = 0; i < decision.listed_as.size(); ++i) {
    due_[Index(FindingKind::kNodeNameDiffers)] += decision.listed_as[i] != node.name;
    if (i > 0 && decision.listed_as[i] <= decision.listed_as[i - 1]) {
      return "'listed_as' does not ascend";
    }
  }
  if (decision.error != idl::kErrOk) {
    if (decision.tables == 0 && decision.replicas == 0) return "";
    return "'tables' and 'replicas' are not 0, while 'error' says that it did not answer";
  }
  has_answer_ = true;
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
  const TableDecision& decision = plan_.tables.back();
  const bool is_living = !decision.placeholder;
  due_[Index(FindingKind::kSplitUnfinished)] += table.init_partition_count != table.partition_count;
  due_[Index(FindingKind::kPlaceholder)] += decision.placeholder;
  due_[Index(FindingKind::kTableLostState)] += is_living;
  due_[Index(FindingKind::kTableProbablyDropped)] += decision.probably_dropped;
  due_[Index(FindingKind::kTableRenamed)] += table.app_name != decision.old_name;
  due_[Index(FindingKind::kNameUnusableInShell)] += is_living && !IsUsableInShell(table.app_name);
  std::string problem;
  if (table.app_id > plan_.options.max_app_id) {
    problem = "'app_id' is above the option max_app_id";
  } else if (table.partition_count > plan_.options.max_partition_count) {
    problem = "'partition_count' is above the option max_partition_count";
  } else if ((table.status == TableStatus::kDropped) != decision.placeholder) {
    problem = "'status' does not fit 'placeholder': placeholders are dropped, and nothing else is";
  } else {
    problem =
        decision.placeholder ? ProblemOfPlaceholder(partitions) : ProblemOfLivingTable(partitions);
  }
  if (problem.empty()) return "";
  return absl::StrCat("table ", table.app_id, " (", NameOf(table), "): ", problem);
}

std::string PlanConsistency::ProblemOfPlaceholder(int64_t partitions) const {
  const TopologyTable& table = plan_.topology.tables.back();
  const TableDecision& decision = plan_.tables.back();
  const PlannedTable made = MakePlaceholder(table.app_id, table.partition_count);
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
  const TopologyTable& table = plan_.topology.tables.back();
  const TableDecision& decision = plan_.tables.back();
  const std::string suffix = absl::StrCat(plan_.options.rename_separator, table.app_id);
  if (decision.old_name.empty() || !IsNameMadeOf(table.app_name, decision.old_name, suffix)) {
    return absl::StrCat("'app_name' is neither 'old_name' nor that with ", suffix, " behind it");
  }
  for (size_t i = 0; i < decision.described_by.size(); ++i) {
    const NodeIndex node = decision.described_by[i];
    if (plan_.nodes[node].error != idl::kErrOk) {
      return absl::StrCat("'described_by' names node ", node, ", which did not answer");
    }
    if (i > 0 && node <= decision.described_by[i - 1]) return "'described_by' does not ascend";
  }
  if (decision.described_by.empty() &&
      !plan_.options.settlements.contains(SettlementKey(table.app_id))) {
    return "'described_by' names no node, and no settlement describes the table";
  }
  return ProblemOfPartitionCounts(partitions);
}

std::string PlanConsistency::ProblemOfPartitionCounts(int64_t partitions) const {
  const TopologyTable& table = plan_.topology.tables.back();
  if (table.init_partition_count == table.partition_count) {
    // Until the partition count is decided, no partition is planned.
    const bool undecided = partitions == 0 && plan_.outcome == PlanOutcome::kConflict;
    if (partitions == table.partition_count || undecided) return "";
    return "'partitions' is not 'partition_count', while no split is unfinished";
  }
  if (int64_t{2} * table.init_partition_count != table.partition_count) {
    return "'init_partition_count' is neither 'partition_count' nor half of it";
  }
  if (partitions >= table.init_partition_count && partitions < table.partition_count) return "";
  return "'partitions' is not what an unfinished split leaves";
}

std::string PlanConsistency::ProblemOfPartition(const TopologyPartition& partition,
                                                const PartitionDecision& decision,
                                                absl::Span<const NodeIndex> last_drops,
                                                absl::Span<const RankedReplica> replicas) {
  const TopologyTable& table = plan_.topology.tables.back();
  const bool is_placeholder = plan_.tables.back().placeholder;
  const int64_t position = partitions_of_table_++;
  ++partitions_read_;
  std::string problem;
  if (position < table.init_partition_count && partition.index != position) {
    problem = "'pid' leaves out a partition";
  } else if (partition.partition_flags != (is_placeholder ? kDroppedPartitionFlag : 0)) {
    problem = is_placeholder ? "'flags' does not say dropped, as that of a placeholder does"
                             : "'flags' is not 0";
  } else if (replicas.empty()) {
    problem = ProblemOfEmptyPartition(partition, decision, last_drops);
  } else if (is_placeholder || decision.lost) {
    problem = absl::StrCat("'replicas' is not empty, while ",
                           is_placeholder ? "its table is a placeholder" : "'lost' is true");
  } else {
    problem = ProblemOfReplicas(partition, replicas);
    if (problem.empty()) problem = ProblemOfChoice(partition, last_drops, replicas);
  }
  if (problem.empty()) return "";
  return absl::StrCat("partition ", table.app_id, ".", partition.index, " (", NameOf(table),
                      "): ", problem);
}

std::string PlanConsistency::ProblemOfEmptyPartition(const TopologyPartition& partition,
                                                     const PartitionDecision& decision,
                                                     absl::Span<const NodeIndex> last_drops) {
  const TopologyTable& table = plan_.topology.tables.back();
  constexpr absl::string_view kWhile = ", while 'replicas' is empty";
  if (partition.primary != kNoNode) return absl::StrCat("'primary' is not null", kWhile);
  if (!last_drops.empty()) return absl::StrCat("'last_drops' is not empty", kWhile);
  if (partition.ballot != 0) return absl::StrCat("'ballot' is not 0", kWhile);
  if (partition.last_committed_decree != 0) {
    return absl::StrCat("'last_committed_decree' is not 0", kWhile);
  }
  const bool is_placeholder = plan_.tables.back().placeholder;
  if (decision.lost != (plan_.options.skip_lost_partitions && !is_placeholder)) {
    return "'lost' does not fit 'replicas' and the option skip_lost_partitions";
  }
  if (is_placeholder) return "";
  ++due_[Index(FindingKind::kPartitionLost)];
  if (!plan_.tables.back().probably_dropped && due_[Index(FindingKind::kBadNode)] == 0) {
    due_[Index(FindingKind::kServerMissing)] = 1;
  }
  if (partition.index >= table.init_partition_count) {
    return "it was split off, and would not be there without a replica";
  }
  if (!decision.lost && plan_.outcome == PlanOutcome::kReady) {
    return "'replicas' is empty, which was not accepted, while the plan's 'outcome' is ready";
  }
  return "";
}

std::string PlanConsistency::ProblemOfReplicas(const TopologyPartition& partition,
                                               absl::Span<const RankedReplica> replicas) {
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
    if (i > 0 && !IsBetter(ClaimOf(replicas[i - 1]), ClaimOf(replica))) {
      return absl::StrCat("'replicas' has that of node ", replica.node, " below a worse one");
    }
    const RankReason reason =
        i == 0 ? RankReason::kBest : ReasonBelow(ClaimOf(replicas[i - 1]), ClaimOf(replica));
    const ReplicaRole role = RoleOf(i, table.max_replica_count);
    if (replica.role != role || replica.reason != reason) {
      return absl::StrCat("'replicas' calls that of node ", replica.node, " ",
                          ReplicaRoleName(replica.role), " and ", RankReasonName(replica.reason),
                          ", while by the others it is ", ReplicaRoleName(role), " and ",
                          RankReasonName(reason));
    }
    if (plan_.tables.back().probably_dropped && replica.status != ReplicaStatus::kError) {
      return absl::StrCat("'replicas' has one that is ", ReplicaStatusName(replica.status),
                          ", while its table is 'probably_dropped'");
    }
    is_registered |= replica.status != ReplicaStatus::kPartitionSplit;
    has_served_replica_ |= IsServed(replica.status);
  }
  if (partition.index >= table.init_partition_count && !is_registered) {
    return "'replicas' are all PS_PARTITION_SPLIT: the partition is not split off yet";
  }
  return "";
}

std::string PlanConsistency::ProblemOfChoice(const TopologyPartition& partition,
                                             absl::Span<const NodeIndex> last_drops,
                                             absl::Span<const RankedReplica> replicas) {
  const TopologyTable& table = plan_.topology.tables.back();
  const RankedReplica& best = replicas.front();
  if (partition.primary != best.node) {
    return absl::StrCat("'primary' is not the node of the first of 'replicas', ", best.node);
  }
  if (partition.last_committed_decree != best.last_committed_decree) {
    return absl::StrCat("'last_committed_decree' is ", partition.last_committed_decree,
                        ", while the primary's replica has ", best.last_committed_decree);
  }
  int64_t ballot = 0;
  int64_t committed = best.last_committed_decree;
  for (const RankedReplica& replica : replicas) {
    ballot = std::max(ballot, replica.ballot);
    committed = std::max(committed, replica.last_committed_decree);
  }
  if (partition.ballot != ballot) {
    return absl::StrCat("'ballot' is ", partition.ballot,
                        ", while the highest among 'replicas' is ", ballot);
  }
  if (!AreLastDropsOf(last_drops, replicas)) {
    return "'last_drops' are not those that 'replicas' calls so, the best one last";
  }
  due_[Index(FindingKind::kReplicasMissing)] +=
      static_cast<int64_t>(replicas.size()) < table.max_replica_count;
  due_[Index(FindingKind::kPrimaryIncomplete)] +=
      IsIncomplete(best.status) && !plan_.tables.back().probably_dropped;
  due_[Index(FindingKind::kReplicaOverruled)] += replicas.back().role == ReplicaRole::kOverruled;
  due_[Index(FindingKind::kBallotAbovePrimary)] += ballot > best.ballot;
  due_[Index(FindingKind::kLessDataThanOverruled)] += committed > best.last_committed_decree;
  return "";
}

std::string PlanConsistency::ProblemOfFinding(const Finding& finding) {
  std::string problem;
  const Severities severities =
      RowOf(finding.kind()).severities(finding, plan_.options, has_answer_);
  if (!severities.Contains(finding.severity)) {
    problem = absl::StrCat(" has 'severity' ", SeverityName(finding.severity),
                           ", which it cannot have with the plan's options");
  } else if (last_finding_.has_value() && !ComesBefore(*last_finding_, finding)) {
    problem = *last_finding_ == finding ? " is there twice" : " is not in the order of findings";
  } else {
    problem = ProblemOfPlace(finding);
    if (problem.empty()) problem = ProblemOfFacts(finding);
  }
  if (!problem.empty()) {
    return absl::StrCat("a finding ", FindingKindName(finding.kind()), problem);
  }
  last_finding_ = finding;
  gravest_finding_ = std::max(gravest_finding_, finding.severity);
  ++made_[Index(finding.kind())];
  return "";
}

// Checks that the plan has what the finding is about.
std::string PlanConsistency::ProblemOfPlace(const Finding& finding) const {
  const FindingKind kind = finding.kind();
  const int64_t id = finding.app_id;
  const bool has_table = id > 0 && id <= static_cast<int64_t>(plan_.tables.size());
  if (kind == FindingKind::kAppIdOutOfRange) {
    if (id > plan_.options.max_app_id) return "";
    return absl::StrCat(" is about table ", id, ", which is not above the option max_app_id");
  }
  // Servers may have named any table, and ids out of range may be settled.
  if (id == 0 || kind == FindingKind::kNodeReportInvalid) return "";
  if (kind == FindingKind::kSettled && id > plan_.options.max_app_id) return "";
  if (!has_table) return absl::StrCat(" is about table ", id, ", which is not in the plan");
  if (finding.partition_index < 0) return "";
  const bool is_beyond = kind == FindingKind::kReplicaBeyondCount || kind == FindingKind::kSettled;
  const int32_t count = plan_.topology.tables[id - 1].partition_count;
  if (is_beyond == (finding.partition_index >= count)) return "";
  return absl::StrCat(" is about partition ", id, ".", finding.partition_index,
                      ", which its table ", is_beyond ? "has" : "does not have");
}

std::string PlanConsistency::ProblemOfFacts(const Finding& finding) const {
  NodesOfFacts nodes(plan_);
  finding.facts.Visit([&](const auto& facts) { facts.ForEach(facts, nodes); });
  if (!nodes.problem().empty()) return absl::StrCat(": ", nodes.problem());
  const auto* settled = finding.facts.As<found::Settled>();
  if (settled != nullptr) {
    if (!plan_.options.settlements.contains(settled->key)) {
      return ": 'key' is none of the options' settlements";
    }
    const bool is_of_table = settled->key == SettlementKey(finding.app_id) ||
                             settled->key.rfind(SettlementKey(finding.app_id, ""), 0) == 0;
    const std::string of_partition = SettlementKey(finding.app_id, finding.partition_index);
    if (!is_of_table || (finding.partition_index >= 0 && settled->key != of_partition)) {
      return ": 'key' is that of something else";
    }
    if (SettlementKeysOf({.facts = FindingFacts::Of(settled->conflict)}).empty()) {
      return ": 'conflict' is no kind that is settled";
    }
  }
  const auto* name = finding.facts.As<found::NodeNameDiffers>();
  if (name != nullptr &&
      finding.severity !=
          SeverityOfNameDifference(plan_.nodes[finding.node].name_source, name->listed_as)) {
    return ": 'severity' is not what its node's 'name_source' leads to";
  }
  const auto* missing = finding.facts.As<found::ReplicasMissing>();
  if (missing != nullptr &&
      (missing->collected < 1 ||
       missing->collected >= plan_.topology.tables[finding.app_id - 1].max_replica_count)) {
    return ": 'collected' is not below the table's 'max_replica_count'";
  }
  const auto* renamed = finding.facts.As<found::TableRenamed>();
  if (renamed != nullptr) {
    const int64_t keeper = renamed->kept_by;
    if (keeper <= finding.app_id || keeper > static_cast<int64_t>(plan_.tables.size()) ||
        plan_.topology.tables[keeper - 1].app_name != plan_.tables[finding.app_id - 1].old_name) {
      return ": 'kept_by' is no table that keeps the name";
    }
  }
  return "";
}

std::string PlanConsistency::ProblemOfWhole(const PlanNumbers& numbers) {
  due_[Index(FindingKind::kLoopbackAmongOthers)] =
      static_cast<int64_t>(LoopbackAmongOthers(plan_).size());
  const PlanOutcome outcome = OutcomeOf(gravest_finding_);
  if (plan_.outcome != outcome) {
    return absl::StrCat("the first line's 'outcome' is ", PlanOutcomeName(plan_.outcome),
                        ", while by the findings it is ", PlanOutcomeName(outcome));
  }
  if (outcome == PlanOutcome::kReady &&
      (numbers.nodes_answered == 0 ||
       (numbers.nodes_answered < numbers.nodes_asked && !plan_.options.skip_bad_nodes))) {
    return "the first line's 'outcome' is ready, while nodes did not answer";
  }
  if (has_served_replica_ && made_[Index(FindingKind::kStillServed)] == 0) {
    return "replicas are still served, and the finding still_served is missing";
  }
  absl::flat_hash_set<absl::string_view> names;
  for (size_t i = 0; i < plan_.tables.size(); ++i) {
    const TopologyTable& table = plan_.topology.tables[i];
    if (plan_.tables[i].placeholder || names.insert(table.app_name).second) continue;
    return absl::StrCat("table ", table.app_id, " (", NameOf(table),
                        "): 'app_name' is that of another table, too");
  }
  return ProblemOfFindingCounts();
}

std::string PlanConsistency::ProblemOfFindingCounts() const {
  for (const DueFindings& due : kDueFindings) {
    int64_t due_count = due_[Index(due.kind)];
    if (due.kind == FindingKind::kSettled && AreTablesPlanned()) {
      due_count = static_cast<int64_t>(plan_.options.settlements.size());
    }
    const int64_t made = made_[Index(due.kind)];
    if (made == due_count) continue;
    return absl::StrCat(Counted(due_count, due.noun), due.rest, ", and ", Counted(made, "finding"),
                        " of kind ", FindingKindName(due.kind));
  }
  return "";
}

}  // namespace metarec
