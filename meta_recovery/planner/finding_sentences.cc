#include "meta_recovery/planner/finding_sentences.h"

#include <algorithm>
#include <vector>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/time/time.h>

#include "base/text/printable.h"
#include "base/text/time_text.h"
#include "base/text/wording.h"
#include "idl/error_names.h"
#include "meta_recovery/planner/plan_text.h"
#include "meta_recovery/planner/planner.h"
#include "meta_recovery/planner/settlements.h"
#include "meta_recovery/planner/unique_names.h"

namespace metarec {
namespace {

std::string SkipBadNode(const RecoveryPlan& plan, NodeIndex node) {
  const absl::Span<const std::string> listed_as = ListedAs(plan, node);
  if (listed_as.empty()) return "--skip_bad_nodes";
  return absl::StrCat("--skip_bad_nodes=", ShellWord(listed_as.front()));
}

std::string ErrorOf(const RecoveryPlan& plan, NodeIndex node, int32_t attempts) {
  if (node >= plan.nodes.size()) return "?";
  const NodeDecision& decision = plan.nodes[node];
  return absl::StrCat(
      decision.error,
      decision.error_detail.empty() ? "" : absl::StrCat(" (", decision.error_detail, ")"),
      attempts == 1 ? "" : absl::StrCat(" after ", attempts, " attempts"));
}

absl::string_view SourceInWords(const RecoveryPlan& plan, NodeIndex node) {
  if (node >= plan.nodes.size()) return "as the node list says";
  switch (plan.nodes[node].name_source) {
    case NodeNameSource::kOverride:
      return "--node_name says so";
    case NodeNameSource::kBeacon:
      return "its beacon says so";
    case NodeNameSource::kReverseLookup:
      return "guessed: its address resolves back to that on this machine";
    case NodeNameSource::kNodeList:
      break;
  }
  return "as the node list says";
}

std::string ReplicasOnNodes(const RecoveryPlan& plan, int64_t replicas,
                            absl::Span<const NodeIndex> nodes) {
  return absl::StrCat(Counted(replicas, "replica"), " on ", NodesInWords(plan, nodes));
}

std::string RangesOrNone(absl::Span<const IndexRange> ranges) {
  return ranges.empty() ? "none" : RangesText(ranges);
}

absl::string_view RuleInWords(RecordRule rule) {
  switch (rule) {
    case RecordRule::kVote:
      return "the best supported value";
    case RecordRule::kHighest:
      return "the highest value";
    case RecordRule::kAvailable:
      return "every table comes back available";
    case RecordRule::kOutdated:
    case RecordRule::kOperation:
      break;
  }
  return "by rule";
}

// `values` that are times, with the date behind each number.
std::vector<WeighedValue> WithDates(std::vector<WeighedValue> values) {
  std::vector<WeighedValue> dated = values;
  for (WeighedValue& value : dated) {
    int64_t second = 0;
    if (!absl::SimpleAtoi(value.value, &second)) return values;
    absl::StrAppend(&value.value, ", ", UtcText(absl::FromUnixSeconds(second)));
  }
  return dated;
}

// "all 12 replicas are closed (PS_ERROR)".
std::string ReplicasOfDropped(const found::TableProbablyDropped& facts) {
  if (facts.replicas == 0) return "no replica of it was found";
  if (facts.closed == facts.replicas) {
    return facts.replicas == 1 ? "its only replica is closed (PS_ERROR)"
                               : absl::StrCat("all ", facts.replicas,
                                              " replicas are closed "
                                              "(PS_ERROR)");
  }
  return absl::StrCat("no complete replica of it was found, only ",
                      Counted(facts.replicas, "replica"), " that may hold half the data");
}

int64_t CountOf(absl::Span<const IndexRange> ranges) {
  int64_t count = 0;
  for (const IndexRange& range : ranges) count += int64_t{range.last} - range.first + 1;
  return count;
}

}  // namespace

std::string ValuesText(const RecoveryPlan& plan, absl::Span<const WeighedValue> values) {
  const auto append_name = [&plan](std::string* out, NodeIndex node) {
    absl::StrAppend(out, EscapedItem(NodeName(plan, node), ",)"));
  };
  return absl::StrJoin(values, "; ", [&](std::string* out, const WeighedValue& value) {
    absl::StrAppend(out, EscapedItem(value.value, "("), " (weight ", value.weight, ": ",
                    absl::StrJoin(value.nodes, ", ", append_name), ")");
  });
}

// Nodes.

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::BadNode& facts) {
  const std::string node = absl::StrCat("node ", ListedNode(plan, finding.node), " ");
  const std::string error = ErrorOf(plan, finding.node, facts.attempts);
  if (finding.severity == Severity::kWarning) {
    return absl::StrCat(node, "is left out, and nothing that it holds is used: ", error);
  }
  if (AcceptsBadNode(plan, finding.node)) {
    return absl::StrCat(node, "did not answer completely: ", error,
                        "; nor did any other node, so there is nothing to recover from");
  }
  return absl::StrCat(node, "did not answer completely: ", error,
                      "; bring it back and collect again, or leave it out with ",
                      SkipBadNode(plan, finding.node));
}

