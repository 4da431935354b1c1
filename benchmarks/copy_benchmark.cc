// zk copy beside a bare loop of the same requests, between two real ZooKeepers: docs/zk.md, "How
// fast".
//
// The bare loop reads data and ACL of each znode of the source, creates it in multis of 512 KiB,
// and reads the data of the source and data and ACL of the target once more, all pipelined. It
// knows all paths, keeps no order, compares nothing and marks nothing.

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <malloc.h>
#include <time.h>

#include "base/runtime/system_clock.h"
#include "base/runtime/task_group.h"
#include "testing/faulty_proxy.h"
#include "testing/zookeeper_server.h"
#include "zk_store/client/zookeeper_meta_store.h"
#include "zk_store/tree/live_tree.h"
#include "zk_store/tree/tree_copy.h"
#include "zk_store/tree/tree_removal.h"
#include "zk_store/tree/tree_writer.h"

namespace metarec::benchmarks {
namespace {

constexpr size_t kDataBytes = 500;
constexpr int kChildrenOfEach = 1000;
constexpr size_t kReadsInFlight = 512;
constexpr size_t kMultisInFlight = 8;
constexpr size_t kMultiBytes = 512 << 10;
constexpr int64_t kWarmZnodes = 50'000;

template <typename Result>
Result RunHere(asio::awaitable<Result> work) {
  asio::io_context io;
  std::optional<Result> result;
  asio::co_spawn(io, std::move(work), [&](const std::exception_ptr& thrown, Result value) {
    if (thrown) std::rethrow_exception(thrown);
    result = std::move(value);
  });
  io.run();
  return *std::move(result);
}

void Die(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << status << "\n";
  std::exit(1);
}

// What this process has used of the processors so far. Unlike the time that passes, it says the
// same on a busy machine.
absl::Duration CpuTime() {
  timespec used = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return absl::DurationFromTimespec(used);
}

// The peak is counted anew from here on.
void ForgetPeak() {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5";
}

int64_t PeakMib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::stoll(line.substr(6)) / 1024;
  }
  return 0;
}

struct Side {
  std::unique_ptr<testing::ZooKeeperServer> server;
  std::unique_ptr<testing::FaultyProxy> proxy;
  std::unique_ptr<ZooKeeperMetaStore> store;
};

struct Settings {
  int64_t znodes = 100'000;
  int delay_ms = 0;
  int heap_mib = 1500;
};

Side StartSide(const Settings& settings, Clock* clock) {
  Side side;
  testing::ZooKeeperServerOptions options;
  options.heap_mib = settings.heap_mib;
  auto server = testing::ZooKeeperServer::Start(options);
  Die(server.status());
  side.server = *std::move(server);
  ZooKeeperOptions zookeeper;
  zookeeper.hosts = side.server->hosts();
  if (settings.delay_ms > 0) {
    testing::FaultyProxyOptions proxy;
    proxy.server_port = side.server->port();
    proxy.delay = absl::Milliseconds(settings.delay_ms);
    auto started = testing::FaultyProxy::Start(proxy);
    Die(started.status());
    side.proxy = *std::move(started);
    zookeeper.hosts = side.proxy->hosts();
  }
  auto store = RunHere(ZooKeeperMetaStore::Connect(zookeeper, clock));
  Die(store.status());
  side.store = *std::move(store);
  return side;
}

// "/p17" and its children "/p17/3"; a parent before its children.
std::string PathOf(int64_t znode) {
  const int64_t parent = znode / (kChildrenOfEach + 1);
  const int64_t child = znode % (kChildrenOfEach + 1);
  return child == 0 ? absl::StrCat("/p", parent) : absl::StrCat("/p", parent, "/", child - 1);
}

asio::awaitable<absl::Status> Fill(MetaStore* store, Clock* clock, std::string path,
                                   int64_t znodes) {
  TreeWriter writer(store, clock, TreeWriterOptions());
  CreateOp root;
  root.path = path;
  absl::Status status = co_await writer.Add(root);
  for (int64_t i = 0; i < znodes && status.ok(); ++i) {
    CreateOp op;
    op.path = absl::StrCat(path, PathOf(i));
    op.data = std::string(kDataBytes, 'x');
    status = co_await writer.Add(std::move(op));
  }
  if (status.ok()) status = co_await writer.Flush();
  co_return status;
}

// Those of `ids`, in multis that know nothing of each other.
asio::awaitable<absl::Status> CopyUnordered(MetaStore* from, MetaStore* into,
                                            std::vector<int64_t> ids) {
  absl::Status status;
  const size_t per_multi = kMultiBytes / (kDataBytes + 100);
  const size_t multis = (ids.size() + per_multi - 1) / per_multi;
  const std::function<asio::awaitable<void>(size_t)> copy_some =
      [&](size_t multi) -> asio::awaitable<void> {
    const size_t begin = multi * per_multi;
    const size_t size = std::min(per_multi, ids.size() - begin);
    std::vector<StoreOp> ops(size, CreateOp());
    const std::function<asio::awaitable<void>(size_t)> read =
        [&](size_t i) -> asio::awaitable<void> {
      const std::string path = PathOf(ids[begin + i]);
      auto node = co_await from->Get(absl::StrCat("/source", path));
      auto acl = co_await from->GetAcl(absl::StrCat("/source", path));
      status.Update(node.status());
      status.Update(acl.status());
      CreateOp op;
      op.path = absl::StrCat("/bare", path);
      if (node.ok()) op.data = std::move(node->data);
      if (acl.ok()) op.acl = std::move(acl->acl);
      ops[i] = std::move(op);
    };
    co_await ForEachBounded(size, kReadsInFlight, read);
    const auto result = co_await into->Multi(std::move(ops));
    status.Update(result.status());
  };
  co_await ForEachBounded(multis, kMultisInFlight, copy_some);
  co_return status;
}

