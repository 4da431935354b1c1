// How long requests may be and how many are under way: the rules alone, and runs against servers
// that take less than ZooKeeper does by default, which only their answers tell.

#include "zk_store/client/flow_control.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/runtime/system_clock.h"
#include "testing/zookeeper_server.h"
#include "tests/zk_store/client/store_world.h"
#include "zk_store/client/zookeeper_meta_store.h"
#include "zk_store/topology/topology_verifier.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::StoreCall;
using testing::StoreFault;
using Outcome = SendWindow::Outcome;
using Pass = SendWindow::Pass;

constexpr size_t kAssumed = RequestSize::kAssumedBytes;

// Sends requests as long as possible to a server that takes `server_max`, one at a time. Returns
// how many connections that cost.
int Send(RequestSize* size, size_t server_max, int requests) {
  int lost = 0;
  for (int i = 0; i < requests; ++i) {
    const size_t bytes = size->bytes_max();
    if (bytes <= server_max) {
      size->OnAnswer(bytes);
    } else {
      size->OnLoss(bytes);
      ++lost;
    }
  }
  return lost;
}

TEST(RequestSizeTest, GrowsWhileItIsAnswered) {
  RequestSize size(1 << 20);
  EXPECT_EQ(size.bytes_max(), kAssumed);
  size.OnAnswer(kAssumed / 2);  // nothing known of longer ones by that
  EXPECT_EQ(size.bytes_max(), kAssumed);
  size.OnAnswer(kAssumed / 2 + 1);
  EXPECT_EQ(size.bytes_max(), 2 * kAssumed);
  size.OnAnswer(kAssumed);  // sent before
  EXPECT_EQ(size.bytes_max(), 2 * kAssumed);
  EXPECT_EQ(Send(&size, SIZE_MAX, 10), 0);
  EXPECT_EQ(size.bytes_max(), size_t{1} << 20);
}

TEST(RequestSizeTest, NeverExceedsWhatItWasGiven) {
  RequestSize size(1000);
  EXPECT_EQ(size.bytes_max(), 1000u);
  Send(&size, SIZE_MAX, 10);
  EXPECT_EQ(size.bytes_max(), 1000u);
}

