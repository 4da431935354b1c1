#include "meta_recovery/report/finding_text.h"

#include <algorithm>
#include <concepts>
#include <map>
#include <set>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "meta_recovery/planner/finding_registry.h"
#include "meta_recovery/planner/finding_sentences.h"
#include "meta_recovery/planner/plan_options.h"
#include "meta_recovery/planner/plan_text.h"
#include "meta_recovery/planner/record_reconciliation.h"
#include "meta_recovery/planner/settlements.h"
#include "meta_recovery/planner/unique_names.h"

namespace metarec {
namespace {

constexpr absl::string_view kDescribeTable = "NAME:PARTITION_COUNT:MAX_REPLICA_COUNT";

std::string Settle(absl::string_view key, absl::string_view value) {
  return Printable(absl::StrCat("--settle ", ShellWord(absl::StrCat(key, "=", value))));
}

int32_t PartitionCount(const RecoveryPlan& plan, int32_t app_id) {
  const size_t table = FindTable(plan, app_id);
  return table == SIZE_MAX ? 0 : plan.topology.tables[table].partition_count;
}

// The partition count, doubled until it covers the highest index: counts grow by splits.
std::string CountAbove(int64_t count, int64_t highest_index) {
  if (count <= 0) return "PARTITION_COUNT";
  while (count <= highest_index) count *= 2;
  return absl::StrCat(count);
}

// In Pegasus's shell; empty if there is none.
std::string ShellCommand(const RecoveryPlan& plan, const Finding& finding) {
  const absl::string_view name = TableName(plan, finding.app_id);
  if (finding.kind() == FindingKind::kTableProbablyDropped) {
    return IsUsableInShell(name) ? absl::StrCat("drop ", name) : "";
  }
  if (finding.kind() == FindingKind::kSplitCompleted) {
    return absl::StrCat("use ", name, "; set_app_envs replica.split.validate_partition_hash true");
  }
  return "";
}

// The facts of a kind as texts: its own fields, and what else belongs to them.
class FactWriter {
 public:
  FactWriter(const RecoveryPlan& plan, const Finding& finding) : plan_(plan), finding_(finding) {}

  std::vector<std::pair<absl::string_view, std::string>> Run() {
    finding_.facts.Visit([this](const auto& facts) { Write(facts); });
    return std::move(texts_);
  }

  // One field.
  void operator()(absl::string_view key, absl::string_view text) {
    if (!text.empty()) texts_.emplace_back(key, std::string(text));
  }
  void operator()(absl::string_view key, int32_t number) { (*this)(key, absl::StrCat(number)); }
  void operator()(absl::string_view key, int64_t number) { (*this)(key, absl::StrCat(number)); }
  // Not for texts, which would convert to it.
  void operator()(absl::string_view key, std::same_as<bool> auto yes) {
    (*this)(key, absl::string_view(yes ? "true" : "false"));
  }
  void operator()(absl::string_view key, CarriedZnodes fate) {
    (*this)(key, CarriedZnodesName(fate));
  }
  void operator()(absl::string_view key, NodeIndex node) { (*this)(key, NodeName(plan_, node)); }
  void operator()(absl::string_view key, RecordRule rule) { (*this)(key, RecordRuleName(rule)); }
  void operator()(absl::string_view key, FindingKind kind) { (*this)(key, FindingKindName(kind)); }
  void operator()(absl::string_view key, BeaconDoubt doubt) {
    (*this)(key, BeaconDoubtName(doubt));
  }
  void operator()(absl::string_view key, const std::vector<std::string>& texts) {
    (*this)(key, JoinedItems(texts));
  }
  void operator()(absl::string_view key, ReplicaStatus status) {
    (*this)(key, ReplicaStatusName(status));
  }
  void operator()(absl::string_view key, const std::vector<NodeIndex>& nodes) {
    std::vector<std::string> names;
    names.reserve(nodes.size());
    for (const NodeIndex node : nodes) names.emplace_back(NodeName(plan_, node));
    (*this)(key, JoinedItems(names));
  }
  void operator()(absl::string_view key, const std::vector<IndexRange>& ranges) {
    (*this)(key, RangesText(ranges));
  }
  void operator()(absl::string_view key, const std::vector<WeighedValue>& values) {
    (*this)(key, ValuesText(plan_, values));
  }
  void operator()(absl::string_view key, const std::vector<CountedText>& problems) {
    (*this)(key, ProblemsText(problems));
  }

