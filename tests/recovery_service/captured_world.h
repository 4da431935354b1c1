// A recovery service behind real ports on loopback, for the cluster that tests/golden was captured
// from: the same replica servers' answers, the same names and addresses.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <absl/time/time.h>
#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>

#include "base/runtime/event.h"
#include "base/runtime/system_clock.h"
#include "recovery_service/recovery_service.h"
#include "replica_collector/evidence.h"
#include "rpc/server.h"
#include "rpc/udp_server.h"
#include "testing/in_memory_meta_store.h"

namespace metarec {

// The captured replica servers: 127.0.0.1:34801 and so on, which call themselves localhost:34801.
class CapturedSource final : public ReplicaSource {
 public:
  // `folder` of tests/golden has the evidence; a server without files there is down.
  explicit CapturedSource(const std::string& folder);

  asio::awaitable<absl::StatusOr<NodeIdentity>> Identify(NodeListEntry entry, absl::Time) override;
  asio::awaitable<absl::StatusOr<NodeTables>> QueryTables(Ipv4Endpoint address,
                                                          absl::Time) override;
  asio::awaitable<absl::Status> QueryReplicas(Ipv4Endpoint address, absl::Time,
                                              ReplicaSink sink) override;

  std::map<uint16_t, std::string> errors;  // by port, in place of what the evidence says
  Event* asked = nullptr;                  // set when the first node is asked
  Event* hold = nullptr;                   // answers wait for it
  int served_answers = -1;                 // after so many answers all replicas are inactive

 private:
  absl::StatusOr<const NodeEvidence*> Find(Ipv4Endpoint address) const;

  std::map<uint16_t, NodeEvidence> nodes_;
};

struct CapturedWorldOptions {
  std::string evidence = ".";  // folder of tests/golden
  std::string root = "/pegasus/recovered";
  absl::Duration node_timeout = absl::Seconds(60);
};

class CapturedWorld {
 public:
  // Waits for start_recovery as localhost:34601, the leader.
  explicit CapturedWorld(const CapturedWorldOptions& options = {});
  ~CapturedWorld();

  // As metarecd does over a root that holds a cluster: serves from the tree that `file` of
  // tests/golden has below the root.
  void ServeFromTree(const std::string& file);

  // Runs the coroutine, and everything else, until it has ended.
  void Run(std::function<asio::awaitable<void>()> coroutine);

  // Sends a frame over a new connection and returns the whole frame that answers it.
  asio::awaitable<std::string> Exchange(std::string frame);
  // Sends it as a datagram from any port, which the frame names then as where its sender listens.
  asio::awaitable<std::string> ExchangeDatagram(std::string frame);
  // Either, from outside of Run.
  std::string Ask(const std::string& frame, bool by_udp = false);

  asio::io_context context;
  SystemClock clock;
  CapturedSource source;
  std::shared_ptr<testing::InMemoryZooKeeper> zookeeper;
  std::unique_ptr<testing::InMemoryMetaStore> store;
  std::unique_ptr<RecoveryService> service;

 private:
  const std::string root_;
  rpc::Server server_;
  rpc::UdpServer udp_;
  Ipv4Endpoint listens_;
  Ipv4Endpoint listens_udp_;
};

}  // namespace metarec
