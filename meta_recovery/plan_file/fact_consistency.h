// Whether what single findings of a plan file say can be: the facts that the rest of the plan does
// not say, too.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include <absl/types/span.h>

#include "meta_recovery/plan_file/identity_consistency.h"
#include "meta_recovery/plan_file/plan_tally.h"
#include "meta_recovery/plan_file/record_consistency.h"
#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// Not thread-safe.
class FactConsistency {
 public:
  // All nodes and tables have been read, and `tally` has counted them and the partitions.
  FactConsistency(const RecoveryPlan& plan, const PlanTally& tally)
      : plan_(plan), tally_(tally), identities_(plan), records_(plan, tally) {}

  // Call these for each finding in turn, once it is known that the plan has what it is about, and
  // then at the end. The answer is what cannot be, or "".
  std::string ProblemOf(const Finding& finding);
  std::string ProblemOfWhole() const;

 private:
  // Of kinds without facts, and of those whose facts follow from the rest of the plan.
  template <typename Facts>
  std::string Problem(const Finding&, const Facts&) {
    return "";
  }
  std::string Problem(const Finding& finding, const found::NodeNameAmbiguous& facts) {
    return identities_.ProblemOf(finding, facts);
  }
  std::string Problem(const Finding& finding, const found::BeaconNotBelieved& facts) {
    return identities_.ProblemOf(finding, facts);
  }
  std::string Problem(const Finding&, const found::UnlistedServer& facts) {
    return identities_.ProblemOf(facts);
  }
  std::string Problem(const Finding&, const found::UnconfirmedBeacons& facts) {
    return identities_.ProblemOf(facts);
  }
  std::string Problem(const Finding& finding, const found::ServerMissing& facts);
  std::string Problem(const Finding& finding, const found::NodeReportInvalid& facts);
  std::string Problem(const Finding& finding, const found::RecordsDiffer& facts) {
    return records_.ProblemOf(finding, facts);
  }
  std::string Problem(const Finding& finding, const found::RecordsConflict& facts);
  std::string Problem(const Finding& finding, const found::TableProbablyDropped& facts);
  std::string Problem(const Finding& finding, const found::SplitUnfinished& facts);
  std::string Problem(const Finding& finding, const found::TableLostState& facts) {
    return records_.ProblemOf(finding, facts);
  }
  std::string Problem(const Finding& finding, const found::AppIdOutOfRange& facts);
  std::string Problem(const Finding& finding, const found::AppIdGap& facts);
  std::string Problem(const Finding& finding, const found::ReplicasWithoutTable& facts);
  std::string Problem(const Finding& finding, const found::TableLeftOut& facts);
  std::string Problem(const Finding& finding, const found::Settled& facts);
  std::string Problem(const Finding& finding, const found::ReplicaBeyondCount& facts);

  const TopologyTable& TableOf(const Finding& finding) const {
    return plan_.topology.tables[finding.app_id - 1];
  }
  const TableDecision& DecisionOf(const Finding& finding) const {
    return plan_.tables[finding.app_id - 1];
  }
  bool DescribeIt(const Finding& finding, absl::Span<const NodeIndex> nodes) const;
  std::string ProblemOfGaps() const;
  std::string ProblemOfSkippedLosses() const;
  bool IsLeftOut(const std::string& key) const;
  std::string ProblemOfKey(const Finding& finding, const found::Settled& facts) const;
  std::string ProblemOfDecision(const Finding& finding, const found::Settled& facts) const;

  const RecoveryPlan& plan_;
  const PlanTally& tally_;
  IdentityConsistency identities_;
  RecordConsistency records_;
  std::optional<Finding> last_;

  std::map<int32_t, int32_t> gaps_;       // ids far above others, and those below them
  std::set<int32_t> set_aside_;           // of these, what the plan has and leaves out
  std::set<int32_t> described_left_out_;  // tables
  std::set<int32_t> tables_left_out_;     // that findings name
  std::map<int32_t, std::set<std::string>> fields_told_;  // by table
  std::set<int32_t> undecided_counts_;  // tables of which nodes report the partition count
  std::set<std::string> settled_keys_;
  // By table: what findings call the highest index, and the last one that has a finding.
  std::map<int32_t, int32_t> highest_beyond_;
  std::map<int32_t, int32_t> last_beyond_;
};

}  // namespace metarec
