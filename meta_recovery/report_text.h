#pragma once

#include <string>

#include "meta_recovery/recovery_plan.h"
#include "meta_recovery/report_summary.h"

namespace metarec {

// The plan for the person who has to decide whether to apply it, who may be tired: the verdict and
// the numbers first, then hazards, conflicts, errors and warnings, what is known of each table,
// what was lost with the old ZooKeeper, and the next command. Of many similar things it shows a few
// and how to see the rest.
std::string RenderReport(const RecoveryPlan& plan, const ReportOptions& options);

}  // namespace metarec
