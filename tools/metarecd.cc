// metarecd: a meta server that can do nothing but recover.

#include <csignal>
#include <exception>
#include <iostream>
#include <memory>
#include <random>
#include <utility>

#include <absl/cleanup/cleanup.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/this_coro.hpp>
#include <asio/thread_pool.hpp>
#include <gflags/gflags.h>
#include <glog/logging.h>

#include "recovery_service/recovery_server.h"
#include "replica_collector/rpc_replica_source.h"
#include "rpc/client.h"
#include "rpc/open_files.h"
#include "runtime/status_macros.h"
#include "runtime/system_clock.h"
#include "tools/exit_code.h"
#include "tools/pegasus_config.h"
#include "tools/version.h"
#include "zk_store/zookeeper_meta_store.h"

DEFINE_string(pegasus_config, "", "config.ini of the meta server whose place is taken (required)");
DEFINE_string(listen, "0.0.0.0", "IPv4 address to listen on");
DEFINE_int32(port, 0, "port to listen on; 0: as in the configuration");
DEFINE_string(own_name, "",
              "host:port by which other servers know this one; \"\": the entry of server_list that "
              "has our port, if it is the only one");
DEFINE_string(operators, "",
              "IPv4 networks from which start_recovery and remote commands are taken, such as "
              "10.0.0.0/8,127.0.0.1; \"\": all");
DEFINE_string(rename_separator, "-", "goes between a contested table name and its id");

namespace metarec::tools {
namespace {

constexpr char kUsage[] =
    "recovers a Pegasus cluster's metadata in place of its meta server\n"
    "\n"
    "  metarecd --pegasus_config onebox/meta1/config.ini\n"
    "\n"
    "Waits, on the meta server's port, for the shell's recover command (or metarec recover "
    "--meta)\n"
    "and writes what it rebuilds into the configuration's cluster_root, which must be empty. Then\n"
    "set recover_from_replica_server = false, stop metarecd, and start the meta server.";

absl::StatusOr<std::string> OwnName(const PegasusConfig& config) {
  if (!FLAGS_own_name.empty()) return FLAGS_own_name;
  std::vector<std::string> ours;
  for (const std::string& server : config.meta_servers) {
    if (absl::EndsWith(server, absl::StrCat(":", config.port))) ours.push_back(server);
  }
  if (ours.size() == 1) return ours.front();
  return absl::InvalidArgumentError(absl::StrCat("which entry of [meta_server] server_list (",
                                                 absl::StrJoin(config.meta_servers, ","),
                                                 ") is this server? Give --own_name"));
}

absl::StatusOr<RecoveryServerOptions> OptionsOf(const PegasusConfig& config) {
  RecoveryServerOptions options;
  METAREC_ASSIGN_OR_RETURN(options.listen.ip, ParseIpv4(FLAGS_listen));
  options.listen.port = config.port;
  METAREC_ASSIGN_OR_RETURN(options.own_name, OwnName(config));
  options.recover = config.recover_from_replica_server;
  options.lock_root = config.lock_root;
  options.session_timeout = config.zookeeper_session_timeout;
  options.rpc.connections_max = rpc::ConnectionsWithin(rpc::RaiseOpenFilesLimit());
  RecoveryServiceOptions& service = options.service;
  METAREC_ASSIGN_OR_RETURN(service.operators, AllowedNetworks::Parse(FLAGS_operators));
  service.recovery.root = config.cluster_root;
  service.recovery.plan.rename_separator = FLAGS_rename_separator;
  service.recovery.writer.tool_version = kVersion;
  service.beacons.grace = config.beacon_grace;
  service.cluster = {.name = config.cluster_name,
                     .meta_servers = config.meta_servers,
                     .primary_meta_server = "",
                     .zookeeper_hosts = config.zookeeper_hosts,
                     .zookeeper_root = config.cluster_root};
  service.version = kVersion;
  return options;
}

class LoggingListener final : public RecoveryListener {
 public:
  void OnStateChanged(RecoveryState state) override {
    LOG(INFO) << "recovery: " << RecoveryStateName(state);
  }
  void OnRecovered(const Topology& topology) override {
    LOG(INFO) << "recovered " << topology.tables.size() << " tables and "
              << topology.partitions.size()
              << " partitions. Next: set [meta_server] recover_from_replica_server = false, stop "
                 "metarecd, and start the meta server";
  }
};

asio::awaitable<absl::Status> RunWithoutThrowing(RecoveryServer* server) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_return co_await server->Run();
}

absl::Status Serve(const PegasusConfig& config, RecoveryServerOptions options) {
  asio::io_context context(1);
  SystemClock clock;
  // Recoveries have a thread of their own, so that nobody waits for them who only asks something.
  asio::thread_pool recoveries(1);
  rpc::Client recovery_client(recoveries.get_executor(), &clock);
  RpcReplicaSource recovery_source(&recovery_client, &clock);
  // Until the server has ended: idle connections would keep the context running.
  auto client = std::make_unique<rpc::Client>(context.get_executor(), &clock);
  RpcReplicaSource source(client.get(), &clock);
  LoggingListener listener;
  std::mt19937_64 generator{std::random_device()()};
  std::uniform_real_distribution<double> random(0, 1);
  ZooKeeperOptions zookeeper;
  zookeeper.hosts = config.zookeeper_hosts;
  zookeeper.session_timeout = config.zookeeper_session_timeout;
  const RecoveryServer::Connect connect =
      [&]() -> asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> {
    co_return co_await ZooKeeperMetaStore::Connect(zookeeper, &clock);
  };
  RecoveryServer server(context.get_executor(), std::move(options),
                        {.source = &source,
                         .clock = &clock,
                         .listener = &listener,
                         .random = [&] { return random(generator); },
                         .connect = connect,
                         .log = [](absl::string_view line) { LOG(INFO) << line; },
                         .recovery_thread = RecoveryThread{.executor = recoveries.get_executor(),
                                                           .source = &recovery_source}});
  // Before anything is destroyed that the thread may use.
  const absl::Cleanup end_thread = [&recoveries] {
    recoveries.stop();
    recoveries.join();
  };

  asio::cancellation_signal stop;
  asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&](const asio::error_code& error, int number) {
    if (error) return;
    LOG(INFO) << "stopping on signal " << number;
    signals.clear();  // the next one ends the process
    stop.emit(asio::cancellation_type::terminal);
  });
  absl::Status status;
  asio::co_spawn(context, RunWithoutThrowing(&server),
                 asio::bind_cancellation_slot(
                     stop.slot(), [&](const std::exception_ptr& thrown, absl::Status ended) {
                       signals.cancel();
                       client.reset();
                       if (thrown) std::rethrow_exception(thrown);
                       status = std::move(ended);
                     }));
  context.run();
  return status;
}

