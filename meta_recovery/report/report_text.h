#pragma once

#include <string>

#include <absl/status/status.h>

#include "base/text/text_sink.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "meta_recovery/report/report_summary.h"

namespace metarec {

// The plan for the person who has to decide whether to apply it, who may be tired: the verdict and
// the numbers first, then hazards, conflicts, errors and warnings, what is known of each table,
// what was lost with the old ZooKeeper, and the next command. Of many similar things it shows a few
// and how to see the rest.
//
// With ReportOptions::only it fails like Explain when the plan has no such table or partition.
absl::Status WriteReport(const RecoveryPlan& plan, const ReportOptions& options, TextSink sink);
std::string RenderReport(const RecoveryPlan& plan, const ReportOptions& options);

// The report about ReportOptions::only, which must be given, from an excerpt that holds it.
absl::Status WriteDetails(const RecoveryPlan& plan, const PlanNumbers& numbers,
                          const ReportOptions& options, TextSink sink);

}  // namespace metarec
