#include "meta_recovery/planner/membership_rule.h"

#include <algorithm>

#include "meta_recovery/planner/sane_values.h"

namespace metarec {

absl::string_view ColdReasonName(ColdReason reason) {
  switch (reason) {
    case ColdReason::kNone:
      return "none";
    case ColdReason::kNoReplica:
      return "no_replica";
    case ColdReason::kNotWanted:
      return "not_wanted";
    case ColdReason::kNotAsked:
      return "not_asked";
    case ColdReason::kPrimaryNotInactive:
      return "primary_not_inactive";
    case ColdReason::kPrimaryOnDisk:
      return "primary_on_disk";
    case ColdReason::kBallotAbovePrimary:
      return "ballot_above_primary";
    case ColdReason::kBallotAtBound:
      return "ballot_at_bound";
    case ColdReason::kNotInactive:
      return "not_inactive";
    case ColdReason::kOnDisk:
      return "on_disk";
    case ColdReason::kLowerBallot:
      return "lower_ballot";
    case ColdReason::kCommittedLess:
      return "committed_less";
    case ColdReason::kReplicasMissing:
      return "replicas_missing";
  }
  return "unknown";
}

absl::string_view ColdReasonInWords(ColdReason reason) {
  switch (reason) {
    case ColdReason::kNone:
      return "whole";
    case ColdReason::kNoReplica:
      return "without any replica";
    case ColdReason::kNotWanted:
      return "with enough better replicas";
    case ColdReason::kNotAsked:
      return "planned without secondaries";
    case ColdReason::kPrimaryNotInactive:
      return "with a primary that is not PS_INACTIVE";
    case ColdReason::kPrimaryOnDisk:
      return "with a primary that is known from its disks only";
    case ColdReason::kBallotAbovePrimary:
      return "with a replica of a higher ballot than the primary's";
    case ColdReason::kBallotAtBound:
      return "with the highest ballot that there is";
    case ColdReason::kNotInactive:
      return "with a candidate that is not PS_INACTIVE";
    case ColdReason::kOnDisk:
      return "with a candidate that is known from its disks only";
    case ColdReason::kLowerBallot:
      return "with a candidate of a lower ballot than the primary's";
    case ColdReason::kCommittedLess:
      return "with a candidate that has committed less than the primary";
    case ColdReason::kReplicasMissing:
      return "with fewer replicas than wanted";
  }
  return "unknown";
}

MembershipRule::MembershipRule(Membership membership, int32_t max_replica_count,
                               absl::Span<const RankedReplica> ranked, bool stays_dropped)
    : ranked_(ranked),
      wanted_(static_cast<size_t>(std::max(max_replica_count, 1))),
      stays_dropped_(stays_dropped) {
  for (const RankedReplica& replica : ranked) {
    highest_ballot_ = std::max(highest_ballot_, replica.ballot);
  }
  partition_ = WhyPartitionIsCold(membership);
}

ColdReason MembershipRule::WhyPartitionIsCold(Membership membership) const {
  if (ranked_.empty()) return ColdReason::kNoReplica;
  if (membership == Membership::kCold || stays_dropped_) return ColdReason::kNotAsked;
  const RankedReplica& primary = ranked_.front();
  if (primary.status != ReplicaStatus::kInactive) return ColdReason::kPrimaryNotInactive;
  if (primary.on_disk_only) return ColdReason::kPrimaryOnDisk;  // its decrees are the least it has
  if (primary.ballot < highest_ballot_) return ColdReason::kBallotAbovePrimary;
  return highest_ballot_ < kBallotMax ? ColdReason::kNone : ColdReason::kBallotAtBound;
}

ColdReason MembershipRule::WhyCold(size_t rank) const {
  if (rank >= wanted_) return ColdReason::kNotWanted;
  if (partition_ != ColdReason::kNone) return partition_;
  const RankedReplica& primary = ranked_.front();
  const RankedReplica& replica = ranked_[rank];
  if (replica.status != ReplicaStatus::kInactive) return ColdReason::kNotInactive;
  if (replica.on_disk_only) return ColdReason::kOnDisk;
  if (replica.ballot < primary.ballot) return ColdReason::kLowerBallot;
  // What it has logged beyond that need not be what the primary has committed.
  return replica.last_committed_decree < primary.last_committed_decree ? ColdReason::kCommittedLess
                                                                       : ColdReason::kNone;
}

ReplicaRole MembershipRule::RoleOf(size_t rank) const {
  if (rank == 0) return stays_dropped_ ? ReplicaRole::kLastDrop : ReplicaRole::kPrimary;
  if (rank >= wanted_) return ReplicaRole::kOverruled;
  return WhyCold(rank) == ColdReason::kNone ? ReplicaRole::kSecondary : ReplicaRole::kLastDrop;
}

int64_t MembershipRule::Ballot() const {
  for (size_t rank = 1; rank < ranked_.size() && rank < wanted_; ++rank) {
    if (WhyCold(rank) == ColdReason::kNone) return highest_ballot_ + 1;
  }
  return highest_ballot_;
}

ColdReason MembershipRule::WhyNotWhole() const {
  if (ranked_.empty()) return ColdReason::kNoReplica;
  for (size_t rank = 1; rank < ranked_.size() && rank < wanted_; ++rank) {
    if (const ColdReason reason = WhyCold(rank); reason != ColdReason::kNone) return reason;
  }
  return ranked_.size() < wanted_ ? ColdReason::kReplicasMissing : ColdReason::kNone;
}

}  // namespace metarec
