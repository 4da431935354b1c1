#pragma once

#include <absl/status/statusor.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "base/runtime/progress.h"
#include "replica_collector/collector.h"
#include "replica_collector/evidence.h"
#include "replica_collector/rpc_replica_source.h"
#include "rpc/client.h"
#include "tools/cli/node_arguments.h"

namespace metarec::tools {

// What asks real replica servers. Used on one executor.
class NodeAccess {
 public:
  NodeAccess(asio::any_io_executor executor, Clock* clock);

  ReplicaSource* source() { return &source_; }
  // What spreads the retries of many nodes.
  static double Random();

 private:
  rpc::Client client_;
  RpcReplicaSource source_;
};

// How `nodes` wants servers to be asked.
absl::StatusOr<CollectorOptions> CollectorOptionsOf(const NodeArguments& nodes);

// Asks the nodes of `list`.
asio::awaitable<absl::StatusOr<Evidence>> CollectEvidence(NodeList list, CollectorOptions options,
                                                          Clock* clock, ProgressListener* progress);

}  // namespace metarec::tools
