#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/time/time.h>

#include "base/text/printable.h"
#include "base/text/shell_word.h"
#include "base/text/wording.h"
#include "meta_recovery/planner/fact_list.h"
#include "meta_recovery/planner/index_ranges.h"
#include "meta_recovery/planner/plan_text.h"
#include "meta_recovery/report/explanations.h"
#include "meta_recovery/report/table_summary.h"

namespace metarec {
namespace {

constexpr size_t kNodesShown = 20;

std::string Time(int64_t unix_second) {
  if (unix_second <= 0) return "0";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", absl::FromUnixSeconds(unix_second),
                          absl::UTCTimeZone());
}

std::string NameOrigin(const RecoveryPlan& plan, const TopologyTable& record,
                       const TableDecision& decision) {
  if (decision.placeholder) {
    return "No node describes it. It is a dropped placeholder that never expires, so that the id "
           "is "
           "not used again.\n";
  }
  std::vector<std::string> nodes;
  for (const NodeIndex node : decision.described_by) nodes.push_back(NodeLabel(plan, node));
  std::string text = nodes.empty()
                         ? std::string("No node describes it; it is what the operator decided.\n")
                         : absl::StrCat("Described by ", CutList(nodes, kNodesShown), ".\n");
  if (decision.old_name != record.app_name && !decision.old_name.empty()) {
    absl::StrAppend(&text, "Its name was ", Printable(decision.old_name),
                    "; a table with a higher id keeps that one, so it becomes ",
                    Printable(record.app_name), ".\n");
  }
  if (decision.probably_dropped) {
    absl::StrAppend(&text,
                    "It was probably dropped before the outage: every replica of it is closed "
                    "(PS_ERROR). Servers are never told of a drop, so it comes back alive.\n");
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
  for (auto& [place, row] : row_at) rows.push_back(std::move(row));
  return AlignedRows(rows);
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
                    CutList(SplitItems(IndexRanges(indexes)), kNodesShown),
                    "): ", ElectionInWords(election), "\n");
  }
  absl::StrAppend(&text, "Each in detail: explain ", record.app_id, ".<partition>\n");
  return text;
}

// The decisions whose key names the table: "10", "10.app_type", "10.7".
std::string Settlements(const PlanOptions& options, int32_t app_id) {
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

}  // namespace

std::string ExplainTable(const RecoveryPlan& plan, size_t table) {
  const TopologyTable& record = plan.topology.tables[table];
  const TableDecision& decision = plan.tables[table];
  std::string text = absl::StrCat("Table ", record.app_id, " (", Printable(record.app_name), "). ",
                                  NameOrigin(plan, record, decision), "\n", Fields(record));
  if (!decision.placeholder) {
    absl::StrAppend(&text, Replicas(plan, record, SummarizeTable(plan, table)));
  }
  absl::StrAppend(&text, Settlements(plan.options, record.app_id));
  return text + FindingLines(
                    plan, [&](const Finding& finding) { return finding.app_id == record.app_id; });
}

}  // namespace metarec
