#include "meta_recovery/plan_file/plan_excerpt.h"

#include <algorithm>
#include <utility>

#include "meta_recovery/planner/finding_registry.h"

namespace metarec {

void PlanCounter::AddNode(const NodeDecision& node) {
  if (node.on_disk_only) {
    ++numbers_.nodes_on_disk;
  } else {
    ++numbers_.nodes_asked;
    numbers_.nodes_answered += node.error == "ERR_OK";
  }
  numbers_.replicas_reported += node.replicas;
  numbers_.primaries_by_node.push_back(0);
}

void PlanCounter::AddTable(const TableDecision& decision) {
  ++numbers_.znodes;
  ++(decision.placeholder ? numbers_.placeholders : numbers_.tables);
  is_table_counted_ = false;
}

void PlanCounter::AddPartition(const TopologyTable& table, const TableDecision& table_decision,
                               const PartitionDecision& decision,
                               absl::Span<const RankedReplica> replicas) {
  ++numbers_.znodes;
  numbers_.accepted_losses |= decision.lost;
  numbers_.replicas_found += static_cast<int64_t>(replicas.size());
  for (const RankedReplica& replica : replicas) {
    numbers_.replicas_overruled += replica.role == ReplicaRole::kOverruled;
  }
  const bool has_primary = !replicas.empty() && replicas.front().role == ReplicaRole::kPrimary;
  if (has_primary && replicas.front().node < numbers_.primaries_by_node.size()) {
    ++numbers_.primaries_by_node[replicas.front().node];
  }
  if (table_decision.placeholder || StaysDropped(table_decision)) return;
  const auto found = static_cast<int64_t>(replicas.size());
  ++numbers_.partitions;
  numbers_.partitions_full += found > 0 && found >= table.max_replica_count;
  numbers_.partitions_short += found > 0 && found < table.max_replica_count;
  numbers_.partitions_lost += found == 0;
  const ColdReason cold =
      MembershipRule(membership_, table.max_replica_count, replicas).WhyNotWhole();
  ++(cold == ColdReason::kNone ? numbers_.partitions_whole
                               : numbers_.partitions_not_whole[static_cast<size_t>(cold)]);
  numbers_.accepted_losses_of_dropped += decision.lost && table_decision.probably_dropped;
  if (found > 0 || decision.lost) return;
  ++numbers_.losses_not_accepted;
  if (!table_decision.probably_dropped) return;
  ++numbers_.losses_of_dropped;
  numbers_.dropped_tables_with_losses += !std::exchange(is_table_counted_, true);
}

namespace {

void TakeIfGraver(const Finding& finding, Severity* severity, std::optional<FindingKind>* gravest) {
  if (finding.severity == Severity::kNote || finding.severity < *severity) return;
  if (finding.severity == *severity && RowOf(finding.kind()).gravity >= RowOf(**gravest).gravity) {
    return;
  }
  *severity = finding.severity;
  *gravest = finding.kind();
}

}  // namespace

void PlanCounter::AddFinding(const Finding& finding) {
  numbers_.conflicts += finding.severity == Severity::kConflict;
  numbers_.errors += finding.severity == Severity::kError;
  numbers_.hazards += finding.severity == Severity::kHazard;
  numbers_.warnings += finding.severity == Severity::kWarning;
  numbers_.notes += finding.severity == Severity::kNote;
  numbers_.unlisted_servers +=
      finding.kind() == FindingKind::kUnlistedServer && finding.severity == Severity::kError;
  numbers_.bad_node_error |=
      finding.kind() == FindingKind::kBadNode && finding.severity == Severity::kError;
  if (const auto* served = finding.facts.As<found::StillServed>();
      served != nullptr && finding.severity == Severity::kHazard) {
    numbers_.replicas_served = served->primaries + served->secondaries;
    numbers_.nodes_serving = static_cast<int64_t>(served->nodes.size());
  }
  if (const auto* carried = finding.facts.As<found::ZnodesCarried>();
      carried != nullptr && carried->fate == CarriedZnodes::kCarried) {
    numbers_.znodes += carried->znodes;
  }
  TakeIfGraver(finding, &gravest_severity_, &numbers_.gravest);
  if (finding.kind() == FindingKind::kStillServed) return;
  TakeIfGraver(finding, &gravest_severity_once_written_, &numbers_.gravest_once_written);
}

PlanNumbers CountPlan(const RecoveryPlan& plan) {
  PlanCounter counter;
  counter.AddOptions(plan.options);
  for (const NodeDecision& node : plan.nodes) counter.AddNode(node);
  for (size_t i = 0; i < plan.topology.tables.size() && i < plan.tables.size(); ++i) {
    const TopologyTable& table = plan.topology.tables[i];
    counter.AddTable(plan.tables[i]);
    for (size_t j = 0; j < table.partitions_count; ++j) {
      const size_t partition = table.partitions_begin + j;
      if (partition >= plan.partitions.size()) break;
      const PartitionDecision& decision = plan.partitions[partition];
      counter.AddPartition(table, plan.tables[i], decision, plan.ReplicasOf(decision));
    }
  }
  for (const Finding& finding : plan.findings) counter.AddFinding(finding);
  return counter.numbers();
}

size_t FindTableNamed(const RecoveryPlan& plan, absl::string_view name) {
  for (size_t i = 0; i < plan.topology.tables.size() && i < plan.tables.size(); ++i) {
    if (plan.topology.tables[i].app_name == name && !plan.tables[i].placeholder) return i;
  }
  return SIZE_MAX;
}

NodeIndex FindNodeNamed(const RecoveryPlan& plan, absl::string_view name) {
  for (size_t i = 0; i < plan.topology.nodes.size() && i < plan.nodes.size(); ++i) {
    const auto& listed_as = plan.nodes[i].listed_as;
    if (plan.topology.nodes[i].name == name || plan.topology.nodes[i].address.ToString() == name ||
        std::find(listed_as.begin(), listed_as.end(), name) != listed_as.end()) {
      return static_cast<NodeIndex>(i);
    }
  }
  return kNoNode;
}

PlanSelection PlanSelection::Subject(absl::string_view text) {
  PlanSelection selection;
  selection.everything_ = false;
  selection.may_be_node_ = true;
  if (!ParseTableOrPartition(text, &selection.numbers_)) {
    selection.numbers_ = {};
    selection.name_ = std::string(text);
  }
  return selection;
}

PlanSelection PlanSelection::Table(absl::string_view text) {
  PlanSelection selection = Subject(text);
  selection.may_be_node_ = false;
  if (selection.numbers_.partition_index >= 0) {
    selection.numbers_ = {};
    selection.name_ = std::string(text);
  }
  return selection;
}

void PlanSelection::AfterNodes(const RecoveryPlan& plan) {
  if (may_be_node_ && !name_.empty()) node_ = FindNodeNamed(plan, name_);
}

void PlanSelection::BeginTable(const TopologyTable& table, const TableDecision& decision) {
  const bool is_wanted = !name_.empty() && node_ == kNoNode && numbers_.app_id == 0 &&
                         table.app_name == name_ && !decision.placeholder;
  if (is_wanted) numbers_.app_id = table.app_id;
}

bool PlanSelection::KeepsPartition(int32_t app_id, int32_t index) const {
  if (everything_) return true;
  return app_id == numbers_.app_id &&
         (numbers_.partition_index < 0 || numbers_.partition_index == index);
}

bool PlanSelection::KeepsReplica(const RankedReplica& replica) const {
  return node_ != kNoNode && replica.node == node_;
}

bool PlanSelection::KeepsFinding(const Finding& finding) const {
  if (everything_) return true;
  if (node_ != kNoNode) return finding.node == node_;
  return numbers_.app_id != 0 && finding.app_id == numbers_.app_id &&
         (numbers_.partition_index < 0 || numbers_.partition_index == finding.partition_index);
}

}  // namespace metarec
