// While a recovery runs: who asks something else is answered, who asks for the same waits, and who
// steps down ends it. On a thread of its own, too.

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <absl/time/clock.h>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/runtime/event.h"
#include "idl/task_codes.h"
#include "recovery_service/status/status_pages.h"
#include "service_world.h"

namespace metarec {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using RecoveryResponse = idl::configuration_recovery_response;

constexpr absl::Duration kTimeout = absl::Seconds(60);

class RecoveryThreadTest : public ::testing::Test {
 protected:
  RecoveryThreadTest() {
    service_ = std::make_unique<RecoveryService>(
        context_.get_executor(), ServiceWorld::Options(),
        Surroundings{.source = &source_, .clock = &clock_, .random = [] { return 0.5; }},
        /*listener=*/nullptr,
        RecoveryThread{.executor = recoveries_.get_executor(), .source = &recovery_source_});
    service_->Lead(LeaderIdentity{.name = "meta1:34601", .address = std::nullopt}, store_.get(),
                   {});
  }

  ~RecoveryThreadTest() override {
    Run(service_->Stop());
    recoveries_.join();
  }

  // Runs the coroutine, and everything else, until it has ended.
  void Run(asio::awaitable<void> coroutine) {
    bool has_ended = false;
    asio::co_spawn(context_, std::move(coroutine), [&](const std::exception_ptr& thrown) {
      EXPECT_EQ(thrown, nullptr);
      has_ended = true;
    });
    context_.restart();
    context_.run_for(std::chrono::seconds(120));
    EXPECT_TRUE(has_ended);
  }

  void BeginRecovery(std::string* error) {
    asio::co_spawn(context_, service_->Serve(ServiceWorld::StartRecovery("1,2,3")),
                   [error](const std::exception_ptr&, const rpc::HandlerResult& result) {
                     *error = Decoded<idl::configuration_recovery_response>(result).err.name;
                   });
  }

  asio::awaitable<std::string> ListApps() {
    const rpc::Request request =
        ServiceWorld::Ask(idl::kRpcCmListApps, idl::configuration_list_apps_request());
    const rpc::HandlerResult result = co_await service_->Serve(request);
    co_return Decoded<idl::configuration_list_apps_response>(result).err.name;
  }

  asio::io_context context_;
  asio::thread_pool recoveries_{1};
  SystemClock clock_;
  WorldSource source_;
  WorldSource recovery_source_;
  const std::unique_ptr<testing::InMemoryMetaStore> store_ =
      std::make_unique<testing::InMemoryMetaStore>(std::make_shared<testing::InMemoryZooKeeper>());
  std::unique_ptr<RecoveryService> service_;
  const std::thread::id main_thread_ = std::this_thread::get_id();
};

TEST_F(RecoveryThreadTest, WhoStepsDownEndsItAndAwaitsThat) {
  std::atomic<bool> is_asking = false;
  recovery_source_.before_tables = [&]() -> asio::awaitable<void> {
    is_asking = true;
    const absl::Status slept = co_await clock_.SleepFor(kTimeout);
    EXPECT_TRUE(absl::IsCancelled(slept));
  };
  std::string recovered;
  BeginRecovery(&recovered);
  const auto step_down = [&]() -> asio::awaitable<void> {
    while (!is_asking) {
      const absl::Status slept = co_await clock_.SleepFor(absl::Milliseconds(1));
      EXPECT_TRUE(slept.ok());
    }
    co_await service_->StepDown();
    EXPECT_EQ(service_->state(), RecoveryState::kWaiting);
  };
  Run(step_down());
  EXPECT_NE(recovered, "ERR_OK");
}

TEST_F(RecoveryThreadTest, QuestionsAreAnsweredWhileItComputesForLong) {
  // Computes until enough others were answered.
  std::atomic<int> answered = 0;
  recovery_source_.before_tables = [&]() -> asio::awaitable<void> {
    EXPECT_NE(std::this_thread::get_id(), main_thread_);
    const absl::Time give_up_at = absl::Now() + kTimeout;
    while (answered < 100 && absl::Now() < give_up_at) std::this_thread::yield();
    EXPECT_GE(answered, 100);
    co_return;
  };
  std::string recovered;
  BeginRecovery(&recovered);
  const auto ask = [&]() -> asio::awaitable<void> {
    while (answered < 100) {
      const std::string error = co_await ListApps();
      EXPECT_EQ(error, "ERR_UNDER_RECOVERY");
      rpc::HttpRequest page;
      page.method = "GET";
      page.path = "/status.json";
      EXPECT_THAT(ServeStatusPages(*service_, page, clock_.Now()).body,
                  HasSubstr("\"state\":\"recovering\""));
      ++answered;
      const absl::Status slept = co_await clock_.SleepFor(absl::Microseconds(100));
      EXPECT_TRUE(slept.ok());
    }
    while (recovered.empty()) {
      const absl::Status slept = co_await clock_.SleepFor(absl::Milliseconds(1));
      EXPECT_TRUE(slept.ok());
    }
    const std::string error = co_await ListApps();
    EXPECT_EQ(error, "ERR_OK");
  };
  Run(ask());
  EXPECT_EQ(recovered, "ERR_OK");
  EXPECT_EQ(source_.table_queries, 0);
  EXPECT_EQ(recovery_source_.table_queries, 3);
}

// What comes while a recovery runs that waits for `gate`.
class WhileRecoveringTest : public ::testing::Test {
 protected:
  WhileRecoveringTest() {
    world_.source.before_tables = [this]() -> asio::awaitable<void> {
      const absl::Status ignored = co_await gate_.Wait();
      static_cast<void>(ignored);
    };
  }

