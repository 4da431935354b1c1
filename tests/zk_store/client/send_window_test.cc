#include "zk_store/client/send_window.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "tests/zk_store/client/store_world.h"

namespace metarec {
namespace {

using Outcome = SendWindow::Outcome;
using Pass = SendWindow::Pass;

class SendWindowTest : public ::testing::Test {
 protected:
  Pass Enter() {
    auto pass = RunAlone(&io_, window_.Enter());
    EXPECT_TRUE(pass.ok()) << pass.status();
    return *pass;
  }
  void Wait(absl::Duration time) {
    EXPECT_TRUE(RunAlone(&io_, clock_.SleepUntil(clock_.Now() + time)).ok());
  }
  // As many answers as may be under way, all of them after `time`.
  void Round(absl::Duration time, size_t bytes = 1000) {
    std::vector<Pass> passes;
    while (window_.in_flight() < window_.size()) passes.push_back(Enter());
    Wait(time);
    for (const Pass& pass : passes) window_.Leave(pass, Outcome::kAnswered, bytes);
  }
  // Coroutines that enter, and say so, and stay until Leave.
  void Spawn(bool alone) {
    asio::co_spawn(io_, EnterAndTell(alone), [](std::exception_ptr) {});
    RunReady();
  }
  void RunReady() {
    io_.restart();
    io_.poll();
  }
  asio::awaitable<void> EnterAndTell(bool alone) {
    const auto pass = co_await window_.Enter(alone);
    entered_.push_back(*pass);
  }

  asio::io_context io_;
  ImmediateClock clock_;
  SendWindow window_{&clock_, 8};
  std::vector<Pass> entered_;
};

TEST_F(SendWindowTest, GrowsWhileMoreBringsMore) {
  EXPECT_EQ(window_.size(), SendWindow::kAssumed);
  for (int i = 0; i < 20; ++i) Round(absl::Milliseconds(10));  // however many there are
  EXPECT_EQ(window_.size(), 8u);
}

TEST_F(SendWindowTest, StaysWhereMoreBringsNothing) {
  for (int i = 0; i < 50; ++i) {
    const auto busy = absl::Milliseconds(10) * static_cast<int64_t>(window_.size());
    Round(busy);
  }
  EXPECT_LE(window_.size(), SendWindow::kAssumed + 2);
}

TEST_F(SendWindowTest, ShrinksWhenTheServerGetsSlower) {
  for (int i = 0; i < 20; ++i) Round(absl::Milliseconds(10));
  for (int i = 1; i < 20; ++i) Round(absl::Milliseconds(10) * (1 << std::min(i, 7)));
  EXPECT_EQ(window_.size(), SendWindow::kAssumed);
}

TEST_F(SendWindowTest, LossesAndSlowAnswersHalveItAndItComesBack) {
  for (int i = 0; i < 20; ++i) Round(absl::Milliseconds(10));
  window_.Leave(Enter(), Outcome::kLost);
  EXPECT_EQ(window_.size(), 4u);
  const Pass slow = Enter();
  Wait(absl::Seconds(4));
  window_.Leave(slow, Outcome::kAnswered, 1000);
  EXPECT_EQ(window_.size(), 2u);
  for (int i = 0; i < 5; ++i) window_.Leave(Enter(), Outcome::kLost);
  EXPECT_EQ(window_.size(), 1u);
  for (int i = 0; i < 20; ++i) Round(absl::Milliseconds(10));
  EXPECT_EQ(window_.size(), 8u);
}

TEST_F(SendWindowTest, OneLostConnectionHalvesItOnceHoweverManyWereUnderWay) {
  for (int i = 0; i < 20; ++i) Round(absl::Milliseconds(10));
  std::vector<Pass> passes;
  while (window_.in_flight() < window_.size()) passes.push_back(Enter());
  Wait(absl::Milliseconds(10));
  for (const Pass& pass : passes) window_.Leave(pass, Outcome::kLost);
  EXPECT_EQ(window_.size(), 4u);
}

TEST_F(SendWindowTest, WhoFindsNoRoomWaitsForAnAnswer) {
  const Pass first = Enter();
  while (window_.in_flight() < window_.size()) Enter();
  Spawn(/*alone=*/false);
  EXPECT_TRUE(entered_.empty());
  window_.Leave(first, Outcome::kAnswered, 1);
  RunReady();
  EXPECT_EQ(entered_.size(), 1u);
}

TEST_F(SendWindowTest, ATransactionThatWantsToBeAloneIs) {
  const Pass first = Enter();
  Spawn(/*alone=*/true);
  Spawn(/*alone=*/false);  // not before the one that has waited longer
  EXPECT_TRUE(entered_.empty());
  window_.Leave(first, Outcome::kAnswered, 1);
  RunReady();
  ASSERT_EQ(entered_.size(), 1u);
  EXPECT_TRUE(entered_[0].alone);
  EXPECT_EQ(window_.in_flight(), 1u);
  window_.Leave(entered_[0], Outcome::kNotSent);
  RunReady();
  ASSERT_EQ(entered_.size(), 2u);
  EXPECT_FALSE(entered_[1].alone);
}

TEST_F(SendWindowTest, WhoIsCancelledWhileItWaitsLeavesNoTrace) {
  const Pass first = Enter();
  asio::cancellation_signal cancel;
  asio::post(io_, [&] {  // not before the coroutine has begun
    asio::post(io_, [&] { cancel.emit(asio::cancellation_type::terminal); });
  });
  const auto pass = RunAlone(&io_, window_.Enter(/*alone=*/true), &cancel);
  EXPECT_TRUE(absl::IsCancelled(pass.status())) << pass.status();
  window_.Leave(Enter(), Outcome::kAnswered, 1);  // the others are not held back
  window_.Leave(first, Outcome::kAnswered, 1);
  EXPECT_EQ(window_.in_flight(), 0u);
}

}  // namespace
}  // namespace metarec
