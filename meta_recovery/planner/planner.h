#pragma once

#include <cstdint>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include "meta_recovery/old_tree/old_tree.h"
#include "meta_recovery/planner/plan_options.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "replica_collector/evidence.h"

namespace metarec {

// Of one plan, placeholders included.
inline constexpr int64_t kPlanPartitionsMax = kPartitionsMax;

// What PlanOptions::max_app_id may be at most.
inline constexpr int32_t kMaxAppIdMax = 10'000'000;

// kInvalidArgument for options that make no sense in any plan: an empty separator or one that no
// table's name can have, bounds out of range.
absl::Status CheckPlanOptions(const PlanOptions& options);

// Decides what the cluster's metadata shall be, by the rules of docs/recovery-rules.md.
//
// Pure and thread-safe: no clock, no I/O, no randomness; any order of nodes, tables and replicas in
// the evidence gives an equal plan. Whatever the servers said, the result is a plan with findings.
// kInvalidArgument for options that make no sense (an empty separator, a settlement that settles
// nothing) and for evidence that no collector writes (no node, one address or name twice);
// kResourceExhausted when the tables claim more than kPlanPartitionsMax partitions together.
//
// `old_trees` add what replica servers do not know; without any nothing of them is in the plan.
// Their order does not matter but for that of RecoveryPlan::old_trees. kInvalidArgument also for
// one that cannot be shown to be of this cluster.
absl::StatusOr<RecoveryPlan> MakePlan(const Evidence& evidence, const PlanOptions& options,
                                      absl::Span<const OldTree> old_trees = {});

// The same for evidence that is not needed afterwards: its replicas are freed as soon as they are
// in order, so that the plan takes their place in memory.
absl::StatusOr<RecoveryPlan> MakePlan(Evidence&& evidence, const PlanOptions& options,
                                      absl::Span<const OldTree> old_trees = {});

}  // namespace metarec
