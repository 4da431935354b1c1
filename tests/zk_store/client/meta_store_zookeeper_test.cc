// What only a real ZooKeeper shows.

#include <atomic>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/synchronization/blocking_counter.h>
#include <absl/synchronization/notification.h>
#include <absl/time/clock.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zookeeper/zookeeper.h>

#include "base/runtime/blocking_call.h"
#include "base/runtime/task_group.h"
#include "meta_store_worlds.h"
#include "testing/zookeeper_server.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/client/zookeeper_meta_store.h"

namespace metarec {
namespace {

using ::testing::HasSubstr;
using testing::ZooKeeperServer;
using testing::ZooKeeperServerOptions;

asio::awaitable<absl::Status> ConnectStatus(ZooKeeperOptions options) {
  SystemClock clock;
  co_return (co_await ZooKeeperMetaStore::Connect(std::move(options), &clock)).status();
}

TEST(ZooKeeperMetaStore, MalformedHostsAreRefusedByName) {
  RunToEnd([]() -> asio::awaitable<void> {
    ZooKeeperOptions options;
    for (const auto& [hosts, complaint] : std::vector<std::pair<std::string, std::string>>{
             {"", "no ZooKeeper address given"},
             {"zk1:2181,,zk2:2181", "is empty"},
             {"zk1", "'zk1': the port is missing"},
             {"zk1:0", "'zk1:0': the port must be"},
             {"zk1:65536", "'zk1:65536': the port must be"},
             {"zk1:+5", "'zk1:+5': the port must be"},
             {":2181", "the host is missing"},
             {"[::1]:2181", "IPv6"},
             {"::1:2181", "IPv6"},
             {"zk1:2181/pegasus", "put the path /pegasus in front of the root path"},
             {"zk1:2181/a,zk2:2181/a", "is written once, behind the last server"},
             {"zk1:2181/a/", "ends in a slash"},
             {"z k:2181", "character"}}) {
      options.hosts = hosts;
      const absl::Status status = co_await ConnectStatus(options);
      EXPECT_TRUE(absl::IsInvalidArgument(status)) << hosts << ": " << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr(complaint));
    }
  });
}

TEST(ZooKeeperMetaStore, AnUnknownHostNameIsToldAtOnce) {
  RunToEnd([]() -> asio::awaitable<void> {
    ZooKeeperOptions options;
    options.hosts = "no-such-host..invalid:2181";
    const absl::Status status = co_await ConnectStatus(options);
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("no-such-host..invalid:2181"));
  });
}

TEST(ZooKeeperMetaStore, ANameServiceThatDoesNotAnswerIsToldInTime) {
  // Stands for it: look-ups that hang on all the threads that there are for them.
  constexpr size_t kThreads = 64;
  const auto let_go = std::make_shared<absl::Notification>();
  const auto hanging = std::make_shared<std::atomic<int>>(0);
  const auto over = std::make_shared<absl::BlockingCounter>(kThreads);
  const std::function<void()> hang = [let_go, hanging, over] {
    ++*hanging;
    let_go->WaitForNotification();
    over->DecrementCount();
  };
  RunToEnd([&]() -> asio::awaitable<void> {
    SystemClock clock;
    const absl::Time deadline = clock.Now() + absl::Seconds(5);
    absl::Status status;
    co_await ForEachBounded(kThreads + 1, kThreads + 1, [&](size_t i) -> asio::awaitable<void> {
      if (i < kThreads) {
        (void)co_await AwaitBlockingCall(&clock, deadline, hang);
      } else {
        ZooKeeperOptions options;
        options.hosts = "zk1:2181,zk2:2181";
        options.connect_timeout = absl::Milliseconds(200);
        status = co_await ConnectStatus(std::move(options));
        EXPECT_LT(clock.Now(), deadline);
      }
    });
    EXPECT_EQ(*hanging, kThreads);
    EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("in time for zk1:2181, zk2:2181"));
  });
  let_go->Notify();
  over->Wait();
}

