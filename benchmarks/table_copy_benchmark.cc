// table copy beside a bare loop of the same requests, between two simulated clusters that run on a
// thread of their own: docs/table-migration.md, "How fast".
//
// The bare loop scans each partition, puts every row and awaits the answers, all pipelined as much
// as the copy. It knows where every partition is, retries nothing, remembers no position, and looks
// at no answer but for its error.

#include <cstdint>
#include <exception>
#include <fstream>
#include <functional>
#include <future>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <CLI/CLI.hpp>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <asio/co_spawn.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <time.h>

#include "base/runtime/event.h"
#include "base/runtime/system_clock.h"
#include "base/runtime/task_group.h"
#include "idl/client_types.h"
#include "idl/data_path.h"
#include "idl/meta_admin_types.h"
#include "idl/serialization.h"
#include "migration/tables/table_copy.h"
#include "migration/tables/table_diff.h"
#include "pegasus_client/key_hash.h"
#include "pegasus_client/meta_client.h"
#include "replica_collector/node_list.h"
#include "rpc/client.h"
#include "testing/simulated_tables.h"

namespace metarec::benchmarks {
namespace {

constexpr int32_t kSourcePartitions = 8;
constexpr int32_t kTargetPartitions = 16;
constexpr int kInFlight = 500;  // per partition, as the copy
constexpr int kScanRows = 100;

struct Options {
  int64_t rows = 300'000;
  int64_t value_bytes = 100;
  int rounds = 3;
};

// What this process's main thread has used of its processor.
absl::Duration ThreadTime() {
  timespec used = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return absl::DurationFromTimespec(used);
}

int64_t PeakKib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::stoll(line.substr(6));
  }
  return 0;
}

void Die(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << status << "\n";
  std::exit(1);
}

template <typename Result>
Result RunHere(asio::io_context* io, asio::awaitable<Result> work) {
  std::optional<Result> result;
  asio::co_spawn(*io, std::move(work), [&](const std::exception_ptr& thrown, Result value) {
    if (thrown) std::rethrow_exception(thrown);
    result = std::move(value);
  });
  io->restart();
  while (!result) io->run_one();
  return *std::move(result);
}

// Both clusters, on a thread of their own.
class Servers {
 public:
  Servers()
      : work_(asio::make_work_guard(io_)),
        from_(io_.get_executor(), &clock_, {.replica_servers = 3, .seed = 1}),
        to_(io_.get_executor(), &clock_, {.replica_servers = 3, .seed = 2}) {
    Die(from_.Start());
    Die(to_.Start());
    from_.AddTable("from", kSourcePartitions);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Servers() {
    std::promise<void> stopped;
    asio::co_spawn(io_, Stop(), [&stopped](std::exception_ptr) { stopped.set_value(); });
    stopped.get_future().wait();
    work_.reset();
    thread_.join();
  }

  void Do(const std::function<void()>& what) {
    std::promise<void> done;
    asio::post(io_, [&] {
      what();
      done.set_value();
    });
    done.get_future().wait();
  }

  testing::SimulatedTables& from() { return from_; }
  testing::SimulatedTables& to() { return to_; }

 private:
  asio::awaitable<void> Stop() {
    co_await from_.Stop();
    co_await to_.Stop();
  }

  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  SystemClock clock_;
  testing::SimulatedTables from_;
  testing::SimulatedTables to_;
  std::thread thread_;
};

// The loop that knows nothing but what it must.
class BareLoop {
 public:
  BareLoop(asio::io_context* io, Clock* clock, Servers* servers)
      : io_(io),
        from_metas_(io->get_executor(), clock, *ParseNodeListString(servers->from().meta()), {}),
        to_metas_(io->get_executor(), clock, *ParseNodeListString(servers->to().meta()), {}),
        from_(io->get_executor(), clock, RpcOptions()),
        to_(io->get_executor(), clock, RpcOptions()) {}