  void Begin() {
    asio::co_spawn(
        world_.context,
        [this]() -> asio::awaitable<void> {
          first_ = Decoded<RecoveryResponse>(
              co_await world_.service->Serve(ServiceWorld::StartRecovery("1,2,3")));
        },
        asio::detached);
  }

  ServiceWorld world_;
  Event gate_{world_.context.get_executor()};
  RecoveryResponse first_;
};

TEST_F(WhileRecoveringTest, TheSameRequestAttachesAndGetsTheSameAnswer) {
  Begin();
  world_.Run([&]() -> asio::awaitable<void> {
    co_await Settle();
    EXPECT_EQ(world_.service->state(), RecoveryState::kRecovering);
    asio::post(world_.context, [&] { gate_.Set(); });
    const auto second = Decoded<RecoveryResponse>(
        co_await world_.service->Serve(ServiceWorld::StartRecovery("1,2,3")));
    EXPECT_EQ(second.err.name, "ERR_OK");
    co_await Settle();
    EXPECT_EQ(first_.err.name, "ERR_OK");
    EXPECT_EQ(world_.source.table_queries, 3);  // one run
    const auto later = Decoded<RecoveryResponse>(
        co_await world_.service->Serve(ServiceWorld::StartRecovery("1,2,3")));
    EXPECT_EQ(later.err.name, "ERR_OK");
    EXPECT_EQ(world_.source.table_queries, 3);  // from the result
    const auto other = Decoded<RecoveryResponse>(
        co_await world_.service->Serve(ServiceWorld::StartRecovery("1,2")));
    EXPECT_EQ(other.err.name, "ERR_SERVICE_ALREADY_RUNNING");
  });
}

TEST_F(WhileRecoveringTest, AnotherRequestIsBusyAndAllElseIsUnderRecovery) {
  Begin();
  world_.Run([&]() -> asio::awaitable<void> {
    co_await Settle();
    const auto other = Decoded<RecoveryResponse>(
        co_await world_.service->Serve(ServiceWorld::StartRecovery("1,2,3", true)));
    EXPECT_EQ(other.err.name, "ERR_BUSY");
    const auto nodes =
        Decoded<idl::configuration_list_nodes_response>(co_await world_.service->Serve(
            ServiceWorld::Ask(idl::kRpcCmListNodes, idl::configuration_list_nodes_request())));
    EXPECT_EQ(nodes.err.name, "ERR_UNDER_RECOVERY");
    gate_.Set();
    co_await Settle();
  });
}

TEST_F(WhileRecoveringTest, WhoHasLittleTimeIsAnsweredInTimeAndAttachesLater) {
  constexpr absl::Duration kLittle = absl::Seconds(3);
  Begin();
  world_.Run([&]() -> asio::awaitable<void> {
    co_await Settle();
    const absl::Time asked = world_.clock.Now();
    const auto early = Decoded<RecoveryResponse>(
        co_await world_.service->Serve(ServiceWorld::StartRecovery("1,2,3", false, kLittle)));
    EXPECT_EQ(early.err.name, "ERR_TIMEOUT");
    EXPECT_THAT(early.hint_message, HasSubstr("goes on"));
    EXPECT_LT(world_.clock.Now() - asked, kLittle);
    EXPECT_EQ(world_.service->state(), RecoveryState::kRecovering);
    asio::post(world_.context, [&] { gate_.Set(); });
    const auto later = Decoded<RecoveryResponse>(
        co_await world_.service->Serve(ServiceWorld::StartRecovery("1,2,3")));
    EXPECT_EQ(later.err.name, "ERR_OK");
  });
}

TEST_F(WhileRecoveringTest, SteppingDownEndsTheRunAndNothingIsWritten) {
  Begin();
  world_.Run([&]() -> asio::awaitable<void> {
    co_await Settle();
    co_await world_.service->StepDown();
    EXPECT_EQ(world_.service->state(), RecoveryState::kWaiting);
    EXPECT_EQ(world_.AppsState(), "(none)");
    co_await Settle();
    EXPECT_EQ(first_.err.name, "ERR_FORWARD_TO_OTHERS");
  });
}

// Steps down at each operation of the store, the last ones included, which finish the tree.
TEST(StepDownTest, OnRecoveredIsNeverCalledAfterSteppingDown) {
  int finished_all_the_same = 0;
  for (int64_t at = 0, operations = 1; at < operations; ++at) {
    int64_t calls = 0;
    bool has_stepped_down = false;
    ServiceWorld* the_world = nullptr;
    testing::InMemoryMetaStoreOptions store_options;
    store_options.injector = [&](const testing::StoreCall&) -> std::optional<testing::StoreFault> {
      if (calls++ == at) {
        asio::co_spawn(
            the_world->context, [&]() { return the_world->service->StepDown(); },
            [&](const std::exception_ptr&) { has_stepped_down = true; });
      }
      return std::nullopt;
    };
    ServiceWorld world(ServiceWorld::Options(), std::move(store_options));
    the_world = &world;
    world.Run([&]() -> asio::awaitable<void> {
      const auto answer = Decoded<RecoveryResponse>(
          co_await world.service->Serve(ServiceWorld::StartRecovery("1,2,3")));
      if (answer.err.name == "ERR_OK") ++finished_all_the_same;
      while (!has_stepped_down && calls > at) co_await Settle();
    });
    if (calls <= at) break;  // there are no more operations
    operations = at + 2;
    EXPECT_EQ(world.listener.recoveries, 0) << "stepped down at operation " << at;
    EXPECT_EQ(world.service->state(), RecoveryState::kWaiting);
  }
  EXPECT_GT(finished_all_the_same, 0) << "the race was not met";
}

// At every moment of stepping down, even if the embedder leads again too early.
TEST(StepDownTest, AStartWhileSteppingDownDoesNotWaitForARunThatNeverBegins) {
  for (int moment = 0; moment < 40; ++moment) {
    ServiceWorld world;
    Event gate(world.context.get_executor());
    world.source.before_tables = [&]() -> asio::awaitable<void> {
      const absl::Status ignored = co_await gate.Wait();
      static_cast<void>(ignored);
    };
    std::string first;
    std::string second;
    bool has_stepped_down = false;
    asio::co_spawn(
        world.context,
        [&]() -> asio::awaitable<void> {
          first = Decoded<RecoveryResponse>(
                      co_await world.service->Serve(ServiceWorld::StartRecovery("1,2,3")))
                      .err.name;
        },
        asio::detached);
    world.Run([&]() -> asio::awaitable<void> {
      co_await Settle();
      asio::co_spawn(
          world.context, [&]() { return world.service->StepDown(); },
          [&](const std::exception_ptr&) { has_stepped_down = true; });
      const auto executor = co_await asio::this_coro::executor;
      for (int i = 0; i < moment; ++i) co_await asio::post(executor, asio::use_awaitable);
      world.service->Lead(LeaderIdentity(), world.store.get(), {});
      gate.Set();
      second = Decoded<RecoveryResponse>(co_await world.service->Serve(ServiceWorld::StartRecovery(
                                             "1,2", false, absl::Seconds(2))))
                   .err.name;
      while (!has_stepped_down || first.empty()) co_await Settle();
    });
    EXPECT_THAT(second, AnyOf("ERR_FORWARD_TO_OTHERS", "ERR_OK")) << moment;
  }
}

// It was shown as ALIVE, and got into the next node list.
TEST(RecoveredNodesTest, ANodeThatWasLeftOutIsNotAlive) {
  ServiceWorld world;
  world.source.down[3] = true;
  world.Run([&]() -> asio::awaitable<void> {
    co_await world.service->Serve(ServiceWorld::StartRecovery("1,2,3", true));
    const auto nodes =
        Decoded<idl::configuration_list_nodes_response>(co_await world.service->Serve(
            ServiceWorld::Ask(idl::kRpcCmListNodes, idl::configuration_list_nodes_request())));
    std::vector<bool> alive;
    for (const idl::node_info& node : nodes.infos) {
      alive.push_back(node.status == idl::node_status::NS_ALIVE);
    }
    EXPECT_THAT(alive, ::testing::ElementsAre(true, true, false));
  });
}

TEST(RunningRecoveryTest, WhoSkipsBadNodesInLessTimeThanANodeHasGotNoResult) {
  RecoveryServiceOptions options = ServiceWorld::Options();
  options.recovery.collector.node_timeout = absl::Seconds(60);
  options.recovery.collector.attempt_timeout = absl::Seconds(60);
  ServiceWorld world(std::move(options));
  world.source.hanging[2] = true;
  world.Run([&]() -> asio::awaitable<void> {
    const auto skipped =
        Decoded<idl::configuration_recovery_response>(co_await world.service->Serve(
            ServiceWorld::StartRecovery("1,2,3", true, absl::Seconds(2))));
    EXPECT_EQ(skipped.err.name, "ERR_OK");
    EXPECT_THAT(skipped.hint_message,
                HasSubstr("WARNING: collect app and replica info from node(localhost:2) failed "
                          "with err(ERR_TIMEOUT)"));
  });
}

}  // namespace
}  // namespace metarec
