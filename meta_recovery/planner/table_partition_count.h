// How many partitions a table has, when nodes disagree or a split was under way.

#pragma once

#include <absl/status/status.h>

#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/settlements.h"
#include "meta_recovery/planner/table_draft.h"
#include "meta_recovery/planner/table_records.h"

namespace metarec {

// Sets partition_count and init_partition_count, and what the draft says of splits. Replicas whose
// index is beyond the count become conflicts. kInvalidArgument when a settlement makes no sense.
absl::Status DecidePartitionCount(const TableRecords& records, const PlanOptions& options,
                                  Settlements& settlements, FindingsList& findings,
                                  TableDraft& draft);

}  // namespace metarec
