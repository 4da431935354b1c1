// How nodes, tables and partitions of a plan are called in texts for people.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// "5 tables, 15 placeholders"; without the latter if there is none.
std::string CountedTables(const RecoveryPlan& plan);

// The node's name; "-" for kNoNode, "node #7" if the plan has no such node.
std::string NodeLabel(const RecoveryPlan& plan, NodeIndex node);

// "table 3 (usertable)"; without parentheses if the plan has no such table.
std::string TableLabel(const RecoveryPlan& plan, int32_t app_id);

// "partition 3.17 (usertable)".
std::string PartitionLabel(const RecoveryPlan& plan, int32_t app_id, int32_t index);

// Position in Topology::tables; SIZE_MAX when there is none.
size_t FindTable(const RecoveryPlan& plan, int32_t app_id);

// Position in Topology::partitions; SIZE_MAX when there is none.
size_t FindPartition(const RecoveryPlan& plan, int32_t app_id, int32_t index);

}  // namespace metarec