std::string BadNodeHint(const RecoveryPlan& plan, const Finding& finding,
                        absl::string_view listed_as) {
  const std::string what = absl::StrCat(": collect app and replica info from node(", listed_as,
                                        ") failed with err(", plan.nodes[finding.node].error, ")");
  if (finding.severity != Severity::kError) {
    return absl::StrCat("WARNING", what, kSkippedNodeHint);
  }
  if (AcceptsBadNode(plan, finding.node)) {
    return absl::StrCat("ERROR", what, ", no node is left to recover from");
  }
  return absl::StrCat("ERROR", what, ", you can skip it by set skip_bad_nodes option");
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::SkippedNodeReturns&) {
  return absl::StrCat(
      "node ", ListedNode(plan, finding.node), " was left out; if it comes back, ",
      kWhatReturningNodesRisk,
      "; keep it down, or collect and plan again with it, or move its data directories away first");
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::NodeNameDiffers& facts) {
  const std::string address = finding.node < plan.topology.nodes.size()
                                  ? plan.topology.nodes[finding.node].address.ToString()
                                  : "ADDRESS";
  if (finding.severity == Severity::kWarning) {
    return absl::StrCat("node ", facts.listed_as, " probably calls itself ",
                        NodeName(plan, finding.node), ", since its address ", address,
                        " resolves back to that on this machine, and that gets written; but the "
                        "list's name resolves to the same address, and stock replica servers abort "
                        "if the name is wrong; see which one the server's own log or configuration "
                        "has, and if it is the other, plan again with --node_name ",
                        address, "=", facts.listed_as);
  }
  const bool is_guess = finding.node < plan.nodes.size() &&
                        plan.nodes[finding.node].name_source == NodeNameSource::kReverseLookup;
  return absl::StrCat("node ", facts.listed_as, is_guess ? " probably" : "", " calls itself ",
                      NodeName(plan, finding.node), " (", SourceInWords(plan, finding.node),
                      "), and that gets written; if it is wrong, plan again with --node_name ",
                      address, "=NAME");
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::NodeListedTwice&) {
  return absl::StrCat(
      "node ", NodeLabel(plan, finding.node),
      " is in the list more than once and counts once: ", CutList(ListedAs(plan, finding.node)));
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::StillServed& facts) {
  const std::string what =
      absl::StrCat("replicas are still served on ", NodesInWords(plan, facts.nodes), " (",
                   facts.primaries, " PS_PRIMARY, ", facts.secondaries,
                   " PS_SECONDARY): these nodes hold a lease of a meta server");
  if (finding.severity != Severity::kHazard) {
    return absl::StrCat(what,
                        "; accepted by --still_served, although stock replica servers abort when "
                        "they are recovered in this state");
  }
  return absl::StrCat(
      what,
      ", and stock replica servers abort when they are recovered in this state; stop "
      "every meta server and wait until the leases have run out (recover and apply "
      "wait for that)");
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::NodeReportInvalid& facts) {
  std::string text = absl::StrCat(
      "node ", NodeLabel(plan, finding.node), " sent values that make no sense",
      finding.app_id > 0 ? absl::StrCat(" about ", TableLabel(plan, finding.app_id)) : "");
  if (!facts.problems.empty()) {
    absl::StrAppend(&text, "; they were left out: ", ProblemsText(facts.problems));
  }
  if (!facts.used_anyway.empty()) {
    absl::StrAppend(&text, "; used all the same: ", ProblemsText(facts.used_anyway));
  }
  return text;
}

