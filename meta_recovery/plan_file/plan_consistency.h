// What is true of every plan that MakePlan makes, whatever the evidence, options and settlements.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/container/flat_hash_set.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include "meta_recovery/planner/plan_numbers.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// Finds out while a plan is read whether it contradicts itself. A digest that fits does not say
// that it was never edited: how it is made is no secret. Takes linear time. Not thread-safe.
class PlanConsistency {
 public:
  // `plan` is the one that is being read: of it the outcome, the options, the nodes and the tables
  // are looked at.
  explicit PlanConsistency(const RecoveryPlan& plan) : plan_(plan) {}

  // To be called in the order of the file, each when `plan` has just got what it is about. They
  // say what is contradicted, naming table, partition and field; "" if nothing is. Nothing may
  // follow after that.
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
  std::string ProblemOfWhole(const PlanNumbers& numbers) const;

 private:
  std::string ProblemOfPlaceholder(int64_t partitions) const;
  std::string ProblemOfLivingTable(int64_t partitions) const;
  std::string ProblemOfPartitionCounts(int64_t partitions) const;
  std::string ProblemOfEmptyPartition(const TopologyPartition& partition,
                                      const PartitionDecision& decision,
                                      absl::Span<const NodeIndex> last_drops) const;
  std::string ProblemOfReplicas(const TopologyPartition& partition,
                                absl::Span<const RankedReplica> replicas);
  std::string ProblemOfChoice(const TopologyPartition& partition,
                              absl::Span<const NodeIndex> last_drops,
                              absl::Span<const RankedReplica> replicas) const;

  const RecoveryPlan& plan_;
  absl::flat_hash_set<std::string> node_names_;  // of those that answered
  int64_t partitions_read_ = 0;
  int64_t partitions_of_table_ = 0;  // so far
  bool has_answer_ = false;          // of some node
  std::vector<int64_t> last_partition_of_node_;
  bool has_served_replica_ = false;
  bool has_still_served_ = false;  // a finding
  Severity gravest_finding_ = Severity::kNote;
  int64_t partition_lost_findings_ = 0;
  int64_t unfinished_splits_ = 0;
  int64_t split_unfinished_findings_ = 0;
};

}  // namespace metarec
