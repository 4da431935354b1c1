// A recovery server on real sockets, in a thread of its own, which serves its status page.

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <asio/cancellation_signal.hpp>
#include <asio/io_context.hpp>

#include "base/runtime/system_clock.h"
#include "recovery_service/server/recovery_server.h"
#include "replica_collector/rpc_replica_source.h"
#include "rpc/client.h"
#include "testing/in_memory_meta_store.h"
#include "testing/simulated_servers.h"

namespace metarec {

struct SkipFlags {
  bool bad_nodes = false;
  bool lost_partitions = false;
};

// Used from one thread; its functions block until what they do is done, for some seconds at most.
class ServedPage {
 public:
  // When ZooKeeper stops in the middle of a recovery: before the write with this number.
  static constexpr int64_t kNever = -1;
  explicit ServedPage(testing::SimulatedCluster cluster, int64_t zookeeper_stops_at = kNever);
  ~ServedPage();
  ServedPage(const ServedPage&) = delete;
  ServedPage& operator=(const ServedPage&) = delete;

  // False if the server did not come to lead.
  bool leads() const { return leads_; }
  std::string url() const;

  // Sends start_recovery for all nodes, without waiting for the answer.
  void BeginRecovery(SkipFlags flags = {});
  // As a replica server that calls itself so.
  void SendBeacon(const std::string& host);
  // ZooKeeper is not reached from now on, and forgets the server's session.
  void StopZooKeeper();
  // Whether it becomes true of the service.
  bool Await(const std::function<bool(const RecoveryServiceStatus&)>& condition);

 private:
  void Send(std::string task_code, std::string body);

  asio::io_context context_;
  SystemClock clock_;
  std::unique_ptr<rpc::Client> client_;  // ends with the server, so that the thread does
  std::unique_ptr<RpcReplicaSource> source_;
  std::shared_ptr<testing::InMemoryZooKeeper> zookeeper_ =
      std::make_shared<testing::InMemoryZooKeeper>();
  int64_t session_ = 0;  // the latest
  bool is_zookeeper_gone_ = false;
  std::unique_ptr<testing::SimulatedClusterThread> servers_;
  std::unique_ptr<RecoveryServer> server_;
  asio::cancellation_signal stop_;
  std::thread thread_;
  bool leads_ = false;
};

}  // namespace metarec