TEST(ZooKeeperMetaStore, NobodyAnsweringIsToldAtTheDeadline) {
  RunToEnd([]() -> asio::awaitable<void> {
    ZooKeeperOptions options;
    options.hosts = "127.0.0.1:1";
    options.connect_timeout = absl::Milliseconds(200);
    const absl::Status status = co_await ConnectStatus(options);
    EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("127.0.0.1:1"));
    EXPECT_THAT(std::string(status.message()), HasSubstr("200ms"));
  });
}

TEST(ZooKeeperMetaStore, ConnectingCanBeCancelled) {
  RunToEnd([]() -> asio::awaitable<void> {
    const auto executor = co_await asio::this_coro::executor;
    Event over(executor);
    absl::Status outcome;
    asio::cancellation_signal cancel;
    asio::co_spawn(
        executor,
        [&]() -> asio::awaitable<void> {
          co_await asio::this_coro::throw_if_cancelled(false);
          ZooKeeperOptions options;
          options.hosts = "127.0.0.1:1";
          outcome = co_await ConnectStatus(std::move(options));
        },
        asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr) { over.Set(); }));
    for (int i = 0; i < 10; ++i) co_await asio::post(executor, asio::use_awaitable);
    cancel.emit(asio::cancellation_type::terminal);
    (void)co_await over.Wait();
    EXPECT_TRUE(absl::IsCancelled(outcome)) << outcome;
  });
}

class ZooKeeperMetaStoreServed : public ::testing::Test {
 protected:
  void Start(ZooKeeperServerOptions server_options = {}) {
    auto server = ZooKeeperServer::Start(std::move(server_options));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    options_.hosts = server_->hosts();
  }

  std::unique_ptr<ZooKeeperServer> server_;
  ZooKeeperOptions options_;
  SystemClock clock_;

  // Five times: transactions of so many checks without end, while the session is ended.
  void ExpireAmongTransactions(size_t ops) {
    ASSERT_NO_FATAL_FAILURE(Start());
    options_.session_timeout = absl::Seconds(3);
    for (int round = 0; round < 5; ++round) {
      RunToEnd([&]() -> asio::awaitable<void> {
        auto connected = co_await ZooKeeperMetaStore::Connect(options_, &clock_);
        EXPECT_TRUE(connected.ok()) << connected.status();
        if (!connected.ok()) co_return;
        const std::unique_ptr<ZooKeeperMetaStore> store = *std::move(connected);
        const std::string path = absl::StrCat("/checked", round);
        const auto created = co_await store->Create(path, "");
        EXPECT_TRUE(created.ok()) << created.status();
        const std::vector<StoreOp> checks(ops, StoreOp(CheckOp{path, 0}));
        std::thread expire([&] { EXPECT_TRUE(server_->ExpireSession(store->credentials()).ok()); });
        StoreError last = StoreError::kNone;
        const absl::Time deadline = clock_.Now() + absl::Seconds(60);
        while (last != StoreError::kSessionExpired && clock_.Now() < deadline) {
          co_await ForEachBounded(8, 8, [&](size_t) -> asio::awaitable<void> {
            const auto checked = co_await store->Multi(checks);
            last = StoreErrorOf(checked.status());
            EXPECT_TRUE(checked.ok() || last == StoreError::kSessionExpired ||
                        OutcomeUnknown(checked.status()))
                << checked.status();
            EXPECT_EQ(FailedOpOf(checked.status()), std::nullopt) << checked.status();
          });
        }
        expire.join();
        EXPECT_EQ(last, StoreError::kSessionExpired);
      });
    }
  }
};

TEST_F(ZooKeeperMetaStoreServed, AHostThatIsGoneDoesNotStopUs) {
  ASSERT_NO_FATAL_FAILURE(Start());
  RunToEnd([&]() -> asio::awaitable<void> {
    options_.hosts = "no-such-host..invalid:2181, 127.0.0.1:1," + server_->hosts();
    const absl::Status status = co_await ConnectStatus(options_);
    EXPECT_TRUE(status.ok()) << status;
  });
}

TEST_F(ZooKeeperMetaStoreServed, AnUnknownAuthenticationSchemeIsToldWhenConnecting) {
  ASSERT_NO_FATAL_FAILURE(Start());
  RunToEnd([&]() -> asio::awaitable<void> {
    options_.auth = StoreAuth{"nonsense", "x"};
    const absl::Status status = co_await ConnectStatus(options_);
    EXPECT_EQ(StoreErrorOf(status), StoreError::kAuthFailed) << status;
  });
}

