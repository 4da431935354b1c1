#include "meta_store_worlds.h"

#include <chrono>
#include <exception>
#include <utility>

#include <asio/co_spawn.hpp>
#include <asio/this_coro.hpp>
#include <gtest/gtest.h>

#include "testing/fault_injecting_meta_store.h"
#include "testing/in_memory_meta_store.h"
#include "testing/zookeeper_server.h"
#include "zk_store/client/zookeeper_meta_store.h"

namespace metarec {
namespace {

using testing::InMemoryMetaStore;
using testing::InMemoryMetaStoreOptions;
using testing::InMemoryZooKeeper;
using testing::ZooKeeperServer;

class InMemoryWorld : public World {
 public:
  asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> Connect(
      SessionSettings settings) override {
    InMemoryMetaStoreOptions options;
    options.acl = settings.acl;
    options.auth = settings.auth;
    options.request_bytes_max = settings.request_bytes_max;
    co_return std::make_unique<InMemoryMetaStore>(zookeeper_, std::move(options));
  }
  asio::awaitable<void> ExpireSession(MetaStore* store) override {
    zookeeper_->ExpireSession(store->session_id());
    co_return;
  }
  void StopServing() override { zookeeper_->StopServing(); }
  void Serve() override { zookeeper_->Serve(); }

 private:
  static std::shared_ptr<InMemoryZooKeeper> MakeServer() {
    auto zookeeper = std::make_shared<InMemoryZooKeeper>();
    zookeeper->EnableExtendedTypes();
    return zookeeper;
  }

  const std::shared_ptr<InMemoryZooKeeper> zookeeper_ = MakeServer();
};

class FaultInjectingWorld final : public InMemoryWorld {
 public:
  asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> Connect(
      SessionSettings settings) override {
    auto store = co_await InMemoryWorld::Connect(std::move(settings));
    if (!store.ok()) co_return store.status();
    testing::FaultInjectingOptions nothing_goes_wrong;
    co_return std::make_unique<testing::FaultInjectingMetaStore>(*std::move(store),
                                                                 std::move(nothing_goes_wrong));
  }
};

// Starts with the first test that wants it and ends with the last test of the binary.
class SharedServer : public ::testing::Environment {
 public:
  ZooKeeperServer* Get() {
    if (server_ == nullptr) {
      testing::ZooKeeperServerOptions options;
      options.properties = {"zookeeper.extendedTypesEnabled=true"};
      auto started = ZooKeeperServer::Start(options);
      if (!started.ok()) {
        ADD_FAILURE() << started.status();
        std::abort();
      }
      server_ = *std::move(started);
    }
    return server_.get();
  }
  void TearDown() override { server_.reset(); }

 private:
  std::unique_ptr<ZooKeeperServer> server_;
};

SharedServer* const shared_server =
    static_cast<SharedServer*>(::testing::AddGlobalTestEnvironment(new SharedServer));

class ZooKeeperWorld final : public World {
 public:
  asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> Connect(
      SessionSettings settings) override {
    ZooKeeperOptions options;
    options.acl = settings.acl;
    options.auth = settings.auth;
    options.request_bytes_max = settings.request_bytes_max;
    options.hosts = shared_server->Get()->hosts();
    auto store = co_await ZooKeeperMetaStore::Connect(std::move(options), &clock_);
    if (!store.ok()) co_return store.status();
    co_return *std::move(store);
  }
  asio::awaitable<void> ExpireSession(MetaStore* store) override {
    const absl::Status expired =
        shared_server->Get()->ExpireSession(static_cast<ZooKeeperMetaStore*>(store)->credentials());
    EXPECT_TRUE(expired.ok()) << expired;
    co_return;
  }
  void StopServing() override { shared_server->Get()->Kill(); }
  void Serve() override {
    if (shared_server->Get()->running()) return;
    EXPECT_TRUE(shared_server->Get()->Restart().ok());
  }

 private:
  SystemClock clock_;
};

}  // namespace

std::unique_ptr<World> MakeInMemoryWorld() { return std::make_unique<InMemoryWorld>(); }
std::unique_ptr<World> MakeFaultInjectingWorld() { return std::make_unique<FaultInjectingWorld>(); }
std::unique_ptr<World> MakeZooKeeperWorld() { return std::make_unique<ZooKeeperWorld>(); }

void RunToEnd(std::function<asio::awaitable<void>()> body) {
  asio::io_context context;
  bool ended = false;
  const auto root = [&]() -> asio::awaitable<void> {
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await body();
  };
  asio::co_spawn(context, root, [&](std::exception_ptr thrown) {
    EXPECT_FALSE(thrown);
    ended = true;
  });
  context.run_for(std::chrono::minutes(4));
  ASSERT_TRUE(ended) << "the test's coroutine did not end";
}

}  // namespace metarec
