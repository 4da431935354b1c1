#pragma once

#include <string>

#include "meta_recovery/recovery_plan.h"
#include "meta_recovery/report_summary.h"

namespace metarec {

// What RenderReport says, for programs: one JSON object over several lines, with a newline at the
// end. The schema is in docs/report-schema.md; fields are added to it, never renamed. Nothing is
// cut short in it: ReportOptions::examples_max and tables_max do not matter.
std::string RenderReportJson(const RecoveryPlan& plan, const ReportOptions& options);

}  // namespace metarec
