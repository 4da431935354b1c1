#include "meta_recovery/plan_file/plan_selection.h"

#include <algorithm>
#include <vector>

#include <absl/strings/numbers.h>
#include <absl/strings/str_split.h>

namespace metarec {

bool ParseTableOrPartition(absl::string_view text, TableOrPartition* numbers) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '.');
  *numbers = {};
  if (parts.size() > 2 || !absl::SimpleAtoi(parts[0], &numbers->app_id)) return false;
  if (parts.size() == 1) return true;
  return absl::SimpleAtoi(parts[1], &numbers->partition_index) && numbers->partition_index >= 0;
}

size_t FindTableNamed(const RecoveryPlan& plan, absl::string_view name) {
  for (size_t i = 0; i < plan.topology.tables.size() && i < plan.tables.size(); ++i) {
    if (plan.topology.tables[i].app_name == name && !plan.tables[i].placeholder) return i;
  }
  return SIZE_MAX;
}

NodeIndex FindNodeNamed(const RecoveryPlan& plan, absl::string_view name) {
  for (size_t i = 0; i < plan.topology.nodes.size() && i < plan.nodes.size(); ++i) {
    const auto& listed_as = plan.nodes[i].listed_as;
    if (plan.topology.nodes[i].name == name || plan.topology.nodes[i].address.ToString() == name ||
        std::find(listed_as.begin(), listed_as.end(), name) != listed_as.end()) {
      return static_cast<NodeIndex>(i);
    }
  }
  return kNoNode;
}

PlanSelection PlanSelection::Subject(absl::string_view text) {
  PlanSelection selection;
  selection.everything_ = false;
  selection.may_be_node_ = true;
  if (!ParseTableOrPartition(text, &selection.numbers_)) {
    selection.numbers_ = {};
    selection.name_ = std::string(text);
  }
  return selection;
}

PlanSelection PlanSelection::Table(absl::string_view text) {
  PlanSelection selection = Subject(text);
  selection.may_be_node_ = false;
  if (selection.numbers_.partition_index >= 0) {
    selection.numbers_ = {};
    selection.name_ = std::string(text);
  }
  return selection;
}

void PlanSelection::AfterNodes(const RecoveryPlan& plan) {
  if (may_be_node_ && !name_.empty()) node_ = FindNodeNamed(plan, name_);
}

void PlanSelection::BeginTable(const TopologyTable& table, const TableDecision& decision) {
  const bool is_wanted = !name_.empty() && node_ == kNoNode && numbers_.app_id == 0 &&
                         table.app_name == name_ && !decision.placeholder;
  if (is_wanted) numbers_.app_id = table.app_id;
}

bool PlanSelection::KeepsPartition(int32_t app_id, int32_t index) const {
  if (everything_) return true;
  return app_id == numbers_.app_id &&
         (numbers_.partition_index < 0 || numbers_.partition_index == index);
}

bool PlanSelection::KeepsReplica(const RankedReplica& replica) const {
  return node_ != kNoNode && replica.node == node_;
}

bool PlanSelection::KeepsFinding(const Finding& finding) const {
  if (everything_) return true;
  if (node_ != kNoNode) return finding.node == node_;
  return numbers_.app_id != 0 && finding.app_id == numbers_.app_id &&
         (numbers_.partition_index < 0 || numbers_.partition_index == finding.partition_index);
}

}  // namespace metarec
