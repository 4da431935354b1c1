#pragma once

#include <cstdint>
#include <vector>

#include <absl/types/span.h>

#include "meta_recovery/planner/recovery_plan.h"
#include "meta_recovery/planner/replica_index.h"
#include "zk_store/topology/topology.h"

namespace metarec {

// A table on its way into the plan.
struct TableDraft {
  TopologyTable table;
  TableDecision decision;

  // Its replicas, ascending by partition, the best first; see ReplicaIndex::ClaimsOf.
  absl::Span<const ReplicaClaim> claims;

  // Partitions with a znode beyond init_partition_count while a split is unfinished; all of them
  // are there otherwise. Ascending.
  bool split_unfinished = false;
  std::vector<int32_t> registered_children;

  // The partition count before the table was split in two; 0 if it never was.
  int32_t partition_count_before_split = 0;

  // The operator has not decided the partition count yet: its partitions are not planned.
  bool partition_count_undecided = false;
};

}  // namespace metarec