asio::awaitable<absl::Status> BareLoop(MetaStore* from, MetaStore* into, int64_t znodes) {
  CreateOp root;
  root.path = "/bare";
  const auto created = co_await into->Create(root);
  absl::Status status = created.status();
  const auto count = static_cast<size_t>(znodes);
  std::vector<int64_t> parents;
  std::vector<int64_t> children;
  for (int64_t i = 0; i < znodes; ++i) {
    (i % (kChildrenOfEach + 1) == 0 ? parents : children).push_back(i);
  }
  status.Update(co_await CopyUnordered(from, into, std::move(parents)));
  status.Update(co_await CopyUnordered(from, into, std::move(children)));
  if (!status.ok()) co_return status;
  const std::function<asio::awaitable<void>(size_t)> read_back =
      [&](size_t i) -> asio::awaitable<void> {
    const std::string path = PathOf(static_cast<int64_t>(i));
    const auto source = co_await from->Get(absl::StrCat("/source", path));
    const auto node = co_await into->Get(absl::StrCat("/bare", path));
    const auto acl = co_await into->GetAcl(absl::StrCat("/bare", path));
    status.Update(source.status());
    status.Update(node.status());
    status.Update(acl.status());
  };
  co_await ForEachBounded(count, 2 * kReadsInFlight, read_back);
  co_return status;
}

absl::StatusOr<TreeCopyResult> CopyAll(const Side& source, const std::string& source_root,
                                       const Side& target, const std::string& root, Clock* clock) {
  CopyFrom from;
  from.name = "source";
  from.store = source.store.get();
  from.root = source_root;
  from.open = [&](bool acls) -> asio::awaitable<absl::StatusOr<std::unique_ptr<TreeSource>>> {
    LiveTreeOptions options;
    options.read_acls = acls;
    options.ahead_bytes_max = kCopyAheadBytesMax;
    co_return std::make_unique<LiveTree>(source.store.get(), clock, source_root, options);
  };
  const CopyInto into{target.store.get(), root, "target"};
  return RunHere(CopyTree(from, into, TreeCopyOptions(), CopyEvents(), clock));
}

void Remove(const Side& side, const std::string& root, Clock* clock) {
  TreeRemovalOptions options;
  options.root = root;
  options.name = root;
  options.whole = true;
  Die(RunHere(RemoveTree(side.store.get(), clock, options, TreeRemovalEvents())).status());
}

// What a part of the measurement took.
struct Taken {
  absl::Duration time;
  absl::Duration cpu;
  int64_t peak_mib = 0;
};

Taken Measure(const std::function<void()>& work) {
  ForgetPeak();
  const absl::Time begin = absl::Now();
  const absl::Duration cpu = CpuTime();
  work();
  return {absl::Now() - begin, CpuTime() - cpu, PeakMib()};
}

void Print(const char* what, const Taken& taken) {
  std::cout << what << absl::FormatDuration(taken.time) << ", " << absl::FormatDuration(taken.cpu)
            << " of them this process's work, " << taken.peak_mib << " MiB at the peak"
            << std::endl;
}

int Run(const Settings& settings) {
  SystemClock clock;
  const Side source = StartSide(settings, &clock);
  const Side target = StartSide(settings, &clock);
  const int64_t znodes = settings.znodes;
  Die(RunHere(Fill(source.store.get(), &clock, "/warm", std::min(znodes, kWarmZnodes))));
  Die(RunHere(Fill(source.store.get(), &clock, "/source", znodes)));
  // Both servers have compiled what they need by then.
  Die(CopyAll(source, "/warm", target, "/warm", &clock).status());
  Remove(target, "/warm", &clock);
  std::cout << znodes << " znodes of " << kDataBytes << " bytes, " << settings.delay_ms
            << " ms each way" << std::endl;
  const Taken bare =
      Measure([&] { Die(RunHere(BareLoop(source.store.get(), target.store.get(), znodes))); });
  Print("bare loop: ", bare);
  // So that the server has as much memory for the copy.
  Remove(target, "/bare", &clock);
  int passes = 0;
  const Taken copy = Measure([&] {
    const auto copied = CopyAll(source, "/source", target, "/copied", &clock);
    Die(copied.status());
    passes = copied->passes;
  });
  Print("copy:      ", copy);
  std::cout << "share:     " << absl::FDivDuration(bare.time, copy.time) << " by time, "
            << absl::FDivDuration(bare.cpu, copy.cpu) << " by this process's work, " << passes
            << (passes == 1 ? " pass" : " passes") << std::endl;
  return 0;
}

}  // namespace
}  // namespace metarec::benchmarks

int main(int argc, char** argv) {
  CLI::App app("Measures zk copy beside a bare loop of the same requests.");
  metarec::benchmarks::Settings settings;
  app.add_option("--znodes", settings.znodes, "znodes of 500 bytes")->capture_default_str();
  app.add_option("--delay_ms", settings.delay_ms, "delay of everything, each way")
      ->capture_default_str();
  app.add_option("--heap_mib", settings.heap_mib, "heap of each server")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return metarec::benchmarks::Run(settings);
}
