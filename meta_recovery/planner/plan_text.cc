#include "meta_recovery/planner/plan_text.h"

#include <algorithm>

#include <absl/strings/str_cat.h>

#include "base/text/printable.h"
#include "base/text/wording.h"

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
