// A ZooKeeper in memory, a small topology, and coroutines run to their end without real time.

#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/this_coro.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/runtime/cancellation.h"
#include "base/runtime/clock.h"
#include "base/runtime/progress.h"
#include "testing/in_memory_meta_store.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/topology/topology_writer.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {

// Sleeping only moves the time.
class ImmediateClock final : public Clock {
 public:
  absl::Time Now() const override { return now_; }
  asio::awaitable<absl::Status> SleepUntil(absl::Time deadline) override {
    const bool cancelled = co_await IsCancelled();
    if (cancelled) co_return absl::CancelledError("cancelled");
    if (deadline > now_) now_ = deadline;
    co_return absl::OkStatus();
  }

 private:
  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
};

template <typename T>
asio::awaitable<void> StoreResult(asio::awaitable<T> task, std::optional<T>* result) {
  co_await asio::this_coro::throw_if_cancelled(false);
  *result = co_await std::move(task);
}

// Runs `task` alone until it is done. `cancel`, if given, is what cancels it.
template <typename T>
T RunAlone(asio::io_context* io, asio::awaitable<T> task,
           asio::cancellation_signal* cancel = nullptr) {
  std::optional<T> result;
  asio::cancellation_signal never;
  const auto rethrow = [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  };
  asio::co_spawn(*io, StoreResult(std::move(task), &result),
                 asio::bind_cancellation_slot((cancel ? cancel : &never)->slot(), rethrow));
  io->restart();
  io->run();
  return std::move(*result);
}

inline TopologyTable MakeTable(int32_t app_id, const std::string& name, int32_t partition_count) {
  TopologyTable table;
  table.app_id = app_id;
  table.app_name = name;
  table.app_type = "pegasus";
  table.partition_count = partition_count;
  table.init_partition_count = partition_count;
  table.create_second = 1'700'000'000 + app_id;
  return table;
}

// Adds `table` with its first `partitions` partitions, all on the three nodes of SampleTopology.
inline void AddTable(TopologyTable table, uint32_t partitions, Topology* topology) {
  table.partitions_begin = static_cast<uint32_t>(topology->partitions.size());
  table.partitions_count = partitions;
  for (uint32_t i = 0; i < partitions; ++i) {
    TopologyPartition partition;
    partition.index = static_cast<int32_t>(i);
    partition.ballot = 3 + i;
    partition.last_committed_decree = int64_t{100} * i;
    partition.primary = i % 3;
    partition.members_begin = static_cast<uint32_t>(topology->members.size());
    partition.last_drops_count = 2;
    topology->members.push_back((i + 1) % 3);
    topology->members.push_back((i + 2) % 3);
    topology->partitions.push_back(partition);
  }
  topology->tables.push_back(std::move(table));
}

// Three tables: 1 "temp" with 3 partitions, 2 a dropped placeholder, 3 "split" with 4 of 8.
inline Topology SampleTopology() {
  Topology topology;
  for (uint32_t i = 1; i <= 3; ++i) {
    topology.nodes.push_back({{0x0a000000 + i, 34801}, absl::StrCat("rs", i, ":34801")});
  }
  TopologyTable temp = MakeTable(1, "temp", 3);
  temp.envs = {{"default_ttl", "86400"}, {"replica.deny_client_request", "timeout*write"}};
  AddTable(temp, 3, &topology);
  TopologyTable placeholder = MakeTable(2, "__drop_holder__2", 1);
  placeholder.status = TableStatus::kDropped;
  AddTable(placeholder, 1, &topology);
  topology.partitions.back() = TopologyPartition();
  topology.partitions.back().partition_flags = 1;
  TopologyTable split = MakeTable(3, "split", 8);
  split.init_partition_count = 4;
  AddTable(split, 4, &topology);
  return topology;
}

using Tree = std::map<std::string, std::string>;  // path to data

// The znodes under /apps that `topology` must become.
inline Tree AppsTree(const Topology& topology, const std::string& root) {
  const ClusterPaths paths(root);
  TopologyZnodes znodes(topology, paths);
  Tree tree;
  for (size_t i = 0; i < znodes.size(); ++i) tree[znodes.Path(i)] = znodes.Data(i);
  return tree;
}

inline constexpr char kRoot[] = "/pegasus/recovered";
inline constexpr char kDigest[] = "sha256:0123";

class StoreWorld : public ::testing::Test {
 protected:
  using FaultInjector = testing::FaultInjector;