 private:
  template <typename Facts>
  void WriteFields(const Facts& facts) {
    Facts::ForEach(facts, *this);
  }

  template <typename Facts>
  void Write(const Facts& facts) {
    WriteFields(facts);
  }

  void Write(const found::BadNode& facts) {
    WriteListedAs();
    if (finding_.node < plan_.nodes.size()) {
      (*this)("err", plan_.nodes[finding_.node].error);
      (*this)("detail", plan_.nodes[finding_.node].error_detail);
    }
    WriteFields(facts);
  }
  void Write(const found::SkippedNodeReturns&) { WriteListedAs(); }
  void Write(const found::NodeOnDisk&) {
    WriteListedAs();
    if (finding_.node >= plan_.nodes.size()) return;
    const NodeDecision& node = plan_.nodes[finding_.node];
    (*this)("replicas", node.replicas);
    (*this)("folders_unusable", node.folders_unusable);
    (*this)("folders_set_aside", node.folders_set_aside);
  }
  void Write(const found::NodeNameDiffers& facts) {
    WriteFields(facts);
    (*this)("name", finding_.node);
    if (finding_.node < plan_.nodes.size()) {
      (*this)("source", NodeNameSourceName(plan_.nodes[finding_.node].name_source));
    }
  }
  void Write(const found::NodeListedTwice&) {
    WriteListedAs();
    (*this)("name", finding_.node);
  }
  void Write(const found::NodeNameAmbiguous& facts) {
    WriteFields(facts);
    WriteAddress();
  }
  void Write(const found::NodeAddressDiffers&) {
    WriteListedAs();
    WriteAddress();
    if (finding_.node < plan_.nodes.size()) {
      (*this)("own_address", plan_.nodes[finding_.node].own_address.ToString());
    }
  }
  void Write(const found::LoopbackAmongOthers&) {
    WriteListedAs();
    WriteAddress();
  }
  void Write(const found::BeaconNotBelieved& facts) {
    WriteListedAs();
    WriteAddress();
    WriteFields(facts);
    (*this)("name", finding_.node);
  }
  void Write(const found::StillServed& facts) {
    WriteFields(facts);
    (*this)("accepted", finding_.severity == Severity::kWarning ? "true" : "false");
  }
  void Write(const found::TableInOldTree& facts) {
    const size_t table = FindTable(plan_, finding_.app_id);
    if (table != SIZE_MAX) (*this)("use", OldTreeUseName(plan_.tables[table].old_tree));
    WriteTree(facts.tree);
    WriteFields(facts);
  }
  void Write(const found::CountInOldTree& facts) {
    WriteFields(facts);
    WriteTree(facts.tree);
    (*this)("planned", PartitionCount(plan_, finding_.app_id));
  }
  void Write(const found::ValueCarried& facts) {
    const size_t table = FindTable(plan_, finding_.app_id);
    WriteFields(facts);
    if (table == SIZE_MAX) return;
    (*this)("value", TextOfField(plan_.topology.tables[table], facts.field).value_or(""));
  }
  void Write(const found::ZnodesCarried& facts) {
    WriteFields(facts);
    WriteTree(facts.tree);
  }
  void Write(const found::TableRenamed& facts) {
    (*this)("old_name", OldTableName(plan_, finding_.app_id));
    (*this)("new_name", TableName(plan_, finding_.app_id));
    WriteFields(facts);
  }
  void Write(const found::NameUnusableInShell&) {
    WriteName();
    (*this)("renamed", finding_.severity == Severity::kHazard ? "true" : "false");
  }
  void Write(const found::TableProbablyDropped& facts) {
    WriteName();
    WriteFields(facts);
    WriteCommand();
  }
  void Write(const found::RecordsConflict& facts) {
    WriteFields(facts);
    WriteSettle();
  }
  void Write(const found::RecordsDiffer& facts) {
    WriteFields(facts);
    if (facts.rule != RecordRule::kOperation) WriteSettle();
  }
  void Write(const found::SplitUnfinished& facts) {
    if (const size_t table = FindTable(plan_, finding_.app_id); table != SIZE_MAX) {
      (*this)("partition_count_before", plan_.topology.tables[table].init_partition_count);
      (*this)("partition_count_after", plan_.topology.tables[table].partition_count);
    }
    WriteFields(facts);
  }
  void Write(const found::SplitCompleted& facts) {
    WriteFields(facts);
    (*this)("partition_count", PartitionCount(plan_, finding_.app_id));
    WriteCommand();
  }
  void Write(const found::TableLostState& facts) {
    const size_t table = FindTable(plan_, finding_.app_id);
    std::vector<std::string> keys;
    std::vector<WeighedValue> sources = facts.env_sources;
    if (table != SIZE_MAX) {
      const std::map<std::string, std::string>& envs = plan_.topology.tables[table].envs;
      for (const auto& [key, value] : envs) keys.push_back(key);
      for (WeighedValue& source : sources) {
        const auto env = envs.find(source.value);
        if (env != envs.end()) absl::StrAppend(&source.value, "=", env->second);
      }
    }
    (*this)("envs_kept", JoinedItems(keys));
    (*this)("env_sources", sources);
    (*this)("duplicating_nodes", facts.duplicating_nodes);
    const bool is_bulk_loading = table != SIZE_MAX && plan_.topology.tables[table].is_bulk_loading;
    (*this)("bulk_loading", is_bulk_loading ? "true" : "");
  }
  void Write(const found::Placeholder&) { WriteName(); }
  void Write(const found::AppIdOutOfRange& facts) {
    (*this)("max_app_id", plan_.options.max_app_id);
    WriteFields(facts);
    WriteSettle();
  }
  void Write(const found::AppIdGap& facts) {
    WriteFields(facts);
    WriteSettle();
    (*this)("settled", DecisionOf(plan_.options, SettlementKey(finding_.app_id)));
  }
  void Write(const found::ReplicasWithoutTable& facts) {
    WriteFields(facts);
    WriteSettle();
    (*this)("settled", DecisionOf(plan_.options, SettlementKey(finding_.app_id)));
  }
  void Write(const found::Settled& facts) {
    (*this)("key", facts.key);
    (*this)("value", DecisionOf(plan_.options, facts.key));
    (*this)("conflict", facts.conflict);
    (*this)("values", facts.values);
  }
  void Write(const found::ReplicasMissing& facts) {
    WriteFields(facts);
    WriteExpected();
  }
  void Write(const found::PartitionLost& facts) {
    WriteExpected();
    if (facts.split_parent >= 0) WriteFields(facts);
  }
  void Write(const found::ReplicaBeyondCount& facts) {
    (*this)("partition_count", PartitionCount(plan_, finding_.app_id));
    WriteFields(facts);
    WriteSettle();
    (*this)("settled",
            DecisionOf(plan_.options, SettlementKey(finding_.app_id, finding_.partition_index)));
  }

