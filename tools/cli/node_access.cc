#include "tools/cli/node_access.h"

#include <random>
#include <utility>

#include <asio/this_coro.hpp>

#include "base/runtime/status_macros.h"

namespace metarec::tools {

NodeAccess::NodeAccess(asio::any_io_executor executor, Clock* clock)
    : client_(std::move(executor), clock), source_(&client_, clock) {}

double NodeAccess::Random() {
  thread_local std::minstd_rand generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

absl::StatusOr<CollectorOptions> CollectorOptionsOf(const NodeArguments& nodes) {
  CollectorOptions options;
  METAREC_ASSIGN_OR_RETURN(options.node_names, nodes.NodeNames());
  options.node_timeout = nodes.node_timeout();
  options.attempt_timeout = nodes.node_timeout();
  return options;
}

asio::awaitable<absl::StatusOr<Evidence>> CollectEvidence(NodeList list, CollectorOptions options,
                                                          Clock* clock,
                                                          ProgressListener* progress) {
  NodeAccess access(co_await asio::this_coro::executor, clock);
  Collector collector(std::move(options), access.source(), clock, progress, &NodeAccess::Random);
  co_return co_await collector.Collect(std::move(list));
}

}  // namespace metarec::tools
