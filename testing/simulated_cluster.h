// What a simulated cluster consists of: a value, made by hand, from a file, or from evidence that
// was collected from a real cluster. simulated_replica_server.h serves it.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include "idl/ipv4_endpoint.h"
#include "replica_collector/evidence.h"

namespace metarec::testing {

// How a simulated replica server misbehaves.
struct SimulatedFault {
  enum class Kind {
    kNone,
    kRefuse,         // nobody listens on its port
    kHang,           // takes requests and never answers
    kLate,           // answers after `delay`
    kError,          // its RPC layer answers `error`, with an empty body
    kResponseError,  // both answers say `error`
    kClose,          // closes the connection in the middle of an answer
    kGarbage,        // answers with bytes that are no frame
    kWrongCrc,       // answers with a frame whose CRC is wrong
    kTwoGigabytes,   // answers with a frame that announces a body of two gigabytes
    kTablesOnly,     // answers its tables, and `error` when asked for its replicas
    kReplicasOnly,   // answers its replicas, and `error` when asked for its tables
    kLoading,        // answers the first `times` requests of each kind with ERR_HANDLER_NOT_FOUND
    kServing,        // its replicas are primaries and secondaries for the time `delay`
  };
  Kind kind = Kind::kNone;
  std::string error;
  absl::Duration delay;
  int64_t times = 0;

  friend bool operator==(const SimulatedFault&, const SimulatedFault&) = default;
};

// "refuse", "late:300" (milliseconds), "error:ERR_BUSY", "loading:2", ...: see FaultForms. A space
// may stand for the colon; empty and "none" mean no fault.
absl::StatusOr<SimulatedFault> ParseFault(absl::string_view text);

// How each fault is written, "late:MS", and what it does.
std::vector<std::pair<std::string, std::string>> FaultForms();

// One replica server: what it answers, and how it misbehaves.
struct SimulatedNode {
  std::string name;  // "n1", ...: how faults and ports refer to it; nothing on the wire
  // What its answers give as its own address; by default the one at which it is asked. It stays as
  // it is when the server begins to serve.
  std::optional<Ipv4Endpoint> own_address = std::nullopt;
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
