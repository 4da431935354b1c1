// Every table id of the plan: what records describe, replicas without a record, and the gaps.

#pragma once

#include <vector>

#include <absl/status/statusor.h>

#include "meta_recovery/findings_list.h"
#include "meta_recovery/node_roster.h"
#include "meta_recovery/replica_index.h"
#include "meta_recovery/settlements.h"
#include "meta_recovery/table_draft.h"

namespace metarec {

struct TableDraftsInput {
  const NodeRoster& roster;
  const ReplicaIndex& replicas;
  const PlanOptions& options;
};

// One draft for every id from 1 to the highest that the evidence names, ascending. Their claims
// point into `input.replicas`. kInvalidArgument when a settlement makes no sense.
absl::StatusOr<std::vector<TableDraft>> DraftTables(const TableDraftsInput& input,
                                                    ReportProblems& problems,
                                                    Settlements& settlements,
                                                    FindingsList& findings);

}  // namespace metarec
