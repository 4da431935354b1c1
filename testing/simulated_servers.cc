#include "testing/simulated_servers.h"

#include <algorithm>
#include <future>
#include <utility>

#include <absl/strings/str_cat.h>
#include <asio/co_spawn.hpp>
#include <asio/use_future.hpp>

#include "base/runtime/status_macros.h"

namespace metarec::testing {

SimulatedServers::SimulatedServers(asio::any_io_executor executor, Clock* clock)
    : executor_(std::move(executor)), clock_(clock) {}

asio::awaitable<absl::Status> SimulatedServers::Start(SimulatedCluster cluster,
                                                      SimulatedServersOptions options) {
  cluster_ = std::move(cluster);
  METAREC_CO_RETURN_IF_ERROR(ReservePorts(options));
  for (size_t i = 0; i < servers_.size(); ++i) {
    METAREC_CO_RETURN_IF_ERROR(co_await servers_[i]->Serve(cluster_.nodes[i]));
  }
  co_return absl::OkStatus();
}

absl::Status SimulatedServers::ReservePorts(const SimulatedServersOptions& options) {
  for (const auto& [name, port] : options.ports) {
    if (cluster_.FindNode(name) == nullptr) {
      return absl::NotFoundError(absl::StrCat("a port is given for '", name,
                                              "', which is no node; they are named n1, n2, ..."));
    }
  }
  // All ports are taken before the first is served, or sorting them would come too late.
  std::vector<std::unique_ptr<SimulatedReplicaServer>> servers;
  const auto ip_of = [&options](size_t i) {
    return options.ip + (options.address_per_node ? static_cast<uint32_t>(i) : 0);
  };
  for (size_t i = 0; i < cluster_.nodes.size(); ++i) {
    const auto given = options.ports.find(cluster_.nodes[i].name);
    const uint16_t port = given == options.ports.end() ? 0 : given->second;
    auto server = std::make_unique<SimulatedReplicaServer>(executor_, clock_);
    METAREC_RETURN_IF_ERROR(server->Reserve({ip_of(i), port}).status());
    servers.push_back(std::move(server));
  }
  if (!options.address_per_node) {
    // Trades places among those whose port the system chose.
    std::vector<size_t> places;
    std::vector<std::unique_ptr<SimulatedReplicaServer>> free;
    for (size_t i = 0; i < servers.size(); ++i) {
      if (options.ports.contains(cluster_.nodes[i].name)) continue;
      places.push_back(i);
      free.push_back(std::move(servers[i]));
    }
    std::sort(free.begin(), free.end(),
              [](const auto& a, const auto& b) { return a->endpoint() < b->endpoint(); });
    for (size_t i = 0; i < places.size(); ++i) servers[places[i]] = std::move(free[i]);
  }
  servers_ = std::move(servers);
  return absl::OkStatus();
}

asio::awaitable<absl::Status> SimulatedServers::SetNode(SimulatedNode node) {
  for (size_t i = 0; i < servers_.size(); ++i) {
    if (cluster_.nodes[i].name != node.name) continue;
    cluster_.nodes[i] = node;
    co_return co_await servers_[i]->Serve(std::move(node));
  }
  co_return absl::NotFoundError(absl::StrCat("there is no node '", node.name, "'"));
}

asio::awaitable<void> SimulatedServers::Stop() {
  for (const auto& server : servers_) co_await server->Stop();
}

std::vector<Ipv4Endpoint> SimulatedServers::endpoints() const {
  std::vector<Ipv4Endpoint> endpoints;
  for (const auto& server : servers_) endpoints.push_back(server->endpoint());
  return endpoints;
}

std::string SimulatedServers::NodeListText(const std::string& host) const {
  std::string text;
  for (const Ipv4Endpoint& endpoint : endpoints()) {
    if (host.empty()) {
      absl::StrAppend(&text, endpoint.ToString(), "\n");
    } else {
      absl::StrAppend(&text, host, ":", endpoint.port, "\n");
    }
  }
  return text;
}

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
