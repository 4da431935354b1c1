#include "base/runtime/one_shot.h"

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/this_coro.hpp>
#include <gtest/gtest.h>

namespace metarec {
namespace {

using Sender = OneShotSender<std::string>;

// A coroutine that waits for one value, on an executor of its own.
class Waiter {
 public:
  Waiter() {
    asio::co_spawn(context_, Wait(), asio::bind_cancellation_slot(stop_.slot(), asio::detached));
    context_.poll();
  }

  const Sender& sender() const { return *sender_; }
  void Run() { context_.run(); }
  void Cancel() { stop_.emit(asio::cancellation_type::terminal); }

  absl::Status waited = absl::UnknownError("it still waits");
  std::string value;

 private:
  asio::awaitable<void> Wait() {
    OneShotReceiver<std::string> receiver(co_await asio::this_coro::executor);
    sender_ = receiver.sender();
    waited = co_await receiver.Wait();
    if (receiver.has_value()) value = std::move(receiver.value());
  }

  std::optional<Sender> sender_;
  asio::cancellation_signal stop_;
  asio::io_context context_;
};

TEST(OneShotTest, TheFirstValueCountsAndReachesTheCoroutineOnItsOwnExecutor) {
  Waiter waiter;
  EXPECT_FALSE(waiter.sender().expired());
  std::thread([sender = waiter.sender()] {
    sender.Send("first");
    sender.Send("second");
  }).join();
  EXPECT_FALSE(waiter.waited.ok());
  waiter.Run();
  EXPECT_TRUE(waiter.waited.ok()) << waiter.waited;
  EXPECT_EQ(waiter.value, "first");
  EXPECT_TRUE(waiter.sender().expired());
}

TEST(OneShotTest, AValueThatIsSentBeforeTheWaitIsNotLost) {
  asio::io_context context;
  bool got = false;
  const auto wait = [&]() -> asio::awaitable<void> {
    OneShotReceiver<std::string> receiver(co_await asio::this_coro::executor);
    receiver.sender().Send("early");
    const absl::Status waited = co_await receiver.Wait();
    got = waited.ok() && receiver.value() == "early";
  };
  asio::co_spawn(context, wait(), asio::detached);
  context.run();
  EXPECT_TRUE(got);
}

TEST(OneShotTest, WhatIsSentToOneThatWasCancelledGoesNowhere) {
  Waiter waiter;
  waiter.Cancel();
  waiter.Run();
  EXPECT_TRUE(absl::IsCancelled(waiter.waited)) << waiter.waited;
  EXPECT_TRUE(waiter.sender().expired());
  waiter.sender().Send("late");
  EXPECT_EQ(waiter.value, "");
}

// For the address sanitizer.
TEST(OneShotTest, ASenderOutlivesTheExecutorOfTheOneWhoWaited) {
  for (const bool answered : {true, false}) {
    std::optional<Sender> kept;
    {
      Waiter waiter;
      kept = waiter.sender();
      if (answered) {
        kept->Send("in time");
        waiter.Run();
        EXPECT_EQ(waiter.value, "in time");
      }
    }
    kept->Send("late");
    EXPECT_TRUE(kept->expired());
  }
}

// For the sanitizers: the sending thread has nothing left of an executor that ends as soon as the
// value is there.
TEST(OneShotTest, AnExecutorMayEndWhileTheSendingThreadStillReturns) {
  for (int round = 0; round < 200; ++round) {
    auto waiter = std::make_unique<Waiter>();
    std::thread sending([sender = waiter->sender()] { sender.Send("there"); });
    if (round % 2 == 0) {
      while (waiter->value.empty()) waiter->Run();
    }
    waiter.reset();
    sending.join();
  }
}

}  // namespace
}  // namespace metarec
