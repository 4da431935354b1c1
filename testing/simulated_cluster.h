// What a simulated cluster consists of: a value, made by hand, from a file, or from evidence that
// was collected from a real cluster. simulated_replica_server.h serves it.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "replica_collector/evidence.h"
#include "testing/simulated_fault.h"

namespace metarec::testing {

// One replica server: what it answers, and how it misbehaves.
struct SimulatedNode {
  std::string name;  // "n1", ...: how faults and ports refer to it; nothing on the wire
  std::vector<TableRecord> tables;
  std::vector<ReplicaRecord> replicas;
  SimulatedFault fault;
};

struct SimulatedTable {
  std::string name;
  int32_t partition_count = 8;
  int32_t max_replica_count = 3;
  int32_t app_id = 0;  // 0: the next one that is free
};

// "temp:8" or "temp:8:1": name, partitions, replicas of each (3 unless given).
absl::StatusOr<SimulatedTable> ParseSimulatedTable(absl::string_view text);

struct SimulatedCluster {
  std::vector<SimulatedNode> nodes;

  // Adds nodes named n1, n2, ... behind those that are there.
  SimulatedCluster& AddNodes(int count);

  // Lays the table over the nodes as a fresh Pegasus cluster would: the replicas of partition p on
  // the nodes p, p+1, ..., round and round, the first of them the former primary. It has committed
  // one decree more than the others, who learn of a commit with the next write. Everything is a
  // function of the ids, so that the same description gives the same cluster.
  //
  // kInvalidArgument for a name or id that is there already, or counts that make no sense.
  absl::Status AddTable(SimulatedTable table);

  // Null when there is none of this name.
  SimulatedNode* FindNode(absl::string_view name);
};

// The nodes of the evidence, named n1, n2, ... in its order. A node that could not be asked then
// refuses connections.
SimulatedCluster ClusterFromEvidence(const Evidence& evidence);

// A JSON file; docs/file-formats.md describes it. Errors name the file and the place in it.
absl::StatusOr<SimulatedCluster> ReadSimulatedCluster(const std::string& path);
absl::StatusOr<SimulatedCluster> ParseSimulatedCluster(absl::string_view json);

}  // namespace metarec::testing
