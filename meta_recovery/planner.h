#pragma once

#include <absl/status/statusor.h>

#include "meta_recovery/plan_options.h"
#include "meta_recovery/recovery_plan.h"
#include "replica_collector/evidence.h"

namespace metarec {

// Decides what the cluster's metadata shall be, by the rules of docs/recovery-rules.md.
//
// Pure and thread-safe: no clock, no I/O, no randomness; any order of nodes, tables and replicas in
// the evidence gives an equal plan. Whatever the evidence says, the result is a plan with findings;
// kInvalidArgument only for options that make no sense (an empty separator, an unknown settlement).
absl::StatusOr<RecoveryPlan> MakePlan(const Evidence& evidence, const PlanOptions& options);

}  // namespace metarec
