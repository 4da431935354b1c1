#include "base/runtime/blocking_call.h"

#include <memory>
#include <optional>
#include <vector>

#include <absl/synchronization/notification.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/this_coro.hpp>
#include <gtest/gtest.h>

#include "base/runtime/system_clock.h"

namespace metarec {
namespace {

constexpr absl::Duration kLong = absl::Minutes(5);

// A system call that hangs until the test lets it go, and its own end.
struct Hanging {
  absl::Notification begun;
  absl::Notification let_go;
  absl::Notification over;
};

class BlockingCallTest : public ::testing::Test {
 protected:
  ~BlockingCallTest() override {
    for (const auto& call : hanging_) {
      if (!call->let_go.HasBeenNotified()) call->let_go.Notify();
      if (call->begun.HasBeenNotified()) call->over.WaitForNotification();
    }
  }

  // Owned by the call too, which outlives its waiter.
  std::function<void()> Hang() {
    auto call = std::make_shared<Hanging>();
    hanging_.push_back(call);
    return [call] {
      call->begun.Notify();
      call->let_go.WaitForNotification();
      call->over.Notify();
    };
  }

  // Where the result of a call will be.
  std::shared_ptr<std::optional<absl::Status>> Start(asio::io_context* io, absl::Duration timeout,
                                                     std::function<void()> call,
                                                     asio::cancellation_signal* cancel = nullptr) {
    auto result = std::make_shared<std::optional<absl::Status>>();
    const auto ignore = [](std::exception_ptr) {};
    if (cancel == nullptr) {
      asio::co_spawn(*io, Await(timeout, std::move(call), result), ignore);
    } else {
      asio::co_spawn(*io, Await(timeout, std::move(call), result),
                     asio::bind_cancellation_slot(cancel->slot(), ignore));
    }
    return result;
  }

  asio::awaitable<void> Await(absl::Duration timeout, std::function<void()> call,
                              std::shared_ptr<std::optional<absl::Status>> result) {
    co_await asio::this_coro::throw_if_cancelled(false);
    *result = co_await AwaitBlockingCall(&clock_, clock_.Now() + timeout, std::move(call));
  }

  SystemClock clock_;
  std::vector<std::shared_ptr<Hanging>> hanging_;
};

TEST_F(BlockingCallTest, CompletesWhenTheCallHasReturned) {
  asio::io_context io;
  const auto answer = std::make_shared<int>(0);
  const auto result = Start(&io, kLong, [answer] { *answer = 42; });
  io.run();
  ASSERT_TRUE(result->has_value());
  EXPECT_TRUE((*result)->ok()) << **result;
  EXPECT_EQ(*answer, 42);
}

TEST_F(BlockingCallTest, CallsThatHangKeepNeitherOthersNorTheExecutorWaiting) {
  {
    asio::io_context io;
    std::vector<std::shared_ptr<std::optional<absl::Status>>> hanging;
    hanging.reserve(150);
    for (int i = 0; i < 150; ++i) hanging.push_back(Start(&io, absl::Milliseconds(50), Hang()));
    const auto quick = Start(&io, kLong, [] {});
    io.run();  // returns although nothing was let go
    for (const auto& result : hanging) {
      ASSERT_TRUE(result->has_value());
      EXPECT_EQ((*result)->code(), absl::StatusCode::kDeadlineExceeded) << **result;
    }
    ASSERT_TRUE(quick->has_value());
    EXPECT_TRUE((*quick)->ok()) << **quick;
  }
  for (const auto& call : hanging_) EXPECT_FALSE(call->over.HasBeenNotified());
}

TEST_F(BlockingCallTest, CancellationEndsTheWaitAtOnce) {
  asio::io_context io;
  asio::cancellation_signal cancel;
  const auto result = Start(&io, kLong, Hang(), &cancel);
  while (!hanging_.back()->begun.HasBeenNotified()) {
    io.run_one_for(std::chrono::milliseconds(1));
    io.restart();
  }
  cancel.emit(asio::cancellation_type::terminal);
  io.run();
  ASSERT_TRUE(result->has_value());
  EXPECT_EQ((*result)->code(), absl::StatusCode::kCancelled) << **result;
}

TEST_F(BlockingCallTest, AnExecutorMayBeDestroyedBeforeTheCallReturns) {
  {
    asio::io_context io;
    Start(&io, kLong, Hang());
    io.poll();
    hanging_.back()->begun.WaitForNotification();
  }
  hanging_.back()->let_go.Notify();
  hanging_.back()->over.WaitForNotification();
}

TEST_F(BlockingCallTest, CallsBeyondTheBoundWaitForTheirTurnAndMayBeAbandonedBeforeIt) {
  constexpr int kThreads = 64;
  asio::io_context io;
  for (int i = 0; i < kThreads; ++i) Start(&io, kLong, Hang());
  io.poll();
  for (const auto& call : hanging_) call->begun.WaitForNotification();

  const auto begun = std::make_shared<absl::Notification>();
  asio::cancellation_signal cancel;
  const auto abandoned = Start(
      &io, kLong, [begun] { begun->Notify(); }, &cancel);
  const auto patient = Start(&io, kLong, [] {});
  io.poll();
  EXPECT_FALSE(patient->has_value());
  cancel.emit(asio::cancellation_type::terminal);
  io.poll();
  ASSERT_TRUE(abandoned->has_value());

  for (const auto& call : hanging_) call->let_go.Notify();
  io.run();
  ASSERT_TRUE(patient->has_value());
  EXPECT_TRUE((*patient)->ok()) << **patient;
  EXPECT_FALSE(begun->HasBeenNotified());
}

TEST_F(BlockingCallTest, NothingBeginsWithoutTimeLeft) {
  asio::io_context io;
  const auto result = Start(&io, absl::ZeroDuration(), Hang());
  io.run();
  ASSERT_TRUE(result->has_value());
  EXPECT_EQ((*result)->code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_FALSE(hanging_.back()->begun.HasBeenNotified());
}

}  // namespace
}  // namespace metarec
