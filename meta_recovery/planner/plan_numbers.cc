#include "meta_recovery/planner/plan_numbers.h"

namespace metarec {

void PlanCounter::AddNode(const NodeDecision& node) {
  ++numbers_.nodes_asked;
  numbers_.nodes_answered += node.error == "ERR_OK";
  numbers_.replicas_reported += node.replicas;
}

void PlanCounter::AddTable(const TableDecision& decision) {
  ++(decision.placeholder ? numbers_.placeholders : numbers_.tables);
}

void PlanCounter::AddPartition(const TopologyTable& table, const TableDecision& table_decision,
                               const PartitionDecision& decision,
                               absl::Span<const RankedReplica> replicas) {
  numbers_.accepted_losses |= decision.lost;
  numbers_.replicas_found += static_cast<int64_t>(replicas.size());
  for (const RankedReplica& replica : replicas) {
    numbers_.replicas_overruled += replica.role == ReplicaRole::kOverruled;
  }
  if (table_decision.placeholder) return;
  const auto found = static_cast<int64_t>(replicas.size());
  ++numbers_.partitions;
  numbers_.partitions_full += found > 0 && found >= table.max_replica_count;
  numbers_.partitions_short += found > 0 && found < table.max_replica_count;
  numbers_.partitions_lost += found == 0;
}

void PlanCounter::AddFinding(const Finding& finding) {
  numbers_.conflicts += finding.severity == Severity::kConflict;
  numbers_.errors += finding.severity == Severity::kError;
  numbers_.hazards += finding.severity == Severity::kHazard;
  numbers_.warnings += finding.severity == Severity::kWarning;
  numbers_.notes += finding.severity == Severity::kNote;
  numbers_.bad_node_error |=
      finding.kind == FindingKind::kBadNode && finding.severity == Severity::kError;
}

PlanNumbers CountPlan(const RecoveryPlan& plan) {
  PlanCounter counter;
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

}  // namespace metarec
