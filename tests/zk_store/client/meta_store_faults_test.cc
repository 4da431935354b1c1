#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meta_store_worlds.h"
#include "testing/in_memory_meta_store.h"

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
