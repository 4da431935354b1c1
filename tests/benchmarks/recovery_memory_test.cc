// How much memory a recovery takes, as a function of the number of replicas: docs/performance.md,
// "Memory". Every allocation of this program is counted, so it has a binary of its own.

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <absl/algorithm/container.h>
#include <absl/strings/str_cat.h>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <gtest/gtest.h>
#include <malloc.h>

#include "base/runtime/status_macros.h"
#include "base/runtime/system_clock.h"
#include "benchmarks/sized_cluster.h"
#include "meta_recovery/job/recovery_job.h"
#include "replica_collector/replica_source.h"
#include "tests/zk_store/client/store_world.h"

namespace metarec {
namespace {

std::atomic<int64_t> live_bytes{0};
std::atomic<int64_t> peak_bytes{0};
std::atomic<int64_t> allocations{0};

void* Allocate(size_t bytes, size_t alignment) {
  void* memory = alignment == 0 ? std::malloc(bytes)
                                : std::aligned_alloc(
                                      alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) std::abort();
  ++allocations;
  const auto usable = static_cast<int64_t>(malloc_usable_size(memory));
  const int64_t live = live_bytes.fetch_add(usable) + usable;
  int64_t peak = peak_bytes.load();
  while (live > peak && !peak_bytes.compare_exchange_weak(peak, live)) continue;
  return memory;
}

void Release(void* memory) {
  if (memory != nullptr) live_bytes -= static_cast<int64_t>(malloc_usable_size(memory));
  std::free(memory);
}

}  // namespace
}  // namespace metarec

