#pragma once

#include <string>

#include <absl/status/status.h>

#include "base/text/text_sink.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "meta_recovery/report/report_summary.h"

namespace metarec {

// What RenderReport says, for programs: one JSON object over several lines, with a newline at the
// end. The schema is in docs/report-schema.md; fields are added to it, never renamed. Nothing is
// cut short in it: ReportOptions::all, examples_max and tables_max do not matter.
absl::Status WriteReportJson(const RecoveryPlan& plan, const ReportOptions& options, TextSink sink);
std::string RenderReportJson(const RecoveryPlan& plan, const ReportOptions& options);

// The report about ReportOptions::only, which must be given, from an excerpt that holds it.
absl::Status WriteDetailsJson(const RecoveryPlan& plan, const PlanNumbers& numbers,
                              const ReportOptions& options, TextSink sink);

}  // namespace metarec
