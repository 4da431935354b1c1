// What the lines of a plan file add up to, by node and by table. Nodes say how much they reported;
// all of it is somewhere in the plan, or a finding says that it was left out.

#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <absl/types/span.h>

#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// Of the partitions of one table.
struct TableTally {
  int64_t replicas = 0;
  bool are_left_by_drop = true;    // all its replicas; see IsLeftByDrop
  std::vector<int32_t> lost = {};  // partitions without any, ascending
  int64_t closed = 0;              // PS_ERROR
  bool is_undecided = false;  // its partitions are not planned, since nobody knows how many it has
  // Only of a table with envs, or with fields that nodes report differently: the weight of each
  // node.
  std::vector<int64_t> weights = {};
  // Only while a split is unfinished, or if no node describes the table: the partitions that have
  // replicas, ascending, and their nodes.
  std::vector<int32_t> indexes = {};
  std::set<NodeIndex> nodes = {};
};

// Not thread-safe.
class PlanTally {
 public:
  // `plan` is being read; its nodes and tables are looked at.
  explicit PlanTally(const RecoveryPlan& plan) : plan_(plan) {}

  // Call these in the order of the file, each as soon as `plan` has what it is about.
  void AddLastNode() { nodes_.emplace_back(); }
  void AddLastTable(int64_t partitions);
  void AddPartition(const TopologyPartition& partition, absl::Span<const RankedReplica> replicas);
  void AddFinding(const Finding& finding);

  const TableTally& OfTable(int32_t app_id) const { return tables_[app_id - 1]; }

  // Once all partitions are there: partitions that no node holds, of tables that were not dropped.
  found::ServerMissing ServerMissing() const;

  // At the end: what does not add up, or "".
  std::string Problem() const;

 private:
  struct NodeTally {
    int64_t tables = 0;  // that it describes
    int64_t replicas = 0;
    int64_t primaries = 0;
    int64_t secondaries = 0;
    int64_t replicas_beyond = 0;  // of partitions that their tables do not have
    // How much findings leave out: tables and replicas together, and at most of each.
    int64_t left_out_least = 0;
    int64_t left_out_most = 0;
    int64_t tables_out_most = 0;
    int64_t replicas_out_most = 0;
  };

  struct LeftOut {
    int64_t least = 0;
    int64_t tables_most = 0;
    int64_t replicas_most = 0;
    int64_t most = 0;  // of both together
  };

  void AddLeftOut(NodeIndex node, LeftOut left_out);
  // Of a table that is left out.
  void AddTableLeftOut(int64_t replicas, bool is_described, const std::vector<NodeIndex>& nodes);
  std::string ProblemOfNode(size_t node) const;
  std::string ProblemOfTable(size_t table) const;
  std::string ProblemOfSum() const;

  const RecoveryPlan& plan_;
  std::vector<NodeTally> nodes_;
  std::vector<TableTally> tables_;
  std::vector<int64_t> beyond_of_table_;
  int64_t out_of_range_ = 0;  // replicas
  // Records of tables out of range.
  int64_t records_out_of_range_least_ = 0;
  int64_t records_out_of_range_most_ = 0;
  int64_t invalid_ = 0;  // whatever made no sense
};

}  // namespace metarec