void* operator new(size_t bytes) { return metarec::Allocate(bytes, 0); }
void* operator new[](size_t bytes) { return metarec::Allocate(bytes, 0); }
void* operator new(size_t bytes, std::align_val_t alignment) {
  return metarec::Allocate(bytes, static_cast<size_t>(alignment));
}
void* operator new[](size_t bytes, std::align_val_t alignment) {
  return metarec::Allocate(bytes, static_cast<size_t>(alignment));
}
void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  return metarec::Allocate(bytes, 0);
}
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept {
  return metarec::Allocate(bytes, 0);
}
void operator delete(void* memory) noexcept { metarec::Release(memory); }
void operator delete[](void* memory) noexcept { metarec::Release(memory); }
void operator delete(void* memory, size_t) noexcept { metarec::Release(memory); }
void operator delete[](void* memory, size_t) noexcept { metarec::Release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { metarec::Release(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { metarec::Release(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { metarec::Release(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept {
  metarec::Release(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept { metarec::Release(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { metarec::Release(memory); }

namespace metarec {
namespace {

// Servers that say what is in `evidence`, one replica after the other, as off a socket.
class EvidenceSource final : public ReplicaSource {
 public:
  explicit EvidenceSource(const Evidence& evidence) {
    for (const NodeEvidence& node : evidence.nodes) nodes_[node.address.ip] = &node;
  }

  asio::awaitable<absl::StatusOr<NodeIdentity>> Identify(NodeListEntry entry, absl::Time) override {
    NodeIdentity identity;
    identity.address = {.ip = 0x0A000000 + static_cast<uint32_t>(entry.line), .port = entry.port};
    identity.name = entry.text;
    co_return identity;
  }
  asio::awaitable<absl::StatusOr<NodeTables>> QueryTables(Ipv4Endpoint address,
                                                          absl::Time) override {
    std::vector<TableRecord> tables;
    for (const SharedTableRecord& table : nodes_.at(address.ip)->tables) tables.push_back(*table);
    co_return std::move(tables);
  }
  asio::awaitable<absl::Status> QueryReplicas(Ipv4Endpoint address, absl::Time,
                                              ReplicaSink sink) override {
    for (const ReplicaRecord& replica : nodes_.at(address.ip)->replicas) {
      METAREC_CO_RETURN_IF_ERROR(sink(replica));
    }
    co_return absl::OkStatus();
  }

 private:
  std::map<uint32_t, const NodeEvidence*> nodes_;
};

// Takes what a recovery writes, and keeps of the znodes under tables but their number.
class ForgetfulStore final : public MetaStore {
 public:
  ForgetfulStore() : MetaStore(OpenAcl(), 1024 * 1024 - 1) { znodes_["/"] = {}; }

  SessionState session_state() const override { return SessionState::kConnected; }
  asio::awaitable<absl::StatusOr<SessionState>> AwaitSessionChange(SessionState) override {
    co_return absl::CancelledError("it never changes");
  }
  int64_t session_id() const override { return 1; }

  int64_t created() const { return created_; }

 private:
  struct Znode {
    std::string data = {};
    int32_t version = 0;
    int32_t partitions = 0;  // those that are not kept
    std::vector<std::string> children = {};
  };

  static bool IsPartition(const std::string& path) {
    return absl::c_count(path, '/') == 5;  // /pegasus/recovered/apps/1/2
  }
  static std::string ParentOf(const std::string& path) {
    const size_t slash = path.rfind('/');
    return slash == 0 ? "/" : path.substr(0, slash);
  }

  asio::awaitable<absl::StatusOr<NodeData>> DoGet(std::string path,
                                                  std::shared_ptr<Watch>) override {
    const auto found = znodes_.find(path);
    if (found == znodes_.end()) co_return MakeStoreError(StoreError::kNoNode, "get", path);
    NodeData node;
    node.data = found->second.data;
    node.stat.version = found->second.version;
    co_return node;
  }
  asio::awaitable<absl::StatusOr<std::optional<NodeStat>>> DoExists(
      std::string path, std::shared_ptr<Watch>) override {
    std::optional<NodeStat> stat;
    if (znodes_.contains(path)) stat.emplace();
    co_return stat;
  }
  asio::awaitable<absl::StatusOr<NodeChildren>> DoChildren(std::string path,
                                                           std::shared_ptr<Watch>) override {
    const auto found = znodes_.find(path);
    if (found == znodes_.end()) co_return MakeStoreError(StoreError::kNoNode, "children", path);
    NodeChildren children;
    children.names = found->second.children;
    for (int32_t i = 0; i < found->second.partitions; ++i) {
      children.names.push_back(absl::StrCat(i));
    }
    co_return children;
  }
  asio::awaitable<absl::StatusOr<std::vector<StoreOpResult>>> DoMulti(
      std::vector<StoreOp> ops) override {
    std::vector<StoreOpResult> results(ops.size());
    for (const StoreOp& op : ops) {
      if (const auto* create = std::get_if<CreateOp>(&op)) Create(*create);
      if (const auto* set = std::get_if<SetOp>(&op)) {
        znodes_[set->path].data = set->data;
        ++znodes_[set->path].version;
      }
    }
    // As long as a server takes for it, others run.
    const auto executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::use_awaitable);
    co_return results;
  }
  asio::awaitable<absl::StatusOr<NodeAcl>> DoGetAcl(std::string path) override {
    co_return MakeStoreError(StoreError::kBadArguments, "get the ACL of", path);
  }
  asio::awaitable<absl::StatusOr<std::string>> DoCreate(CreateOp op) override {
    co_return MakeStoreError(StoreError::kBadArguments, "create", op.path);
  }
  asio::awaitable<absl::StatusOr<NodeStat>> DoSet(SetOp op) override {
    co_return MakeStoreError(StoreError::kBadArguments, "set", op.path);
  }
  asio::awaitable<absl::Status> DoDelete(DeleteOp op) override {
    co_return MakeStoreError(StoreError::kBadArguments, "delete", op.path);
  }
  asio::awaitable<absl::Status> DoSetAcl(SetAclOp op) override {
    co_return MakeStoreError(StoreError::kBadArguments, "set the ACL of", op.path);
  }
  asio::awaitable<absl::Status> DoSync(std::string) override { co_return absl::OkStatus(); }

  void Create(const CreateOp& op) {
    ++created_;
    Znode& parent = znodes_.at(ParentOf(op.path));
    if (IsPartition(op.path)) {
      ++parent.partitions;
      return;
    }
    parent.children.push_back(op.path.substr(op.path.rfind('/') + 1));
    znodes_[op.path].data = op.data;
  }

  std::map<std::string, Znode> znodes_;
  int64_t created_ = 0;
};

struct Usage {
  int64_t replicas = 0;
  int64_t peak = 0;  // bytes beyond what was there before
  int64_t allocations = 0;
};

// Of collecting, planning, writing and checking a cluster of so many partitions.
Usage Measure(int32_t partitions) {
  const Evidence evidence = benchmarks::MakeEvidence({"", 100, partitions, 20});
  Usage usage;
  RecoveryRequest request;
  request.root = kRoot;
  for (const NodeEvidence& node : evidence.nodes) {
    usage.replicas += static_cast<int64_t>(node.replicas.size());
    const int line = static_cast<int>(request.nodes.entries.size()) + 1;
    request.nodes.entries.push_back({node.name, node.name, node.address.port, line});
  }
  EvidenceSource source(evidence);
  ForgetfulStore store;
  SystemClock clock;
  SilentProgress progress;
  asio::io_context io;

  const int64_t before = live_bytes;
  const int64_t allocated_before = allocations;
  peak_bytes = before;
  {
    RecoveryJob job(request, {&source, &clock, [] { return 0.5; }}, &store, &progress);
    const RecoveryResult result = RunAlone(&io, job.Run());
    EXPECT_EQ(result.outcome, RecoveryOutcome::kRecovered) << result.status;
  }
  usage.peak = peak_bytes - before;
  usage.allocations = allocations - allocated_before;
  EXPECT_GE(store.created(), partitions + 100);
  std::cout << usage.replicas << " replicas: " << usage.peak << " bytes at the peak, "
            << usage.allocations << " allocations" << std::endl;
  return usage;
}

double Slope(int64_t more, int64_t less, const Usage& large, const Usage& small) {
  return static_cast<double>(more - less) / static_cast<double>(large.replicas - small.replicas);
}

// The bounds are those of docs/performance.md.
TEST(RecoveryMemoryTest, GrowsByLessThan120BytesAReplica) {
  constexpr int64_t kFixedBytes = 8 << 20;
  constexpr double kBytesPerReplica = 120;
  constexpr double kAllocationsPerReplica = 3;
  const Usage half = Measure(5'000);
  const Usage m = Measure(10'000);
  const Usage large = Measure(40'000);
  for (const Usage& usage : {half, m, large}) {
    EXPECT_LT(static_cast<double>(usage.peak),
              kFixedBytes + kBytesPerReplica * static_cast<double>(usage.replicas));
  }
  // From M on all that is under way at once is as much as it ever is.
  EXPECT_LT(Slope(large.peak, m.peak, large, m), kBytesPerReplica);
  EXPECT_LT(Slope(m.allocations, half.allocations, m, half), kAllocationsPerReplica);
  EXPECT_LT(Slope(large.allocations, m.allocations, large, m), kAllocationsPerReplica);
}

}  // namespace
}  // namespace metarec
