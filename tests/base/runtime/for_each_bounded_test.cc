#include <algorithm>
#include <vector>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/runtime/system_clock.h"
#include "base/runtime/task_group.h"

namespace metarec {
namespace {

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

}  // namespace
}  // namespace metarec