  asio::awaitable<int64_t> Run() {
    idl::query_cfg_request request;
    request.app_name = "from";
    auto from = co_await from_metas_.Ask<idl::query_cfg_response>(
        idl::kRpcCmQueryPartitionConfigByIndex, request);
    request.app_name = "to";
    auto to = co_await to_metas_.Ask<idl::query_cfg_response>(
        idl::kRpcCmQueryPartitionConfigByIndex, request);
    Die(from.status());
    Die(to.status());
    from_config_ = *std::move(from);
    to_config_ = *std::move(to);
    const std::function<asio::awaitable<void>(size_t)> copy = [this](size_t i) {
      return CopyPartition(static_cast<int32_t>(i));
    };
    co_await ForEachBounded(kSourcePartitions, kSourcePartitions, copy);
    co_return rows_;
  }

 private:
  static rpc::ClientOptions RpcOptions() {
    rpc::ClientOptions options;
    options.in_flight_per_connection_max = 1 << 20;
    return options;
  }

  static Ipv4Endpoint PrimaryOf(const idl::query_cfg_response& config, int32_t partition) {
    return *EndpointOf(config.partitions[static_cast<size_t>(partition)].primary);
  }
  static rpc::CallOptions CallTo(const idl::query_cfg_response& config, int32_t partition,
                                 uint64_t hash) {
    rpc::CallOptions call;
    call.gpid = {.app_id = config.app_id, .partition_index = partition};
    call.thread_hash = config.app_id * 7919 + partition;
    call.partition_hash = hash;
    return call;
  }

  struct Window {
    explicit Window(const asio::any_io_executor& executor) : tasks(executor) {}
    TaskGroup tasks;
    int in_flight = 0;
    std::unique_ptr<Event> room;
  };

  asio::awaitable<void> CopyPartition(int32_t partition) {
    Window window(io_->get_executor());
    idl::get_scanner_request scan;
    scan.start_key.bytes = std::string(2, '\0');
    scan.stop_key.bytes = "\xFF\xFF";
    scan.start_inclusive = true;
    scan.batch_size = kScanRows;
    scan.__set_return_expire_ts(true);
    scan.__set_full_scan(true);
    std::string code = idl::kRpcRrdbGetScanner;
    std::string body = idl::EncodeBody(scan);
    for (;;) {
      const auto reply =
          co_await from_.Call(PrimaryOf(from_config_, partition), code, body,
                              CallTo(from_config_, partition, static_cast<uint64_t>(partition)));
      Die(reply.status());
      idl::scan_response page;
      Die(idl::DecodeBody(reply->body, &page));
      for (idl::key_value& row : page.kvs) {
        while (window.in_flight >= kInFlight) {
          window.room = std::make_unique<Event>(io_->get_executor());
          (void)co_await window.room->Wait();
          window.room.reset();
        }
        ++window.in_flight;
        window.tasks.Spawn(Put(&window, std::move(row)));
      }
      if (page.context_id == -1) break;
      idl::scan_request next;
      next.context_id = page.context_id;
      code = idl::kRpcRrdbScan;
      body = idl::EncodeBody(next);
    }
    co_await window.tasks.Join();
  }

  asio::awaitable<void> Put(Window* window, idl::key_value row) {
    const std::string& key = row.key.bytes;
    const size_t hash_key_bytes =
        static_cast<size_t>(static_cast<uint8_t>(key[0])) << 8 | static_cast<uint8_t>(key[1]);
    const uint64_t hash = HashOfKey(absl::string_view(key).substr(2, hash_key_bytes),
                                    absl::string_view(key).substr(2 + hash_key_bytes));
    const int32_t partition = PartitionOf(hash, to_config_.partition_count);
    idl::update_request put;
    put.key = std::move(row.key);
    put.value = std::move(row.value);
    put.expire_ts_seconds = row.expire_ts_seconds;
    const auto reply = co_await to_.Call(PrimaryOf(to_config_, partition), idl::kRpcRrdbPut,
                                         idl::EncodeBody(put), CallTo(to_config_, partition, hash));
    Die(reply.status());
    idl::update_response response;
    Die(idl::DecodeBody(reply->body, &response));
    if (response.error != 0) Die(absl::InternalError("a put failed"));
    ++rows_;
    --window->in_flight;
    if (window->room != nullptr) window->room->Set();
  }

