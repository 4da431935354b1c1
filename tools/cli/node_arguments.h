// NODES, the replica servers that a verb asks, or the evidence that they gave earlier: the options,
// and how the evidence is got.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "base/runtime/progress.h"
#include "idl/ipv4_endpoint.h"
#include "meta_recovery/job/recovery_job.h"
#include "replica_collector/collector.h"
#include "replica_collector/evidence.h"
#include "replica_collector/node_list.h"
#include "replica_collector/node_names.h"
#include "replica_collector/rpc_replica_source.h"
#include "rpc/client.h"
#include "tools/process/command.h"

namespace metarec::tools {

// NODES: -f or -s, and how nodes are asked.
class NodeArguments {
 public:
  void AddTo(Command& verb);

  bool given() const { return !file_.empty() || !list_.empty(); }
  // Whether an option is given that says how nodes are asked.
  bool says_how_to_ask() const { return node_timeout_.has_value() && node_timeout_->is_given(); }
  // As Pegasus's shell words it.
  absl::Status CheckExactlyOne() const;

  absl::StatusOr<NodeList> Read() const;
  absl::StatusOr<metarec::NodeNames> NodeNames() const;
  // What Pegasus's shell says when the host of an entry is unknown.
  std::string UnknownNameText(const NodeListEntry& entry) const;
  absl::Duration node_timeout() const { return absl::Seconds(node_timeout_seconds_); }

 private:
  std::string file_;
  std::string list_;
  std::vector<std::string> node_names_;
  std::optional<CommandOption> node_timeout_;
  double node_timeout_seconds_ = 5;
};

// A line for each entry that the list repeats.
std::string WarnOfDuplicates(const NodeList& list);

// Asks real replica servers. Used on one executor.
class NodeAccess {
 public:
  NodeAccess(asio::any_io_executor executor, Clock* clock);

  ReplicaSource* source() { return &source_; }
  // Spreads the retries of many nodes (collector.h).
  static double Random();
  // For what moves or recovers a cluster.
  Surroundings surroundings() {
    return {.source = &source_, .clock = clock_, .random = &NodeAccess::Random};
  }

 private:
  Clock* const clock_;
  rpc::Client client_;
  RpcReplicaSource source_;
};

// How `nodes` wants servers to be asked.
absl::StatusOr<CollectorOptions> CollectorOptionsOf(const NodeArguments& nodes);

// Asks the nodes of `list`.
asio::awaitable<absl::StatusOr<Evidence>> CollectEvidence(NodeList list, CollectorOptions options,
                                                          Clock* clock, ProgressListener* progress);

// NODES or --evidence FILE.
class EvidenceArguments {
 public:
  void AddTo(Command& verb);

  bool given() const { return nodes_.given() || !file_.empty(); }
  // Whether it is a file with what nodes said earlier.
  bool is_file() const { return !file_.empty(); }
  absl::Status Check() const;
  asio::awaitable<absl::StatusOr<Evidence>> Obtain(Clock* clock, ProgressListener* progress) const;

 private:
  NodeArguments nodes_;
  std::string file_;
};

struct LookedUpNodes {
  std::vector<Ipv4Endpoint> addresses;  // of the entries, in their order
  // A line for each name that has several addresses, and for each loopback address if others are
  // none. For who sends the addresses on: a plan of our own has findings that say it.
  std::string warnings;
};

// Looks up the addresses of the entries. Pegasus's shell does that before anything begins. If a
// name is unknown: kInvalidArgument, with the shell's text as the first line and ours,
// which begins with "metarec recover: ", as the second.
asio::awaitable<absl::StatusOr<LookedUpNodes>> LookUpNodes(const NodeList& list,
                                                           const NodeArguments& nodes,
                                                           Clock* clock);

}  // namespace metarec::tools
