// One replica server as the collector sees it: the seam between deciding what to ask and asking.

#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "idl/ipv4_endpoint.h"
#include "replica_collector/evidence.h"
#include "replica_collector/node_list.h"

namespace metarec {

struct NodeIdentity {
  Ipv4Endpoint address;
  std::string name;  // host:port, what the server probably calls itself
  NodeNameSource name_source = NodeNameSource::kNodeList;
  // What the host name resolves to as well, ascending. `address` is the lowest of all.
  std::vector<Ipv4Endpoint> other_addresses = {};
};

// What a server says about its tables.
struct NodeTables {
  NodeTables() = default;
  // Implicit, for sources that know nothing else.
  NodeTables(std::vector<TableRecord> tables_in)  // NOLINT(google-explicit-constructor)
      : tables(std::move(tables_in)) {}

  std::vector<TableRecord> tables;
  // Its own address, as the header of its answer gives it; {} if it gives none.
  Ipv4Endpoint own_address;
};

// Takes one replica at a time. A status that is not OK ends the answer, with that status.
using ReplicaSink = std::function<absl::Status(const ReplicaRecord&)>;

// Used on one executor (a single thread or a strand), by many coroutines at a time.
//
// Errors are PegasusErrors (rpc/pegasus_status.h) with a message that names the server, or
// kCancelled when the awaiting coroutine was cancelled.
class ReplicaSource {
 public:
  virtual ~ReplicaSource() = default;

  // Where the server that an entry of the node list means listens, and what it calls itself.
  // ERR_NETWORK_FAILURE when the host name cannot be resolved.
  virtual asio::awaitable<absl::StatusOr<NodeIdentity>> Identify(NodeListEntry entry,
                                                                 absl::Time deadline) = 0;

  // All tables of which the server has a replica. An answer with an error is that error.
  virtual asio::awaitable<absl::StatusOr<NodeTables>> QueryTables(Ipv4Endpoint address,
                                                                  absl::Time deadline) = 0;

  // Gives the server's replicas to `sink`, in the order of the answer. After an error what the sink
  // got is incomplete: throw it away.
  virtual asio::awaitable<absl::Status> QueryReplicas(Ipv4Endpoint address, absl::Time deadline,
                                                      ReplicaSink sink) = 0;
};

}  // namespace metarec
