// A recovery on a thread of its own: whoever asks something meanwhile is answered.

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <absl/time/clock.h>
#include <asio/co_spawn.hpp>
#include <asio/this_coro.hpp>
#include <asio/thread_pool.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "idl/task_codes.h"
#include "recovery_service/status/status_pages.h"
#include "service_world.h"

namespace metarec {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kTimeout = absl::Seconds(60);

class RecoveryThreadTest : public ::testing::Test {
 protected:
  RecoveryThreadTest() {
    RecoveryService::Surroundings surroundings;
    surroundings.source = &source_;
    surroundings.clock = &clock_;
    surroundings.random = [] { return 0.5; };
    surroundings.recovery_thread =
        RecoveryThread{.executor = recoveries_.get_executor(), .source = &recovery_source_};
    service_ = std::make_unique<RecoveryService>(context_.get_executor(), ServiceWorld::Options(),
                                                 std::move(surroundings));
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

}  // namespace
}  // namespace metarec
