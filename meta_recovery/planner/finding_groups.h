// Several findings of one kind in one sentence, where each by itself would say the same again.
//
// One sentence without full stop, not yet fit for a terminal. Of long lists it names `named_max`.
// The findings are of one severity, and two or more.

#pragma once

#include <cstddef>
#include <string>

#include <absl/types/span.h>

#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

using FindingSpan = absl::Span<const Finding* const>;

std::string NamesUnusableInShell(const RecoveryPlan& plan, FindingSpan findings, size_t named_max);
std::string SkippedNodesReturn(const RecoveryPlan& plan, FindingSpan findings, size_t named_max);

std::string PrimariesOnDisk(const RecoveryPlan& plan, FindingSpan findings, size_t named_max);

// Of hazards only, those that were decided; "" of conflicts, which are decided one by one.
std::string AppIdsOutOfRange(const RecoveryPlan& plan, FindingSpan findings, size_t named_max);
std::string ReplicasBeyondCounts(const RecoveryPlan& plan, FindingSpan findings, size_t named_max);
std::string ReplicasWithoutTables(const RecoveryPlan& plan, FindingSpan findings, size_t named_max);

}  // namespace metarec
