#include "testing/simulated_cluster_thread.h"

#include <future>
#include <utility>

#include <asio/co_spawn.hpp>
#include <asio/use_future.hpp>

namespace metarec::testing {

SimulatedClusterThread::SimulatedClusterThread()
    : servers_(context_.get_executor(), &clock_), work_(context_.get_executor()) {}

absl::StatusOr<std::unique_ptr<SimulatedClusterThread>> SimulatedClusterThread::Start(
    SimulatedCluster cluster, SimulatedServersOptions options) {
  std::unique_ptr<SimulatedClusterThread> made(new SimulatedClusterThread());
  made->thread_ = std::thread([context = &made->context_] { context->run(); });
  const absl::Status started =
      asio::co_spawn(made->context_, made->servers_.Start(std::move(cluster), std::move(options)),
                     asio::use_future)
          .get();
  if (!started.ok()) return started;
  made->endpoints_ = made->servers_.endpoints();
  made->node_list_text_ = made->servers_.NodeListText();
  return made;
}

SimulatedClusterThread::~SimulatedClusterThread() {
  asio::co_spawn(context_, servers_.Stop(), asio::use_future).get();
  work_.reset();
  context_.stop();
  thread_.join();
}

absl::Status SimulatedClusterThread::SetNode(SimulatedNode node) {
  return asio::co_spawn(context_, servers_.SetNode(std::move(node)), asio::use_future).get();
}

}  // namespace metarec::testing
