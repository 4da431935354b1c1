#include <algorithm>
#include <type_traits>
#include <utility>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "meta_recovery/plan_file/fact_consistency.h"
#include "meta_recovery/planner/record_reconciliation.h"
#include "meta_recovery/planner/sane_values.h"
#include "meta_recovery/planner/settlements.h"

namespace metarec {
namespace {

constexpr absl::string_view kEnvs = "envs.";

bool IsMoreSupported(const WeighedValue& a, const WeighedValue& b) {
  if (a.weight != b.weight) return a.weight > b.weight;
  return a.nodes.size() > b.nodes.size();
}

// Whether an env is said to be from the nodes with that value.
bool IsSource(const WeighedValue& source, const WeighedValue& value) {
  return source.weight == value.weight && source.nodes == value.nodes;
}

// The finding that there would be without a decision between these values.
FindingKind ConflictOver(TableFieldRule rule, absl::Span<const WeighedValue> values) {
  const bool must_be_settled =
      rule == TableFieldRule::kMustAgree || rule == TableFieldRule::kPartitionCount ||
      (rule == TableFieldRule::kVote && !IsMoreSupported(values[0], values[1]));
  return must_be_settled ? FindingKind::kRecordsConflict : FindingKind::kRecordsDiffer;
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

// Whether fields of that kind are decided so.
bool Decides(RecordRule rule, TableFieldRule field) {
  switch (rule) {
    case RecordRule::kVote:
      return field == TableFieldRule::kVote || field == TableFieldRule::kVoteByKey;
    case RecordRule::kHighest:
      return field == TableFieldRule::kHighest;
    case RecordRule::kAvailable:
      return field == TableFieldRule::kAlwaysAvailable;
    case RecordRule::kOutdated:
    case RecordRule::kOperation:
      return field == TableFieldRule::kVoteByKey;
  }
  return false;
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

}  // namespace

bool RecordConsistency::DescribeIt(const Finding& finding,
                                   absl::Span<const NodeIndex> nodes) const {
  const std::vector<NodeIndex>& described_by = DecisionOf(finding).described_by;
  return std::includes(described_by.begin(), described_by.end(), nodes.begin(), nodes.end());
}

std::optional<int64_t> RecordConsistency::WeightOf(const Finding& finding,
                                                   absl::Span<const NodeIndex> nodes) const {
  const TableTally& tally = tally_.OfTable(finding.app_id);
  // Replicas that no partition has may have given weight, too.
  if (tally.weights.empty() || tally.replicas != DecisionOf(finding).replicas) return std::nullopt;
  int64_t weight = 0;
  for (const NodeIndex node : nodes) weight += tally.weights[node];
  return weight;
}

bool RecordConsistency::IsDecided(const Finding& finding, const std::string& field) const {
  return plan_.options.settlements.contains(SettlementKey(finding.app_id, field));
}

// The values of a field that nodes report differently, the best supported first.
std::string RecordConsistency::ProblemOfValues(const Finding& finding, const std::string& field,
                                               absl::Span<const WeighedValue> values) const {
  const std::optional<TableFieldRule> rule = RuleOfField(field);
  const bool is_env = rule == TableFieldRule::kVoteByKey;
  const bool may_be_one = is_env || rule == TableFieldRule::kAlwaysAvailable;
  if (values.size() < (may_be_one ? 1 : 2)) return "'values' has too few";
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
    for (const NodeIndex node : value.nodes) {
      if (!nodes.insert(node).second) return "'values' names a node twice";
    }
    if (!DescribeIt(finding, value.nodes)) {
      return "'values' names a node that does not describe the table";
    }
    const std::optional<int64_t> weight = WeightOf(finding, value.nodes);
    if (weight.has_value() && value.weight != *weight) {
      return absl::StrCat("'values' gives one the weight ", value.weight, ", while its nodes have ",
                          *weight);
    }
  }
  if (!is_env && nodes.size() != DecisionOf(finding).described_by.size()) {
    return "'values' names not all nodes that describe the table";
  }
  return "";
}

// Checks that the table has that value of a field.
std::string RecordConsistency::ProblemOfTaken(const Finding& finding, const std::string& field,
                                              const std::optional<std::string>& value) const {
  const std::optional<std::string> taken = old_trees_.ServersValue(finding.app_id, field);
  if (!value.has_value()) return taken.has_value() ? "the table has the env" : "";
  // An env may be too long for ZooKeeper beside those of other nodes.
  if (!taken.has_value() && tables_with_problems_.contains(finding.app_id)) return "";
  if (taken == value) return "";
  return absl::StrCat("the table has another ", Printable(Shortened(field)), " than ",
                      Printable(Shortened(*value)));
}

// Why an env is taken or left out: it belongs to an operation, only outdated records have it, or
// the best supported value won.
std::string RecordConsistency::ProblemOfEnv(const Finding& finding,
                                            const found::RecordsDiffer& facts) {
  const WeighedValue& best = facts.values[0];
  const std::optional<int64_t> of_all = WeightOf(finding, DecisionOf(finding).described_by);
  const bool may_be_outdated = best.weight == 0 && of_all.value_or(1) > 0;
  const bool must_be_outdated = best.weight == 0 && of_all.value_or(0) > 0;
  RecordRule rule = RecordRule::kVote;
  if (BelongsToOperation(absl::StripPrefix(facts.field, kEnvs), best.value)) {
    rule = RecordRule::kOperation;
  } else if (must_be_outdated || (may_be_outdated && facts.rule == RecordRule::kOutdated)) {
    rule = RecordRule::kOutdated;
  }
  if (facts.rule != rule) return "'rule' is not what the values of the env lead to";
  if (rule == RecordRule::kVote) {
    if (facts.values.size() < 2) return "'values' has too few";
    if (facts.chosen != best.value) return "'chosen' is not what the rule chooses among 'values'";
    BeginTable(finding.app_id);
    voted_envs_[std::string(absl::StripPrefix(facts.field, kEnvs))] = best;
    return ProblemOfTaken(finding, facts.field, facts.chosen);
  }
  if (!facts.chosen.empty()) return "'chosen' is not empty, while the env is left out";
  return ProblemOfTaken(finding, facts.field, std::nullopt);
}

std::string RecordConsistency::ProblemOf(const Finding& finding,
                                         const found::RecordsDiffer& facts) {
  const std::optional<TableFieldRule> rule = RuleOfField(facts.field);
  if (!rule.has_value() || !Decides(facts.rule, *rule)) {
    return "'rule' is not that of 'field'";
  }
  if ((finding.severity == Severity::kNote) != (facts.rule == RecordRule::kAvailable)) {
    return "'severity' is not that of 'rule'";
  }
  if (IsDecided(finding, facts.field)) return "the field was decided otherwise, by a settlement";
  std::string problem = ProblemOfValues(finding, facts.field, facts.values);
  if (!problem.empty()) return problem;
  if (rule == TableFieldRule::kVoteByKey) return ProblemOfEnv(finding, facts);
  bool is_rule = facts.chosen == TableStatusName(TableStatus::kAvailable);
  if (facts.rule == RecordRule::kVote) {
    is_rule =
        facts.chosen == facts.values[0].value && IsMoreSupported(facts.values[0], facts.values[1]);
  } else if (facts.rule == RecordRule::kHighest) {
    is_rule = IsHighest(facts.chosen, facts.values);
  }
  if (!is_rule) return "'chosen' is not what the rule chooses among 'values'";
  return ProblemOfTaken(finding, facts.field, facts.chosen);
}

std::string RecordConsistency::ProblemOf(const Finding& finding,
                                         const found::RecordsConflict& facts) const {
  const std::optional<TableFieldRule> rule = RuleOfField(facts.field);
  if (rule != TableFieldRule::kMustAgree && rule != TableFieldRule::kVote &&
      rule != TableFieldRule::kPartitionCount) {
    return "'field' is none that needs a decision";
  }
  if (IsDecided(finding, facts.field)) return "the field was decided, by a settlement";
  std::string problem = ProblemOfValues(finding, facts.field, facts.values);
  if (!problem.empty()) return problem;
  if (rule == TableFieldRule::kVote && IsMoreSupported(facts.values[0], facts.values[1])) {
    return "one of 'values' is supported best, and needs no decision";
  }
  return ProblemOfTaken(finding, facts.field, facts.values[0].value);
}

std::string RecordConsistency::ProblemOf(const Finding& finding,
                                         const found::TableLostState& facts) {
  const std::vector<NodeIndex>& duplicating = facts.duplicating_nodes;
  const bool is_decided = IsDecided(finding, "duplicating");
  const bool fits = is_decided ? !duplicating.empty() &&
                                     duplicating.size() < DecisionOf(finding).described_by.size()
                               : duplicating.empty() != TableOf(finding).duplicating;
  if (!fits || !DescribeIt(finding, duplicating)) {
    return "'duplicating_nodes' does not fit the table";
  }
  const std::map<std::string, std::string> envs = old_trees_.ServersEnvs(finding.app_id);
  if (!std::equal(
          facts.env_sources.begin(), facts.env_sources.end(), envs.begin(), envs.end(),
          [](const WeighedValue& source, const auto& env) { return source.value == env.first; })) {
    return "'env_sources' are not those of the table's envs";
  }
  BeginTable(finding.app_id);
  env_sources_ = facts.env_sources;
  for (const WeighedValue& source : facts.env_sources) {
    const std::string& key = source.value;
    if (source.nodes.empty() || !DescribeIt(finding, source.nodes)) {
      return "'env_sources' names no nodes that describe the table";
    }
    if (source.weight != WeightOf(finding, source.nodes).value_or(source.weight)) {
      return "'env_sources' has another weight than its nodes";
    }
    if (BelongsToOperation(key, envs.at(key))) {
      return "'env_sources' has an env that belongs to an operation";
    }
    const auto voted = voted_envs_.find(key);
    if (voted != voted_envs_.end() && !IsSource(source, voted->second)) {
      return "'env_sources' does not name the nodes whose value won";
    }
  }
  return "";
}

std::string RecordConsistency::ProblemOf(const Finding& finding, const std::string& field,
                                         const found::Settled& facts) const {
  const std::string& value = plan_.options.settlements.at(facts.key);
  const std::optional<TableFieldRule> rule = RuleOfField(field);
  if (!rule.has_value()) return "'key' names no field";
  std::string problem = ProblemOfValues(finding, field, facts.values);
  if (!problem.empty()) return problem;
  if (facts.conflict != ConflictOver(*rule, facts.values)) {
    return "'conflict' is not what these 'values' are without the decision";
  }
  if (rule == TableFieldRule::kVoteByKey && value == kSettleIgnore) {
    return ProblemOfTaken(finding, field, std::nullopt);
  }
  // A table comes back available whatever nodes report.
  const bool is_status = rule == TableFieldRule::kAlwaysAvailable;
  if (!is_status &&
      std::none_of(facts.values.begin(), facts.values.end(),
                   [&](const WeighedValue& candidate) { return candidate.value == value; })) {
    return "what was decided is none of 'values'";
  }
  for (const WeighedValue& source : env_sources_) {
    if (finding.app_id != table_of_envs_ || field != absl::StrCat(kEnvs, source.value)) continue;
    if (std::none_of(facts.values.begin(), facts.values.end(), [&](const WeighedValue& candidate) {
          return candidate.value == value && IsSource(source, candidate);
        })) {
      return "'values' gives the value that was decided other nodes than 'env_sources' does";
    }
  }
  return ProblemOfTaken(finding, field, value);
}

void RecordConsistency::BeginTable(int32_t app_id) {
  if (std::exchange(table_of_envs_, app_id) == app_id) return;
  voted_envs_.clear();
  env_sources_.clear();
}

}  // namespace metarec
