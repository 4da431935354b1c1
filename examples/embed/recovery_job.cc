// Recovers a cluster inside a program of your own: everything runs on your executor and reaches the
// outside through seams that you choose.
//
// Here the replica servers are simulated ones on real sockets and ZooKeeper is the in-memory twin,
// as in an embedder's own tests. A meta server would pass its node list, a ZooKeeperMetaStore
// (metarec/zk_store/client/zookeeper_meta_store.h) and its own executor.

#include "metarec/meta_recovery/job/recovery_job.h"

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <absl/strings/str_join.h>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/this_coro.hpp>

#include "metarec/base/runtime/system_clock.h"
#include "metarec/replica_collector/rpc_replica_source.h"
#include "metarec/rpc/client.h"
#include "metarec/testing/in_memory_meta_store.h"
#include "metarec/testing/in_memory_zookeeper.h"
#include "metarec/testing/simulated_servers.h"

namespace {

// Asks the servers at these addresses: host:port,host:port,...
asio::awaitable<absl::Status> Recover(std::string addresses, metarec::Clock* clock) {
  auto nodes = metarec::ParseNodeListString(addresses);
  if (!nodes.ok()) co_return nodes.status();

  const metarec::rpc::ClientOptions client_options;
  metarec::rpc::Client client(co_await asio::this_coro::executor, clock, client_options);
  metarec::RpcReplicaSource source(&client, clock);
  auto zookeeper = std::make_shared<metarec::testing::InMemoryZooKeeper>();
  metarec::testing::InMemoryMetaStore store(zookeeper);
  metarec::SilentProgress listener;

  metarec::RecoveryRequest request;
  request.nodes = *std::move(nodes);
  request.root = "/pegasus/embedded";
  metarec::RecoveryJob job(std::move(request),
                           {.source = &source, .clock = clock, .random = [] { return 0.5; }},
                           &store, &listener);
  const metarec::RecoveryResult result = co_await job.Run();
  if (!result.status.ok()) co_return result.status;
  std::printf("%s: %lld znodes written\n", result.error_name.c_str(),
              static_cast<long long>(result.written->znodes_created));
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> RecoverSimulatedCluster() {
  metarec::SystemClock clock;
  metarec::testing::SimulatedCluster cluster;
  cluster.AddNodes(3);
  absl::Status status = cluster.AddTable({.name = "temp", .partition_count = 8});
  if (!status.ok()) co_return status;

  metarec::testing::SimulatedServers servers(co_await asio::this_coro::executor, &clock);
  // A variable, because GCC 12 miscompiles braced temporaries beside a co_await
  // (metarec/base/runtime/cancellation.h).
  const metarec::testing::SimulatedServersOptions options;
  status = co_await servers.Start(cluster, options);
  if (status.ok()) {
    std::vector<std::string> addresses;
    for (const metarec::Ipv4Endpoint& endpoint : servers.endpoints()) {
      addresses.push_back(endpoint.ToString());
    }
    status = co_await Recover(absl::StrJoin(addresses, ","), &clock);
  }
  co_await servers.Stop();  // whatever happened: they must not be destroyed while they serve
  co_return status;
}

}  // namespace

int main() {
  asio::io_context context;
  absl::Status status = absl::UnknownError("did not run");
  asio::co_spawn(
      context,
      [&]() -> asio::awaitable<void> {
        co_await asio::this_coro::throw_if_cancelled(false);
        status = co_await RecoverSimulatedCluster();
      },
      asio::detached);
  context.run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "recovery failed: %s\n", status.ToString().c_str());
  return 1;
}
