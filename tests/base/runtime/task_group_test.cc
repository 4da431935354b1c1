#include "base/runtime/task_group.h"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace metarec
