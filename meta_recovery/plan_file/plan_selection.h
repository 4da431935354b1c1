// What of a plan is wanted: everything, or what it says of one subject.

#pragma once

#include <cstdint>
#include <string>

#include <absl/strings/string_view.h>

#include "meta_recovery/planner/plan_numbers.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// "3" or "3.17": a table, or one of its partitions.
struct TableOrPartition {
  int32_t app_id = 0;
  int32_t partition_index = -1;  // -1: the table
};
// False for any other text.
bool ParseTableOrPartition(absl::string_view text, TableOrPartition* numbers);

// Those of a plan by their names, ids and addresses; SIZE_MAX and kNoNode if there is none. A table
// that is to live goes by the name that it gets.
size_t FindTableNamed(const RecoveryPlan& plan, absl::string_view name);
NodeIndex FindNodeNamed(const RecoveryPlan& plan, absl::string_view name);

// Decides, line by line, what is kept of a plan file that is read. Tables and nodes are always
// kept: they are few, and what is left out is told by them.
class PlanSelection {
 public:
  static PlanSelection Everything() { return PlanSelection(); }
  // What Explain needs for a subject, as it takes it.
  static PlanSelection Subject(absl::string_view text);
  // A table by its id or name, which no node can have.
  static PlanSelection Table(absl::string_view text);

  // To be called in the order of the file: all nodes, each table followed by its partitions,
  // findings.
  void AfterNodes(const RecoveryPlan& plan);
  void BeginTable(const TopologyTable& table, const TableDecision& decision);
  bool KeepsPartition(int32_t app_id, int32_t index) const;
  // Of a partition that is not kept.
  bool KeepsReplica(const RankedReplica& replica) const;
  bool KeepsFinding(const Finding& finding) const;

 private:
  PlanSelection() = default;

  bool everything_ = true;
  bool may_be_node_ = false;
  std::string name_;  // of a node or a table, if it is not numbers
  TableOrPartition numbers_;
  NodeIndex node_ = kNoNode;
};

// A plan, or a selection from it: what is not selected is missing in `plan`, and
// Topology::tables count only the partitions that are there. `numbers` are those of the whole plan.
struct PlanExcerpt {
  RecoveryPlan plan;
  PlanNumbers numbers;
};

}  // namespace metarec
