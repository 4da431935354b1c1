#include "base/runtime/task_group.h"

#include <algorithm>
#include <functional>
#include <thread>
#include <vector>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/runtime/cancellation.h"
#include "base/runtime/system_clock.h"

namespace metarec {
namespace {

class TaskGroupTest : public ::testing::Test {
 protected:
  // Sleeps for ever, until it is cancelled.
  asio::awaitable<void> Sleeper() {
    ++begun_;
    const absl::Status slept = co_await clock_.SleepUntil(absl::InfiniteFuture());
    if (absl::IsCancelled(slept)) ++cancelled_;
  }

  asio::awaitable<void> Quick() {
    ++begun_;
    co_return;
  }

  asio::io_context context_;
  SystemClock clock_;
  TaskGroup group_{context_.get_executor()};
  int begun_ = 0;
  int cancelled_ = 0;
};

TEST_F(TaskGroupTest, CancelsAllAndAwaitsTheirEnd) {
  group_.Spawn(Sleeper());
  group_.Spawn(Sleeper());
  bool joined = false;
  asio::co_spawn(
      context_,
      [&]() -> asio::awaitable<void> {
        while (begun_ < 2) co_await asio::post(context_, asio::use_awaitable);
        group_.Cancel();
        group_.Spawn(Sleeper());  // too late
        co_await group_.Join();
        joined = true;
        EXPECT_EQ(group_.running(), 0U);
      },
      asio::detached);
  context_.run();
  EXPECT_TRUE(joined);
  EXPECT_EQ(begun_, 2);
  EXPECT_EQ(cancelled_, 2);
}

TEST_F(TaskGroupTest, BeginsNothingWithinTheCallOfSpawn) {
  asio::co_spawn(
      context_,
      [&]() -> asio::awaitable<void> {
        group_.Spawn(Quick());
        EXPECT_EQ(begun_, 0);
        co_await group_.Join();
        EXPECT_EQ(begun_, 1);
      },
      asio::detached);
  context_.run();
  EXPECT_EQ(begun_, 1);
}

TEST_F(TaskGroupTest, JoiningAnEmptyGroupEndsAtOnce) {
  bool joined = false;
  asio::co_spawn(
      context_,
      [&]() -> asio::awaitable<void> {
        co_await group_.Join();
        joined = true;
      },
      asio::detached);
  context_.run();
  EXPECT_TRUE(joined);
}

TEST(ForEachBounded, RunsEveryIndexAndNeverMoreThanTheBoundAtOnce) {
  asio::io_context context;
  std::vector<size_t> started;
  int running = 0;
  int running_max = 0;
  asio::co_spawn(
      context,
      [&]() -> asio::awaitable<void> {
        co_await ForEachBounded(100, 7, [&](size_t i) -> asio::awaitable<void> {
          started.push_back(i);
          running_max = std::max(running_max, ++running);
          co_await asio::post(context, asio::use_awaitable);
          --running;
        });
      },
      asio::detached);
  context.run();
  EXPECT_EQ(started.size(), 100u);
  EXPECT_TRUE(std::is_sorted(started.begin(), started.end()));
  EXPECT_EQ(running_max, 7);
}

TEST(ForEachBounded, CompletesAtOnceWithNothingToDo) {
  asio::io_context context;
  bool done = false;
  asio::co_spawn(
      context,
      [&]() -> asio::awaitable<void> {
        co_await ForEachBounded(0, 4, [](size_t) -> asio::awaitable<void> { co_return; });
        done = true;
      },
      asio::detached);
  context.run();
  EXPECT_TRUE(done);
}

TEST(ForEachBounded, CancellationReachesRunningTasksAndStartsNoOther) {
  asio::io_context context;
  SystemClock clock;
  asio::cancellation_signal cancel;
  std::vector<absl::StatusCode> outcomes;
  asio::co_spawn(
      context,
      [&]() -> asio::awaitable<void> {
        co_await ForEachBounded(10, 3, [&](size_t) -> asio::awaitable<void> {
          outcomes.push_back((co_await clock.SleepUntil(absl::InfiniteFuture())).code());
        });
      },
      asio::bind_cancellation_slot(cancel.slot(), asio::detached));
  asio::post(context,
             [&] { asio::post(context, [&] { cancel.emit(asio::cancellation_type::terminal); }); });
  context.run();
  EXPECT_THAT(outcomes, testing::Each(absl::StatusCode::kCancelled));
  EXPECT_EQ(outcomes.size(), 3u);
}

TEST(RunOnTest, WorksThereAndResumesHere) {
  asio::io_context context;
  asio::thread_pool elsewhere(1);
  SystemClock clock;
  std::thread::id worked_on;
  std::thread::id resumed_on;
  const std::function<asio::awaitable<void>()> work = [&]() -> asio::awaitable<void> {
    const absl::Status slept = co_await clock.SleepFor(absl::Milliseconds(1));
    EXPECT_TRUE(slept.ok());
    worked_on = std::this_thread::get_id();
  };
  const auto root = [&]() -> asio::awaitable<void> {
    co_await RunOn(elsewhere.get_executor(), work);
    resumed_on = std::this_thread::get_id();
  };
  asio::co_spawn(context, root(), asio::detached);
  context.run();
  elsewhere.join();
  EXPECT_EQ(resumed_on, std::this_thread::get_id());
  EXPECT_NE(worked_on, std::thread::id());
  EXPECT_NE(worked_on, resumed_on);
}

// Each time at another moment of the work.
TEST(RunOnTest, PassesACancellationOnAndAwaitsTheEndOfTheWork) {
  SystemClock clock;
  int cancelled = 0;
  for (int i = 0; i < 200; ++i) {
    asio::io_context context;
    asio::thread_pool elsewhere(1);
    asio::cancellation_signal cancel;
    bool has_worked = false;
    bool has_returned = false;
    const std::function<asio::awaitable<void>()> work = [&]() -> asio::awaitable<void> {
      const bool is_long = i % 4 == 0;
      const absl::Status slept =
          co_await clock.SleepFor(is_long ? absl::Hours(1) : absl::Microseconds(i));
      if (absl::IsCancelled(slept)) ++cancelled;
      has_worked = true;
    };
    const auto root = [&]() -> asio::awaitable<void> {
      co_await asio::this_coro::throw_if_cancelled(false);
      co_await RunOn(elsewhere.get_executor(), work);
      EXPECT_TRUE(has_worked);
      has_returned = true;
    };
    asio::co_spawn(context, root(), asio::bind_cancellation_slot(cancel.slot(), asio::detached));
    asio::post(context, [&] { cancel.emit(asio::cancellation_type::terminal); });
    context.run();
    elsewhere.join();
    EXPECT_TRUE(has_returned);
  }
  EXPECT_GE(cancelled, 50);
}

}  // namespace
}  // namespace metarec
