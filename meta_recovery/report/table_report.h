// The part of the text report about one table.

#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "meta_recovery/planner/recovery_plan.h"
#include "meta_recovery/report/report_summary.h"

namespace metarec {

// A few lines: what the table is, which nodes described it, what was found where, how the primaries
// were chosen, and which partitions are exceptions. `table` is a position in Topology::tables;
// `findings` are all those about the table and its partitions, in the order of the plan.
std::string RenderTable(const RecoveryPlan& plan, size_t table,
                        const std::vector<const Finding*>& findings, const ReportOptions& options);

}  // namespace metarec
