// Which replicas of a partition are its secondaries from the start (--membership warm), and which
// ballot is written. Why this is safe: docs/recovery-rules.md, "Warm membership".

#pragma once

#include <cstddef>
#include <cstdint>

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// Why a replica is no secondary at once, or a partition not whole. In the order in which the rules
// are tried.
enum class ColdReason : uint8_t {
  kNone,                // it is
  kNoReplica,           // of a partition: none was found
  kNotWanted,           // of a replica: max_replica_count others are better
  kNotAsked,            // --membership cold
  kPrimaryNotInactive,  // the primary serves, is closed or was learning
  kPrimaryOnDisk,       // the primary is known from its disks only
  kBallotAbovePrimary,  // a replica reported a higher ballot than the primary's
  kBallotAtBound,       // there is no ballot above it
  kNotInactive,         // the replica serves, is closed or was learning
  kOnDisk,              // the replica is known from its disks only
  kLowerBallot,         // than the primary's
  kCommittedLess,       // than the primary
  kReplicasMissing,     // of a partition: fewer than max_replica_count were found
};
inline constexpr size_t kColdReasons = static_cast<size_t>(ColdReason::kReplicasMissing) + 1;

// Stable names such as "committed_less", used in JSON.
absl::string_view ColdReasonName(ColdReason reason);
// What is to be said of such partitions behind how many there are: "with a replica that ...".
absl::string_view ColdReasonInWords(ColdReason reason);

// The rule for one partition. Cheap to make. Not thread-safe.
class MembershipRule {
 public:
  // `ranked`: its replicas, the best first; their roles do not matter. Must outlive this. Of a
  // table that stays dropped nobody is the primary; recalled, it gets one of the candidates.
  MembershipRule(Membership membership, int32_t max_replica_count,
                 absl::Span<const RankedReplica> ranked, bool stays_dropped = false);

  // What becomes of the replica of that rank, counted from 0.
  ReplicaRole RoleOf(size_t rank) const;
  // Why it is no secondary at once. The first one is the primary; ask for others.
  ColdReason WhyCold(size_t rank) const;
  // The ballot that is written: the highest that was reported, and one above it if there is a
  // secondary. 0 if there is no replica.
  int64_t Ballot() const;
  // Why the partition is not whole as soon as its primary serves; kNone: it is.
  ColdReason WhyNotWhole() const;

 private:
  ColdReason WhyPartitionIsCold(Membership membership) const;

  const absl::Span<const RankedReplica> ranked_;
  const size_t wanted_;
  const bool stays_dropped_;
  int64_t highest_ballot_ = 0;
  ColdReason partition_ = ColdReason::kNone;  // that holds for all of its replicas
};

}  // namespace metarec
