#pragma once

#include <memory>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>

#include "base/runtime/clock.h"
#include "idl/ipv4_endpoint.h"
#include "idl/replica_server_types.h"
#include "replica_collector/evidence.h"
#include "testing/simulated_cluster.h"

namespace metarec::testing {

// What a replica server would say that has this.
idl::app_info ToWire(const TableRecord& table);
idl::replica_info ToWire(const ReplicaRecord& replica);

// A replica server as a collector meets it: it answers RPC_QUERY_APP_INFO and
// RPC_QUERY_REPLICA_INFO over the real protocol on a real port, or misbehaves as it is told to.
//
// Not thread-safe: used on `executor` (a single thread or a strand). `clock` must outlive it. Stop
// must have ended before it is destroyed.
class SimulatedReplicaServer {
 public:
  SimulatedReplicaServer(asio::any_io_executor executor, Clock* clock);
  ~SimulatedReplicaServer();
  SimulatedReplicaServer(const SimulatedReplicaServer&) = delete;
  SimulatedReplicaServer& operator=(const SimulatedReplicaServer&) = delete;

  // Takes a port for itself, without listening: connections are refused, and nobody else gets it.
  // Port 0 lets the system choose.
  absl::StatusOr<Ipv4Endpoint> Reserve(Ipv4Endpoint endpoint);

  // Serves what the node holds on the port that was reserved; while the server runs: serves this
  // from now on. Requests that are being answered end as they began; the time and the counts of the
  // fault begin anew.
  asio::awaitable<absl::Status> Serve(SimulatedNode node);

  // Refuses connections again; keeps the port.
  asio::awaitable<void> Stop();

  Ipv4Endpoint endpoint() const { return endpoint_; }

 private:
  class Answers;

  const asio::any_io_executor executor_;
  Clock* const clock_;
  asio::ip::tcp::acceptor reservation_;
  Ipv4Endpoint endpoint_;
  std::unique_ptr<Answers> answers_;  // null: not serving
};

}  // namespace metarec::testing
