// What is true of every plan that MakePlan makes, with any evidence and options.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/container/flat_hash_set.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include "meta_recovery/plan_file/plan_excerpt.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// Finds out while a plan is read whether it contradicts itself. A plan with the right digest may
// have been edited all the same: anybody can compute the digest. Takes linear time. Not
// thread-safe.
class PlanConsistency {
 public:
  // `plan` is the one that is being read. Only its outcome, options, nodes and tables are looked
  // at, so partitions and findings need not be kept.
  explicit PlanConsistency(const RecoveryPlan& plan) : plan_(plan) {}

  // Call these in the order of the file, each as soon as `plan` has what it is about. The answer is
  // the contradiction, with its table, partition and field, or "". After a contradiction make no
  // further call.
  std::string ProblemOfOptions() const;
  std::string ProblemOfLastNode();
  // `partitions`: how many of its partitions follow.
  std::string ProblemOfLastTable(int64_t partitions);
  // Of the last table. `last_drops` and `replicas` are all that it has.
  std::string ProblemOfPartition(const TopologyPartition& partition,
                                 const PartitionDecision& decision,
                                 absl::Span<const NodeIndex> last_drops,
                                 absl::Span<const RankedReplica> replicas);
  std::string ProblemOfFinding(const Finding& finding);
  // At the end, with the numbers of the whole.
  std::string ProblemOfWhole(const PlanNumbers& numbers);

 private:
  std::string ProblemOfPlaceholder(int64_t partitions) const;
  std::string ProblemOfLivingTable(int64_t partitions) const;
  std::string ProblemOfPartitionCounts(int64_t partitions) const;
  std::string ProblemOfEmptyPartition(const TopologyPartition& partition,
                                      const PartitionDecision& decision,
                                      absl::Span<const NodeIndex> last_drops);
  std::string ProblemOfReplicas(const TopologyPartition& partition,
                                absl::Span<const RankedReplica> replicas);
  std::string ProblemOfPlace(const Finding& finding) const;
  std::string ProblemOfFacts(const Finding& finding) const;
  std::string ProblemOfFindingCounts() const;
  // False if the plan stops after its nodes because some did not answer.
  bool AreTablesPlanned() const {
    return has_answer_ &&
           (plan_.options.skip_bad_nodes || due_[static_cast<size_t>(FindingKind::kBadNode)] == 0);
  }
  std::string ProblemOfChoice(const TopologyPartition& partition,
                              absl::Span<const NodeIndex> last_drops,
                              absl::Span<const RankedReplica> replicas);

  const RecoveryPlan& plan_;
  absl::flat_hash_set<std::string> node_names_;  // of those that answered
  int64_t partitions_read_ = 0;
  int64_t partitions_of_table_ = 0;  // so far
  bool has_answer_ = false;          // of some node
  std::vector<int64_t> last_partition_of_node_;
  bool has_served_replica_ = false;
  Severity gravest_finding_ = Severity::kNote;
  std::optional<Finding> last_finding_;
  // By kind: how many findings there are, and how many follow from the rest of the plan.
  std::array<int64_t, kFindingKinds> made_ = {};
  std::array<int64_t, kFindingKinds> due_ = {};
};

}  // namespace metarec
