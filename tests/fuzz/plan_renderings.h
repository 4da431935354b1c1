#pragma once

#include "meta_recovery/planner/recovery_plan.h"

namespace metarec::fuzz {

// Makes everything that is ever shown of a plan.
void RenderEverything(const RecoveryPlan& plan);

}  // namespace metarec::fuzz
