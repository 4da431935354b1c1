#include "benchmarks/served_cluster.h"

#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <absl/time/clock.h>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include "base/runtime/status_macros.h"
#include "base/runtime/system_clock.h"
#include "idl/error_names.h"
#include "idl/meta_admin_types.h"
#include "idl/meta_server_types.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"
#include "rpc/client.h"
#include "testing/free_port.h"
#include "testing/scratch_folder.h"

namespace metarec::benchmarks {
namespace {

constexpr uint32_t kLoopback = 0x7F000001;
constexpr absl::Duration kRecoveryTimeout = absl::Minutes(5);
constexpr absl::Duration kStartTimeout = absl::Seconds(60);
constexpr absl::Duration kLookEvery = absl::Milliseconds(20);
constexpr int kReplicas = 3;

constexpr char kConfig[] = R"(
[apps.meta]
ports = PORT
[meta_server]
server_list = localhost:PORT
cluster_root = /load/SERVICE
distributed_lock_service_parameters = /load/SERVICE/lock
meta_state_service_type = meta_state_service_zookeeper
distributed_lock_service_type = distributed_lock_service_zookeeper
recover_from_replica_server = true
[zookeeper]
hosts_list = ZOOKEEPER
[replication]
cluster_name = load
)";

absl::StatusOr<rpc::Reply> Ask(Ipv4Endpoint server, const char* task_code, std::string body,
                               absl::Duration timeout) {
  asio::io_context context(1);
  SystemClock clock;
  absl::StatusOr<rpc::Reply> reply = absl::UnknownError("nothing was asked");
  auto client = std::make_unique<rpc::Client>(context.get_executor(), &clock);
  rpc::CallOptions options;
  options.deadline = clock.Now() + timeout;
  asio::co_spawn(context, client->Call(server, task_code, std::move(body), options),
                 [&](const std::exception_ptr&, absl::StatusOr<rpc::Reply> got) {
                   reply = std::move(got);
                   client.reset();
                 });
  context.run();
  return reply;
}

absl::StatusOr<testing::SimulatedCluster> MakeCluster(const ServedClusterOptions& options) {
  testing::SimulatedCluster cluster;
  cluster.AddNodes(options.nodes);
  for (int i = 0; i < options.tables; ++i) {
    testing::SimulatedTable table;
    table.name = absl::StrCat("table", i + 1);
    const bool is_last = i == options.tables - 1;
    table.partition_count =
        options.partitions / options.tables + (is_last ? options.partitions % options.tables : 0);
    table.max_replica_count = kReplicas;
    METAREC_RETURN_IF_ERROR(cluster.AddTable(table));
  }
  return cluster;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ServedCluster>> ServedCluster::Start(
    const ServedClusterOptions& options, const std::string& programs) {
  std::unique_ptr<ServedCluster> made(new ServedCluster());
  made->programs_ = programs;
  METAREC_ASSIGN_OR_RETURN(made->folder_, testing::MakeTemporaryFolder("metarec-load"));
  testing::ZooKeeperServerOptions zookeeper;
  zookeeper.heap_mib = 2000;  // every run leaves its root behind
  METAREC_ASSIGN_OR_RETURN(made->zookeeper_, testing::ZooKeeperServer::Start(zookeeper));
  METAREC_ASSIGN_OR_RETURN(testing::SimulatedCluster cluster, MakeCluster(options));
  METAREC_ASSIGN_OR_RETURN(made->servers_,
                           testing::SimulatedClusterThread::Start(std::move(cluster)));
  return made;
}

ServedCluster::~ServedCluster() {
  service_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

absl::Status ServedCluster::WriteConfig() {
  std::ofstream file(folder_ + "/config.ini");
  file << absl::StrReplaceAll(kConfig, {{"PORT", absl::StrCat(endpoint_.port)},
                                        {"SERVICE", absl::StrCat(services_)},
                                        {"ZOOKEEPER", zookeeper_->hosts()}});
  return file.good() ? absl::OkStatus() : absl::UnavailableError("cannot write config.ini");
}

absl::Status ServedCluster::StartService() {
  if (service_) service_->Stop();
  ++services_;
  endpoint_ = {kLoopback, testing::FreePort()};
  METAREC_RETURN_IF_ERROR(WriteConfig());
  METAREC_ASSIGN_OR_RETURN(
      service_, testing::ChildProcess::Start({programs_ + "/metarecd", "--pegasus_config",
                                              folder_ + "/config.ini", "--listen", "127.0.0.1"},
                                             {.log = folder_ + "/metarecd", .is_talked_to = true}));
  return AwaitLeading();
}

absl::Status ServedCluster::AwaitLeading() const {
  const absl::Time deadline = absl::Now() + kStartTimeout;
  while (absl::Now() < deadline) {
    const absl::StatusOr<rpc::Reply> reply =
        Ask(endpoint_, idl::kRpcCmListApps, idl::EncodeBody(idl::configuration_list_apps_request()),
            absl::Seconds(1));
    idl::configuration_list_apps_response response;
    if (reply.ok() && idl::DecodeBody(reply->body, &response).ok() &&
        response.err.name == idl::kErrUnderRecovery) {
      return absl::OkStatus();
    }
    absl::SleepFor(kLookEvery);
  }
  return absl::DeadlineExceededError(
      absl::StrCat("metarecd does not come to lead; see ", folder_, "/metarecd.err"));
}

absl::StatusOr<absl::Duration> ServedCluster::Recover() {
  idl::configuration_recovery_request request;
  request.skip_bad_nodes = false;
  request.skip_lost_partitions = false;
  for (const Ipv4Endpoint& node : servers_->endpoints()) {
    request.recovery_nodes.push_back(node.ToRpcAddress());
  }
  const absl::Time begun = absl::Now();
  METAREC_ASSIGN_OR_RETURN(const rpc::Reply reply, Ask(endpoint_, idl::kRpcCmStartRecovery,
                                                       idl::EncodeBody(request), kRecoveryTimeout));
  const absl::Duration took = absl::Now() - begun;
  idl::configuration_recovery_response response;
  METAREC_RETURN_IF_ERROR(idl::DecodeBody(reply.body, &response));
  if (response.err.ok()) return took;
  return absl::InternalError(
      absl::StrCat("the recovery ended with ", response.err.name, ": ", response.hint_message));
}

}  // namespace metarec::benchmarks
