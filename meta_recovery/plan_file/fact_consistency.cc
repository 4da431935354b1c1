#include "meta_recovery/plan_file/fact_consistency.h"

#include <algorithm>
#include <string>
#include <vector>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "idl/error_names.h"
#include "meta_recovery/planner/due_findings.h"
#include "meta_recovery/planner/planned_tables.h"
#include "meta_recovery/planner/record_reconciliation.h"
#include "meta_recovery/planner/settlements.h"

namespace metarec {
namespace {

constexpr absl::string_view kPartitionCountField = "partition_count";

// Checks that the nodes that facts name did answer, and that lists of nodes ascend.
class NodesOfFacts {
 public:
  explicit NodesOfFacts(const RecoveryPlan& plan) : plan_(plan) {}

  const std::string& problem() const { return problem_; }

  template <typename Field>
  void operator()(absl::string_view, const Field&) {}
  void operator()(absl::string_view key, const NodeIndex& node) { Check(key, {&node, 1}); }
  void operator()(absl::string_view key, const std::vector<NodeIndex>& nodes) { Check(key, nodes); }
  void operator()(absl::string_view key, const std::vector<WeighedValue>& values) {
    for (const WeighedValue& value : values) Check(key, value.nodes);
  }

 private:
  void Check(absl::string_view key, absl::Span<const NodeIndex> nodes) {
    for (size_t i = 0; i < nodes.size(); ++i) {
      if (nodes[i] >= plan_.nodes.size()) {
        problem_ = absl::StrCat("'", key, "' names no node");
      } else if (plan_.nodes[nodes[i]].error != idl::kErrOk) {
        problem_ = absl::StrCat("'", key, "' names node ", nodes[i], ", which did not answer");
      } else if (i > 0 && nodes[i] <= nodes[i - 1]) {
        problem_ = absl::StrCat("'", key, "' does not ascend");
      }
    }
  }

