#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include "base/runtime/clock.h"
#include "base/runtime/system_clock.h"
#include "idl/ipv4_endpoint.h"
#include "testing/simulated_cluster.h"
#include "testing/simulated_replica_server.h"

namespace metarec::testing {

struct SimulatedServersOptions {
  uint32_t ip = 0x7F000001;  // 127.0.0.1
  // Gives every node a loopback address of its own: 127.0.0.1, 127.0.0.2, ...
  bool address_per_node = false;
  // By node name. The system chooses the others.
  std::map<std::string, uint16_t> ports = {};
};

// The replica servers of a simulated cluster, all on one executor.
//
// Not thread-safe: used on `executor` (a single thread or a strand). `clock` must outlive it. Stop
// must have ended before it is destroyed.
class SimulatedServers {
 public:
  SimulatedServers(asio::any_io_executor executor, Clock* clock);

  // Returns when all nodes listen, but for those that refuse. Ports that the system chooses ascend
  // in the order of the nodes, so that the order by address is that of the nodes.
  asio::awaitable<absl::Status> Start(SimulatedCluster cluster, SimulatedServersOptions options);

  // Replaces what a node holds and how it misbehaves; its port stays. kNotFound for another name
  // than one of the cluster's.
  asio::awaitable<absl::Status> SetNode(SimulatedNode node);

  asio::awaitable<void> Stop();

  // In the order of the nodes, those that refuse included.
  std::vector<Ipv4Endpoint> endpoints() const;

  // A node list file for them, one host:port a line; by their addresses when `host` is empty.
  std::string NodeListText(const std::string& host = "localhost") const;

 private:
  absl::Status ReservePorts(const SimulatedServersOptions& options);

  const asio::any_io_executor executor_;
  Clock* const clock_;
  SimulatedCluster cluster_;
  std::vector<std::unique_ptr<SimulatedReplicaServer>> servers_;  // parallel to the nodes
};

// A simulated cluster on a thread of its own, for tests that run other programs against it.
//
// Used from one thread; the functions block until what they do is done.
class SimulatedClusterThread {
 public:
  static absl::StatusOr<std::unique_ptr<SimulatedClusterThread>> Start(
      SimulatedCluster cluster, SimulatedServersOptions options = {});
  ~SimulatedClusterThread();
  SimulatedClusterThread(const SimulatedClusterThread&) = delete;
  SimulatedClusterThread& operator=(const SimulatedClusterThread&) = delete;

  // See SimulatedServers.
  absl::Status SetNode(SimulatedNode node);
  const std::vector<Ipv4Endpoint>& endpoints() const { return endpoints_; }
  const std::string& node_list_text() const { return node_list_text_; }

 private:
  SimulatedClusterThread();

  asio::io_context context_;
  SystemClock clock_;
  SimulatedServers servers_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::vector<Ipv4Endpoint> endpoints_;
  std::string node_list_text_;
  std::thread thread_;
};

}  // namespace metarec::testing
