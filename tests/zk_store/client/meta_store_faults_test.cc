// What goes wrong, and how stores tell it: bounds, cancellation, lost connections and sessions on
// every MetaStore; faults that are planted in the in-memory one.

#include <memory>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/runtime/task_group.h"
#include "meta_store_worlds.h"
#include "testing/in_memory_meta_store.h"

namespace metarec {
namespace {

TEST_P(MetaStoreConformance, ARequestBeyondTheBoundIsNotSent) {
  Run([](MetaStore* store, std::string root) -> asio::awaitable<void> {
    const absl::Status status =
        (co_await store->Set(root, std::string(store->request_bytes_max(), 'x'))).status();
    EXPECT_STORE_ERROR(status, StoreError::kTooLarge);
    EXPECT_FALSE(OutcomeUnknown(status));
    EXPECT_EQ(store->session_state(), SessionState::kConnected);
    std::vector<StoreOp> ops;
    for (int i = 0; i < 3; ++i) ops.push_back(SetOp{root, std::string(400'000, 'x')});
    EXPECT_STORE_ERROR((co_await store->Multi(ops)).status(), StoreError::kTooLarge);
    EXPECT_EQ((co_await store->Get(root))->stat.version, 0);
  });
}

// The arithmetic of OpBytes is exact: a multi of exactly the limit passes a server with that limit.
TEST_P(MetaStoreConformance, AMultiOfExactlyTheBoundIsAccepted) {
  Run([](MetaStore* store, std::string root) -> asio::awaitable<void> {
    std::vector<StoreOp> ops;
    ops.push_back(CreateOp{root + "/a", "12345"});
    ops.push_back(CheckOp{root + "/a"});
    ops.push_back(DeleteOp{root + "/a"});
    CreateOp with_acl{root + "/b", ""};
    with_acl.acl = Acl(3, AclEntry{"world", "anyone", 1});
    ops.push_back(with_acl);
    ops.push_back(SetOp{root, ""});
    size_t bytes = MetaStore::kMultiOverheadBytes;
    for (const StoreOp& op : ops) bytes += store->OpBytes(op);
    std::get<SetOp>(ops.back()).data.resize(store->request_bytes_max() - bytes, 'x');
    auto results = co_await store->Multi(ops);
    EXPECT_TRUE(results.ok()) << results.status();
    std::get<SetOp>(ops.back()).data += 'x';
    EXPECT_STORE_ERROR((co_await store->Multi(ops)).status(), StoreError::kTooLarge);
  });
}

TEST_P(MetaStoreConformance, ACancelledOperationReturnsAndItsOutcomeIsUnknown) {
  Run([](MetaStore* store, std::string root) -> asio::awaitable<void> {
    const auto executor = co_await asio::this_coro::executor;
    absl::Status outcome;
    // A ZooKeeper's answer may be there already when the operation is cancelled, but not each time.
    for (int i = 0; i < 20 && outcome.ok(); ++i) {
      const std::string path = absl::StrCat(root, "/", i);
      Event over(executor);
      asio::cancellation_signal cancel;
      asio::co_spawn(
          executor,
          [&]() -> asio::awaitable<void> {
            co_await asio::this_coro::throw_if_cancelled(false);
            outcome = (co_await store->Create(path, "")).status();
          },
          asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr) { over.Set(); }));
      cancel.emit(asio::cancellation_type::terminal);
      (void)co_await over.Wait();
    }
    EXPECT_TRUE(absl::IsCancelled(outcome)) << outcome;
    EXPECT_TRUE(OutcomeUnknown(outcome));
    // The session is as good as before.
    EXPECT_TRUE((co_await store->Exists(root)).ok());
  });
}

TEST_P(MetaStoreConformance, AnExpiredSessionExecutesNothingAndTellsItsWatches) {
  Run([this](MetaStore* store, std::string root) -> asio::awaitable<void> {
    auto victim = co_await Session();
    const auto executor = co_await asio::this_coro::executor;
    auto watch = std::make_shared<Watch>(executor);
    auto observer = std::make_shared<Watch>(executor);
    (void)co_await victim->Create(root + "/e", "", CreateMode::kEphemeral);
    EXPECT_TRUE((co_await victim->Get(root, watch)).ok());
    EXPECT_TRUE((co_await store->Exists(root + "/e", observer)).ok());
    EXPECT_EQ(victim->session_state(), SessionState::kConnected);
    co_await world_->ExpireSession(victim.get());
    SessionState state = victim->session_state();
    while (!IsFinal(state)) {
      auto changed = co_await victim->AwaitSessionChange(state);
      EXPECT_TRUE(changed.ok());
      state = *changed;
    }
    EXPECT_EQ(SessionStateName(state), SessionStateName(SessionState::kExpired));
    EXPECT_EQ((co_await watch->Wait())->type, WatchEventType::kSessionEnded);
    EXPECT_EQ((co_await observer->Wait())->type, WatchEventType::kDeleted);
    const absl::Status status = (co_await victim->Set(root, "late")).status();
    EXPECT_STORE_ERROR(status, StoreError::kSessionExpired);
    EXPECT_FALSE(OutcomeUnknown(status));
    EXPECT_EQ((co_await store->Get(root))->data, "");
  });
}

TEST_P(MetaStoreConformance, ALostConnectionLeavesTheOutcomeUnknownAndComesBack) {
  Run([this](MetaStore* store, std::string root) -> asio::awaitable<void> {
    auto watch = std::make_shared<Watch>(co_await asio::this_coro::executor);
    EXPECT_TRUE((co_await store->Get(root, watch)).ok());
    world_->StopServing();
    const absl::Status lost = (co_await store->Set(root, "lost")).status();
    EXPECT_TRUE(OutcomeUnknown(lost)) << lost;
    SessionState state = store->session_state();
    if (state == SessionState::kConnected) state = *co_await store->AwaitSessionChange(state);
    EXPECT_EQ(state, SessionState::kConnecting);
    world_->Serve();
    state = store->session_state();
    while (state != SessionState::kConnected && !IsFinal(state)) {
      state = *co_await store->AwaitSessionChange(state);
    }
    EXPECT_EQ(state, SessionState::kConnected);
    // The same session: its watch is still set.
    EXPECT_EQ((co_await store->Get(root))->stat.version, 0);
    EXPECT_FALSE(watch->fired());
    EXPECT_TRUE((co_await store->Set(root, "found")).ok());
    EXPECT_EQ((co_await watch->Wait())->type, WatchEventType::kDataChanged);
  });
}

TEST_P(MetaStoreConformance, DestroyingTheStoreEndsWhatIsInFlight) {
  Run([this](MetaStore*, std::string root) -> asio::awaitable<void> {
    const auto executor = co_await asio::this_coro::executor;
    auto doomed = co_await Session();
    constexpr int kCount = 100;
    int ended = 0;
    int ended_well = 0;
    Event all_ended(executor);
    auto watch = std::make_shared<Watch>(executor);
    EXPECT_TRUE((co_await doomed->Get(root, watch)).ok());
    for (int i = 0; i < kCount; ++i) {
      asio::co_spawn(
          executor,
          [](MetaStore* store, std::string path) -> asio::awaitable<absl::Status> {
            co_return (co_await store->Get(std::move(path))).status();
          }(doomed.get(), root),
          [&](std::exception_ptr thrown, const absl::Status& status) {
            EXPECT_FALSE(thrown);
            if (status.ok()) ++ended_well;
            EXPECT_TRUE(status.ok() || StoreErrorOf(status) == StoreError::kClosed) << status;
            if (++ended == kCount) all_ended.Set();
          });
    }
    asio::co_spawn(
        executor,
        [](MetaStore* store) -> asio::awaitable<void> {
          auto state = co_await store->AwaitSessionChange(SessionState::kConnected);
          EXPECT_EQ(state.value_or(SessionState::kConnected), SessionState::kClosed);
        }(doomed.get()),
        asio::detached);
    co_await asio::post(executor, asio::use_awaitable);
    doomed.reset();
    EXPECT_TRUE((co_await all_ended.Wait()).ok());
    EXPECT_EQ((co_await watch->Wait())->type, WatchEventType::kSessionEnded);
  });
}

}  // namespace
}  // namespace metarec

namespace metarec::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A store in which the operation of this index goes wrong.
InMemoryMetaStoreOptions FailAt(int64_t index, StoreFault fault) {
  InMemoryMetaStoreOptions options;
  options.injector = [=](const StoreCall& call) -> std::optional<StoreFault> {
    if (call.index == index) return fault;
    return std::nullopt;
  };
  return options;
}

TEST(InMemoryMetaStore, AFaultBeforeAnOperationLeavesEverythingAsItWas) {
  auto zookeeper = std::make_shared<InMemoryZooKeeper>();
  RunToEnd([&]() -> asio::awaitable<void> {
    InMemoryMetaStore store(zookeeper, FailAt(0, {.moment = StoreFault::Moment::kBefore}));
    const absl::Status status = (co_await store.Create("/a", "")).status();
    EXPECT_EQ(StoreErrorOf(status), StoreError::kConnectionLoss);
    EXPECT_TRUE(OutcomeUnknown(status));
    EXPECT_THAT(zookeeper->Dump("/a"), IsEmpty());
    EXPECT_TRUE((co_await store.Create("/a", "")).ok());
    EXPECT_EQ(store.operation_count(), 2);
  });
}

TEST(InMemoryMetaStore, AFaultAfterAnOperationHidesThatItHappened) {
  auto zookeeper = std::make_shared<InMemoryZooKeeper>();
  RunToEnd([&]() -> asio::awaitable<void> {
    InMemoryMetaStore store(zookeeper, FailAt(0, {.moment = StoreFault::Moment::kAfter}));
    const absl::Status status = (co_await store.Create("/a", "1")).status();
    EXPECT_EQ(StoreErrorOf(status), StoreError::kConnectionLoss);
    EXPECT_THAT(zookeeper->Dump("/a"), ElementsAre(DumpedNode{"/a", "1", 0, false}));
  });
}

TEST(InMemoryMetaStore, AFaultThatIsForEverKeepsAllLaterOperationsFromHappening) {
  auto zookeeper = std::make_shared<InMemoryZooKeeper>();
  RunToEnd([&]() -> asio::awaitable<void> {
    InMemoryMetaStore store(zookeeper,
                            FailAt(1, {.moment = StoreFault::Moment::kAfter, .for_ever = true}));
    EXPECT_TRUE((co_await store.Create("/a", "")).ok());
    EXPECT_FALSE((co_await store.Create("/b", "")).ok());
    EXPECT_FALSE((co_await store.Create("/c", "")).ok());
    EXPECT_FALSE((co_await store.Get("/a")).ok());
    std::vector<std::string> paths;
    for (const DumpedNode& node : zookeeper->Dump()) paths.push_back(node.path);
    EXPECT_THAT(paths, ElementsAre("/", "/a", "/b"));
  });
}

TEST(InMemoryMetaStore, AnInjectedExpiryEndsTheSession) {
  auto zookeeper = std::make_shared<InMemoryZooKeeper>();
  RunToEnd([&]() -> asio::awaitable<void> {
    InMemoryMetaStore store(zookeeper, FailAt(1, {.error = StoreError::kSessionExpired}));
    EXPECT_TRUE((co_await store.Create("/e", "", CreateMode::kEphemeral)).ok());
    const absl::Status status = (co_await store.Create("/b", "")).status();
    EXPECT_EQ(StoreErrorOf(status), StoreError::kSessionExpired);
    EXPECT_FALSE(OutcomeUnknown(status));
    EXPECT_EQ(store.session_state(), SessionState::kExpired);
    EXPECT_EQ(zookeeper->Dump().size(), 1u);
  });
}

TEST(InMemoryMetaStore, TheInjectorSeesKindPathAndOperations) {
  auto zookeeper = std::make_shared<InMemoryZooKeeper>();
  std::vector<std::string> seen;
  InMemoryMetaStoreOptions options;
  options.injector = [&](const StoreCall& call) -> std::optional<StoreFault> {
    seen.push_back(std::string(call.kind) + " " + call.path + (call.is_write() ? " w" : ""));
    if (call.kind == "multi") {
      EXPECT_EQ(call.ops->size(), 2u);
    }
    return std::nullopt;
  };
  RunToEnd([&]() -> asio::awaitable<void> {
    InMemoryMetaStore store(zookeeper, options);
    std::vector<StoreOp> ops;
    ops.push_back(CreateOp{"/a", ""});
    ops.push_back(CreateOp{"/a/b", ""});
    EXPECT_TRUE((co_await store.Multi(ops)).ok());
    (void)co_await store.Children("/a");
    (void)co_await store.Delete("/a/b");
  });
  EXPECT_THAT(seen, ElementsAre("multi /a w", "children /a", "delete /a/b w"));
}

TEST(InMemoryMetaStore, TtlNodesNeedTheExtendedTypesAsOnAServer) {
  RunToEnd([]() -> asio::awaitable<void> {
    InMemoryMetaStore store(std::make_shared<InMemoryZooKeeper>());
    CreateOp ttl{"/t", "", CreateMode::kTtl};
    ttl.ttl_ms = 1000;
    EXPECT_EQ(StoreErrorOf((co_await store.Create(ttl)).status()), StoreError::kUnsupported);
  });
}

TEST(InMemoryMetaStore, AnUnknownAuthenticationSchemeFailsTheSession) {
  InMemoryMetaStoreOptions options;
  options.auth = StoreAuth{"nonsense", "x"};
  RunToEnd([&]() -> asio::awaitable<void> {
    InMemoryMetaStore store(std::make_shared<InMemoryZooKeeper>(), options);
    EXPECT_EQ(store.session_state(), SessionState::kAuthFailed);
    EXPECT_EQ(StoreErrorOf((co_await store.Get("/")).status()), StoreError::kAuthFailed);
  });
}

}  // namespace
}  // namespace metarec::testing
