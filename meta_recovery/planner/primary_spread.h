// Which of several replicas that are equal in everything comes first: primaries are spread over the
// nodes.

#pragma once

#include <cstdint>
#include <tuple>
#include <vector>

#include "meta_recovery/planner/recovery_plan.h"
#include "zk_store/topology/topology.h"

namespace metarec {

// Counts the primaries that are chosen, in the order of a plan: tables ascending by id, each with
// its partitions ascending by index. Of two nodes with equal replicas of the next partition, the
// one comes first that has fewer primaries of the table so far, then fewer of all tables, then the
// lower address. Not thread-safe.
class PrimarySpread {
 public:
  void BeginTable(int32_t app_id) { app_id_ = app_id; }

  // Whether `a` comes before `b`.
  bool Prefers(NodeIndex a, NodeIndex b) const { return Rank(a) < Rank(b); }

  // The rule by which `worse` comes after `better`.
  RankReason ReasonAfter(NodeIndex better, NodeIndex worse) const;

  // Notes that the next partition of the table has its primary there.
  void Count(NodeIndex primary);

 private:
  struct Load {
    int64_t primaries = 0;
    int64_t of_table = 0;
    int32_t app_id = 0;  // that `of_table` is of
  };

  Load LoadOf(NodeIndex node) const { return node < loads_.size() ? loads_[node] : Load{}; }
  // Nodes ascend by address.
  std::tuple<int64_t, int64_t, NodeIndex> Rank(NodeIndex node) const {
    const Load load = LoadOf(node);
    return {load.app_id == app_id_ ? load.of_table : 0, load.primaries, node};
  }

  int32_t app_id_ = 0;
  std::vector<Load> loads_;  // by node
};

}  // namespace metarec
