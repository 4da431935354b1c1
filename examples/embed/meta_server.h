// A meta server that recovers its cluster, and then serves an RPC of its own. main.cc runs it on a
// real ZooKeeper, meta_server_test.cc tests it without one; docs/embedding.md walks through both.
#pragma once

#include <cstdio>
#include <string>

#include <absl/random/random.h>

#include "metarec/base/runtime/status_macros.h"
#include "metarec/idl/meta_admin_types.h"
#include "metarec/idl/serialization.h"
#include "metarec/recovery_service/recovery_service.h"
#include "metarec/recovery_service/status/status_commands.h"
#include "metarec/recovery_service/status/status_pages.h"
#include "metarec/replica_collector/rpc_replica_source.h"
#include "metarec/zk_store/election/leader_lock.h"

// Asks for nothing; the answer, a configuration_cluster_info_response, has all tables' sizes.
inline constexpr char kRpcTableSizes[] = "RPC_EXAMPLE_TABLE_SIZES";

// Everything happens on `executor`: a single thread, or a strand.
class MetaServer final : private metarec::RecoveryListener {
 public:
  // `root`: of the metadata in ZooKeeper, with the meta servers' lock in `<root>/lock`.
  MetaServer(asio::any_io_executor executor, metarec::Clock* clock, std::string root)
      : executor_(std::move(executor)), clock_(clock), root_(std::move(root)) {}

  // Returns when it is cancelled or the session of `store` is lost, with everything stopped.
  asio::awaitable<absl::Status> Run(metarec::MetaStore* store, metarec::Ipv4Endpoint listen) {
    absl::Status status = Listen(listen);
    if (status.ok()) status = co_await Lead(store);
    co_await udp_.Stop();  // first what asks the service, then the service and what it runs
    co_await server_.Stop();
    co_await service_.Stop();
    co_return status;
  }
  metarec::Ipv4Endpoint endpoint() const { return endpoint_; }

 private:
  metarec::RecoveryServiceOptions ServiceOptions() const {
    metarec::RecoveryServiceOptions options;
    options.build.version = "1.0";
    options.recovery.root = root_;
    options.operators = *metarec::AllowedNetworks::Parse("127.0.0.0/8");  // who may recover
    return options;
  }

  absl::Status Listen(metarec::Ipv4Endpoint endpoint) {
    service_.RegisterOn(&server_);  // all RPCs of a meta server; nearly all are refused for now
    service_.RegisterOn(&udp_);     // beacons
    const auto own = [this](const metarec::rpc::Request&) { return AnswerTableSizes(); };
    server_.Register(kRpcTableSizes, service_.Gated(own));  // refused as long as it has no policy
    server_.ServeHttp([this](metarec::rpc::HttpRequest request) { return Page(request); });
    metarec::AddStatusCommands(clock_->Now(), &service_);  // server-info and the like
    METAREC_ASSIGN_OR_RETURN(endpoint_, server_.Listen(endpoint));
    return udp_.Listen(endpoint_).status();
  }

  asio::awaitable<absl::Status> Lead(metarec::MetaStore* store) {
    metarec::LeaderLockOptions options;
    options.lock_root = root_ + "/lock";
    options.own_name = endpoint_.ToString();
    metarec::LeaderLock lock(options, store, clock_);
    METAREC_CO_RETURN_IF_ERROR(co_await lock.Acquire());
    service_.Lead({options.own_name, endpoint_}, store, lock.Fence());
    std::fprintf(stderr, "leading at %s\n", options.own_name.c_str());
    const absl::Status lost = co_await lock.AwaitLoss();
    co_await service_.StepDown();
    co_return lost;  // the lock goes with the session, which ends with its store
  }

  void OnStateChanged(metarec::RecoveryState) override {}
  // A real one boots from here, and opens the gate when it has.
  void OnRecovered(const metarec::Topology& topology) override {
    for (const metarec::TopologyTable& table : topology.tables) {
      sizes_.keys.push_back(table.app_name);
      sizes_.values.push_back(std::to_string(table.partition_count));
    }
    sizes_.err = metarec::idl::error_code("ERR_OK");
    service_.gate().SetPolicy(kRpcTableSizes, metarec::GatePolicy::kOnceRecovered);
  }

  asio::awaitable<metarec::rpc::HandlerResult> AnswerTableSizes() {
    metarec::rpc::HandlerResult result;
    result.body = metarec::idl::EncodeBody(sizes_);
    co_return result;
  }
  asio::awaitable<metarec::rpc::HttpResponse> Page(metarec::rpc::HttpRequest request) {
    co_return metarec::ServeStatusPages(service_, request, clock_->Now());
  }
  static double Random() { return absl::Uniform(absl::BitGen(), 0.0, 1.0); }  // spreads retries

  const asio::any_io_executor executor_;
  metarec::Clock* const clock_;
  const std::string root_;
  metarec::rpc::Client client_{executor_, clock_};
  metarec::RpcReplicaSource source_{&client_, clock_};  // asks the replica servers
  metarec::RecoveryService service_{executor_, ServiceOptions(), {&source_, clock_, Random}, this};
  metarec::rpc::Server server_{executor_, clock_};  // ends before the service that its handlers use
  metarec::rpc::UdpServer udp_{executor_, clock_};
  metarec::Ipv4Endpoint endpoint_;
  metarec::idl::configuration_cluster_info_response sizes_;
};
