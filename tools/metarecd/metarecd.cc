// metarecd: a meta server that can do nothing but recover.

#include <csignal>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <absl/cleanup/cleanup.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/thread_pool.hpp>
#include <glog/logging.h>
#include <unistd.h>

#include "base/runtime/cancellation.h"
#include "base/runtime/status_macros.h"
#include "base/runtime/system_clock.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "recovery_service/server/recovery_server.h"
#include "replica_collector/rpc_replica_source.h"
#include "rpc/client.h"
#include "rpc/server.h"
#include "tools/cli/old_tree_arguments.h"
#include "tools/metarecd/metarecd_flags.h"
#include "tools/process/exit_code.h"
#include "tools/process/program_start.h"
#include "tools/process/unblocked_stderr.h"
#include "zk_store/client/store_error.h"
#include "zk_store/client/zookeeper_meta_store.h"
#include "zk_store/topology/topology.h"

namespace metarec::tools {
namespace {

// Those without any replica that is known, of the tables that live.
std::string EmptyPartitions(const Topology& topology) {
  int64_t count = 0;
  for (const TopologyTable& table : topology.tables) {
    if (table.status != TableStatus::kAvailable) continue;
    for (const TopologyPartition& partition : topology.PartitionsOf(table)) {
      if (partition.primary == kNoNode && partition.last_drops_count == 0) ++count;
    }
  }
  if (count == 0) return "";
  return absl::StrCat(", of which ", Counted(count, "partition"), count == 1 ? " is" : " are",
                      " created EMPTY");
}

class LoggingListener final : public RecoveryListener {
 public:
  // That it waits is said where it begins to lead; and who stops leading waits for nothing.
  void OnStateChanged(RecoveryState state) override {
    if (state != RecoveryState::kWaiting) LOG(INFO) << "recovery: " << RecoveryStateName(state);
  }
  void OnRecovered(const Topology& topology) override {
    LOG(INFO) << "recovered " << Counted(static_cast<int64_t>(topology.tables.size()), "table")
              << " and " << Counted(static_cast<int64_t>(topology.partitions.size()), "partition")
              << EmptyPartitions(topology)
              << ". Next: set [meta_server] recover_from_replica_server = false, stop "
                 "metarecd, and start the meta server";
  }
  void OnAudit(const AuditEntry& entry, int64_t suppressed) override {
    if (suppressed > 0) LOG(WARNING) << "audit: " << suppressed << " more entries left out";
    for (const std::string& line : AuditLines(entry)) {
      if (entry.is_failure()) {
        LOG(WARNING) << line;
      } else {
        LOG(INFO) << line;
      }
    }
  }
};

// How long a second signal leaves the end that the first one asked for. It gives the lock back;
// otherwise the next meta server has to wait until our session expires.
constexpr unsigned kSecondsAfterSecondSignal = 1;

volatile std::sig_atomic_t second_signal = 0;

// This and the next one are async-signal-safe.
void OnAlarm(int /*signal*/) { std::raise(second_signal); }

void OnSecondSignal(int signal) {
  second_signal = signal;
  for (const int each : {SIGINT, SIGTERM}) std::signal(each, SIG_DFL);  // a third ends it at once
  ::alarm(kSecondsAfterSecondSignal);
}

// What is left to do by whoever told it to end.
void LogEnd(const RecoveryServiceStatus& status, bool recovers) {
  if (!recovers) {
    LOG(INFO) << "stopped";
  } else if (status.is_damaged()) {
    LOG(WARNING) << "stopped; " << status.result->status.message();
  } else if (status.run_state == RecoveryState::kRecovered) {
    LOG(INFO) << "stopped; the recovered metadata are in " << status.cluster.zookeeper_root;
  } else if (!status.unfinished_run.empty()) {
    LOG(INFO) << "stopped; " << status.unfinished_run
              << " Start metarecd again and send the same recover command: it goes on";
  } else {
    LOG(INFO) << "stopped; nothing was recovered";
  }
}

absl::Status Serve(MetarecdOptions options) {
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
  options.server.connect = [&]() -> asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> {
    LOG(INFO) << "connecting to ZooKeeper " << options.zookeeper.hosts << ", for at most "
              << absl::FormatDuration(options.zookeeper.connect_timeout);
    co_return co_await ZooKeeperMetaStore::Connect(options.zookeeper, &clock);
  };
  if (!options.old_trees.empty()) {
    options.server.service.recovery.read_old_trees =
        [&]() -> asio::awaitable<absl::StatusOr<std::vector<OldTree>>> {
      OldTreeAccess access;
      co_return co_await ReadOldTreesOf(options.old_trees, access, &clock);
    };
  }
  const bool recovers = options.server.recover;
  const bool has_root_flag = options.has_root_flag;
  options.server.log = [](absl::string_view line) { LOG(INFO) << line; };
  RecoveryServer server(
      context.get_executor(), std::move(options.server),
      {.source = &source, .clock = &clock, .random = [&] { return random(generator); }}, &listener,
      RecoveryThread{.executor = recoveries.get_executor(), .source = &recovery_source});

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
    signals.clear();
    std::signal(SIGALRM, &OnAlarm);
    for (const int each : {SIGINT, SIGTERM}) std::signal(each, &OnSecondSignal);
    stop.emit(asio::cancellation_type::terminal);
  });
  absl::Status status;
  asio::co_spawn(context, WithoutThrowing(server.Run()),
                 asio::bind_cancellation_slot(
                     stop.slot(), [&](const std::exception_ptr& thrown, absl::Status ended) {
                       signals.cancel();
                       client.reset();
                       if (thrown) std::rethrow_exception(thrown);
                       status = std::move(ended);
                     }));
  context.run();
  if (status.ok()) LogEnd(server.service().status(), recovers);
  if (has_root_flag && absl::StrContains(status.message(), "[meta_server] cluster_root")) {
    return Annotate(status, ". --root is given, and takes the place of cluster_root");
  }
  return status;
}

absl::Status Main() {
  METAREC_ASSIGN_OR_RETURN(MetarecdOptions options, OptionsFromFlags());
  for (const std::string& warning : options.warnings) LOG(WARNING) << warning;
  options.server.rpc.connections_max = rpc::ConnectionsWithin(rpc::RaiseOpenFilesLimit());
  return Serve(std::move(options));
}

ExitCode Run() {
  const absl::Status status = Main();
  if (status.ok()) return ExitCode::kDone;
  std::cerr << "metarecd: " << PrintableLines(status.message()) << std::endl;
  return absl::IsFailedPrecondition(status) ? ExitCode::kRefused : ExitCode::kFailed;
}

}  // namespace
}  // namespace metarec::tools

int main(int argc, char** argv) {
  metarec::tools::PrepareStandardDescriptors();
  FLAGS_logtostderr = true;
  const std::optional<int> ended = metarec::tools::ParseMetarecdFlags(&argc, &argv);
  if (ended.has_value()) return *ended;
  google::InitGoogleLogging(argv[0]);
  // The log waits for nobody.
  const metarec::tools::UnblockedStderr unblocked(absl::Seconds(1));
  try {
    return static_cast<int>(metarec::tools::Run());
  } catch (const std::exception& error) {
    std::cerr << "metarecd: unexpected error: " << error.what() << std::endl;
    return static_cast<int>(metarec::tools::ExitCode::kFailed);
  }
}