  void WriteListedAs() { (*this)("listed_as", JoinedItems(ListedAs(plan_, finding_.node))); }
  void WriteAddress() {
    if (finding_.node >= plan_.topology.nodes.size()) return;
    (*this)("address", plan_.topology.nodes[finding_.node].address.ToString());
  }
  void WriteTree(int32_t tree) {
    const auto index = static_cast<size_t>(tree);
    if (index < plan_.old_trees.size()) (*this)("source", plan_.old_trees[index].source);
  }
  void WriteName() { (*this)("name", TableName(plan_, finding_.app_id)); }
  void WriteExpected() { (*this)("expected", MaxReplicaCount(plan_, finding_.app_id)); }
  void WriteCommand() { (*this)("command", ShellCommand(plan_, finding_)); }
  void WriteSettle() { (*this)("settle", absl::StrJoin(SettlementKeysOf(finding_), ",")); }

  const RecoveryPlan& plan_;
  const Finding& finding_;
  std::vector<std::pair<absl::string_view, std::string>> texts_;
};

void AppendBadNodeHints(const RecoveryPlan& plan, absl::Span<const std::string> node_list_order,
                        std::vector<std::string>& lines) {
  std::map<std::string, const Finding*> by_text;
  std::vector<const Finding*> bad_nodes;
  for (const Finding& finding : plan.findings) {
    if (finding.kind() != FindingKind::kBadNode) continue;
    bad_nodes.push_back(&finding);
    for (const std::string& text : plan.nodes[finding.node].listed_as) {
      by_text.emplace(text, &finding);
    }
  }
  std::set<const Finding*> said;
  for (const std::string& text : node_list_order) {
    const auto it = by_text.find(text);
    if (it == by_text.end() || !said.insert(it->second).second) continue;
    lines.push_back(BadNodeHint(plan, *it->second, text));
  }
  for (const Finding* finding : bad_nodes) {
    if (said.contains(finding)) continue;
    const std::vector<std::string>& listed_as = plan.nodes[finding->node].listed_as;
    lines.push_back(BadNodeHint(
        plan, *finding,
        listed_as.empty() ? plan.topology.nodes[finding->node].name : listed_as.front()));
  }
}

}  // namespace

std::string FindingStatement(const RecoveryPlan& plan, const Finding& finding) {
  return Printable(RowOf(finding.kind()).sentence(plan, finding));
}

std::string FindingSentence(const RecoveryPlan& plan, const Finding& finding) {
  const std::string statement = FindingStatement(plan, finding);
  const std::vector<std::string> commands = FindingCommands(plan, finding);
  if (commands.empty()) return statement;
  return absl::StrCat(statement, ": ", absl::StrJoin(commands, " or "));
}

std::string OptionWordsWithChoices(const RecoveryPlan& plan, const FirstChoices& first) {
  PlanOptions options = plan.options;
  options.max_app_id = std::max(options.max_app_id, first.max_app_id.value_or(0));
  std::string words = PlanOptionWords(options);
  for (const std::string& settlement : first.settlements) absl::StrAppend(&words, " ", settlement);
  if (!first.are_all) absl::StrAppend(&words, " ...");
  return words;
}

std::vector<std::string> FindingCommands(const RecoveryPlan& plan, const Finding& finding) {
  std::vector<std::string> choices = SettleChoices(plan, finding);
  if (!choices.empty()) return choices;
  const std::string command = ShellCommand(plan, finding);
  if (command.empty()) return {};
  return {Printable(command)};
}

std::vector<std::string> SettleChoices(const RecoveryPlan& plan, const Finding& finding) {
  std::vector<std::string> choices;
  const std::vector<std::string> keys = SettlementKeysOf(finding);
  if (finding.kind() == FindingKind::kTableProbablyDropped &&
      finding.severity == Severity::kError) {
    choices.push_back(Settle(keys.front(), kSettleIgnore));
    choices.push_back(absl::StrCat("--skip_lost_partitions=", finding.app_id));
  }
  if (finding.severity != Severity::kConflict) return choices;
  if (const auto* differing = finding.facts.As<found::RecordsConflict>()) {
    for (const WeighedValue& value : differing->values) {
      choices.push_back(Settle(keys.front(), value.value));
    }
  } else if (finding.kind() == FindingKind::kAppIdOutOfRange) {
    if (CanRaiseMaxAppId(finding)) {
      choices.push_back(absl::StrCat("--max_app_id ", finding.app_id));
    }
    choices.push_back(Settle(keys.front(), kSettleIgnore));
  } else if (const auto* gap = finding.facts.As<found::AppIdGap>()) {
    choices.push_back(Settle(keys.front(), gap->name.empty() ? kDescribeTable : kSettleKeep));
    choices.push_back(Settle(keys.front(), kSettleIgnore));
  } else if (finding.kind() == FindingKind::kReplicasWithoutTable) {
    choices.push_back(Settle(keys.front(), kDescribeTable));
    choices.push_back(Settle(keys.front(), kSettleIgnore));
  } else if (const auto* beyond = finding.facts.As<found::ReplicaBeyondCount>()) {
    const int32_t count = PartitionCount(plan, finding.app_id);
    choices.push_back(Settle(keys.front(), CountAbove(count, beyond->highest_index)));
    choices.push_back(Settle(keys.back(), kSettleIgnore));
  }
  return choices;
}

namespace {

// Whether the first choice has parts in capitals.
bool IsToBeFilledIn(const RecoveryPlan& plan, const Finding& finding) {
  const auto* gap = finding.facts.As<found::AppIdGap>();
  return finding.kind() == FindingKind::kReplicasWithoutTable ||
         (gap != nullptr && gap->name.empty()) ||
         (finding.kind() == FindingKind::kReplicaBeyondCount &&
          PartitionCount(plan, finding.app_id) <= 0);
}

}  // namespace

FirstChoices FirstChoicesOf(const RecoveryPlan& plan, size_t most) {
  FirstChoices first;
  for (const Finding& finding : plan.findings) {
    if (!CanRaiseMaxAppId(finding)) continue;
    first.max_app_id = std::max(first.max_app_id.value_or(0), finding.app_id);
  }
  if (first.max_app_id.has_value()) --most;
  std::set<std::string> given;
  for (const Severity severity : {Severity::kConflict, Severity::kError}) {
    for (const FindingGroup& group : GroupFindings(plan, severity)) {
      for (const Finding* finding : group.findings) {
        if (CanRaiseMaxAppId(*finding)) continue;
        const std::vector<std::string> choices = SettleChoices(plan, *finding);
        if (choices.empty() || !given.insert(choices.front()).second) continue;
        if (first.settlements.size() == most) {
          first.are_all = false;
          return first;
        }
        first.settlements.push_back(choices.front());
        first.have_capitals |= IsToBeFilledIn(plan, *finding);
      }
    }
  }
  return first;
}

std::vector<std::pair<absl::string_view, std::string>> FactTexts(const RecoveryPlan& plan,
                                                                 const Finding& finding) {
  return FactWriter(plan, finding).Run();
}

bool IsLossOfDropped(const RecoveryPlan& plan, const Finding& finding) {
  if (finding.kind() != FindingKind::kPartitionLost) return false;
  const size_t table = FindTable(plan, finding.app_id);
  return table < plan.tables.size() && plan.tables[table].probably_dropped;
}

bool IsAbout(const Finding& finding, const TableOrPartition& subject) {
  return finding.app_id == subject.app_id &&
         (subject.partition_index < 0 || finding.partition_index == subject.partition_index);
}

std::vector<FindingGroup> GroupFindings(const RecoveryPlan& plan, Severity severity,
                                        const std::optional<TableOrPartition>& only) {
  std::map<std::pair<int, FindingKind>, std::vector<const Finding*>> by_gravity;
  for (const Finding& finding : plan.findings) {
    if (finding.severity != severity) continue;
    if (only.has_value() && !IsAbout(finding, *only)) continue;
    by_gravity[{RowOf(finding.kind()).gravity, finding.kind()}].push_back(&finding);
  }
  std::vector<FindingGroup> groups;
  groups.reserve(by_gravity.size());
  for (auto& [key, findings] : by_gravity) groups.push_back({key.second, std::move(findings)});
  return groups;
}

std::vector<std::string> HintLines(const RecoveryPlan& plan,
                                   absl::Span<const std::string> node_list_order) {
  std::vector<std::string> lines;
  AppendBadNodeHints(plan, node_list_order, lines);
  // What dropped tables lack must not hide what others lost.
  std::vector<std::string> lacks_of_dropped;
  for (const Finding& finding : plan.findings) {
    const auto hint = RowOf(finding.kind()).hint;
    const bool is_said = hint == nullptr || finding.kind() == FindingKind::kBadNode;
    if (is_said) continue;
    std::string line = hint(plan, finding, "");
    if (line.empty()) continue;
    (IsLossOfDropped(plan, finding) ? lacks_of_dropped : lines).push_back(std::move(line));
  }
  lines.insert(lines.end(), lacks_of_dropped.begin(), lacks_of_dropped.end());
  for (std::string& line : lines) line = Printable(line);  // names come from servers
  return lines;
}

}  // namespace metarec
