// Small plans that have every kind of finding between them.

#pragma once

#include <vector>

#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

struct FindingWorld {
  const char* name;
  RecoveryPlan plan;
};

// A kind that no world has makes resealed_plan_test.cc fail.
std::vector<FindingWorld> WorldsOfFindings();

}  // namespace metarec
