// Whether what the findings of a plan file say of who the servers are can be.
//
// Beacons, and what names resolve to, are told by these findings only, so that most of them can be
// removed without a contradiction. What stays is: findings that name each other, options that skip
// a server which only a finding names, and what the nodes themselves say.

#pragma once

#include <string>
#include <vector>

#include <absl/container/flat_hash_set.h>

#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// Not thread-safe.
class IdentityConsistency {
 public:
  // All nodes have been read.
  explicit IdentityConsistency(const RecoveryPlan& plan) : plan_(plan) {}

  // Call these for each finding in turn, and then at the end. The answer is what cannot be, or "".
  std::string ProblemOf(const Finding& finding, const found::NodeNameAmbiguous& facts) const;
  std::string ProblemOf(const Finding& finding, const found::BeaconNotBelieved& facts);
  std::string ProblemOf(const found::UnlistedServer& facts);
  std::string ProblemOf(const found::UnconfirmedBeacons& facts);
  std::string ProblemOfWhole() const;

 private:
  std::string ProblemOfSkippedNodes() const;
  std::string ProblemOfClaims() const;

  // A name that beacons of a node give, while another server is said to claim it.
  struct Claim {
    NodeIndex node = kNoNode;
    std::string name;  // in lower case
  };

  const RecoveryPlan& plan_;
  absl::flat_hash_set<std::string> unlisted_;        // addresses and names
  absl::flat_hash_set<std::string> unlisted_names_;  // in lower case
  std::vector<Claim> told_;                          // all that beacons of nodes claim
  std::vector<Claim> claimed_twice_;
  bool has_unconfirmed_ = false;
};

}  // namespace metarec