absl::Status Main() {
  if (FLAGS_pegasus_config.empty()) {
    return absl::InvalidArgumentError("--pegasus_config is missing (see --help)");
  }
  METAREC_ASSIGN_OR_RETURN(PegasusConfig config, ReadPegasusConfig(FLAGS_pegasus_config));
  if (FLAGS_port != 0) {
    METAREC_ASSIGN_OR_RETURN(config.port, ParsePort(absl::StrCat(FLAGS_port)));
  }
  METAREC_ASSIGN_OR_RETURN(RecoveryServerOptions options, OptionsOf(config));
  if (options.service.operators.allows_everyone()) {
    LOG(WARNING) << "anybody who reaches this port may start a recovery; restrict that with "
                    "--operators";
  }
  return Serve(config, std::move(options));
}

}  // namespace
}  // namespace metarec::tools

int main(int argc, char** argv) {
  gflags::SetUsageMessage(metarec::tools::kUsage);
  gflags::SetVersionString(metarec::tools::kVersion);
  FLAGS_logtostderr = true;
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  google::InitGoogleLogging(argv[0]);
  const absl::Status status = metarec::tools::Main();
  if (status.ok()) return 0;
  std::cerr << "metarecd: " << status.message() << std::endl;
  return absl::IsFailedPrecondition(status) ? static_cast<int>(metarec::tools::ExitCode::kRefused)
                                            : static_cast<int>(metarec::tools::ExitCode::kFailed);
}
