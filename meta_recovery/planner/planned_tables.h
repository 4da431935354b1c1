// Every table id of a plan: those that nodes describe, those that only replicas name, and the gaps
// between them.

#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/node_roster.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "meta_recovery/planner/replica_index.h"
#include "meta_recovery/planner/settlements.h"
#include "zk_store/topology/topology.h"

namespace metarec {

// What the planner decides of a table, before its partitions are planned.
struct PlannedTable {
  TopologyTable table;
  TableDecision decision;

  // Its replicas, ascending by partition, the best first; see ReplicaIndex::ClaimsOf.
  absl::Span<const ReplicaClaim> claims;

  // If a split is unfinished: the partitions from init_partition_count on that have a znode,
  // ascending. Otherwise every partition has one.
  bool split_unfinished = false;
  std::vector<int32_t> registered_children;

  // The operator must decide the partition count first. The partitions are not planned.
  bool partition_count_undecided = false;

  // Nobody mentions the id, and nothing was decided about it.
  bool is_gap = false;
};

// Ids that are left out and above all that count, with how many partitions a placeholder of each
// would need.
using IdsBeyond = std::map<int32_t, int32_t>;

struct PlannedTablesInput {
  const NodeRoster& roster;
  const ReplicaIndex& replicas;
  const PlanOptions& options;
};

// A dropped table that keeps an id from being used again. It never expires: a stock meta server
// deletes what a returning node still holds of an expired one.
PlannedTable MakePlaceholder(int32_t app_id, int32_t partition_count);

// A table that no node describes, as the operator describes it (--settle):
// NAME:PARTITIONS:REPLICAS, where the name may hold colons. False for any other text.
bool DescribeTable(int32_t app_id, absl::string_view text, TopologyTable* table);

// One table for each id from 1 to the highest that the evidence names, ascending. Their claims
// point into `input.replicas`. kInvalidArgument if a settlement makes no sense.
absl::StatusOr<std::vector<PlannedTable>> PlanTables(const PlannedTablesInput& input,
                                                     ReportProblems& problems,
                                                     Settlements& settlements,
                                                     FindingsList& findings, IdsBeyond& beyond);

}  // namespace metarec
