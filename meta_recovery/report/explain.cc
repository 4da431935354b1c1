#include "meta_recovery/report/explain.h"

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include "base/text/printable.h"
#include "base/text/time_text.h"
#include "base/text/wording.h"
#include "meta_recovery/plan_file/plan_excerpt.h"
#include "meta_recovery/planner/node_identity.h"
#include "meta_recovery/planner/plan_text.h"
#include "meta_recovery/report/explain_partition.h"
#include "meta_recovery/report/finding_text.h"
#include "meta_recovery/report/table_section.h"

namespace metarec {
namespace {

constexpr size_t kFindingsMax = 50;
constexpr size_t kNamesShown = 20;

// The sentences of the findings that `about` selects, under a heading, a bounded number of them;
// empty if there are none.
std::string FindingLines(const RecoveryPlan& plan,
                         const std::function<bool(const Finding&)>& about) {
  std::vector<const Finding*> found;
  for (const Finding& finding : plan.findings) {
    if (about(finding)) found.push_back(&finding);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Finding* a, const Finding* b) { return a->severity > b->severity; });
  std::string lines;
  for (const Finding* finding : absl::MakeConstSpan(found).subspan(0, kFindingsMax)) {
    absl::StrAppend(&lines, "  ", SeverityName(finding->severity), ": ",
                    FindingSentence(plan, *finding), "\n");
  }
  if (found.size() > kFindingsMax) {
    absl::StrAppend(&lines, "  and ", found.size() - kFindingsMax, " more\n");
  }
  return lines.empty() ? lines : absl::StrCat("\nFindings:\n", lines);
}

// Tables.

std::string Time(int64_t unix_second) {
  if (unix_second <= 0) return "0";
  return UtcText(absl::FromUnixSeconds(unix_second));
}

std::string NameOrigin(const RecoveryPlan& plan, const TopologyTable& record,
                       const TableDecision& decision) {
  if (decision.placeholder) {
    const bool is_left_out = IsLeftOut(plan, record.app_id);
    return absl::StrCat(
        is_left_out ? "It is left out, as decided." : "No node describes it.",
        " It is a dropped placeholder that never expires, so that the id is not used again.\n");
  }
  std::vector<std::string> nodes;
  for (const NodeIndex node : decision.described_by) nodes.push_back(NodeLabel(plan, node));
  std::string text = nodes.empty() && StaysDropped(decision)
                         ? std::string("No node describes it; it is as the old tree says.\n")
                     : nodes.empty()
                         ? std::string("No node describes it; it is what the operator decided.\n")
                         : absl::StrCat("Described by ", CutList(nodes, kNamesShown), ".\n");
  if (decision.old_name != record.app_name && !decision.old_name.empty()) {
    absl::StrAppend(&text, "Its name was ", Printable(decision.old_name),
                    "; a table with a higher id keeps that one, so it becomes ",
                    Printable(record.app_name), ".\n");
  }
  if (decision.probably_dropped) {
    absl::StrAppend(&text,
                    "It was probably dropped before the outage: no replica of it is complete. "
                    "Servers are never told of a drop, so it comes back alive.\n");
  }
  return text;
}

template <typename Value>
std::string InWords(const Value& value, const NumberBounds& bounds) {
  if constexpr (std::is_same_v<Value, TableStatus>) {
    return TableStatusWord(value);
  } else if constexpr (std::is_same_v<Value, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_integral_v<Value>) {
    return IsTime(bounds) ? Time(value) : absl::StrCat(value);
  } else if constexpr (std::is_same_v<Value, std::string>) {
    return Printable(value);
  } else {
    std::vector<std::string> pairs;
    pairs.reserve(value.size());
    for (const auto& [key, text] : value) {
      pairs.push_back(Printable(absl::StrCat(key, "=", text)));
    }
    return pairs.empty() ? "none" : absl::StrJoin(pairs, ", ");
  }
}

std::string Fields(const TableDescription& table) {
  std::map<int, std::vector<std::string>> row_at;
  VisitTableFields([&](auto field) {
    if (field.display.explained_at == 0) return;
    row_at[field.display.explained_at] = {field.name, InWords(field.of(table), field.bounds)};
  });
  std::vector<std::vector<std::string>> rows;
  rows.reserve(row_at.size());
  for (auto& [place, row] : row_at) rows.push_back(std::move(row));
  return AlignedRows(rows, 2);
}

std::string Replicas(const RecoveryPlan& plan, const TopologyTable& record,
                     const TableSummary& summary) {
  std::string text =
      absl::StrCat("\nReplicas: ", summary.replicas_found, " found, ", summary.replicas_expected,
                   " wanted, ", summary.replicas_overruled, " overruled, ",
                   summary.replicas_incomplete, " that may hold half the data.\n");
  for (const auto& [node, count] : summary.by_node) {
    absl::StrAppend(&text, "  ", NodeLabel(plan, node), ": ", count, "\n");
  }
  absl::StrAppend(&text, "\nPrimaries:\n");
  for (const auto& [election, indexes] : summary.by_election) {
    absl::StrAppend(&text, "  ", Counted(static_cast<int64_t>(indexes.size()), "partition"), " (",
                    CutList(RangeTexts(RangesOf(indexes)), kNamesShown),
                    "): ", ElectionInWords(election), "\n");
  }
  absl::StrAppend(&text, "Each in detail: explain ", record.app_id, ".<partition>\n");
  return text;
}

// The decisions whose key names the table: "10", "10.app_type", "10.7".
std::string DecisionsAbout(const PlanOptions& options, int32_t app_id) {
  std::string text;
  const std::string id = absl::StrCat(app_id);
  for (const auto& [key, value] : options.settlements) {
    if (key == id || absl::StartsWith(key, absl::StrCat(id, "."))) {
      absl::StrAppend(&text, "  --settle ", Printable(ShellWord(absl::StrCat(key, "=", value))),
                      "\n");
    }
  }
  return text.empty() ? text : absl::StrCat("\nDecided by the operator:\n", text);
}

std::string ExplainTable(const RecoveryPlan& plan, size_t table) {
  const TopologyTable& record = plan.topology.tables[table];
  const TableDecision& decision = plan.tables[table];
  std::string text = absl::StrCat("Table ", record.app_id, " (", Printable(record.app_name), "). ",
                                  NameOrigin(plan, record, decision), "\n", Fields(record));
  if (!decision.placeholder) {
    absl::StrAppend(&text, Replicas(plan, record, SummarizeTable(plan, table)));
  }
  absl::StrAppend(&text, DecisionsAbout(plan.options, record.app_id));
  return text + FindingLines(
                    plan, [&](const Finding& finding) { return finding.app_id == record.app_id; });
}

// Nodes.

absl::string_view SourceInWords(NodeNameSource source) {
  switch (source) {
    case NodeNameSource::kOverride:
      return "given with --node_name";
    case NodeNameSource::kBeacon:
      return "from its beacon";
    case NodeNameSource::kReverseLookup:
      return "guessed: what its address resolves back to";
    case NodeNameSource::kNodeList:
      break;
  }
  return "from the node list";
}

std::string ExplainNode(const RecoveryPlan& plan, NodeIndex node) {
  const TopologyNode& entry = plan.topology.nodes[node];
  const NodeDecision& decision = plan.nodes[node];
  std::string text =
      absl::StrCat("Node ", NodeLabel(plan, node), ", address ", entry.address.ToString(),
                   ". Its name is ", SourceInWords(decision.name_source), "; listed as ",
                   Printable(absl::StrJoin(decision.listed_as, ", ")), ".\n");
  if (GivesOtherAddress(entry, decision)) {
    absl::StrAppend(&text, "It gives another address as its own: ", decision.own_address.ToString(),
                    ".\n");
  }
  if (decision.error != "ERR_OK") {
    absl::StrAppend(&text, "It did not answer completely: ", Printable(decision.error),
                    decision.error_detail.empty()
                        ? ""
                        : absl::StrCat(" (", Printable(decision.error_detail), ")"),
                    ". Nothing that it holds is used.\n");
  } else {
    std::map<ReplicaRole, int64_t> roles;
    for (const RankedReplica& replica : plan.replicas) {
      if (replica.node == node) ++roles[replica.role];
    }
    absl::StrAppend(&text, "It reported ", Counted(decision.tables, "table"), " and ",
                    Counted(decision.replicas, "replica"),
                    ". Of these become primary: ", roles[ReplicaRole::kPrimary],
                    plan.options.membership == Membership::kWarm
                        ? absl::StrCat("; secondary: ", roles[ReplicaRole::kSecondary])
                        : "",
                    "; candidate for secondary: ", roles[ReplicaRole::kLastDrop],
                    "; overruled: ", roles[ReplicaRole::kOverruled], ".\n");
  }
  return text + FindingLines(plan, [node](const Finding& finding) { return finding.node == node; });
}

// Any subject.

absl::Status NoSuchTable(const RecoveryPlan& plan, int32_t app_id) {
  // Findings may be about a table that is not in a plan that is not ready.
  std::vector<int32_t> ids;
  for (const TopologyTable& table : plan.topology.tables) ids.push_back(table.app_id);
  return absl::NotFoundError(
      absl::StrCat("the plan has no table ", app_id, "; it has ",
                   ids.empty() ? "no table"
                               : absl::StrCat(ids.size() == 1 ? "table " : "tables ",
                                              CutList(RangeTexts(RangesOf(ids)), kNamesShown))));
}

std::string PartitionsInWords(int32_t count) {
  if (count <= 0) return "none";
  return count == 1 ? "partition 0" : absl::StrCat("partitions 0-", count - 1);
}

absl::Status NoSuchPartition(const RecoveryPlan& plan, size_t table, int32_t index) {
  const TopologyTable& record = plan.topology.tables[table];
  if (index < record.partition_count) {
    return absl::NotFoundError(absl::StrCat(
        "partition ", record.app_id, ".", index,
        " is not written: it is the child of an unfinished split that is not registered yet; see ",
        "the explanation of table ", record.app_id));
  }
  return absl::NotFoundError(absl::StrCat(TableLabel(plan, record.app_id), " has no partition ",
                                          index, "; it has ",
                                          PartitionsInWords(record.partition_count)));
}

// What the findings say of a subject that is not in the topology, e.g. a conflict.
std::string OnlyFindings(const RecoveryPlan& plan, int32_t app_id, int32_t index) {
  return FindingLines(plan, [=](const Finding& finding) {
    return finding.app_id == app_id && (index < 0 || finding.partition_index == index);
  });
}

absl::StatusOr<std::string> ExplainNumbers(const RecoveryPlan& plan, int32_t app_id,
                                           int32_t index) {
  const size_t table = FindTable(plan, app_id);
  if (table == SIZE_MAX || table >= plan.tables.size()) {
    const std::string findings = OnlyFindings(plan, app_id, index);
    if (findings.empty()) return NoSuchTable(plan, app_id);
    return absl::StrCat("Table ", app_id, " is not in the plan as it stands.\n", findings);
  }
  if (index < 0) return ExplainTable(plan, table);
  const size_t partition = FindPartition(plan, app_id, index);
  if (partition == SIZE_MAX || partition >= plan.partitions.size()) {
    const std::string findings = OnlyFindings(plan, app_id, index);
    if (findings.empty()) return NoSuchPartition(plan, table, index);
    return absl::StrCat("Partition ", app_id, ".", index, " is not in the plan as it stands.\n",
                        findings);
  }
  return ExplainPartition(plan, table, partition) + FindingLines(plan, [&](const Finding& finding) {
           return finding.app_id == app_id && finding.partition_index == index;
         });
}

absl::Status NoSuchNode(const RecoveryPlan& plan, absl::string_view subject) {
  std::vector<std::string> names;
  for (size_t i = 0; i < plan.topology.nodes.size(); ++i) {
    names.push_back(NodeLabel(plan, static_cast<NodeIndex>(i)));
  }
  return absl::NotFoundError(absl::StrCat("the plan has no node ", Printable(subject), "; it has ",
                                          names.empty() ? "no node" : CutList(names, kNamesShown)));
}

// By the name that it gets: no two living tables have one name.
absl::StatusOr<std::string> ExplainNamed(const RecoveryPlan& plan, absl::string_view name) {
  const size_t table = FindTableNamed(plan, name);
  if (table != SIZE_MAX) return ExplainTable(plan, table);
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", Printable(name),
      "\" is neither a partition (3.17) nor a table's id (3) or name nor a node (host:port)"));
}

