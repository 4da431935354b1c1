// From the replicas of each partition to its primary and last_drops.

#pragma once

#include <cstddef>
#include <cstdint>

#include <absl/types/span.h>

#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/planned_tables.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// Of the partitions of placeholders: bit 0 of their flags, dropped. All others have none.
inline constexpr int32_t kDroppedPartitionFlag = 1;

// Whether soft-deleted tables leave such replicas: closed, while the records say available. A table
// that has no others was probably dropped.
bool IsLeftByDrop(ReplicaStatus status);

// What becomes of the replica of that rank, counted from 0.
ReplicaRole RoleOf(size_t rank, int32_t max_replica_count);

// Appends tables with their partitions to a plan, in ascending order of ids. Not thread-safe.
class PartitionPlanner {
 public:
  PartitionPlanner(FindingsList& findings, RecoveryPlan& plan) : findings_(findings), plan_(plan) {}

  // The most that will be added. What is not used costs address space only.
  void Reserve(size_t partitions, size_t replicas);

  void Add(PlannedTable planned);

 private:
  void AddPlaceholderPartitions(const PlannedTable& planned);
  void AddPartitions(const PlannedTable& planned);
  void AddPartition(const PlannedTable& planned, int32_t index,
                    absl::Span<const ReplicaClaim> replicas);
  void AddLostPartition(const PlannedTable& planned, int32_t index);
  void RankReplicas(const PlannedTable& planned, absl::Span<const ReplicaClaim> replicas);

  FindingsList& findings_;
  RecoveryPlan& plan_;
};

}  // namespace metarec
