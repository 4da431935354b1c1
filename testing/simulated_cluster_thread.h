#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include "base/runtime/system_clock.h"
#include "testing/simulated_cluster.h"
#include "testing/simulated_servers.h"

namespace metarec::testing {

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
