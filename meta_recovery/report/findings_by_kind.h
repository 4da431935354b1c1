// Findings in the order in which a person should read them.

#pragma once

#include <optional>
#include <vector>

#include "meta_recovery/plan_file/plan_selection.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

struct FindingGroup {
  FindingKind kind = FindingKind::kBadNode;
  std::vector<const Finding*> findings;  // in the order of the plan
};

// The plan's findings of one severity, by kind, the gravest kind first; those about `only`, if it
// is given.
std::vector<FindingGroup> GroupFindings(const RecoveryPlan& plan, Severity severity,
                                        const std::optional<TableOrPartition>& only = {});

bool IsAbout(const Finding& finding, const TableOrPartition& subject);

}  // namespace metarec
