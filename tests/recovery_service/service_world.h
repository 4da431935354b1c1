// A recovery service over simulated replica servers of the ReplicaSource seam and an in-memory
// store, driven by hand.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>

#include "base/runtime/system_clock.h"
#include "idl/serialization.h"
#include "recovery_service/recovery_service.h"
#include "testing/in_memory_meta_store.h"

namespace metarec {

// Each server has one replica of the only partition of table 1, "temp".
class WorldSource final : public ReplicaSource {
 public:
  asio::awaitable<absl::StatusOr<NodeIdentity>> Identify(NodeListEntry entry, absl::Time) override;
  asio::awaitable<absl::StatusOr<NodeTables>> QueryTables(Ipv4Endpoint address,
                                                          absl::Time deadline) override;
  asio::awaitable<absl::Status> QueryReplicas(Ipv4Endpoint address, absl::Time,
                                              ReplicaSink sink) override;

  std::map<uint16_t, ReplicaStatus> status;  // by port; inactive unless given
  std::map<uint16_t, bool> down;             // by port
  std::map<uint16_t, bool> hanging;          // by port: it does not answer in time
  // What servers give as their own addresses, by port; nothing unless given.
  std::map<uint16_t, Ipv4Endpoint> own_addresses;
  std::function<void(uint16_t port, TableRecord* table)> edit_table;
  std::function<asio::awaitable<void>()> before_tables;
  std::function<asio::awaitable<void>()> before_replicas;
  int replica_queries = 0;
  int table_queries = 0;

 private:
  SystemClock clock_;
};

class WorldListener final : public RecoveryListener {
 public:
  void OnStateChanged(RecoveryState state) override {
    states.emplace_back(RecoveryStateName(state));
  }
  void OnRecovered(const Topology& topology) override {
    tables = topology.tables.size();
    ++recoveries;
  }

  void OnAudit(const AuditEntry& entry, int64_t suppressed) override {
    for (std::string& line : AuditLines(entry)) audit.push_back(std::move(line));
    suppressed_audits += suppressed;
  }

  std::vector<std::string> states;
  std::vector<std::string> audit;
  int64_t suppressed_audits = 0;
  int recoveries = 0;
  size_t tables = 0;
};

class ServiceWorld {
 public:
  static constexpr char kRoot[] = "/pegasus/recovered";

  explicit ServiceWorld(RecoveryServiceOptions options = Options(),
                        testing::InMemoryMetaStoreOptions store_options = {});
  ~ServiceWorld();

  static RecoveryServiceOptions Options();

  // Runs the coroutine, and everything else, until it has ended.
  void Run(std::function<asio::awaitable<void>()> coroutine);

  static rpc::Request RequestOf(std::string task_code, std::string body);
  template <typename T>
  static rpc::Request Ask(const std::string& task_code, const T& request) {
    return RequestOf(task_code, idl::EncodeBody(request));
  }
  // `ports`: "1,2,3". A text, because GCC 12 compiles no braced list beside a co_await.
  static rpc::Request StartRecovery(absl::string_view ports, bool skip_bad = false,
                                    absl::Duration timeout = absl::Seconds(60));
  // Begins one of the servers 1, 2 and 3, which none of them answers: it runs until it is
  // cancelled.
  asio::awaitable<void> BeginHangingRun();
  // From 127.0.0.1:`port`. `name`: what it calls itself there; "rs.example:PORT" if empty.
  static rpc::Request Beacon(uint16_t port, int64_t start_time = 1, absl::string_view name = "");

  // "(none)" if there is no such znode below the root.
  std::string Znode(const std::string& path) const;
  std::string AppsState() const { return Znode("/apps"); }

  // Two tables that some root holds: "served", one of whose two partitions names three replicas and
  // the other one none, and "dropped".
  static Topology ServedTopology();

  asio::io_context context;
  SystemClock clock;
  WorldSource source;
  WorldListener listener;
  std::shared_ptr<testing::InMemoryZooKeeper> zookeeper;
  std::unique_ptr<testing::InMemoryMetaStore> store;
  std::unique_ptr<RecoveryService> service;
};

// Lets everything else that is ready run.
asio::awaitable<void> Settle();

// Decodes the answer into a struct; a test that gets anything else fails.
template <typename Response>
Response Decoded(const rpc::HandlerResult& result) {
  Response response;
  if (result.error_name != "ERR_OK" || !idl::DecodeBody(result.body, &response).ok()) {
    response.err = idl::error_code("no answer: " + result.error_name);
  }
  return response;
}

}  // namespace metarec
