// Which of several replicas that are equal in everything comes first: primaries are spread over the
// nodes.

#pragma once

#include <compare>
#include <cstdint>
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

  // What decides between nodes: the lower one comes first, of equal ones the lower node.
  struct Rank {
    uint32_t of_table = 0;
    uint32_t primaries = 0;
    NodeIndex node = kNoNode;  // ascending by address

    friend auto operator<=>(const Rank&, const Rank&) = default;
  };
  Rank RankOf(NodeIndex node) const {
    if (node >= loads_.size()) return {.node = node};
    const Load& load = loads_[node];
    return {.of_table = load.app_id == app_id_ ? load.of_table : 0,
            .primaries = load.primaries,
            .node = node};
  }

  // The rule by which `worse` comes after `better`.
  static RankReason ReasonAfter(const Rank& better, const Rank& worse);

  // Notes that the next partition of the table has its primary there.
  void Count(NodeIndex primary);

 private:
  struct Load {
    uint32_t primaries = 0;
    uint32_t of_table = 0;
    int32_t app_id = 0;  // that `of_table` is of
  };

  int32_t app_id_ = 0;
  std::vector<Load> loads_;  // by node
};

}  // namespace metarec
