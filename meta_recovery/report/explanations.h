// Private to explain.cc: one function for each kind of subject, which must exist.

#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// Positions in Topology::tables and Topology::partitions.
std::string ExplainPartition(const RecoveryPlan& plan, size_t table, size_t partition);
std::string ExplainTable(const RecoveryPlan& plan, size_t table);
std::string ExplainNode(const RecoveryPlan& plan, NodeIndex node);

// The sentences of the findings that `about` selects, under a heading, a bounded number of them;
// empty if there are none.
std::string FindingLines(const RecoveryPlan& plan,
                         const std::function<bool(const Finding&)>& about);

// "a is b" lines of a table, aligned: cells are padded to the longest of their column.
std::string AlignedRows(const std::vector<std::vector<std::string>>& rows);

}  // namespace metarec