  std::unique_ptr<testing::InMemoryMetaStore> Open(FaultInjector injector = nullptr) {
    testing::InMemoryMetaStoreOptions options;
    options.injector = std::move(injector);
    return std::make_unique<testing::InMemoryMetaStore>(zookeeper_, std::move(options));
  }

  static TopologyWriterOptions SmallBatches() {
    TopologyWriterOptions options;
    options.limits.ops_max = 3;
    options.limits.in_flight_max = 2;
    options.reads_in_flight_max = 4;
    options.retry.incidents_max = 5;
    options.tool_version = "1.2.3";
    return options;
  }

  absl::StatusOr<WriteResult> Write(MetaStore* store, const Topology& topology,
                                    const std::string& digest = kDigest,
                                    const TopologyWriterOptions& options = SmallBatches(),
                                    const std::string& root = kRoot) {
    TopologyWriter writer(options, store, &clock_, &progress_);
    return RunAlone(&io_, writer.Write(topology, root, digest));
  }

  // As a stranger would.
  void Put(const std::string& path, const std::string& data,
           CreateMode mode = CreateMode::kPersistent) {
    const auto created = RunAlone(&io_, stranger_->Create(path, data, mode));
    ASSERT_TRUE(created.ok()) << created.status();
  }
  void Overwrite(const std::string& path, const std::string& data) {
    const auto set = RunAlone(&io_, stranger_->Set(path, data));
    ASSERT_TRUE(set.ok()) << set.status();
  }

  void DeleteOf(const std::string& path) {
    const absl::Status deleted = RunAlone(&io_, stranger_->Delete(path));
    ASSERT_TRUE(deleted.ok()) << deleted;
  }

  Tree Dump() const {
    Tree tree;
    for (const auto& node : zookeeper_->Dump()) tree[node.path] = node.data;
    return tree;
  }
  std::string DataOf(const std::string& path) const {
    const Tree tree = Dump();
    const auto node = tree.find(path);
    return node == tree.end() ? "(absent)" : node->second;
  }

  asio::io_context io_;
  ImmediateClock clock_;
  SilentProgress progress_;
  std::shared_ptr<testing::InMemoryZooKeeper> zookeeper_ =
      std::make_shared<testing::InMemoryZooKeeper>();
  std::unique_ptr<testing::InMemoryMetaStore> stranger_ = Open();
};

// ... and runs that write SampleTopology into kRoot.
class WriterWorld : public StoreWorld {
 protected:
  // What an undisturbed run leaves, apart from the journal.
  Tree ExpectedTree(const std::string& apps_data = "unlock") const {
    Tree tree = AppsTree(topology_, kRoot);
    tree["/"] = tree["/pegasus"] = tree[kRoot] = "";
    tree[paths_.apps()] = apps_data;
    return tree;
  }
  Tree DumpWithoutJournal() const {
    Tree tree = Dump();
    EXPECT_EQ(tree.erase(paths_.journal()), 1u);
    return tree;
  }

  // Leaves an unfinished run: the process dies before its `k`-th transaction.
  void WriteUntilTransaction(int k, const std::string& digest = kDigest) {
    int transactions = 0;
    const auto store =
        Open([&](const testing::StoreCall& call) -> std::optional<testing::StoreFault> {
          if (call.kind != "multi" || transactions++ < k) return std::nullopt;
          return testing::StoreFault{testing::StoreFault::Moment::kBefore,
                                     StoreError::kSessionExpired, true};
        });
    EXPECT_FALSE(Write(store.get(), topology_, digest).ok());
    EXPECT_EQ(DataOf(paths_.apps()), "lock");
  }

  void ExpectRefusedUnchanged(const std::string& why, const std::string& digest = kDigest,
                              const TopologyWriterOptions& options = SmallBatches()) {
    const auto store = Open();
    const auto before = zookeeper_->Dump();
    const int64_t zxid = zookeeper_->last_zxid();
    const auto result = Write(store.get(), topology_, digest, options);
    EXPECT_TRUE(HasMark(result.status(), ErrorMark::kRefused)) << result.status();
    EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(result.status().message()), ::testing::HasSubstr(why));
    EXPECT_EQ(zookeeper_->Dump(), before);
    EXPECT_EQ(zookeeper_->last_zxid(), zxid) << "a write was tried";
  }

  const Topology topology_ = SampleTopology();
  const ClusterPaths paths_{kRoot};
};

}  // namespace metarec
