// Answers replica servers' beacons while their cluster has no metadata, and learns from them who is
// there.
//
// A node whose replicas still serve holds a lease from an earlier meta server. It must lose it
// first: told that it has a master again, it would go on serving, and stock replica servers abort
// when they then get other metadata than they had (DESIGN: "Still served"). So its beacons are
// answered without mastership until a query shows that all its replicas are inactive.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "base/runtime/task_group.h"
#include "idl/ipv4_endpoint.h"
#include "idl/meta_server_types.h"
#include "recovery_service/leadership.h"
#include "replica_collector/evidence.h"
#include "replica_collector/replica_source.h"

namespace metarec {

struct BeaconWatchOptions {
  size_t nodes_max = 10'000;  // beacons of further nodes are not answered
  size_t queries_in_flight_max = 32;
  absl::Duration ask_again_after = absl::Seconds(3);  // while a node still serves
  absl::Duration query_timeout = absl::Seconds(5);
  // Without a beacon for this long a node counts as dead (fd_grace_seconds).
  absl::Duration grace = absl::Seconds(22);
};

// What is known of a node that sent beacons.
struct BeaconNode {
  Ipv4Endpoint address;
  // host:port as it called itself last, in a beacon from its very address; empty if it never did.
  std::string name;
  // All that it called itself within the grace time, `name` included: more than one if its beacons
  // contradict each other. Sorted.
  std::vector<std::string> names;
  absl::Time last_beacon;
  // Replicas that are PS_PRIMARY or PS_SECONDARY, as it said last; nullopt: not asked yet, or it
  // did not answer.
  std::optional<int64_t> replicas_serving;
  bool is_granted = false;  // its beacons are answered with mastership
  bool is_there = false;    // see BeaconSender
};

// Not thread-safe but for Senders: used on `executor` (a single thread or a strand), where its
// queries run, too. Stop must have ended before it is destroyed. `source` and `clock` must outlive
// it.
class BeaconWatch {
 public:
  BeaconWatch(asio::any_io_executor executor, Clock* clock, ReplicaSource* source,
              BeaconWatchOptions options = {});
  ~BeaconWatch();
  BeaconWatch(const BeaconWatch&) = delete;
  BeaconWatch& operator=(const BeaconWatch&) = delete;

  // The answer to a beacon; nullopt if none is due. A follower says who leads. The leader grants
  // mastership if the node may have it, and begins a query if that is not known. `peer_ip`: where
  // the beacon comes from. Anybody can send one for another address, so a name is believed only if
  // it comes from the address that bears it, and such nodes are kept if there are too many.
  std::optional<idl::beacon_ack> Answer(const idl::beacon_msg& beacon, uint32_t peer_ip,
                                        const Leadership& leadership);

  // By address.
  std::vector<BeaconNode> Nodes() const;
  // The same for the collector. Thread-safe: recoveries run on a thread of their own.
  std::vector<BeaconSender> Senders() const ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsAlive(Ipv4Endpoint address) const;

  // To be called when leadership is lost. Forgets which nodes have a master; queries that are in
  // flight find out nothing any more.
  void ForgetGrants();

  // Cancels the queries and awaits their end.
  asio::awaitable<void> Stop();

 private:
  struct Node;

  // nullptr: the beacon makes no sense, or there are too many nodes.
  Node* FindOrAdd(const idl::beacon_msg& beacon, uint32_t peer_ip) ABSL_LOCKS_EXCLUDED(mutex_);
  // Makes room for one more node by forgetting silent ones. For a node that `is_from_there`, also
  // one that is not may be forgotten. False if there is no room.
  bool MakeRoom(bool is_from_there);
  bool IsThere(const Node& node, absl::Time now) const;
  void AskIfDue(Node* node);
  asio::awaitable<void> Ask(Node* node);

  Clock* const clock_;
  ReplicaSource* const source_;
  const BeaconWatchOptions options_;
  // Held while nodes or what is known of them change, and by Senders. On the executor they are read
  // without it.
  mutable absl::Mutex mutex_;
  std::map<Ipv4Endpoint, std::unique_ptr<Node>> nodes_;
  absl::Time swept_ = absl::InfinitePast();
  uint64_t term_ = 0;  // of our leadership; queries of an earlier one do not count
  TaskGroup queries_;
};

}  // namespace metarec
