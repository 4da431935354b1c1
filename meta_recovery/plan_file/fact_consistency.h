// Whether what single findings of a plan file say can be: the facts that the rest of the plan does
// not say, too.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <absl/container/flat_hash_set.h>
#include <absl/types/span.h>

#include "meta_recovery/plan_file/old_tree_consistency.h"
#include "meta_recovery/plan_file/plan_tally.h"
#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// Of who the servers are. Beacons, and what names resolve to, are told by these findings only. The
// header of the file counts them. What can be compared beyond that: findings that name each other,
// options that skip a server which only a finding names, and what the nodes themselves say. Not
// thread-safe.
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

// Of the records of a table: how fields were decided that nodes report differently, and where envs
// come from. Not thread-safe.
class RecordConsistency {
 public:
  // All nodes and tables have been read, and `tally` has counted them and the partitions.
  // `old_trees` hears of each finding about what is carried.
  RecordConsistency(const RecoveryPlan& plan, const PlanTally& tally,
                    const OldTreeConsistency& old_trees)
      : plan_(plan), tally_(tally), old_trees_(old_trees) {}

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
  const OldTreeConsistency& old_trees_;
  std::set<int32_t> tables_with_problems_;
  // Of the last table with findings: the values of envs that won a vote, and all that are taken.
  int32_t table_of_envs_ = 0;
  std::map<std::string, WeighedValue> voted_envs_;
  std::vector<WeighedValue> env_sources_;
};

// Of all kinds. Not thread-safe.
class FactConsistency {
 public:
  // All nodes and tables have been read, and `tally` has counted them and the partitions.
  FactConsistency(const RecoveryPlan& plan, const PlanTally& tally)
      : plan_(plan),
        tally_(tally),
        identities_(plan),
        old_trees_(plan),
        records_(plan, tally, old_trees_) {}

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
  std::string Problem(const Finding& finding, const found::TableInOldTree& facts) {
    const bool is_only_there = plan_.tables[finding.app_id - 1].old_tree == OldTreeUse::kOnlyThere;
    if (is_only_there) tables_left_out_.insert(finding.app_id);
    return old_trees_.ProblemOf(finding, facts);
  }
  std::string Problem(const Finding& finding, const found::CountInOldTree& facts) {
    const auto* account = last_.has_value() ? last_->facts.As<found::TableInOldTree>() : nullptr;
    if (account == nullptr || last_->app_id != finding.app_id || account->tree != facts.tree) {
      return "table_in_old_tree should come before it, with the same 'tree'";
    }
    return old_trees_.ProblemOf(finding, facts);
  }
  std::string Problem(const Finding& finding, const found::ValueCarried& facts) {
    return old_trees_.ProblemOf(finding, facts);
  }
  std::string Problem(const Finding& finding, const found::ZnodesCarried& facts) {
    return old_trees_.ProblemOf(finding, facts);
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
  OldTreeConsistency old_trees_;
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