// Tables.

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::TableRenamed& facts) {
  return absl::StrCat("table ", finding.app_id, " was called ", OldTableName(plan, finding.app_id),
                      ", a name that table ", facts.kept_by, " keeps; it comes back as ",
                      TableName(plan, finding.app_id));
}

std::string TableRenamedHint(const RecoveryPlan& plan, const Finding& finding, absl::string_view) {
  return absl::StrCat("WARNING: app(", finding.app_id, ")'s old name(",
                      OldTableName(plan, finding.app_id), ") is conflict with others, ",
                      kRenamedHint, TableName(plan, finding.app_id), ")");
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::NameUnusableInShell&) {
  const absl::string_view name = TableName(plan, finding.app_id);
  if (finding.severity != Severity::kHazard) {
    return absl::StrCat("table ", finding.app_id, " had the name ", name,
                        " already and keeps it: ", kShellsFail);
  }
  return absl::StrCat("table ", finding.app_id, " gets the name ", name, ": ", kShellsFail,
                      kAvoidSuchNames);
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::TableProbablyDropped& facts) {
  const bool bad_nodes_are_skipped =
      std::any_of(plan.nodes.begin(), plan.nodes.end(),
                  [](const NodeDecision& node) { return node.error != idl::kErrOk; });
  const std::string what =
      absl::StrCat(TableLabel(plan, finding.app_id), " was probably dropped before the outage",
                   bad_nodes_are_skipped ? ", unless the nodes that are left out had its data" : "",
                   ": ", ReplicasOfDropped(facts));
  const int64_t lost = CountOf(facts.partitions_lost);
  const size_t table = FindTable(plan, finding.app_id);
  const std::string losses = absl::StrCat(
      lost, " of its ",
      Counted(table == SIZE_MAX ? 0 : plan.topology.tables[table].partition_count, "partition"));
  if (finding.severity == Severity::kError) {
    return absl::StrCat(what, ", and ", losses, lost == 1 ? " has" : " have",
                        " none at all; leave the table out, or have it come back with these "
                        "partitions empty");
  }
  return absl::StrCat(
      what, "; it comes back alive",
      lost == 0 ? "" : absl::StrCat(" with ", losses, " empty, as accepted"),
      "; leave it out with --settle ", SettlementKey(finding.app_id), "=", kSettleIgnore,
      IsUsableInShell(TableName(plan, finding.app_id))
          ? ", or drop it again, in Pegasus's shell"
          : ", or drop it again with Pegasus's Go admin-cli (stock shells refuse its name)");
}

