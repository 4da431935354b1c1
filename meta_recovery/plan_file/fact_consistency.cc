#include "meta_recovery/plan_file/fact_consistency.h"

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "idl/error_names.h"
#include "idl/ipv4_endpoint.h"
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

bool IsMoreSupported(const WeighedValue& a, const WeighedValue& b) {
  if (a.weight != b.weight) return a.weight > b.weight;
  return a.nodes.size() > b.nodes.size();
}

bool IsHighest(absl::string_view chosen, absl::Span<const WeighedValue> values) {
  int64_t highest = 0;
  if (!absl::SimpleAtoi(chosen, &highest)) return false;
  bool is_there = false;
  for (const WeighedValue& value : values) {
    int64_t number = 0;
    if (!absl::SimpleAtoi(value.value, &number) || number > highest) return false;
    is_there |= value.value == chosen;
  }
  return is_there;
}

// How a field of that rule is decided; none if it is never decided by rule.
std::optional<RecordRule> DecidedBy(TableFieldRule rule) {
  if (rule == TableFieldRule::kVote || rule == TableFieldRule::kVoteByKey) return RecordRule::kVote;
  if (rule == TableFieldRule::kHighest) return RecordRule::kHighest;
  if (rule == TableFieldRule::kAlwaysAvailable) return RecordRule::kAvailable;
  return std::nullopt;
}

// Whether a table record may have this value of the field, as values are written in findings.
bool IsValueOf(const std::string& field, const std::string& text) {
  bool is_value = true;
  VisitTableFields([&](auto row) {
    if (field != row.name) return;
    using Value = std::remove_cvref_t<decltype(row.of(std::declval<TableDescription&>()))>;
    if constexpr (std::is_same_v<Value, bool>) {
      is_value = text == "true" || text == "false";
    } else if constexpr (std::is_integral_v<Value>) {
      int64_t number = 0;
      is_value = absl::SimpleAtoi(text, &number) && absl::StrCat(number) == text &&
                 number >= row.bounds.least && number <= row.bounds.most;
    } else if constexpr (std::is_same_v<Value, TableStatus>) {
      is_value = absl::StartsWith(text, "AS_");
    }
  });
  return is_value;
}

bool AscendStrictly(absl::Span<const std::string> texts) {
  for (size_t i = 1; i < texts.size(); ++i) {
    if (texts[i] <= texts[i - 1]) return false;
  }
  return true;
}

// Whether they are addresses, ascending, and not none.
bool AreAddresses(absl::Span<const std::string> texts) {
  Ipv4Endpoint before;
  for (const std::string& text : texts) {
    const absl::StatusOr<Ipv4Endpoint> address = ParseIpv4Endpoint(text);
    if (!address.ok() || !(before < *address)) return false;
    before = *address;
  }
  return !texts.empty();
}

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
    if (tally_.OfTable(table.app_id).is_undecided && !undecided_counts_.contains(table.app_id)) {
      return absl::StrCat(name, "it has no partitions, and no finding says that nodes report its ",
                          kPartitionCountField, " differently");
    }
  }
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

bool FactConsistency::DescribeIt(const Finding& finding, absl::Span<const NodeIndex> nodes) const {
  const std::vector<NodeIndex>& described_by = DecisionOf(finding).described_by;
  return std::includes(described_by.begin(), described_by.end(), nodes.begin(), nodes.end());
}

std::string FactConsistency::Problem(const Finding& finding,
                                     const found::NodeNameAmbiguous& facts) {
  const std::vector<std::string>& listed_as = plan_.nodes[finding.node].listed_as;
  if (!std::binary_search(listed_as.begin(), listed_as.end(), facts.listed_as)) {
    return "'listed_as' is none of the node's entries in the list";
  }
  return AreAddresses(facts.not_asked) ? "" : "'not_asked' are not addresses, ascending";
}

std::string FactConsistency::Problem(const Finding&, const found::BeaconNotBelieved& facts) {
  if (facts.names.empty() || facts.doubt == BeaconDoubt::kNone) return "there is no doubt";
  return AscendStrictly(facts.names) ? "" : "'names' does not ascend";
}

std::string FactConsistency::Problem(const Finding&, const found::UnlistedServer& facts) {
  const absl::StatusOr<Ipv4Endpoint> address = ParseIpv4Endpoint(facts.address);
  if (!address.ok()) return "'address' is none";
  for (const TopologyNode& node : plan_.topology.nodes) {
    if (node.address == *address) return "'address' is that of a node of the list";
  }
  return AscendStrictly(facts.names) ? "" : "'names' does not ascend";
}

std::string FactConsistency::Problem(const Finding&, const found::UnconfirmedBeacons& facts) {
  if (facts.servers < static_cast<int64_t>(facts.addresses.size()) ||
      !AreAddresses(facts.addresses)) {
    return "'addresses' are not those of 'servers', ascending";
  }
  return "";
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
  tables_with_problems_.insert(finding.app_id);
  return "";
}

