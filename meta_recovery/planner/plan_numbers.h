// How much of what a plan holds.

#pragma once

#include <cstdint>

#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

struct PlanNumbers {
  int64_t nodes_asked = 0;
  int64_t nodes_answered = 0;
  int64_t tables = 0;  // without placeholders
  int64_t placeholders = 0;
  int64_t partitions = 0;       // of tables, without those of placeholders; so are the next three
  int64_t partitions_full = 0;  // with max_replica_count replicas or more
  int64_t partitions_short = 0;
  int64_t partitions_lost = 0;   // without any replica
  bool accepted_losses = false;  // RecoveryPlan::HasAcceptedLosses
  int64_t replicas_found = 0;
  int64_t replicas_reported = 0;  // by the nodes, those that are not used included
  int64_t replicas_overruled = 0;

  int64_t conflicts = 0;  // findings by severity
  int64_t errors = 0;
  int64_t hazards = 0;
  int64_t warnings = 0;
  int64_t notes = 0;
  bool bad_node_error = false;  // one of the errors is that a node could not be asked

  friend bool operator==(const PlanNumbers&, const PlanNumbers&) = default;
};

// Counts a plan piece by piece, as it is read.
class PlanCounter {
 public:
  void AddNode(const NodeDecision& node);
  void AddTable(const TableDecision& decision);
  // `replicas` are all that were found of it.
  void AddPartition(const TopologyTable& table, const TableDecision& table_decision,
                    const PartitionDecision& decision, absl::Span<const RankedReplica> replicas);
  void AddFinding(const Finding& finding);

  const PlanNumbers& numbers() const { return numbers_; }

 private:
  PlanNumbers numbers_;
};

PlanNumbers CountPlan(const RecoveryPlan& plan);

}  // namespace metarec