TEST(RequestSizeTest, FindsTheServersLimitAtTheCostOfFewConnections) {
  for (const size_t server_max : {1'000, 4'096, 20'000, 65'536, 100'000, 300'000, 600'000}) {
    RequestSize size(1 << 20);
    EXPECT_LE(Send(&size, server_max, 1'000), 12) << server_max;
    EXPECT_LE(size.bytes_max(), server_max);
    EXPECT_GT(size.bytes_max(), server_max / 2);
    EXPECT_EQ(Send(&size, server_max, 10'000), 0) << server_max;
  }
}

TEST(RequestSizeTest, OneLostConnectionIsForgotten) {
  RequestSize size(1 << 20);
  size.OnLoss(kAssumed);
  EXPECT_EQ(size.bytes_max(), kAssumed / 2);
  size.OnLoss(kAssumed);  // of the same moment
  EXPECT_EQ(size.bytes_max(), kAssumed / 2);
  Send(&size, SIZE_MAX, 100);
  EXPECT_EQ(size.bytes_max(), size_t{1} << 20);
}

TEST(RequestSizeTest, WhatWasAnsweredOnceIsNotToBlame) {
  RequestSize size(1 << 20);
  size.OnAnswer(kAssumed);
  for (int i = 0; i < 5; ++i) size.OnLoss(kAssumed);
  EXPECT_EQ(size.bytes_max(), 2 * kAssumed);
  EXPECT_TRUE(size.IsProven(kAssumed));
  EXPECT_FALSE(size.IsProven(kAssumed + 1));
}

class SendWindowTest : public ::testing::Test {
 protected:
  Pass Enter() {
    auto pass = RunAlone(&io_, window_.Enter());
    EXPECT_TRUE(pass.ok()) << pass.status();
    return *pass;
  }
  void Wait(absl::Duration time) {
    EXPECT_TRUE(RunAlone(&io_, clock_.SleepUntil(clock_.Now() + time)).ok());
  }
  // As many answers as may be under way, all of them after `time`.
  void Round(absl::Duration time, size_t bytes = 1000) {
    std::vector<Pass> passes;
    while (window_.in_flight() < window_.size()) passes.push_back(Enter());
    Wait(time);
    for (const Pass& pass : passes) window_.Leave(pass, Outcome::kAnswered, bytes);
  }
  // Coroutines that enter, and say so, and stay until Leave.
  void Spawn(bool alone) {
    asio::co_spawn(io_, EnterAndTell(alone), [](std::exception_ptr) {});
    RunReady();
  }
  void RunReady() {
    io_.restart();
    io_.poll();
  }
  asio::awaitable<void> EnterAndTell(bool alone) {
    const auto pass = co_await window_.Enter(alone);
    entered_.push_back(*pass);
  }

  asio::io_context io_;
  ImmediateClock clock_;
  SendWindow window_{&clock_, 8};
  std::vector<Pass> entered_;
};

TEST_F(SendWindowTest, GrowsWhileMoreBringsMore) {
  EXPECT_EQ(window_.size(), SendWindow::kAssumed);
  for (int i = 0; i < 20; ++i) Round(absl::Milliseconds(10));  // however many there are
  EXPECT_EQ(window_.size(), 8u);
}

TEST_F(SendWindowTest, StaysWhereMoreBringsNothing) {
  for (int i = 0; i < 50; ++i) {
    const auto busy = absl::Milliseconds(10) * static_cast<int64_t>(window_.size());
    Round(busy);
  }
  EXPECT_LE(window_.size(), SendWindow::kAssumed + 2);
}

TEST_F(SendWindowTest, ShrinksWhenTheServerGetsSlower) {
  for (int i = 0; i < 20; ++i) Round(absl::Milliseconds(10));
  for (int i = 1; i < 20; ++i) Round(absl::Milliseconds(10) * (1 << std::min(i, 7)));
  EXPECT_EQ(window_.size(), SendWindow::kAssumed);
}

TEST_F(SendWindowTest, LossesAndSlowAnswersHalveItAndItComesBack) {
  for (int i = 0; i < 20; ++i) Round(absl::Milliseconds(10));
  window_.Leave(Enter(), Outcome::kLost);
  EXPECT_EQ(window_.size(), 4u);
  const Pass slow = Enter();
  Wait(absl::Seconds(4));
  window_.Leave(slow, Outcome::kAnswered, 1000);
  EXPECT_EQ(window_.size(), 2u);
  for (int i = 0; i < 5; ++i) window_.Leave(Enter(), Outcome::kLost);
  EXPECT_EQ(window_.size(), 1u);
  for (int i = 0; i < 20; ++i) Round(absl::Milliseconds(10));
  EXPECT_EQ(window_.size(), 8u);
}

TEST_F(SendWindowTest, OneLostConnectionHalvesItOnceHoweverManyWereUnderWay) {
  for (int i = 0; i < 20; ++i) Round(absl::Milliseconds(10));
  std::vector<Pass> passes;
  while (window_.in_flight() < window_.size()) passes.push_back(Enter());
  Wait(absl::Milliseconds(10));
  for (const Pass& pass : passes) window_.Leave(pass, Outcome::kLost);
  EXPECT_EQ(window_.size(), 4u);
}

TEST_F(SendWindowTest, WhoFindsNoRoomWaitsForAnAnswer) {
  const Pass first = Enter();
  while (window_.in_flight() < window_.size()) Enter();
  Spawn(/*alone=*/false);
  EXPECT_TRUE(entered_.empty());
  window_.Leave(first, Outcome::kAnswered, 1);
  RunReady();
  EXPECT_EQ(entered_.size(), 1u);
}

TEST_F(SendWindowTest, ATransactionThatWantsToBeAloneIs) {
  const Pass first = Enter();
  Spawn(/*alone=*/true);
  Spawn(/*alone=*/false);  // not before the one that has waited longer
  EXPECT_TRUE(entered_.empty());
  window_.Leave(first, Outcome::kAnswered, 1);
  RunReady();
  ASSERT_EQ(entered_.size(), 1u);
  EXPECT_TRUE(entered_[0].alone);
  EXPECT_EQ(window_.in_flight(), 1u);
  window_.Leave(entered_[0], Outcome::kNotSent);
  RunReady();
  ASSERT_EQ(entered_.size(), 2u);
  EXPECT_FALSE(entered_[1].alone);
}

TEST_F(SendWindowTest, WhoIsCancelledWhileItWaitsLeavesNoTrace) {
  const Pass first = Enter();
  asio::cancellation_signal cancel;
  asio::post(io_, [&] {  // not before the coroutine has begun
    asio::post(io_, [&] { cancel.emit(asio::cancellation_type::terminal); });
  });
  const auto pass = RunAlone(&io_, window_.Enter(/*alone=*/true), &cancel);
  EXPECT_TRUE(absl::IsCancelled(pass.status())) << pass.status();
  window_.Leave(Enter(), Outcome::kAnswered, 1);  // the others are not held back
  window_.Leave(first, Outcome::kAnswered, 1);
  EXPECT_EQ(window_.in_flight(), 0u);
}

Topology LargeTopology(int32_t partitions) {
  Topology topology = SampleTopology();
  AddTable(MakeTable(4, "large", partitions), static_cast<uint32_t>(partitions), &topology);
  return topology;
}

class RequestLimitsTest : public StoreWorld {
 protected:
  std::unique_ptr<testing::InMemoryMetaStore> OpenBounded(size_t server_request_bytes_max,
                                                          FaultInjector injector = nullptr) {
    testing::InMemoryMetaStoreOptions options;
    options.server_request_bytes_max = server_request_bytes_max;
    options.injector = std::move(injector);
    return std::make_unique<testing::InMemoryMetaStore>(zookeeper_, std::move(options));
  }

  size_t BytesOf(const std::vector<StoreOp>& ops) const {
    size_t bytes = MetaStore::kMultiOverheadBytes;
    for (const StoreOp& op : ops) bytes += stranger_->OpBytes(op);
    return bytes;
  }

  void ExpectWritten(const Topology& topology) const {
    Tree tree = Dump();
    for (const auto& [path, data] : AppsTree(topology, kRoot)) EXPECT_EQ(tree[path], data) << path;
    EXPECT_EQ(DataOf(absl::StrCat(kRoot, "/apps")), kAppsUnlocked);
  }
};

TEST_F(RequestLimitsTest, TransactionsAreShortenedUntilTheServerTakesThem) {
  const Topology topology = LargeTopology(8'000);
  for (const size_t server_max : {1'000, 20'000, 65'536, 300'000}) {
    zookeeper_ = std::make_shared<testing::InMemoryZooKeeper>();
    stranger_ = Open();
    int lost = 0;
    const auto store =
        OpenBounded(server_max, [&](const StoreCall& call) -> std::optional<StoreFault> {
          if (call.kind == "multi" && BytesOf(*call.ops) > server_max) ++lost;
          return std::nullopt;
        });
    const auto written = Write(store.get(), topology, kDigest, TopologyWriterOptions());
    ASSERT_TRUE(written.ok()) << server_max << ": " << written.status();
    EXPECT_EQ(written->znodes_created + written->znodes_found, 8'012);
    // Eight are under way when it is found out that the first length is too much.
    EXPECT_LE(lost, 8 + 10) << server_max;
    ExpectWritten(topology);
  }
}

TEST_F(RequestLimitsTest, TransactionsAreFilledUpToTheirBytes) {
  const Topology topology = LargeTopology(50);
  TopologyWriterOptions options = SmallBatches();
  options.limits.ops_max = 1000;
  options.limits.request_bytes_max = 3000;
  std::vector<size_t> sizes;  // of those of large's partitions
  size_t longest_op = 0;
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (!call.is_write() || OpPath(call.ops->front()).find("/apps/4/") == std::string::npos) {
      return std::nullopt;
    }
    sizes.push_back(BytesOf(*call.ops));
    for (const StoreOp& op : *call.ops) longest_op = std::max(longest_op, stranger_->OpBytes(op));
    return std::nullopt;
  });
  ASSERT_TRUE(Write(store.get(), topology, kDigest, options).ok());
  ASSERT_GT(sizes.size(), 3u);
  std::sort(sizes.begin(), sizes.end());
  // All but the last one have no room for one more znode and the check.
  EXPECT_GT(sizes[1], 3000 - longest_op - 100);
}

TEST_F(RequestLimitsTest, AZnodeBeyondTheServersLimitIsNamedAndTheRunGoesOnOnceItIsRaised) {
  Topology topology = LargeTopology(1'000);
  topology.tables[2].envs["huge"] = std::string(100'000, 'x');
  const auto result = Write(OpenBounded(65'536).get(), topology, kDigest, TopologyWriterOptions());
  EXPECT_EQ(result.status().code(), absl::StatusCode::kResourceExhausted) << result.status();
  EXPECT_THAT(std::string(result.status().message()),
              AllOf(HasSubstr("/apps/3 (table \"split\") needs a request of 100"),
                    HasSubstr("jute.maxbuffer"), HasSubstr("run the same plan again to resume")));
  const auto resumed =
      Write(OpenBounded(200'000).get(), topology, kDigest, TopologyWriterOptions());
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_TRUE(resumed->resumed);
  ExpectWritten(topology);
}

TEST_F(RequestLimitsTest, OneLongZnodeAmongShortOnesIsTakenIfTheServerTakesIt) {
  Topology topology = LargeTopology(1'000);
  topology.tables[2].envs["huge"] = std::string(60'000, 'x');
  const auto written = Write(OpenBounded(65'536).get(), topology, kDigest, TopologyWriterOptions());
  ASSERT_TRUE(written.ok()) << written.status();
  ExpectWritten(topology);
}

TEST_F(RequestLimitsTest, AnOutageShortensNothingForLong) {
  const Topology topology = LargeTopology(30'000);
  int multis = 0;
  size_t longest = 0;
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (call.kind != "multi") return std::nullopt;
    longest = std::max(longest, BytesOf(*call.ops));
    if (++multis < 3 || multis > 12) return std::nullopt;
    return StoreFault{StoreFault::Moment::kBefore, StoreError::kConnectionLoss, false};
  });
  TopologyWriterOptions options;
  options.limits.ops_max = 10'000;
  const auto written = Write(store.get(), topology, kDigest, options);
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_GT(longest, size_t{400} << 10);
  ExpectWritten(topology);
}

// The checks before unlocking are the longest transactions here.
TEST_F(RequestLimitsTest, VersionChecksAreShortenedToo) {
  const Topology topology = LargeTopology(3'000);
  size_t server_max = SIZE_MAX;
  const auto store = OpenBounded(20'000, [&](const StoreCall& call) -> std::optional<StoreFault> {
    if (call.kind == "check") server_max = std::min(server_max, size_t{20'000});
    return std::nullopt;
  });
  ASSERT_TRUE(Write(Open().get(), topology, kDigest, TopologyWriterOptions()).ok());
  RetryBudget budget(&clock_);
  StoreReader reader(store.get(), &budget);
  TopologyVerifierOptions options;
  options.contents = TopologyVerifierOptions::Contents::kReadWhereWritten;
  TopologyVerifier verifier(options, &reader, &progress_);
  const auto found = RunAlone(&io_, verifier.Verify(topology, kRoot));
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->clean());
  EXPECT_EQ(server_max, 20'000u);
}

class RequestLimitsOnZooKeeperTest : public RequestLimitsTest {
 protected:
  void Start(size_t jute_max_buffer_bytes) {
    testing::ZooKeeperServerOptions server_options;
    server_options.jute_max_buffer_bytes = jute_max_buffer_bytes;
    server_options.outstanding_max = 2;
    auto server = testing::ZooKeeperServer::Start(server_options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    ZooKeeperOptions options;
    options.hosts = server_->hosts();
    auto store = RunAlone(&io_, ZooKeeperMetaStore::Connect(options, &clock_));
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  SystemClock clock_;
  std::unique_ptr<testing::ZooKeeperServer> server_;
  std::unique_ptr<ZooKeeperMetaStore> store_;
};

TEST_F(RequestLimitsOnZooKeeperTest, AServerOf64KibAndFewOutstandingRequestsIsWrittenAndRead) {
  ASSERT_NO_FATAL_FAILURE(Start(64 << 10));
  // The answer with the names of the large table's children is longer than a request may be.
  const Topology topology = LargeTopology(9'000);
  TopologyWriter writer({}, store_.get(), &clock_, &progress_);
  const auto written = RunAlone(&io_, writer.Write(topology, kRoot, kDigest));
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(written->znodes_created + written->znodes_found, 9'012);

  RetryBudget budget(&clock_);
  StoreReader reader(store_.get(), &budget);
  TopologyVerifier verifier({}, &reader, &progress_);
  const auto found = RunAlone(&io_, verifier.Verify(topology, kRoot));
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->clean());
}

TEST_F(RequestLimitsOnZooKeeperTest, AZnodeBeyondTheServersLimitIsNamed) {
  ASSERT_NO_FATAL_FAILURE(Start(20'000));
  Topology topology = SampleTopology();
  topology.tables[2].envs["huge"] = std::string(30'000, 'x');
  TopologyWriter writer({}, store_.get(), &clock_, &progress_);
  const auto written = RunAlone(&io_, writer.Write(topology, kRoot, kDigest));
  EXPECT_THAT(std::string(written.status().message()),
              AllOf(HasSubstr("/apps/3 (table \"split\") needs a request of 30"),
                    HasSubstr("jute.maxbuffer")));
}

}  // namespace
}  // namespace metarec