// By believing nodes that report a table as dropped.
std::string HowToLeaveOut(const std::string& key, absl::Span<const WeighedValue> values) {
  const std::string dropped = TableStatusName(TableStatus::kDropped);
  return std::any_of(values.begin(), values.end(),
                     [&](const WeighedValue& value) { return value.value == dropped; })
             ? absl::StrCat("; leave the table out with --settle ", key, "=", dropped)
             : "";
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::RecordsDiffer& facts) {
  const std::string values = ValuesText(plan, facts.values);
  const std::string table = TableLabel(plan, finding.app_id);
  const std::string key = SettlementKey(finding.app_id, facts.field);
  if (facts.rule == RecordRule::kOperation) {
    return absl::StrCat(table, " loses ", facts.field, ", which nodes report: ", values,
                        "; it belongs to an operation that may be over, so it is never taken from "
                        "replica servers; set it again if it is still needed");
  }
  if (facts.rule == RecordRule::kOutdated) {
    return absl::StrCat(table, " loses ", facts.field,
                        ", which only outdated records have: ", values,
                        "; keep a value with --settle ", key, "=VALUE");
  }
  return absl::StrCat("nodes report ", facts.field, " of ", table, " differently: ", values,
                      "; taken: ", facts.chosen.empty() ? "\"\"" : facts.chosen, " (",
                      RuleInWords(facts.rule), ")",
                      facts.rule == RecordRule::kAvailable
                          ? HowToLeaveOut(key, facts.values)
                          : absl::StrCat("; take another one with --settle ", key, "=VALUE"));
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::RecordsConflict& facts) {
  return absl::StrCat(
      "nodes report ", facts.field, " of ", TableLabel(plan, finding.app_id),
      " differently, and no rule can decide: ",
      ValuesText(plan, facts.field == "create_second" ? WithDates(facts.values) : facts.values),
      "; decide with");
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::SplitUnfinished& facts) {
  const size_t table = FindTable(plan, finding.app_id);
  const TopologyTable record = table == SIZE_MAX ? TopologyTable{} : plan.topology.tables[table];
  return absl::StrCat(
      "a split of ", TableLabel(plan, finding.app_id), " from ", record.init_partition_count,
      " to ", record.partition_count, " partitions was not finished: children registered ",
      RangesOrNone(facts.children_registered), ", not yet registered ",
      RangesOrNone(facts.children_missing),
      facts.records_after.empty() ? ""
                                  : absl::StrCat(" (the new count is known to ",
                                                 NodesInWords(plan, facts.records_after), ")"),
      "; the meta server that boots goes on with the split");
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::SplitCompleted& facts) {
  const size_t table = FindTable(plan, finding.app_id);
  return absl::StrCat(TableLabel(plan, finding.app_id), " was once split from ",
                      facts.init_partition_count, " to ",
                      table == SIZE_MAX ? 0 : plan.topology.tables[table].partition_count,
                      " partitions, and the env that hides the other half's keys until compaction "
                      "is lost; before clients read, set it again in Pegasus's shell");
}

namespace {

// " (from rs1:34801, rs2:34801)".
std::string EnvSource(const RecoveryPlan& plan, const found::TableLostState* facts,
                      absl::string_view key) {
  if (facts == nullptr) return "";
  for (const WeighedValue& source : facts->env_sources) {
    if (source.value == key) return absl::StrCat(" (from ", NodesInWords(plan, source.nodes), ")");
  }
  return "";
}

}  // namespace

std::string LostState(const RecoveryPlan& plan, const Finding& finding) {
  const size_t table = FindTable(plan, finding.app_id);
  const bool is_bulk_loading = table != SIZE_MAX && plan.topology.tables[table].is_bulk_loading;
  const auto* facts = finding.facts.As<found::TableLostState>();
  std::vector<std::string> envs;
  if (table != SIZE_MAX) {
    for (const auto& [key, value] : plan.topology.tables[table].envs) {
      envs.push_back(absl::StrCat(key, "=", Shortened(value), EnvSource(plan, facts, key)));
    }
  }
  std::string text = envs.empty() ? std::string("all its envs")
                                  : absl::StrCat("all its envs but for ", absl::StrJoin(envs, ", "),
                                                 ", which may be outdated");
  if (facts != nullptr && !facts->duplicating_nodes.empty()) {
    absl::StrAppend(&text, ", its duplications (reported by ",
                    NodesInWords(plan, facts->duplicating_nodes), "; add them again)");
  }
  if (is_bulk_loading) {
    absl::StrAppend(&text, ", a bulk load that was under way (start it again)");
  }
  return Printable(text);
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::TableLostState&) {
  return absl::StrCat(TableLabel(plan, finding.app_id),
                      " loses what only ZooKeeper knew: ", LostState(plan, finding));
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding, const found::Placeholder&) {
  const bool is_left_out = IsLeftOut(plan, finding.app_id);
  return absl::StrCat(
      is_left_out ? "as decided, nothing is recovered of table " : "no node knows table ",
      finding.app_id, "; a dropped placeholder, ", TableName(plan, finding.app_id),
      ", keeps the id from being used again");
}

