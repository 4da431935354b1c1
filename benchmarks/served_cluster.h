#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "idl/ipv4_endpoint.h"
#include "testing/child_process.h"
#include "testing/simulated_servers.h"
#include "testing/zookeeper_server.h"

namespace metarec::benchmarks {

struct ServedClusterOptions {
  int nodes = 10;
  int tables = 100;
  int partitions = 10'000;  // in all, three replicas each
};

// A cluster that lost its metadata: simulated replica servers on a thread of this process, a real
// ZooKeeper, and metarecd, the real program, as another process. Blocks; for one thread.
class ServedCluster {
 public:
  static constexpr char kTable[] = "table1";

  // `programs`: the folder that metarecd is in.
  static absl::StatusOr<std::unique_ptr<ServedCluster>> Start(const ServedClusterOptions& options,
                                                              const std::string& programs);
  ~ServedCluster();
  ServedCluster(const ServedCluster&) = delete;
  ServedCluster& operator=(const ServedCluster&) = delete;

  // A new metarecd, in place of the one that runs, with an empty root. Returns once it leads.
  absl::Status StartService();
  // How long start_recovery took. Not OK when it did not recover.
  absl::StatusOr<absl::Duration> Recover();

  Ipv4Endpoint endpoint() const { return endpoint_; }
  absl::StatusOr<int64_t> ServiceMemory() const { return service_->AnonymousMemory(); }
  // For logs.
  const std::string& folder() const { return folder_; }

 private:
  ServedCluster() = default;
  absl::Status WriteConfig();
  absl::Status AwaitLeading() const;

  std::string programs_;
  std::string folder_;
  int services_ = 0;  // so far
  Ipv4Endpoint endpoint_;
  std::unique_ptr<testing::ZooKeeperServer> zookeeper_;
  std::unique_ptr<testing::SimulatedClusterThread> servers_;
  std::unique_ptr<testing::ChildProcess> service_;
};

}  // namespace metarec::benchmarks
