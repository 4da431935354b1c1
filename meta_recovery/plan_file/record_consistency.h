// Whether what a plan file says of the records of a table can be: how fields were decided that
// nodes report differently, and where envs come from.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <absl/types/span.h>

#include "meta_recovery/plan_file/plan_tally.h"
#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// Not thread-safe.
class RecordConsistency {
 public:
  // All nodes and tables have been read, and `tally` has counted them and the partitions.
  RecordConsistency(const RecoveryPlan& plan, const PlanTally& tally)
      : plan_(plan), tally_(tally) {}

  // A finding says that something of the table made no sense and was left out.
  void NoteInvalid(int32_t app_id) { tables_with_problems_.insert(app_id); }

  // These answer what cannot be, or "". The finding is about a table that the plan has. Call them
  // in the order of the findings.
  std::string ProblemOf(const Finding& finding, const found::RecordsDiffer& facts);
  std::string ProblemOf(const Finding& finding, const found::RecordsConflict& facts) const;
  std::string ProblemOf(const Finding& finding, const found::TableLostState& facts);
  // Of a decision between values of that field.
  std::string ProblemOf(const Finding& finding, const std::string& field,
                        const found::Settled& facts) const;

 private:
  const TopologyTable& TableOf(const Finding& finding) const {
    return plan_.topology.tables[finding.app_id - 1];
  }
  const TableDecision& DecisionOf(const Finding& finding) const {
    return plan_.tables[finding.app_id - 1];
  }
  bool DescribeIt(const Finding& finding, absl::Span<const NodeIndex> nodes) const;
  // The weight of these nodes; nullopt if it is not known.
  std::optional<int64_t> WeightOf(const Finding& finding, absl::Span<const NodeIndex> nodes) const;
  std::string ProblemOfValues(const Finding& finding, const std::string& field,
                              absl::Span<const WeighedValue> values) const;
  // nullopt: the table does not have that env.
  std::string ProblemOfTaken(const Finding& finding, const std::string& field,
                             const std::optional<std::string>& value) const;
  std::string ProblemOfEnv(const Finding& finding, const found::RecordsDiffer& facts);
  void BeginTable(int32_t app_id);
  bool IsDecided(const Finding& finding, const std::string& field) const;

  const RecoveryPlan& plan_;
  const PlanTally& tally_;
  std::set<int32_t> tables_with_problems_;
  // Of the last table with findings: the values of envs that won a vote, and all that are taken.
  int32_t table_of_envs_ = 0;
  std::map<std::string, WeighedValue> voted_envs_;
  std::vector<WeighedValue> env_sources_;
};

}  // namespace metarec
