// What a cluster's metadata says: its tables, their partitions, and which node holds what.
//
// Flat arrays of small records, so that a million partitions fit in a few hundred megabytes. The
// znodes' layout and JSON are made from it by znode_layout.h and znode_json.h.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/types/span.h>

#include "idl/ipv4_endpoint.h"
#include "idl/table_description.h"

namespace metarec {

// Index into Topology::nodes. kNoNode where a partition has no primary.
using NodeIndex = uint32_t;
inline constexpr NodeIndex kNoNode = UINT32_MAX;

struct TopologyNode {
  Ipv4Endpoint address;
  std::string name;  // host:port as the server calls itself; goes into the hp_* fields

  friend bool operator==(const TopologyNode&, const TopologyNode&) = default;
};

struct TopologyPartition {
  int32_t index = 0;
  uint32_t secondaries_count = 0;
  int64_t ballot = 0;
  int64_t last_committed_decree = 0;
  int32_t partition_flags = 0;  // bit 0: dropped
  NodeIndex primary = kNoNode;
  // Range of Topology::members: first the nodes that may become secondaries again, the best one
  // last, and behind them the secondaries.
  uint32_t members_begin = 0;
  uint32_t last_drops_count = 0;

  friend bool operator==(const TopologyPartition&, const TopologyPartition&) = default;
};

// A table: what its znode says, and where its partitions are.
struct TopologyTable : TableDescription {
  // Range of Topology::partitions, ascending by index. Fewer than partition_count while a split is
  // unfinished: a child partition that was not registered has no znode.
  uint32_t partitions_begin = 0;
  uint32_t partitions_count = 0;

  friend bool operator==(const TopologyTable&, const TopologyTable&) = default;
};

// A znode that is written as it is: of the root beside /apps, or below a table's own.
struct CarriedZnode {
  std::string path;  // relative to the cluster's root: "/backup/daily", "/apps/3/duplication"
  std::string data;

  friend bool operator==(const CarriedZnode&, const CarriedZnode&) = default;
};

struct Topology {
  std::vector<TopologyNode> nodes;    // ascending by address
  std::vector<TopologyTable> tables;  // ascending by app_id, every id from 1 to the highest
  std::vector<TopologyPartition> partitions;
  std::vector<NodeIndex> members;  // of the partitions, without primaries
  // Ascending by the number of their paths' components, then by path, and none without its parent.
  std::vector<CarriedZnode> carried;

  absl::Span<const TopologyPartition> PartitionsOf(const TopologyTable& table) const {
    return absl::MakeConstSpan(partitions).subspan(table.partitions_begin, table.partitions_count);
  }
  absl::Span<const NodeIndex> LastDropsOf(const TopologyPartition& partition) const {
    return absl::MakeConstSpan(members).subspan(partition.members_begin,
                                                partition.last_drops_count);
  }
  absl::Span<const NodeIndex> SecondariesOf(const TopologyPartition& partition) const {
    return absl::MakeConstSpan(members).subspan(
        partition.members_begin + partition.last_drops_count, partition.secondaries_count);
  }

  friend bool operator==(const Topology&, const Topology&) = default;
};

}  // namespace metarec
