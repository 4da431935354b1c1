#include "meta_recovery/report/explain.h"

#include <algorithm>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <absl/types/span.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "meta_recovery/plan_file/plan_selection.h"
#include "meta_recovery/planner/fact_list.h"
#include "meta_recovery/planner/index_ranges.h"
#include "meta_recovery/planner/plan_text.h"
#include "meta_recovery/report/explanations.h"
#include "meta_recovery/report/finding_text.h"

namespace metarec {
namespace {

constexpr size_t kFindingsMax = 50;
constexpr size_t kNamesShown = 20;

absl::Status NoSuchTable(const RecoveryPlan& plan, int32_t app_id) {
  // Findings may be about a table that is not in a plan that is not ready.
  std::vector<int32_t> ids;
  for (const TopologyTable& table : plan.topology.tables) ids.push_back(table.app_id);
  return absl::NotFoundError(
      absl::StrCat("the plan has no table ", app_id, "; it has ",
                   ids.empty() ? "no table"
                               : absl::StrCat(ids.size() == 1 ? "table " : "tables ",
                                              CutList(SplitItems(IndexRanges(ids)), kNamesShown))));
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
  return ExplainPartition(plan, table, partition);
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

std::string AlignedRows(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    text.append(" ");
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&text, " ", row[i]);
      if (i + 1 < row.size()) text.append(widths[i] - row[i].size() + 1, ' ');
    }
    text.push_back('\n');
  }
  return text;
}

absl::StatusOr<std::string> Explain(const RecoveryPlan& plan, absl::string_view subject) {
  absl::StatusOr<std::string> text = ExplainSubject(plan, subject);
  if (text.ok()) *text = WrappedLines(*text);
  return text;
}

}  // namespace metarec
