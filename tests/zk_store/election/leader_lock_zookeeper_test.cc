// The election on a real ZooKeeper.

#include <chrono>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/runtime/system_clock.h"
#include "testing/zookeeper_server.h"
#include "tests/zk_store/election/contender.h"
#include "zk_store/client/zookeeper_meta_store.h"

namespace metarec {
namespace {

// Outlasts a server that is restarted on a busy machine.
constexpr absl::Duration kSessionTimeout = absl::Seconds(60);

class LeaderLockOnZooKeeperTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto server = testing::ZooKeeperServer::Start();
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  void TearDown() override {
    for (const auto& contender : contenders_) contender->Cancel();
    io_.restart();
    io_.poll();
  }

  template <typename T>
  T RunAmongOthers(asio::awaitable<T> task) {
    std::optional<T> result;
    asio::co_spawn(io_, StoreResult(std::move(task), &result), asio::detached);
    EXPECT_TRUE(Await([&] { return result.has_value(); }));
    return std::move(*result);
  }

  Contender* Enter(const std::string& name) {
    ZooKeeperOptions options;
    options.hosts = server_->hosts();
    options.session_timeout = kSessionTimeout;
    auto store = RunAmongOthers(ZooKeeperMetaStore::Connect(options, &clock_));
    EXPECT_TRUE(store.ok()) << store.status();
    LeaderLockOptions lock_options;
    lock_options.lock_root = kLockRoot;
    lock_options.own_name = name;
    lock_options.disconnected_max = kSessionTimeout;
    contenders_.push_back(
        std::make_unique<Contender>(&io_, &clock_, *std::move(store), std::move(lock_options)));
    contenders_.back()->Acquire();
    return contenders_.back().get();
  }

  absl::StatusOr<WriteResult> Write(MetaStore* store, std::vector<StoreOp> fence) {
    TopologyWriterOptions options;
    options.fence = std::move(fence);
    TopologyWriter writer(options, store, &clock_, &progress_);
    return RunAmongOthers(writer.Write(topology_, kRoot, kDigest));
  }

  bool Await(const std::function<bool()>& condition) {
    const absl::Time deadline = clock_.Now() + absl::Seconds(120);
    while (!condition() && clock_.Now() < deadline) {
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(50));
    }
    return condition();
  }

  SystemClock clock_;
  asio::io_context io_;
  SilentProgress progress_;
  const Topology topology_ = SampleTopology();
  std::unique_ptr<testing::ZooKeeperServer> server_;
  std::vector<std::unique_ptr<Contender>> contenders_;
};

TEST_F(LeaderLockOnZooKeeperTest, LeadershipPassesOnWithTheSessionAndTheOldLeaderIsFenced) {
  Contender* const a = Enter("a:34601");
  ASSERT_TRUE(Await([&] { return a->leads(); }));
  a->AwaitLoss();
  Contender* const b = Enter("b:34601");
  ASSERT_TRUE(Await([&] { return b->LeaderName() == "a:34601"; }));
  Contender* const c = Enter("c:34601");
  ASSERT_TRUE(Await([&] { return c->LeaderName() == "a:34601"; }));
  EXPECT_FALSE(b->acquired().has_value());
  const auto fence_of_a = a->lock().Fence();

  const auto session = static_cast<ZooKeeperMetaStore*>(a->store())->credentials();
  ASSERT_TRUE(server_->ExpireSession(session).ok());
  ASSERT_TRUE(Await([&] { return a->lost().has_value() && b->leads(); }));
  EXPECT_EQ(a->lost()->code(), absl::StatusCode::kAborted);
  ASSERT_TRUE(Await([&] { return c->LeaderName() == "b:34601"; }));

  // In a session that lives, so that it is the fence that fails.
  const auto deposed = Write(b->store(), fence_of_a);
  EXPECT_TRUE(IsFenced(deposed.status())) << deposed.status();

  // Closing gives way as well, at once.
  b->CloseSession();
  ASSERT_TRUE(Await([&] { return c->leads(); }));
  const auto written = Write(c->store(), c->lock().Fence());
  EXPECT_TRUE(written.ok()) << written.status();
}

TEST_F(LeaderLockOnZooKeeperTest, AServerThatIsRestartedCostsNobodyTheLock) {
  Contender* const a = Enter("a:34601");
  ASSERT_TRUE(Await([&] { return a->leads(); }));
  a->AwaitLoss();
  Contender* const b = Enter("b:34601");
  ASSERT_TRUE(Await([&] { return b->LeaderName() == "a:34601"; }));
  ASSERT_TRUE(server_->Restart().ok());
  ASSERT_TRUE(Await([&] {
    return a->store()->session_state() == SessionState::kConnected &&
           b->store()->session_state() == SessionState::kConnected;
  }));
  EXPECT_FALSE(a->lost().has_value());
  a->Cancel();
  ASSERT_TRUE(Await([&] { return a->lost().has_value(); }));
  EXPECT_TRUE(absl::IsCancelled(*a->lost())) << *a->lost();
  EXPECT_TRUE(a->leads());
  a->Release();
  ASSERT_TRUE(Await([&] { return b->leads(); }));
}

}  // namespace
}  // namespace metarec
