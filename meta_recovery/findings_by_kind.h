// Findings in the order in which a person should read them.

#pragma once

#include <vector>

#include "meta_recovery/recovery_plan.h"

namespace metarec {

struct FindingGroup {
  FindingKind kind = FindingKind::kBadNode;
  std::vector<const Finding*> findings;  // in the order of the plan
};

// The plan's findings of one severity, by kind, the gravest kind first.
std::vector<FindingGroup> GroupFindings(const RecoveryPlan& plan, Severity severity);

}  // namespace metarec