TEST_F(ZooKeeperMetaStoreServed, ARequestBeyondTheServersBoundCostsTheConnection) {
  ZooKeeperServerOptions server_options;
  server_options.jute_max_buffer_bytes = 20'000;
  ASSERT_NO_FATAL_FAILURE(Start(server_options));
  RunToEnd([&]() -> asio::awaitable<void> {
    auto store = co_await ZooKeeperMetaStore::Connect(options_, &clock_);
    EXPECT_TRUE(store.ok()) << store.status();
    const absl::Status status =
        (co_await (*store)->Create("/a", std::string(30'000, 'x'))).status();
    EXPECT_TRUE(OutcomeUnknown(status)) << status;
    options_.request_bytes_max = 20'000;
    auto bounded = co_await ZooKeeperMetaStore::Connect(options_, &clock_);
    EXPECT_TRUE(bounded.ok()) << bounded.status();
    // Exactly at the bound of both.
    const size_t overhead =
        (*bounded)->OpBytes(CreateOp{"/a", ""}) - (MetaStore::kMultiOverheadBytes - 8) + 8;
    const auto created = co_await (*bounded)->Create("/a", std::string(20'000 - overhead, 'x'));
    EXPECT_TRUE(created.ok()) << created.status();
  });
}

TEST_F(ZooKeeperMetaStoreServed, AServerWithoutQuorumIsReadOnly) {
  ZooKeeperServerOptions server_options;
  server_options.read_only = true;
  ASSERT_NO_FATAL_FAILURE(Start(server_options));
  RunToEnd([&]() -> asio::awaitable<void> {
    options_.connect_timeout = absl::Seconds(6);
    absl::Status status = co_await ConnectStatus(options_);
    EXPECT_EQ(StoreErrorOf(status), StoreError::kReadOnly) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(server_->hosts()));
    options_.accept_read_only = true;
    options_.connect_timeout = absl::Seconds(60);
    auto store = co_await ZooKeeperMetaStore::Connect(options_, &clock_);
    EXPECT_TRUE(store.ok()) << store.status();
    if (!store.ok()) co_return;
    EXPECT_EQ((*store)->session_state(), SessionState::kReadOnly);
    EXPECT_TRUE((co_await (*store)->Exists("/")).ok());
    RetryBudget budget(&clock_);
    StoreReader reader(store->get(), &budget);
    EXPECT_TRUE((co_await reader.Sync("/")).ok()) << "reading verbs begin with it";
    status = (co_await (*store)->Create("/a", "")).status();
    EXPECT_EQ(StoreErrorOf(status), StoreError::kReadOnly) << status;
    EXPECT_FALSE(OutcomeUnknown(status));
  });
}

// Each was taken for a lost connection, and tried again for a minute.
TEST_F(ZooKeeperMetaStoreServed, AServerThatDemandsDigestCredentialsIsToldAtOnce) {
  ZooKeeperServerOptions server_options;
  server_options.properties = {"zookeeper.enforce.auth.enabled=true",
                               "zookeeper.enforce.auth.schemes=digest"};
  ASSERT_NO_FATAL_FAILURE(Start(server_options));
  RunToEnd([&]() -> asio::awaitable<void> {
    const absl::Time start = absl::Now();
    const absl::Status status = co_await ConnectStatus(options_);
    EXPECT_EQ(StoreErrorOf(status), StoreError::kAuthRequired) << status;
    EXPECT_FALSE(OutcomeUnknown(status));
    EXPECT_LT(absl::Now() - start, absl::Seconds(10));
    EXPECT_THAT(std::string(status.message()), HasSubstr("--zk_auth_file"));
    options_.auth = StoreAuth{"digest", "metarec:secret"};
    auto store = co_await ZooKeeperMetaStore::Connect(options_, &clock_);
    EXPECT_TRUE(store.ok()) << store.status();
    if (!store.ok()) co_return;
    EXPECT_TRUE((co_await (*store)->Create("/a", "")).ok());
  });
}

TEST_F(ZooKeeperMetaStoreServed, AServerThatDemandsSaslIsToldAtOnce) {
  ZooKeeperServerOptions server_options;
  server_options.properties = {
      "zookeeper.sessionRequireClientSASLAuth=true",
      "zookeeper.authProvider.sasl=org.apache.zookeeper.server.auth.SASLAuthenticationProvider"};
  ASSERT_NO_FATAL_FAILURE(Start(server_options));
  RunToEnd([&]() -> asio::awaitable<void> {
    options_.auth = StoreAuth{"digest", "metarec:secret"};
    const absl::Status status = co_await ConnectStatus(options_);
    EXPECT_EQ(StoreErrorOf(status), StoreError::kAuthRequired) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("SASL"));
  });
}

TEST_F(ZooKeeperMetaStoreServed, AQuotaThatIsUsedUpIsToldAsThat) {
  ZooKeeperServerOptions server_options;
  server_options.properties = {"zookeeper.enforceQuota=true"};
  ASSERT_NO_FATAL_FAILURE(Start(server_options));
  RunToEnd([&]() -> asio::awaitable<void> {
    auto store = co_await ZooKeeperMetaStore::Connect(options_, &clock_);
    EXPECT_TRUE(store.ok()) << store.status();
    if (!store.ok()) co_return;
    // As ZooKeeper's shell does for `setquota -N 2 /small`.
    const std::string limits = "count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=2";
    const std::string quota = "/zookeeper/quota/small";
    absl::Status set = (co_await (*store)->Create("/small", "")).status();
    set.Update((co_await (*store)->Create(quota, "")).status());
    set.Update((co_await (*store)->Create(quota + "/zookeeper_limits", limits)).status());
    set.Update((co_await (*store)->Create(quota + "/zookeeper_stats", limits)).status());
    EXPECT_TRUE(set.ok()) << set;
    EXPECT_TRUE((co_await (*store)->Create("/small/a", "")).ok());
    const absl::Status one = (co_await (*store)->Create("/small/b", "")).status();
    EXPECT_EQ(StoreErrorOf(one), StoreError::kQuotaExceeded) << one;
    std::vector<StoreOp> ops;
    ops.push_back(CheckOp{"/small", 0});
    ops.push_back(CreateOp{"/small/c", ""});
    const absl::Status many = (co_await (*store)->Multi(ops)).status();
    EXPECT_EQ(StoreErrorOf(many), StoreError::kQuotaExceeded) << many;
    EXPECT_FALSE(OutcomeUnknown(many));
    EXPECT_FALSE(RetryBudget::IsRetryable(many));
    EXPECT_THAT(std::string(many.message()), HasSubstr("setquota"));
  });
}

TEST_F(ZooKeeperMetaStoreServed, AServerWithoutExtendedTypesTakesContainersButNoTtlNodes) {
  ASSERT_NO_FATAL_FAILURE(Start());
  RunToEnd([&]() -> asio::awaitable<void> {
    auto store = co_await ZooKeeperMetaStore::Connect(options_, &clock_);
    EXPECT_TRUE(store.ok()) << store.status();
    if (!store.ok()) co_return;
    CreateOp ttl{"/t", "", CreateMode::kTtl};
    ttl.ttl_ms = 1000;
    const absl::Status refused = (co_await (*store)->Create(ttl)).status();
    EXPECT_EQ(StoreErrorOf(refused), StoreError::kUnsupported) << refused;
    EXPECT_FALSE(OutcomeUnknown(refused));
    const auto created = co_await (*store)->Create("/c", "", CreateMode::kContainer);
    EXPECT_TRUE(created.ok()) << created.status();
  });
}

// libzookeeper's own function ends the process then.
TEST_F(ZooKeeperMetaStoreServed, TransactionsWhileTheSessionEndsAndAfterItFailAndNothingElse) {
  ExpireAmongTransactions(/*ops=*/500);
}

// What kept it from doing so relied on a line of its log, which an embedder may turn off. So many
// operations take long enough to hand over that the end of the session falls into the middle.
TEST_F(ZooKeeperMetaStoreServed, ASessionThatEndsAmidATransactionFreesNothingTwiceWithoutALog) {
  zoo_set_debug_level(static_cast<ZooLogLevel>(0));
  ExpireAmongTransactions(/*ops=*/20'000);
  zoo_set_debug_level(ZOO_LOG_LEVEL_INFO);
}

TEST_F(ZooKeeperMetaStoreServed, AServerThatHangsTimesOutWithUnknownOutcome) {
  ASSERT_NO_FATAL_FAILURE(Start());
  RunToEnd([&]() -> asio::awaitable<void> {
    options_.session_timeout = absl::Seconds(3);
    auto store = co_await ZooKeeperMetaStore::Connect(options_, &clock_);
    EXPECT_TRUE(store.ok()) << store.status();
    server_->Pause();
    absl::Status created;
    absl::Status checked;
    const std::vector<StoreOp> checks(2, StoreOp(CheckOp{"/", 0}));
    co_await ForEachBounded(2, 2, [&](size_t i) -> asio::awaitable<void> {
      if (i == 0) {
        created = (co_await (*store)->Create("/a", "")).status();
      } else {
        checked = (co_await (*store)->Multi(checks)).status();
      }
    });
    EXPECT_TRUE(OutcomeUnknown(created)) << created;
    EXPECT_TRUE(OutcomeUnknown(checked)) << checked;
    EXPECT_EQ(FailedOpOf(checked), std::nullopt) << checked;
    server_->Resume();
  });
}

// For the address sanitizer: the answers come, or never will, when nobody is there to take them.
TEST_F(ZooKeeperMetaStoreServed, AnExecutorMayEndBeforeTheAnswersToItsRequestsCome) {
  ASSERT_NO_FATAL_FAILURE(Start());
  std::unique_ptr<MetaStore> store;
  RunToEnd([&]() -> asio::awaitable<void> {
    auto connected = co_await ZooKeeperMetaStore::Connect(options_, &clock_);
    EXPECT_TRUE(connected.ok()) << connected.status();
    if (connected.ok()) store = *std::move(connected);
  });
  ASSERT_NE(store, nullptr);
  const auto ask_in_vain = [&] {
    server_->Pause();
    asio::io_context context;
    asio::co_spawn(context, store->Create("/unheard", ""), asio::detached);
    asio::co_spawn(context, store->AwaitSessionChange(SessionState::kConnected), asio::detached);
    const auto read = [&]() -> asio::awaitable<void> {
      const auto watch = std::make_shared<Watch>(co_await asio::this_coro::executor);
      (co_await store->Get("/", watch)).status().IgnoreError();
    };
    asio::co_spawn(context, read(), asio::detached);
    context.poll();
  };
  ask_in_vain();
  server_->Resume();
  RunToEnd([&]() -> asio::awaitable<void> { EXPECT_TRUE((co_await store->Get("/unheard")).ok()); });
  ask_in_vain();
  store.reset();
  server_->Resume();
}

TEST_F(ZooKeeperMetaStoreServed, DataSurvivesARestartOnTheSamePort) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const uint16_t port = server_->port();
  RunToEnd([&]() -> asio::awaitable<void> {
    auto store = co_await ZooKeeperMetaStore::Connect(options_, &clock_);
    EXPECT_TRUE((co_await (*store)->Create("/a", "kept")).ok());
  });
  for (const bool hard : {false, true}) {
    hard ? server_->Kill() : server_->Stop();
    EXPECT_FALSE(server_->running());
    ASSERT_TRUE(server_->Restart().ok());
    EXPECT_EQ(server_->port(), port);
    RunToEnd([&]() -> asio::awaitable<void> {
      auto store = co_await ZooKeeperMetaStore::Connect(options_, &clock_);
      EXPECT_EQ((co_await (*store)->Get("/a"))->data, "kept");
    });
  }
}

TEST(ZooKeeperServer, LeavesNothingBehind) {
  auto server = ZooKeeperServer::Start();
  ASSERT_TRUE(server.ok()) << server.status();
  const std::string folder = (*server)->folder();
  EXPECT_TRUE(std::ifstream(folder + "/zoo.cfg").good());
  server->reset();
  EXPECT_FALSE(std::ifstream(folder + "/zoo.cfg").good());
}

}  // namespace
}  // namespace metarec
