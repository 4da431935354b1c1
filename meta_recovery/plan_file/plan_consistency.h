// What is true of every plan that MakePlan makes, with any evidence and options.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/container/flat_hash_set.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include "meta_recovery/plan_file/finding_consistency.h"
#include "meta_recovery/plan_file/plan_line_fields.h"
#include "meta_recovery/planner/membership_rule.h"
#include "meta_recovery/planner/primary_spread.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// Finds out while a plan is read whether it contradicts itself. A plan with the right digest may
// have been edited all the same: anybody can compute the digest. Takes linear time. Not
// thread-safe.
class PlanConsistency {
 public:
  // `plan` is the one that is being read. Only its outcome, options, nodes and tables are looked
  // at, so partitions and findings need not be kept.
  explicit PlanConsistency(const RecoveryPlan& plan) : plan_(plan), findings_(plan) {}

  // Call these in the order of the file, each as soon as `plan` has what it is about. The answer is
  // the contradiction, with its table, partition and field, or "". After a contradiction make no
  // further call.
  std::string ProblemOfOptions() const;
  std::string ProblemOfLastNode();
  std::string ProblemOfLastOldTree() const;
  // `partitions`: how many of its partitions follow.
  std::string ProblemOfLastTable(int64_t partitions);
  // Of the last table. `members` and `replicas` are all that it has.
  std::string ProblemOfPartition(const TopologyPartition& partition,
                                 const PartitionDecision& decision, const PartitionMembers& members,
                                 absl::Span<const RankedReplica> replicas);
  std::string ProblemOfFinding(const Finding& finding) { return findings_.ProblemOf(finding); }
  std::string ProblemOfWhole();

 private:
  std::string ProblemOfOldTreeUse() const;
  std::string ProblemOfPlaceholder(int64_t partitions) const;
  std::string ProblemOfLivingTable(int64_t partitions) const;
  std::string ProblemOfSettledTable() const;
  std::string ProblemOfPartitionCounts(int64_t partitions) const;
  std::string ProblemOfEmptyPartition(const TopologyPartition& partition,
                                      const PartitionDecision& decision,
                                      const PartitionMembers& members);
  std::string ProblemOfReplicas(const TopologyPartition& partition,
                                absl::Span<const RankedReplica> replicas,
                                const MembershipRule& rule);
  // By which rule `worse` comes after `better`; nullopt if it does not.
  std::optional<RankReason> ReasonAfter(const RankedReplica& better,
                                        const RankedReplica& worse) const;
  std::string ProblemOfChoice(const TopologyPartition& partition, const PartitionMembers& members,
                              absl::Span<const RankedReplica> replicas, const MembershipRule& rule);

  const RecoveryPlan& plan_;
  FindingConsistency findings_;
  absl::flat_hash_set<std::string> node_names_;  // of those that answered
  int64_t partitions_read_ = 0;
  int64_t partitions_of_table_ = 0;  // so far
  std::vector<int64_t> last_partition_of_node_;
  PrimarySpread spread_;
};

}  // namespace metarec
