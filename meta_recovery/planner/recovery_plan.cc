#include "meta_recovery/planner/recovery_plan.h"

#include <algorithm>

namespace metarec {

absl::string_view ReplicaRoleName(ReplicaRole role) {
  switch (role) {
    case ReplicaRole::kPrimary:
      return "primary";
    case ReplicaRole::kLastDrop:
      return "last_drop";
    case ReplicaRole::kOverruled:
      return "overruled";
  }
  return "unknown";
}

absl::string_view RankReasonName(RankReason reason) {
  switch (reason) {
    case RankReason::kBest:
      return "best";
    case RankReason::kIncomplete:
      return "incomplete";
    case RankReason::kLowerBallot:
      return "lower_ballot";
    case RankReason::kNotPrimaryAtBallot:
      return "not_primary_at_ballot";
    case RankReason::kLowerCommittedDecree:
      return "lower_committed_decree";
    case RankReason::kLowerPreparedDecree:
      return "lower_prepared_decree";
    case RankReason::kHigherAddress:
      return "higher_address";
  }
  return "unknown";
}

bool IsIncomplete(ReplicaStatus status) {
  return status == ReplicaStatus::kError || status == ReplicaStatus::kPotentialSecondary ||
         status == ReplicaStatus::kPartitionSplit;
}

PlanOutcome OutcomeOf(Severity gravest) {
  if (gravest == Severity::kConflict) return PlanOutcome::kConflict;
  return gravest == Severity::kError ? PlanOutcome::kTryAgain : PlanOutcome::kReady;
}

absl::string_view PlanOutcomeName(PlanOutcome outcome) {
  switch (outcome) {
    case PlanOutcome::kReady:
      return "ready";
    case PlanOutcome::kTryAgain:
      return "try_again";
    case PlanOutcome::kConflict:
      return "conflict";
  }
  return "unknown";
}

bool RecoveryPlan::HasAcceptedLosses() const {
  return std::any_of(partitions.begin(), partitions.end(),
                     [](const PartitionDecision& decision) { return decision.lost; });
}

}  // namespace metarec
