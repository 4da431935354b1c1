#include "meta_recovery/planner/plan_text.h"

#include <algorithm>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "meta_recovery/planner/settlements.h"

namespace metarec {

std::string CountedTables(const RecoveryPlan& plan) {
  const int64_t placeholders =
      std::count_if(plan.tables.begin(), plan.tables.end(),
                    [](const TableDecision& table) { return table.placeholder; });
  std::string text = Counted(static_cast<int64_t>(plan.tables.size()) - placeholders, "table");
  if (placeholders > 0) absl::StrAppend(&text, ", ", Counted(placeholders, "placeholder"));
  return text;
}

std::string NodeLabel(const RecoveryPlan& plan, NodeIndex node) {
  if (node == kNoNode) return "-";
  if (node >= plan.topology.nodes.size()) return absl::StrCat("node #", node);
  const TopologyNode& entry = plan.topology.nodes[node];
  return Printable(entry.name.empty() ? entry.address.ToString() : entry.name);
}

std::string TableLabel(const RecoveryPlan& plan, int32_t app_id) {
  const size_t table = FindTable(plan, app_id);
  if (table == SIZE_MAX) return absl::StrCat("table ", app_id);
  return absl::StrCat("table ", app_id, " (", Printable(plan.topology.tables[table].app_name), ")");
}

std::string PartitionLabel(const RecoveryPlan& plan, int32_t app_id, int32_t index) {
  const size_t table = FindTable(plan, app_id);
  const std::string label = absl::StrCat("partition ", app_id, ".", index);
  if (table == SIZE_MAX) return label;
  return absl::StrCat(label, " (", Printable(plan.topology.tables[table].app_name), ")");
}

absl::string_view NodeName(const RecoveryPlan& plan, NodeIndex node) {
  return node < plan.topology.nodes.size() ? absl::string_view(plan.topology.nodes[node].name)
                                           : "?";
}

absl::string_view TableName(const RecoveryPlan& plan, int32_t app_id) {
  const size_t table = FindTable(plan, app_id);
  return table == SIZE_MAX ? "?" : absl::string_view(plan.topology.tables[table].app_name);
}

absl::string_view OldTableName(const RecoveryPlan& plan, int32_t app_id) {
  const size_t table = FindTable(plan, app_id);
  return table >= plan.tables.size() ? "?" : absl::string_view(plan.tables[table].old_name);
}

std::string ListedNode(const RecoveryPlan& plan, NodeIndex node) {
  const std::string listed_as = JoinedItems(ListedAs(plan, node));
  return listed_as.empty() ? NodeLabel(plan, node) : listed_as;
}

std::string NodesInWords(const RecoveryPlan& plan, absl::Span<const NodeIndex> nodes) {
  std::vector<std::string> labels;
  for (const NodeIndex node : nodes) labels.push_back(NodeLabel(plan, node));
  return CutList(labels);
}

absl::Span<const std::string> ListedAs(const RecoveryPlan& plan, NodeIndex node) {
  if (node >= plan.nodes.size()) return {};
  return plan.nodes[node].listed_as;
}

bool IsLeftOut(const RecoveryPlan& plan, int32_t app_id) {
  const auto decision = plan.options.settlements.find(SettlementKey(app_id));
  return decision != plan.options.settlements.end() && decision->second == kSettleIgnore;
}

int32_t MaxReplicaCount(const RecoveryPlan& plan, int32_t app_id) {
  const size_t table = FindTable(plan, app_id);
  return table == SIZE_MAX ? 0 : plan.topology.tables[table].max_replica_count;
}

std::vector<std::string> RangeTexts(absl::Span<const IndexRange> ranges) {
  std::vector<std::string> texts;
  texts.reserve(ranges.size());
  for (const IndexRange& range : ranges) {
    texts.push_back(range.first == range.last ? absl::StrCat(range.first)
                                              : absl::StrCat(range.first, "-", range.last));
  }
  return texts;
}

std::string RangesText(absl::Span<const IndexRange> ranges) {
  return absl::StrJoin(RangeTexts(ranges), ",");
}

std::string EscapedItem(absl::string_view item, absl::string_view separators) {
  std::string escaped;
  for (const char c : item) {
    if (c == '\\' || separators.find(c) != absl::string_view::npos) escaped.push_back('\\');
    escaped.push_back(c);
  }
  return escaped;
}

std::string JoinedItems(absl::Span<const std::string> items) {
  return absl::StrJoin(items, ",", [](std::string* out, const std::string& item) {
    absl::StrAppend(out, EscapedItem(item, ","));
  });
}

std::string ProblemsText(absl::Span<const CountedText> problems) {
  return absl::StrJoin(problems, "; ", [](std::string* out, const CountedText& problem) {
    absl::StrAppend(out, problem.text);
    if (problem.count != 1) absl::StrAppend(out, " (", problem.count, " times)");
  });
}

size_t FindTable(const RecoveryPlan& plan, int32_t app_id) {
  const auto& tables = plan.topology.tables;
  const auto found =
      std::lower_bound(tables.begin(), tables.end(), app_id,
                       [](const TopologyTable& table, int32_t id) { return table.app_id < id; });
  if (found == tables.end() || found->app_id != app_id) return SIZE_MAX;
  return static_cast<size_t>(found - tables.begin());
}

size_t FindPartition(const RecoveryPlan& plan, int32_t app_id, int32_t index) {
  const size_t table = FindTable(plan, app_id);
  if (table == SIZE_MAX) return SIZE_MAX;
  const auto partitions = plan.topology.PartitionsOf(plan.topology.tables[table]);
  const auto found = std::lower_bound(
      partitions.begin(), partitions.end(), index,
      [](const TopologyPartition& partition, int32_t i) { return partition.index < i; });
  if (found == partitions.end() || found->index != index) return SIZE_MAX;
  return plan.topology.tables[table].partitions_begin +
         static_cast<size_t>(found - partitions.begin());
}

}  // namespace metarec