bool CanRaiseMaxAppId(const Finding& finding) {
  return finding.kind() == FindingKind::kAppIdOutOfRange &&
         finding.severity == Severity::kConflict && finding.app_id <= kMaxAppIdMax;
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::AppIdOutOfRange& facts) {
  const std::string what = absl::StrCat(
      "table id ", finding.app_id, facts.name.empty() ? "" : absl::StrCat(" (", facts.name, ")"),
      " with ", ReplicasOnNodes(plan, facts.replicas, facts.nodes), " is above --max_app_id ",
      plan.options.max_app_id);
  if (finding.severity == Severity::kConflict) {
    return absl::StrCat(what,
                        CanRaiseMaxAppId(finding)
                            ? ": raise the bound, which makes a placeholder of every unused id "
                              "below it, or leave the table and its data out; decide with"
                            : ", and no bound may be that high: leave the table and its data out; "
                              "decide with");
  }
  return absl::StrCat(what,
                      " and is left out, as decided; a stock meta server aborts when one of these "
                      "nodes reports it, so move its directories away there first");
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::AppIdGap& facts) {
  const std::string what = absl::StrCat(
      "table id ", finding.app_id, facts.name.empty() ? "" : absl::StrCat(" (", facts.name, ")"),
      " with ", ReplicasOnNodes(plan, facts.replicas, facts.nodes), " is far above ",
      facts.below == 0 ? "0" : absl::StrCat("the next one, ", facts.below));
  const int64_t placeholders = int64_t{finding.app_id} - facts.below - 1;
  if (finding.severity == Severity::kConflict) {
    return absl::StrCat(what, ": either the table is real, and ",
                        Counted(placeholders, "placeholder"),
                        " are written for the ids between, or it stays out; decide with");
  }
  if (finding.severity == Severity::kWarning) {
    return absl::StrCat(what, " and is kept, as decided, with ",
                        Counted(placeholders, "placeholder"), " for the ids between");
  }
  return absl::StrCat(what,
                      " and is left out, as decided; a stock meta server aborts when one of these "
                      "nodes reports it, so move its directories away there first");
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::ReplicasWithoutTable& facts) {
  const std::string what = absl::StrCat(ReplicasOnNodes(plan, facts.replicas, facts.nodes),
                                        " (partitions ", RangesText(facts.indices), ") of table ",
                                        finding.app_id, ", which no node describes");
  if (finding.severity == Severity::kConflict) {
    return absl::StrCat(what, ": say what the table was, or leave them out; decide with");
  }
  if (finding.severity == Severity::kWarning) {
    return absl::StrCat(
        what, "; recovered as decided: ", DecisionOf(plan.options, SettlementKey(finding.app_id)));
  }
  return absl::StrCat(what,
                      "; left out as decided, a placeholder keeps a stock meta server from "
                      "aborting on them, but their data stay unused");
}

std::string Sentence(const RecoveryPlan&, const Finding& finding,
                     const found::TableLeftOut& facts) {
  return absl::StrCat("table ", finding.app_id, " (", facts.name, ") is left out, as decided; ",
                      facts.replicas == 0
                          ? ""
                          : absl::StrCat(Counted(facts.replicas, "replica"),
                                         facts.replicas == 1 ? " stays" : " stay", " unused, and "),
                      "a placeholder keeps a stock meta server from aborting on what nodes may "
                      "still hold of it");
}

std::string Sentence(const RecoveryPlan& plan, const Finding&, const found::Settled& facts) {
  return absl::StrCat("decided by the operator: --settle ",
                      ShellWord(absl::StrCat(facts.key, "=", DecisionOf(plan.options, facts.key))),
                      facts.values.empty()
                          ? ""
                          : absl::StrCat("; nodes had reported: ", ValuesText(plan, facts.values)));
}

}  // namespace metarec