absl::StatusOr<std::string> ExplainSubject(const RecoveryPlan& plan, absl::string_view subject) {
  TableOrPartition numbers;
  if (ParseTableOrPartition(subject, &numbers)) {
    if (numbers.app_id < 1) {
      return absl::InvalidArgumentError(
          absl::StrCat(Printable(subject), ": a table's id is 1 or more"));
    }
    return ExplainNumbers(plan, numbers.app_id, numbers.partition_index);
  }
  const NodeIndex node = FindNodeNamed(plan, subject);
  if (node != kNoNode) return ExplainNode(plan, node);
  absl::StatusOr<std::string> named = ExplainNamed(plan, subject);
  if (!named.ok() && absl::StrContains(subject, ':')) return NoSuchNode(plan, subject);
  return named;
}

// Each line broken where it gets long, the rest of it indented a little more.
std::string WrappedLines(absl::string_view text) {
  std::string wrapped;
  absl::ConsumeSuffix(&text, "\n");
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const size_t indent = std::min(line.find_first_not_of(' '), line.size());
    absl::StrAppend(&wrapped, line.substr(0, indent),
                    Wrapped(line.substr(indent), indent, indent + 2), "\n");
  }
  return wrapped;
}

}  // namespace

absl::StatusOr<std::string> Explain(const RecoveryPlan& plan, absl::string_view subject) {
  absl::StatusOr<std::string> text = ExplainSubject(plan, subject);
  if (text.ok()) *text = WrappedLines(*text);
  return text;
}

}  // namespace metarec
