#include <functional>
#include <thread>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/thread_pool.hpp>
#include <gtest/gtest.h>

#include "base/runtime/cancellation.h"
#include "base/runtime/system_clock.h"
#include "base/runtime/task_group.h"

namespace metarec {
namespace {

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