// The values of a field that nodes report differently, the best supported first.
std::string FactConsistency::ProblemOfValues(const Finding& finding, const std::string& field,
                                             absl::Span<const WeighedValue> values) const {
  const std::vector<NodeIndex>& described_by = DecisionOf(finding).described_by;
  const TableTally& tally = tally_.OfTable(finding.app_id);
  // Replicas that no partition has may have given weight, too.
  const bool is_weight_known =
      !tally.weights.empty() && tally.replicas == DecisionOf(finding).replicas;
  const bool is_status = RuleOfField(field) == TableFieldRule::kAlwaysAvailable;
  if (values.size() < (is_status ? 1 : 2)) return "'values' has too few";
  std::set<NodeIndex> nodes;
  std::set<absl::string_view> texts;
  for (size_t i = 0; i < values.size(); ++i) {
    const WeighedValue& value = values[i];
    if (i > 0 && IsMoreSupported(value, values[i - 1])) return "'values' are not in their order";
    if (i > 0 && !IsMoreSupported(values[i - 1], value) && value.value > values[i - 1].value) {
      return "'values' are not in their order";
    }
    if (!texts.insert(value.value).second) return "'values' has one twice";
    if (!IsValueOf(field, value.value)) return "'values' has one that the field cannot have";
    if (value.nodes.empty()) return "'values' has one that no node reports";
    int64_t weight = 0;
    for (const NodeIndex node : value.nodes) {
      if (!nodes.insert(node).second) return "'values' names a node twice";
      if (is_weight_known) weight += tally.weights[node];
    }
    if (is_weight_known && value.weight != weight) {
      return absl::StrCat("'values' gives one the weight ", value.weight, ", while its nodes have ",
                          weight);
    }
  }
  if (!std::includes(described_by.begin(), described_by.end(), nodes.begin(), nodes.end())) {
    return "'values' names a node that does not describe the table";
  }
  const bool is_env = RuleOfField(field) == TableFieldRule::kVoteByKey;
  if (!is_env && nodes.size() != described_by.size()) {
    return "'values' names not all nodes that describe the table";
  }
  return "";
}

// Checks that the table has that value of a field.
std::string FactConsistency::ProblemOfTaken(const Finding& finding, const std::string& field,
                                            const std::string& value) const {
  const TopologyTable& table = TableOf(finding);
  const std::optional<std::string> taken =
      field == "app_name" ? DecisionOf(finding).old_name : TextOfField(table, field);
  // An env may be too long for ZooKeeper beside those of other nodes.
  if (!taken.has_value() && tables_with_problems_.contains(finding.app_id)) return "";
  if (taken == value) return "";
  return absl::StrCat("the table has another ", Printable(Shortened(field)), " than ",
                      Printable(Shortened(value)));
}

std::string FactConsistency::Problem(const Finding& finding, const found::RecordsDiffer& facts) {
  const std::optional<TableFieldRule> rule = RuleOfField(facts.field);
  if (!rule.has_value() || DecidedBy(*rule) != facts.rule) {
    return "'rule' is not that of 'field'";
  }
  if ((finding.severity == Severity::kNote) != (facts.rule == RecordRule::kAvailable)) {
    return "'severity' is not that of 'rule'";
  }
  std::string problem = ProblemOfValues(finding, facts.field, facts.values);
  if (!problem.empty()) return problem;
  bool is_rule = facts.chosen == TableStatusName(TableStatus::kAvailable);
  if (facts.rule == RecordRule::kVote) {
    // Envs are decided in any case.
    is_rule =
        facts.chosen == facts.values[0].value &&
        (rule == TableFieldRule::kVoteByKey || IsMoreSupported(facts.values[0], facts.values[1]));
  } else if (facts.rule == RecordRule::kHighest) {
    is_rule = IsHighest(facts.chosen, facts.values);
  }
  if (!is_rule) return "'chosen' is not what the rule chooses among 'values'";
  return ProblemOfTaken(finding, facts.field, facts.chosen);
}

std::string FactConsistency::Problem(const Finding& finding, const found::RecordsConflict& facts) {
  const std::optional<TableFieldRule> rule = RuleOfField(facts.field);
  if (!rule.has_value() || !MayBeSettled(*rule)) return "'field' is none that is settled";
  std::string problem = ProblemOfValues(finding, facts.field, facts.values);
  if (!problem.empty()) return problem;
  if (rule == TableFieldRule::kVote && IsMoreSupported(facts.values[0], facts.values[1])) {
    return "one of 'values' is supported best, and needs no decision";
  }
  if (rule == TableFieldRule::kPartitionCount) undecided_counts_.insert(finding.app_id);
  return ProblemOfTaken(finding, facts.field, facts.values[0].value);
}

std::string FactConsistency::Problem(const Finding& finding, const found::SplitUnfinished& facts) {
  const TopologyTable& table = TableOf(finding);
  std::vector<int32_t> registered;
  for (const int32_t index : tally_.OfTable(finding.app_id).indexes) {
    if (index >= table.init_partition_count) registered.push_back(index);
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

std::string FactConsistency::Problem(const Finding& finding, const found::TableLostState& facts) {
  if (!DescribeIt(finding, facts.duplicating_nodes) ||
      facts.duplicating_nodes.empty() == TableOf(finding).duplicating) {
    return "'duplicating_nodes' does not fit the table";
  }
  return "";
}

std::string FactConsistency::Problem(const Finding&, const found::AppIdOutOfRange& facts) {
  if (facts.nodes.empty()) return "'nodes' is empty";
  const auto replicas_least = static_cast<int64_t>(facts.name.empty() ? facts.nodes.size() : 0);
  if (facts.replicas < replicas_least) return "'replicas' is below the number of 'nodes'";
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
  if (facts.key == SettlementKey(finding.app_id)) {
    const bool is_of_last = last_.has_value() && last_->kind() == facts.conflict &&
                            last_->app_id == finding.app_id &&
                            (facts.conflict == FindingKind::kAppIdOutOfRange ||
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
  if (facts.conflict != FindingKind::kRecordsConflict) return std::string(kOtherConflict);
  std::string problem = ProblemOfValues(finding, field, facts.values);
  if (!problem.empty()) return problem;
  if (std::none_of(facts.values.begin(), facts.values.end(),
                   [&](const WeighedValue& candidate) { return candidate.value == value; })) {
    return "what was decided is none of 'values'";
  }
  return ProblemOfTaken(finding, field, value);
}

}  // namespace metarec
