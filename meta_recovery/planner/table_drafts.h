// Every table id of the plan: what records describe, replicas without a record, and the gaps.

#pragma once

#include <cstdint>
#include <vector>

#include <absl/status/statusor.h>

#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/node_roster.h"
#include "meta_recovery/planner/replica_index.h"
#include "meta_recovery/planner/settlements.h"
#include "meta_recovery/planner/table_draft.h"

namespace metarec {

struct TableDraftsInput {
  const NodeRoster& roster;
  const ReplicaIndex& replicas;
  const PlanOptions& options;
};

// A dropped table that keeps an id from being used again. It never expires: a stock meta server
// deletes what a returning node still holds of an expired one.
TableDraft MakePlaceholder(int32_t app_id, int32_t partition_count);

// One draft for every id from 1 to the highest that the evidence names, ascending. Their claims
// point into `input.replicas`. kInvalidArgument when a settlement makes no sense.
absl::StatusOr<std::vector<TableDraft>> DraftTables(const TableDraftsInput& input,
                                                    ReportProblems& problems,
                                                    Settlements& settlements,
                                                    FindingsList& findings);

}  // namespace metarec
