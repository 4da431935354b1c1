// Asks all replica servers of a list what they hold.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "base/runtime/progress.h"
#include "idl/ipv4_endpoint.h"
#include "replica_collector/evidence.h"
#include "replica_collector/node_list.h"
#include "replica_collector/node_names.h"
#include "replica_collector/replica_source.h"

namespace metarec {

struct CollectorOptions {
  size_t nodes_in_flight_max = 64;

  // For one node, retries included. Pegasus gives each node 5 s.
  absl::Duration node_timeout = absl::Seconds(5);
  // For one try at one node.
  absl::Duration attempt_timeout = absl::Seconds(5);
  // For looking up one node's address and name, before it is asked.
  absl::Duration identify_timeout = absl::Seconds(5);

  // A node that cannot be reached or does not answer is tried this often. One that is still loading
  // its replicas (ERR_HANDLER_NOT_FOUND) or is busy is asked until its time is over.
  int attempts_max = 3;
  // Of all nodes together. Once they are used up, failures are final.
  int64_t retries_max = 10'000;
  absl::Duration backoff_min = absl::Milliseconds(100);  // doubles with every try
  absl::Duration backoff_max = absl::Seconds(2);

  size_t tables_per_node_max = 1'000'000;
  size_t replicas_per_node_max = 4'000'000;

  // Names that the operator gives to servers (--node_name).
  NodeNames node_names;
  // Who sends beacons, servers that are not in the list included: called on the collector's
  // executor once all nodes have answered. Empty where nobody listens for beacons.
  std::function<std::vector<BeaconSender>()> beacons;
};

// Not thread-safe: used on one executor (a single thread or a strand); one Collect at a time.
class Collector {
 public:
  // A number in [0, 1), different every time: spreads the retries of many nodes.
  using Random = std::function<double()>;

  // All must outlive the collector.
  Collector(CollectorOptions options, ReplicaSource* source, Clock* clock,
            ProgressListener* progress, Random random);

  // Returns each server of the list once, in the order of first mention: with both its answers, or
  // with the error that prevented them. Two entries are one server if they lead to one address, or
  // if both give the same answers and the same address as their own. If both answers failed, the
  // error is that of the replicas, as in Pegasus. A server that cannot be asked is no error of
  // Collect. Errors are kCancelled, and those of NameNodes for `node_names`.
  asio::awaitable<absl::StatusOr<Evidence>> Collect(NodeList list);

  // The servers that had not answered when the last Collect was cancelled, as the list names them.
  const std::vector<std::string>& unanswered() const { return unanswered_; }

 private:
  class Run;

  const CollectorOptions options_;
  ReplicaSource* const source_;
  Clock* const clock_;
  ProgressListener* const progress_;
  const Random random_;
  std::vector<std::string> unanswered_;
};

// Replicas that report PS_PRIMARY or PS_SECONDARY. Their nodes hold a lease from a meta server.
struct ServingCount {
  int64_t serving = 0;
  int64_t replicas = 0;
  int64_t nodes_serving = 0;  // nodes with at least one of them

  friend bool operator==(const ServingCount&, const ServingCount&) = default;
};
ServingCount CountServing(const Evidence& evidence);
int64_t CountServing(const NodeEvidence& node);

}  // namespace metarec
