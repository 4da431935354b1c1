// The parts of the report that are about old trees, and about what no old tree brings back.

#pragma once

#include <string>

#include "meta_recovery/planner/recovery_plan.h"
#include "meta_recovery/report/report.h"

namespace metarec {

// OLD TREES: each with its age, and what is from it; "" without any.
std::string OldTreeSection(const RecoveryPlan& plan);

// LOST WITH THE OLD ZOOKEEPER: what is to be set again by hand.
std::string LostSection(const RecoveryPlan& plan, const ReportOptions& options);

}  // namespace metarec