  const RecoveryPlan& plan_;
  std::string problem_;
};

int64_t CountOf(absl::Span<const IndexRange> ranges) {
  int64_t count = 0;
  for (const IndexRange& range : ranges) count += int64_t{range.last} - range.first + 1;
  return count;
}

}  // namespace

std::string FactConsistency::ProblemOf(const Finding& finding) {
  NodesOfFacts nodes(plan_);
  finding.facts.Visit([&](const auto& facts) { facts.ForEach(facts, nodes); });
  std::string problem = nodes.problem();
  const bool settles_partition =
      last_.has_value() && last_->partition_index >= 0 && last_->kind() == FindingKind::kSettled;
  if (problem.empty() && settles_partition &&
      (finding.kind() != FindingKind::kReplicaBeyondCount || finding.app_id != last_->app_id ||
       finding.partition_index != last_->partition_index)) {
    problem = "replica_beyond_count should come before it, which the finding settled is about";
  }
  if (problem.empty()) {
    problem = finding.facts.Visit([&](const auto& facts) { return Problem(finding, facts); });
  }
  const std::string field = DifferingFieldOf(finding);
  if (problem.empty() && !field.empty() && !fields_told_[finding.app_id].insert(field).second) {
    problem = absl::StrCat("another one is about ", Printable(Shortened(field)), ", too");
  }
  last_ = finding;
  return problem.empty() ? "" : absl::StrCat(": ", problem);
}

std::string FactConsistency::ProblemOfWhole() const {
  for (size_t i = 0; i < plan_.tables.size(); ++i) {
    const TopologyTable& table = plan_.topology.tables[i];
    const std::vector<std::string>& fields = plan_.tables[i].differing_fields;
    const auto told = fields_told_.find(table.app_id);
    const bool are_told =
        told == fields_told_.end()
            ? fields.empty()
            : std::equal(fields.begin(), fields.end(), told->second.begin(), told->second.end());
    const std::string name =
        absl::StrCat("table ", table.app_id, " (", Printable(Shortened(table.app_name)), "): ");
    if (!are_told) {
      return absl::StrCat(name, "its 'differing_fields' are not those that findings are about");
    }
    if (plan_.tables[i].placeholder && table.partition_count > 1 &&
        !tables_left_out_.contains(table.app_id)) {
      return absl::StrCat(name,
                          "it has more partitions than a placeholder needs, and no finding "
                          "says that the table is left out");
    }
    if (tally_.OfTable(table.app_id).is_undecided && !undecided_counts_.contains(table.app_id)) {
      return absl::StrCat(name, "it has no partitions, and no finding says that nodes report its ",
                          kPartitionCountField, " differently");
    }
  }
  std::string problem = ProblemOfGaps();
  if (problem.empty()) problem = ProblemOfSkippedLosses();
  if (problem.empty()) problem = identities_.ProblemOfWhole();
  if (problem.empty()) problem = old_trees_.ProblemOfWhole();
  if (!problem.empty()) return problem;
  for (const auto& [key, value] : plan_.options.settlements) {
    if (settled_keys_.contains(key) || !AreTablesPlanned(plan_)) continue;
    return absl::StrCat("no finding settled says what the settlement ", Printable(Shortened(key)),
                        " decided");
  }
  if (highest_beyond_ != last_beyond_) {
    return "a finding replica_beyond_count is missing: that of the highest index";
  }
  if (last_.has_value() && last_->kind() == FindingKind::kSettled && last_->partition_index >= 0) {
    return "the finding replica_beyond_count is missing that the last settlement is about";
  }
  return "";
}

// Walks through the ids that count, as the planner did.
std::string FactConsistency::ProblemOfGaps() const {
  int64_t below = 0;
  auto gap = gaps_.begin();
  const auto tables = static_cast<int64_t>(plan_.tables.size());
  const auto is_far = [&](int64_t app_id) {
    return app_id - below - 1 > std::max<int64_t>(plan_.options.max_id_gap, 10 * below);
  };
  for (int64_t app_id = 1; app_id <= tables || gap != gaps_.end(); ++app_id) {
    if (app_id > tables) app_id = std::max<int64_t>(app_id, gap->first);
    const bool has_gap = gap != gaps_.end() && gap->first == app_id;
    const auto id = static_cast<int32_t>(app_id);
    const bool is_in_tree_only = app_id <= tables && StaysDropped(plan_.tables[app_id - 1]) &&
                                 plan_.tables[app_id - 1].described_by.empty() &&
                                 plan_.tables[app_id - 1].replicas == 0;
    const bool counts = app_id <= tables && !set_aside_.contains(id) && !is_in_tree_only &&
                        (!plan_.tables[app_id - 1].placeholder ||
                         plan_.tables[app_id - 1].replicas > 0 || described_left_out_.contains(id));
    if (has_gap && (gap->second != below || !is_far(app_id))) {
      return absl::StrCat("a finding app_id_gap about table ", app_id,
                          ": 'below' is not the highest id below it that counts, or is not so far "
                          "below it");
    }
    if (counts && !has_gap && is_far(app_id)) {
      return absl::StrCat("the finding app_id_gap about table ", app_id,
                          " is missing, while the rest of the plan calls for it");
    }
    if (has_gap) ++gap;
    if (counts) below = app_id;
  }
  return "";
}

// Plans are not made with options that accept the loss of what is not there.
std::string FactConsistency::ProblemOfSkippedLosses() const {
  if (!AreTablesPlanned(plan_)) return "";
  for (const std::string& skipped : plan_.options.lost_partitions_skipped) {
    TableOrPartition subject;
    if (ParseTableOrPartition(skipped, &subject) &&
        subject.app_id <= static_cast<int64_t>(plan_.tables.size()) &&
        subject.partition_index < plan_.topology.tables[subject.app_id - 1].partition_count) {
      continue;
    }
    return absl::StrCat("the option lost_partitions_skipped names ", Printable(Shortened(skipped)),
                        ", which the plan does not have");
  }
  return "";
}

bool FactConsistency::DescribeIt(const Finding& finding, absl::Span<const NodeIndex> nodes) const {
  const std::vector<NodeIndex>& described_by = DecisionOf(finding).described_by;
  return std::includes(described_by.begin(), described_by.end(), nodes.begin(), nodes.end());
}

std::string FactConsistency::Problem(const Finding&, const found::ServerMissing& facts) {
  return facts == tally_.ServerMissing() ? "" : "it does not name all partitions that no node has";
}

std::string FactConsistency::Problem(const Finding& finding,
                                     const found::NodeReportInvalid& facts) {
  if (plan_.nodes[finding.node].error != idl::kErrOk) return "it is about a node without a report";
  if (facts.problems.empty() && facts.used_anyway.empty()) return "'problems' is empty";
  for (const std::vector<CountedText>* texts : {&facts.problems, &facts.used_anyway}) {
    for (size_t i = 1; i < texts->size(); ++i) {
      if ((*texts)[i].text <= (*texts)[i - 1].text) return "'problems' does not ascend";
    }
  }
  records_.NoteInvalid(finding.app_id);
  return "";
}

std::string FactConsistency::Problem(const Finding& finding, const found::RecordsConflict& facts) {
  if (RuleOfField(facts.field) == TableFieldRule::kPartitionCount) {
    undecided_counts_.insert(finding.app_id);
  }
  return records_.ProblemOf(finding, facts);
}

std::string FactConsistency::Problem(const Finding& finding,
                                     const found::TableProbablyDropped& facts) {
  const TableTally& tally = tally_.OfTable(finding.app_id);
  const int64_t replicas = DecisionOf(finding).replicas;
  if (facts.replicas != replicas) return "'replicas' is not that of the table";
  if (facts.closed < tally.closed || facts.closed - tally.closed > replicas - tally.replicas) {
    return "'closed' is not the number of the table's replicas that are";
  }
  if (facts.partitions_lost != RangesOf(tally.lost)) {
    return "'partitions_lost' are not the table's partitions without a replica";
  }
  return "";
}

std::string FactConsistency::Problem(const Finding& finding, const found::SplitUnfinished& facts) {
  const TopologyTable& table = TableOf(finding);
  std::vector<int32_t> registered;
  for (const int32_t index : tally_.OfTable(finding.app_id).indexes) {
    if (index >= PartitionsBeforeSplit(table, DecisionOf(finding))) registered.push_back(index);
  }
  std::vector<int32_t> missing;
  for (int32_t index = table.init_partition_count; index < table.partition_count; ++index) {
    if (!std::binary_search(registered.begin(), registered.end(), index)) missing.push_back(index);
  }
  if (facts.children_registered != RangesOf(registered) ||
      facts.children_missing != RangesOf(missing)) {
    return "the children are not those that the table has and lacks";
  }
  const bool is_settled =
      plan_.options.settlements.contains(SettlementKey(finding.app_id, kPartitionCountField));
  if (facts.records_after.empty() != is_settled || !DescribeIt(finding, facts.records_after) ||
      facts.records_after.size() == DecisionOf(finding).described_by.size()) {
    return "'records_after' are not some of the nodes that describe the table";
  }
  return "";
}

std::string FactConsistency::Problem(const Finding&, const found::AppIdOutOfRange& facts) {
  if (facts.nodes.empty()) return "'nodes' is empty";
  const auto replicas_least = static_cast<int64_t>(facts.name.empty() ? facts.nodes.size() : 0);
  if (facts.replicas < replicas_least) return "'replicas' is below the number of 'nodes'";
  return "";
}

// Whether the decision for that key leaves a table out that nodes describe.
bool FactConsistency::IsLeftOut(const std::string& key) const {
  const absl::string_view value = metarec::DecisionOf(plan_.options, key);
  return value == (key.find('.') == std::string::npos ? kSettleIgnore
                                                      : TableStatusName(TableStatus::kDropped));
}

std::string FactConsistency::Problem(const Finding& finding, const found::AppIdGap& facts) {
  if (facts.nodes.empty()) return "'nodes' is empty";
  const auto replicas_least = static_cast<int64_t>(facts.name.empty() ? facts.nodes.size() : 0);
  if (facts.replicas < replicas_least) return "'replicas' is below the number of 'nodes'";
  gaps_.emplace(finding.app_id, facts.below);
  if (finding.severity != Severity::kWarning) {
    if (finding.app_id <= static_cast<int64_t>(plan_.tables.size()))
      set_aside_.insert(finding.app_id);
  } else if (finding.app_id > static_cast<int64_t>(plan_.tables.size()) ||
             DecisionOf(finding).placeholder) {
    return "the table is not in the plan, while it counts";
  } else if (facts.replicas != DecisionOf(finding).replicas ||
             !std::includes(facts.nodes.begin(), facts.nodes.end(),
                            DecisionOf(finding).described_by.begin(),
                            DecisionOf(finding).described_by.end())) {
    return "'nodes' or 'replicas' are not those of the table";
  } else if (!DecisionOf(finding).described_by.empty() &&
             metarec::DecisionOf(plan_.options, SettlementKey(finding.app_id)) != kSettleKeep) {
    return "no settlement keeps the id";
  }
  tables_left_out_.insert(finding.app_id);
  return "";
}

std::string FactConsistency::Problem(const Finding& finding, const found::TableLeftOut& facts) {
  if (!DecisionOf(finding).placeholder) return "the table is no placeholder";
  if (facts.name.empty()) return "'name' is empty";
  if (!IsLeftOut(SettlementKey(finding.app_id)) &&
      !IsLeftOut(SettlementKey(finding.app_id, "status"))) {
    return "no settlement leaves the table out";
  }
  tables_left_out_.insert(finding.app_id);
  described_left_out_.insert(finding.app_id);
  return "";
}

std::string FactConsistency::Problem(const Finding& finding,
                                     const found::ReplicasWithoutTable& facts) {
  const TopologyTable& table = TableOf(finding);
  const auto nodes = static_cast<int64_t>(facts.nodes.size());
  if (facts.replicas != DecisionOf(finding).replicas) return "'replicas' is not that of the table";
  if (!DecisionOf(finding).placeholder) {
    const TableTally& tally = tally_.OfTable(finding.app_id);
    if (facts.indices == RangesOf(tally.indexes) &&
        std::equal(facts.nodes.begin(), facts.nodes.end(), tally.nodes.begin(),
                   tally.nodes.end())) {
      return "";
    }
    return "'indices' or 'nodes' are not those of the table's replicas";
  }
  tables_left_out_.insert(finding.app_id);
  const int64_t indices = CountOf(facts.indices);
  if (facts.replicas < std::max(indices, nodes) || indices * nodes < facts.replicas) {
    return "so many 'replicas' cannot be of these 'indices' on these 'nodes'";
  }
  const bool is_ignored = finding.severity == Severity::kHazard;
  if (table.partition_count != (is_ignored ? facts.indices.back().last + 1 : 1)) {
    return "the placeholder does not have as many partitions as these 'indices' need";
  }
  return "";
}

std::string FactConsistency::Problem(const Finding& finding,
                                     const found::ReplicaBeyondCount& facts) {
  const bool is_decided = finding.severity == Severity::kHazard;
  const bool says_so = last_.has_value() && last_->kind() == FindingKind::kSettled &&
                       last_->app_id == finding.app_id &&
                       last_->partition_index == finding.partition_index;
  if (is_decided != says_so) return "there is no finding settled that it was ignored";
  if (facts.nodes.empty()) return "'nodes' is empty";
  highest_beyond_.emplace(finding.app_id, facts.highest_index);
  last_beyond_[finding.app_id] = finding.partition_index;
  if (facts.highest_index < finding.partition_index ||
      facts.highest_index != highest_beyond_[finding.app_id]) {
    return "'highest_index' is not the highest of the table's replicas";
  }
  return "";
}

std::string FactConsistency::Problem(const Finding& finding, const found::Settled& facts) {
  std::string problem = ProblemOfKey(finding, facts);
  if (problem.empty()) problem = ProblemOfDecision(finding, facts);
  if (!settled_keys_.insert(facts.key).second) return "'key' is that of another one, too";
  return problem;
}

std::string FactConsistency::ProblemOfKey(const Finding& finding,
                                          const found::Settled& facts) const {
  if (!plan_.options.settlements.contains(facts.key)) {
    return "'key' is none of the options' settlements";
  }
  const bool is_of_table = facts.key == SettlementKey(finding.app_id) ||
                           facts.key.rfind(SettlementKey(finding.app_id, ""), 0) == 0;
  const std::string of_partition = SettlementKey(finding.app_id, finding.partition_index);
  if (!is_of_table || (finding.partition_index >= 0 && facts.key != of_partition)) {
    return "'key' is that of something else";
  }
  if (SettlementKeysOf({.facts = FindingFacts::Of(facts.conflict)}).empty()) {
    return "'conflict' is no kind that is settled";
  }
  return "";
}

// Checks that the plan has what was decided.
std::string FactConsistency::ProblemOfDecision(const Finding& finding,
                                               const found::Settled& facts) const {
  const std::string& value = plan_.options.settlements.at(facts.key);
  constexpr absl::string_view kOtherConflict = "'conflict' is not what its 'key' settles";
  if (finding.partition_index >= 0) {
    if (facts.conflict != FindingKind::kReplicaBeyondCount) return std::string(kOtherConflict);
    return value == kSettleIgnore && facts.values.empty() ? "" : "'ignore' was not decided";
  }
  const bool leaves_out = facts.conflict == FindingKind::kTableProbablyDropped;
  if (facts.key == SettlementKey(finding.app_id) || leaves_out) {
    if (leaves_out && !IsLeftOut(facts.key)) return std::string(kOtherConflict);
    const FindingKind told = leaves_out ? FindingKind::kTableLeftOut : facts.conflict;
    const bool is_of_last = last_.has_value() && last_->kind() == told &&
                            last_->app_id == finding.app_id &&
                            (leaves_out || facts.conflict == FindingKind::kAppIdOutOfRange ||
                             facts.conflict == FindingKind::kAppIdGap ||
                             facts.conflict == FindingKind::kReplicasWithoutTable);
    return is_of_last && facts.values.empty() ? "" : std::string(kOtherConflict);
  }
  const std::string field = facts.key.substr(SettlementKey(finding.app_id, "").size());
  if (facts.values.empty()) {
    if (facts.conflict != FindingKind::kReplicaBeyondCount || field != kPartitionCountField) {
      return std::string(kOtherConflict);
    }
    int32_t count = 0;
    const bool is_taken =
        absl::SimpleAtoi(value, &count) && count == TableOf(finding).partition_count;
    return is_taken ? "" : "the table has another number of partitions than was decided";
  }
  return records_.ProblemOf(finding, field, facts);
}

}  // namespace metarec