  asio::io_context* const io_;
  MetaClient from_metas_;
  MetaClient to_metas_;
  rpc::Client from_;
  rpc::Client to_;
  idl::query_cfg_response from_config_;
  idl::query_cfg_response to_config_;
  int64_t rows_ = 0;
};

struct Timed {
  absl::Duration elapsed;
  absl::Duration cpu;  // of the client's thread
};

Timed Time(const std::function<int64_t()>& work, int64_t rows, const char* what) {
  const absl::Time begin = absl::Now();
  const absl::Duration cpu = ThreadTime();
  const int64_t done = work();
  const Timed timed{.elapsed = absl::Now() - begin, .cpu = ThreadTime() - cpu};
  if (done != rows) Die(absl::InternalError(absl::StrCat(what, ": ", done, " rows")));
  std::cout << what << ": " << absl::FormatDuration(timed.elapsed) << ", "
            << static_cast<int64_t>(static_cast<double>(rows) /
                                    absl::ToDoubleSeconds(timed.elapsed))
            << " rows/s, client's processor " << absl::FormatDuration(timed.cpu) << std::endl;
  return timed;
}

int Run(const Options& options) {
  Servers servers;
  servers.Do([&] {
    for (int64_t i = 0; i < options.rows; ++i) {
      Row row;
      row.key = *RowKey::Make(absl::StrCat("user_", i / 10), absl::StrCat("sort_", i));
      row.value = std::string(static_cast<size_t>(options.value_bytes), 'v');
      row.expires_at = i % 2 == 0 ? 0 : 2'000'000'000u;
      servers.from().table("from").Put(row);
    }
  });
  asio::io_context io{1};
  SystemClock clock;
  absl::Duration bare;
  absl::Duration bare_cpu;
  absl::Duration copy;
  absl::Duration copy_cpu;
  const auto new_target = [&] {
    servers.Do([&] {
      if (servers.to().HasTable("to")) servers.to().DropTable("to");
      servers.to().AddTable("to", kTargetPartitions);
    });
  };
  const auto client = [&](testing::SimulatedTables& cluster, const std::string& table) {
    return std::make_unique<TableClient>(io.get_executor(), &clock,
                                         *ParseNodeListString(cluster.meta()), table,
                                         TableClientOptions());
  };
  // By turns, so that what else the machine does hits both.
  for (int round = 0; round < options.rounds; ++round) {
    new_target();
    const Timed one = Time(
        [&] {
          BareLoop loop(&io, &clock, &servers);
          return RunHere(&io, loop.Run());
        },
        options.rows, "bare loop ");
    bare += one.elapsed;
    bare_cpu += one.cpu;
    new_target();
    const Timed other = Time(
        [&] {
          const auto source = client(servers.from(), "from");
          const auto target = client(servers.to(), "to");
          TableCopy table_copy(source.get(), target.get(), &clock, {});
          const auto result = RunHere(&io, table_copy.Run([](const TableCopyProgress&) {}));
          Die(result.status());
          return result->progress.rows;
        },
        options.rows, "table copy");
    copy += other.elapsed;
    copy_cpu += other.cpu;
  }
  Time(
      [&] {
        const auto source = client(servers.from(), "from");
        const auto target = client(servers.to(), "to");
        const auto result =
            RunHere(&io, DiffTables(
                             source.get(), target.get(), &clock, {}, [](const RowDifference&) {},
                             [](const TableDiffResult&) {}));
        Die(result.status());
        return result->equal;
      },
      options.rows, "table diff");
  std::cout << options.rows << " rows with values of " << options.value_bytes << " bytes, "
            << options.rounds
            << " rounds\nshare of the bare loop's speed: " << absl::FDivDuration(bare, copy)
            << " by time, " << absl::FDivDuration(bare_cpu, copy_cpu)
            << " by the client's processor\npeak memory, both clusters included: "
            << PeakKib() / 1024 << " MiB\n";
  return 0;
}

}  // namespace
}  // namespace metarec::benchmarks

int main(int argc, char** argv) {
  CLI::App app("Measures table copy beside a bare loop of scans and puts.");
  metarec::benchmarks::Options options;
  app.add_option("--rows", options.rows, "rows of the table")->capture_default_str();
  app.add_option("--value_bytes", options.value_bytes, "of each row")->capture_default_str();
  app.add_option("--rounds", options.rounds, "of both, by turns")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return metarec::benchmarks::Run(options);
}
