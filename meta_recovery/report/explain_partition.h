// What Explain says of one partition, without its findings.

#pragma once

#include <cstddef>
#include <string>

#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// Which replicas there are, which of them is primary and why, and what is written. `table` and
// `partition` are positions in Topology::tables and Topology::partitions.
std::string ExplainPartition(const RecoveryPlan& plan, size_t table, size_t partition);

}  // namespace metarec
