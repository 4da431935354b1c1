#pragma once

#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/plan_options.h"

namespace metarec {

// Whether the planner may make a finding of its kind as grave as it is. Of the kinds that can keep
// a plan from being ready there is one severity with given options; others never keep it from that.
// `has_answer`: whether some node answered.
bool IsGraveAsMade(const Finding& finding, const PlanOptions& options, bool has_answer);

}  // namespace metarec
