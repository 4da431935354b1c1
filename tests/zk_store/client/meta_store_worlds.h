// The worlds in which the conformance suite of MetaStore runs.

#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <asio/io_context.hpp>
#include <gtest/gtest.h>

#include "base/runtime/system_clock.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/client/zookeeper_options.h"

namespace metarec {

struct SessionSettings {
  Acl acl = OpenAcl();
  std::optional<StoreAuth> auth;
  size_t request_bytes_max = 1024 * 1024 - 1;
};

class World {
 public:
  virtual ~World() = default;
  virtual asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> Connect(
      SessionSettings settings) = 0;
  virtual asio::awaitable<void> ExpireSession(MetaStore* store) = 0;
  virtual void StopServing() = 0;
  virtual void Serve() = 0;
};

std::unique_ptr<World> MakeInMemoryWorld();
// In memory, too, behind a store that could fail and does not.
std::unique_ptr<World> MakeFaultInjectingWorld();
// All of them share one server.
std::unique_ptr<World> MakeZooKeeperWorld();

// Runs `body` to its end on a single-threaded io_context, which must take less than four minutes.
void RunToEnd(std::function<asio::awaitable<void>()> body);

struct WorldKind {
  std::string name;
  std::unique_ptr<World> (*make)();
};

class MetaStoreConformance : public ::testing::TestWithParam<WorldKind> {
 protected:
  // Runs `body` with a session and the path of a fresh node of its own.
  void Run(std::function<asio::awaitable<void>(MetaStore*, std::string)> body) {
    RunToEnd([&]() -> asio::awaitable<void> {
      const std::unique_ptr<MetaStore> store = co_await Session();
      if (store == nullptr) co_return;
      static std::atomic<int> tests = 0;
      const std::string root = absl::StrCat("/test", ++tests);
      auto created = co_await store->Create(root, "");
      EXPECT_TRUE(created.ok()) << created.status();
      co_await body(store.get(), root);
    });
  }

  // Not a default argument: GCC 12 destroys such temporaries twice in a coroutine's call.
  asio::awaitable<std::unique_ptr<MetaStore>> Session() {
    const SessionSettings settings;
    co_return co_await Session(settings);
  }

  asio::awaitable<std::unique_ptr<MetaStore>> Session(SessionSettings settings) {
    auto store = co_await world_->Connect(settings);
    EXPECT_TRUE(store.ok()) << store.status();
    co_return store.ok() ? *std::move(store) : nullptr;
  }

  const std::unique_ptr<World> world_ = GetParam().make();
};

#define EXPECT_STORE_ERROR(status_expression, error)                                    \
  do {                                                                                  \
    const absl::Status& checked = (status_expression);                                  \
    EXPECT_EQ(StoreErrorName(StoreErrorOf(checked)), StoreErrorName(error)) << checked; \
  } while (false)

}  // namespace metarec
