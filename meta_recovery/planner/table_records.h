// Merges what the nodes say of each table into one record.

#pragma once

#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/node_roster.h"
#include "meta_recovery/planner/record_vote.h"
#include "meta_recovery/planner/settlements.h"
#include "meta_recovery/planner/table_draft.h"

namespace metarec {

// The records of one table, ascending by node, each node once.
struct TableRecords {
  int32_t app_id = 0;
  std::vector<NodeRecord> records;
};

// Every usable record, by app id. Those that make no sense become problems. App ids above
// max_app_id are included.
std::vector<TableRecords> CollectTableRecords(const NodeRoster& roster, const PlanOptions& options,
                                              ReportProblems& problems);

// Whether the weights make a difference: most tables are described equally by all their nodes.
bool NeedWeights(absl::Span<const NodeRecord> records);

// Everything but the partition count (table_partition_count.h). `records` are weighed already, if
// they need it.
// kInvalidArgument when a settlement names a value that nobody reports.
absl::Status MergeRecords(const TableRecords& records, ReportProblems& problems,
                          Settlements& settlements, FindingsList& findings, TableDraft& draft);

// What a settlement chose among the candidates, or null when there is none for that key.
absl::StatusOr<const Candidate*> FindSettled(const std::string& key,
                                             const std::vector<Candidate>& candidates,
                                             const Settlements& settlements);

}  // namespace metarec
