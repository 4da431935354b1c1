// From the replicas of each partition to its primary, secondaries and last_drops.

#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <absl/types/span.h>

#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/planned_tables.h"
#include "meta_recovery/planner/primary_spread.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// Of the partitions of dropped tables: bit 0 of their flags. All others have none.
inline constexpr int32_t kDroppedPartitionFlag = 1;

// Whether dropped tables leave such replicas. Those of a soft-deleted one are closed while the
// records say available; of one that was deleted for good, nothing may be left but learners that
// missed it. A table that has no others was probably dropped.
bool IsLeftByDrop(ReplicaStatus status);

// Appends tables with their partitions to a plan, in ascending order of ids. Not thread-safe.
class PartitionPlanner {
 public:
  PartitionPlanner(FindingsList& findings, RecoveryPlan& plan) : findings_(findings), plan_(plan) {}

  // The most that will be added. What is not used costs address space only.
  void Reserve(size_t partitions, size_t replicas);

  void Add(PlannedTable planned);

 private:
  void NoteProbablyDropped(const PlannedTable& planned);
  void AddPlaceholderPartitions(const PlannedTable& planned);
  void AddPartitions(const PlannedTable& planned);
  void AddPartition(const PlannedTable& planned, int32_t index,
                    absl::Span<const ReplicaClaim> replicas);
  // Appends to the topology's members.
  void AddMembers(absl::Span<const RankedReplica> ranked, TopologyPartition* partition);
  void AddLostPartition(const PlannedTable& planned, int32_t index);
  void RankReplicas(absl::Span<const ReplicaClaim> replicas);
  void SpreadEquals(absl::Span<RankedReplica> ranked);
  void SpreadGroup(absl::Span<RankedReplica> equal);

  FindingsList& findings_;
  RecoveryPlan& plan_;
  std::vector<int32_t> lost_;  // of the table that is being added, ascending
  PrimarySpread spread_;
  std::vector<std::pair<PrimarySpread::Rank, RankedReplica>> equals_;  // of one group
};

}  // namespace metarec
