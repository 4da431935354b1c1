#include "testing/simulated_cluster.h"

#include <algorithm>
#include <utility>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

namespace metarec::testing {
namespace {

constexpr int32_t kPartitionsMax = 1 << 20;
constexpr int64_t kBallot = 3;
constexpr int64_t kCreateSecond = 1'700'000'000;

TableRecord RecordOf(const SimulatedTable& table) {
  TableRecord record;
  record.app_type = "pegasus";
  record.app_name = table.name;
  record.app_id = table.app_id;
  record.partition_count = table.partition_count;
  record.max_replica_count = table.max_replica_count;
  record.create_second = kCreateSecond + table.app_id;
  record.init_partition_count = table.partition_count;
  return record;
}

ReplicaRecord ReplicaOf(const SimulatedTable& table, int32_t partition_index, bool is_primary) {
  const int64_t prepared = 10 * (partition_index + 1);
  return {.app_id = table.app_id,
          .partition_index = partition_index,
          .ballot = kBallot,
          .last_committed_decree = is_primary ? prepared : prepared - 1,
          .last_prepared_decree = prepared,
          .last_durable_decree = prepared - 5,
          .status = ReplicaStatus::kInactive};
}

}  // namespace

absl::StatusOr<SimulatedTable> ParseSimulatedTable(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ':');
  SimulatedTable table;
  const bool understood =
      (parts.size() == 2 || parts.size() == 3) && !parts[0].empty() &&
      absl::SimpleAtoi(parts[1], &table.partition_count) &&
      (parts.size() == 2 || absl::SimpleAtoi(parts[2], &table.max_replica_count));
  if (!understood) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot understand the table '", text,
                     "': write NAME:PARTITIONS or NAME:PARTITIONS:REPLICAS, e.g. temp:8"));
  }
  table.name = std::string(parts[0]);
  return table;
}

SimulatedCluster& SimulatedCluster::AddNodes(int count) {
  for (int i = 0; i < count; ++i) {
    std::string name = absl::StrCat("n", nodes.size() + 1);
    nodes.emplace_back().name = std::move(name);
  }
  return *this;
}

absl::Status SimulatedCluster::AddTable(SimulatedTable table) {
  int32_t highest_id = 0;
  for (const SimulatedNode& node : nodes) {
    for (const TableRecord& other : node.tables) {
      highest_id = std::max(highest_id, other.app_id);
      if (other.app_id == table.app_id || (table.app_id == 0 && other.app_name == table.name)) {
        return absl::InvalidArgumentError(
            absl::StrCat("table '", table.name, "': there is table '", other.app_name, "' with id ",
                         other.app_id, " already; give it another name, or an id of its own"));
      }
    }
  }
  if (table.app_id == 0) table.app_id = highest_id + 1;
  const auto node_count = static_cast<int32_t>(nodes.size());
  if (table.app_id < 0 || table.partition_count < 1 || table.partition_count > kPartitionsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("table '", table.name, "' needs from 1 to ", kPartitionsMax, " partitions"));
  }
  if (table.max_replica_count < 1 || table.max_replica_count > node_count) {
    return absl::InvalidArgumentError(absl::StrCat(
        "table '", table.name, "' needs from 1 to ", node_count,
        " replicas of each partition, as many as there are nodes at the most, and not ",
        table.max_replica_count));
  }
  for (int32_t p = 0; p < table.partition_count; ++p) {
    for (int32_t i = 0; i < table.max_replica_count; ++i) {
      SimulatedNode& node = nodes[static_cast<size_t>((p + i) % node_count)];
      if (node.tables.empty() || node.tables.back().app_id != table.app_id) {
        node.tables.push_back(RecordOf(table));
      }
      node.replicas.push_back(ReplicaOf(table, p, /*is_primary=*/i == 0));
    }
  }
  return absl::OkStatus();
}

SimulatedNode* SimulatedCluster::FindNode(absl::string_view name) {
  const auto found = std::find_if(nodes.begin(), nodes.end(),
                                  [name](const SimulatedNode& node) { return node.name == name; });
  return found == nodes.end() ? nullptr : &*found;
}

SimulatedCluster ClusterFromEvidence(const Evidence& evidence) {
  SimulatedCluster cluster;
  cluster.AddNodes(static_cast<int>(evidence.nodes.size()));
  for (size_t i = 0; i < evidence.nodes.size(); ++i) {
    SimulatedNode& node = cluster.nodes[i];
    node.tables.assign(evidence.nodes[i].tables.begin(), evidence.nodes[i].tables.end());
    node.replicas = evidence.nodes[i].replicas;
    if (!evidence.nodes[i].complete()) node.fault.kind = SimulatedFault::Kind::kRefuse;
  }
  return cluster;
}

}  // namespace metarec::testing
