// Whether the findings of a plan file are those that the rest of it calls for, no more and no less.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/types/span.h>

#include "meta_recovery/plan_file/fact_consistency.h"
#include "meta_recovery/plan_file/plan_tally.h"
#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// Takes linear time, and 16 bytes for each finding that is due about a partition. Not thread-safe.
class FindingConsistency {
 public:
  // `plan` is being read. Its partitions and findings need not be kept.
  explicit FindingConsistency(const RecoveryPlan& plan)
      : plan_(plan), tally_(plan), facts_(plan, tally_) {}

  // Call these in the order of the file, each as soon as `plan` has what it is about.
  void AddLastNode() { tally_.AddLastNode(); }
  void AddLastTable(int64_t partitions) { tally_.AddLastTable(partitions); }
  void AddPartition(const TopologyPartition& partition, absl::Span<const RankedReplica> replicas);

  // The contradiction, with the finding and what it is about, or "". After a contradiction make no
  // further call.
  std::string ProblemOf(const Finding& finding);
  std::string ProblemOfWhole();

  // Of the findings so far.
  Severity gravest() const { return gravest_; }

 private:
  // Due about a partition; a plan may have a million of them.
  struct Due {
    int32_t app_id = 0;
    int32_t partition_index = 0;
    uint64_t kind : 8 = 0;
    uint64_t fingerprint : 56 = 0;
  };

  std::string Begin();
  void ListDue();
  std::string ProblemOfNames() const;
  std::string ProblemOfPlace(const Finding& finding) const;
  std::string ProblemOfDue(const Finding& finding);
  std::string ProblemOfDueOfPartition(const Finding& finding);

  const RecoveryPlan& plan_;
  PlanTally tally_;
  FactConsistency facts_;
  std::optional<Finding> last_;
  Severity gravest_ = Severity::kNote;

  bool has_begun_ = false;
  std::vector<Finding> due_;  // about nodes and tables, in their order; some without their facts
  size_t next_due_ = 0;
  std::vector<Due> due_of_partitions_;
  size_t next_due_of_partition_ = 0;
};

}  // namespace metarec
