// How errors are marked, and how what has failed is repeated.

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/zk_store/client/store_world.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_error.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RetryBudgetTest : public ::testing::Test {
 protected:
  absl::Status Spend(RetryBudget* budget, StoreError error = StoreError::kConnectionLoss) {
    return RunAlone(&io_, budget->Spend(budget->incident(), MakeStoreError(error, "get", "/a")));
  }

  // How long it goes on when nothing succeeds.
  absl::Duration Exhaust(RetryBudget* budget) {
    const absl::Time start = clock_.Now();
    for (int i = 0; i < 1000; ++i) {
      last_ = Spend(budget);
      if (!last_.ok()) break;
    }
    return clock_.Now() - start;
  }

  asio::io_context io_;
  ImmediateClock clock_;
  absl::Status last_;
};

TEST_F(RetryBudgetTest, AnOutageIsNotOutlastedForEver) {
  RetryBudget budget(&clock_);
  const absl::Duration lasted = Exhaust(&budget);
  EXPECT_GE(lasted, absl::Seconds(60));
  EXPECT_LE(lasted, absl::Seconds(65));
  EXPECT_EQ(StoreErrorOf(last_), StoreError::kConnectionLoss);
  EXPECT_THAT(std::string(last_.message()), HasSubstr("without an answer of ZooKeeper"));
}

TEST_F(RetryBudgetTest, EveryOutageHasItsOwnTimeButAllShareTheRetries) {
  RetryLimits limits;
  limits.incidents_max = 12;
  limits.outage_max = absl::Seconds(2);
  RetryBudget budget(&clock_, limits);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(Spend(&budget).ok());
    EXPECT_TRUE(Spend(&budget).ok());
    EXPECT_TRUE(Spend(&budget).ok());
    EXPECT_TRUE(Spend(&budget).ok());
    budget.OnSuccess();
  }
  EXPECT_THAT(std::string(Spend(&budget).message()), HasSubstr("given up after 12 retries"));
}

TEST_F(RetryBudgetTest, WhatIsAnsweredIsNoOutage) {
  RetryLimits limits;
  limits.outage_max = absl::ZeroDuration();
  std::vector<bool> told;
  RetryBudget budget(&clock_, limits, [&](bool is_outage) { told.push_back(is_outage); });
  EXPECT_TRUE(Spend(&budget, StoreError::kBadVersion).ok());
  EXPECT_FALSE(Spend(&budget, StoreError::kConnectionLoss).ok());
  EXPECT_TRUE(told.empty());
}

TEST_F(RetryBudgetTest, BeginAndEndOfAnOutageAreTold) {
  std::vector<bool> told;
  RetryBudget budget(&clock_, {}, [&](bool is_outage) { told.push_back(is_outage); });
  budget.OnSuccess();
  EXPECT_TRUE(Spend(&budget).ok());
  EXPECT_TRUE(Spend(&budget).ok());
  budget.OnSuccess();
  budget.OnSuccess();
  EXPECT_THAT(told, ElementsAre(true, false));
}

class RetryTest : public ::testing::Test {
 protected:
  static absl::Status Lost() { return MakeStoreError(StoreError::kConnectionLoss, "multi", "/a"); }

  // Lets Retry loose on an operation that ends with these one after the other.
  absl::Status RetryThrough(std::vector<absl::Status> ends, RetryLimits limits = {}) {
    attempts_ = 0;
    RetryBudget budget(&clock_, limits);
    return RunAlone(&io_, Retry(&budget, [&]() -> asio::awaitable<absl::Status> {
      co_return ends.at(attempts_++);
    }));
  }

  asio::io_context io_;
  ImmediateClock clock_;
  size_t attempts_ = 0;
};

TEST_F(RetryTest, GoesOnUntilTheOperationSucceeds) {
  const absl::Time start = clock_.Now();
  EXPECT_TRUE(RetryThrough({Lost(), Lost(), absl::OkStatus()}).ok());
  EXPECT_EQ(attempts_, 3);
  EXPECT_EQ(clock_.Now() - start, absl::Milliseconds(300)) << "waits in between";
}

TEST_F(RetryTest, ReturnsTheResultOfTheLastAttempt) {
  RetryBudget budget(&clock_);
  int attempts = 0;
  const auto result =
      RunAlone(&io_, Retry(&budget, [&]() -> asio::awaitable<absl::StatusOr<std::string>> {
        if (++attempts == 1) co_return Lost();
        co_return "answer";
      }));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, "answer");
}

TEST_F(RetryTest, EndsWithWhatIsNotWorthRepeating) {
  for (const StoreError error : {StoreError::kNoAuth, StoreError::kSessionExpired,
                                 StoreError::kBadVersion, StoreError::kTooLarge}) {
    const absl::Status refused = MakeStoreError(error, "multi", "/a");
    EXPECT_EQ(RetryThrough({refused}), refused);
  }
  const absl::Status fenced = MarkedError(ErrorMark::kFenced, "no leader any more");
  EXPECT_EQ(RetryThrough({Lost(), fenced}), fenced);
  EXPECT_EQ(attempts_, 2);
}

TEST_F(RetryTest, ALostRaceIsRunAgain) {
  const absl::Status exists = MakeStoreError(StoreError::kNodeExists, "multi", "/a");
  EXPECT_EQ(RetryThrough({exists}), exists);
  EXPECT_TRUE(RetryThrough({WithMark(exists, ErrorMark::kLostRace), absl::OkStatus()}).ok());
}

TEST_F(RetryTest, TheBudgetEndsItWithTheLastError) {
  RetryLimits limits;
  limits.incidents_max = 2;
  const absl::Status ended = RetryThrough({Lost(), Lost(), Lost()}, limits);
  EXPECT_EQ(StoreErrorOf(ended), StoreError::kConnectionLoss);
  EXPECT_THAT(std::string(ended.message()), HasSubstr("given up after 2 retries"));
}

// One inside the other shares its budget: the outer one must not begin anew what the inner one has
// given up.
TEST_F(RetryTest, WhatIsGivenUpInsideIsGivenUpOutside) {
  RetryLimits limits;
  limits.incidents_max = 2;
  RetryBudget budget(&clock_, limits);
  int outer = 0;
  int inner = 0;
  const absl::Status ended = RunAlone(&io_, Retry(&budget, [&] {
    ++outer;
    return Retry(&budget, [&]() -> asio::awaitable<absl::Status> {
      ++inner;
      co_return Lost();
    });
  }));
  EXPECT_FALSE(ended.ok());
  EXPECT_EQ(outer, 1);
  EXPECT_EQ(inner, 3);
}

TEST_F(RetryTest, ManyThatLoseOneConnectionSpendOneRetry) {
  RetryLimits limits;
  limits.incidents_max = 1;
  RetryBudget budget(&clock_, limits);
  const uint64_t incident = budget.incident();
  EXPECT_TRUE(RunAlone(&io_, budget.Spend(incident, Lost())).ok());
  EXPECT_TRUE(RunAlone(&io_, budget.Spend(incident, Lost())).ok());
  EXPECT_FALSE(RunAlone(&io_, budget.Spend(budget.incident(), Lost())).ok());
}

TEST_F(RetryTest, ACancelledWaitIsNotFollowedByAnotherAttempt) {
  asio::cancellation_signal cancel;
  RetryBudget budget(&clock_);
  const absl::Status ended = RunAlone(&io_,
                                      Retry(&budget,
                                            [&]() -> asio::awaitable<absl::Status> {
                                              ++attempts_;
                                              cancel.emit(asio::cancellation_type::terminal);
                                              co_return Lost();
                                            }),
                                      &cancel);
  EXPECT_TRUE(absl::IsCancelled(ended)) << ended;
  EXPECT_EQ(attempts_, 1);
}

TEST(ErrorMarkTest, IsToldFromOtherErrorsOfTheSameCode) {
  EXPECT_TRUE(HasMark(MarkedError(ErrorMark::kRefused, "no"), ErrorMark::kRefused));
  EXPECT_FALSE(HasMark(MarkedError(ErrorMark::kDisturbed, "no"), ErrorMark::kRefused));
  EXPECT_FALSE(HasMark(absl::FailedPreconditionError("no"), ErrorMark::kRefused));
  EXPECT_FALSE(HasMark(absl::AbortedError("no"), ErrorMark::kDisturbed));
  EXPECT_FALSE(HasMark(absl::OkStatus(), ErrorMark::kRefused));
}

TEST(ErrorMarkTest, ANewErrorHasTheCodeOfItsMark) {
  EXPECT_TRUE(absl::IsFailedPrecondition(MarkedError(ErrorMark::kRefused, "no")));
  EXPECT_TRUE(absl::IsAborted(MarkedError(ErrorMark::kDisturbed, "no")));
  EXPECT_TRUE(absl::IsAborted(MarkedError(ErrorMark::kFenced, "no")));
}

TEST(ErrorMarkTest, AddsToWhatTheErrorIsOtherwise) {
  const absl::Status lost = MakeStoreError(StoreError::kConnectionLoss, "multi", "/a");
  const absl::Status status = WithMark(WithMark(lost, ErrorMark::kDisturbed), ErrorMark::kGivenUp);
  EXPECT_TRUE(HasMark(status, ErrorMark::kDisturbed));
  EXPECT_TRUE(HasMark(status, ErrorMark::kGivenUp));
  EXPECT_FALSE(HasMark(status, ErrorMark::kMayBeFinished));
  EXPECT_EQ(status.code(), lost.code());
  EXPECT_EQ(StoreErrorOf(status), StoreError::kConnectionLoss);
}

TEST(ErrorMarkTest, OutlivesAnnotation) {
  const absl::Status refused = Annotate(MarkedError(ErrorMark::kRefused, "no"), "; never");
  EXPECT_EQ(refused.message(), "no; never");
  EXPECT_TRUE(HasMark(refused, ErrorMark::kRefused));
}

TEST(ErrorMarkTest, SuccessCannotBeMarked) {
  EXPECT_TRUE(WithMark(absl::OkStatus(), ErrorMark::kLostRace).ok());
  EXPECT_FALSE(HasMark(WithMark(absl::OkStatus(), ErrorMark::kLostRace), ErrorMark::kLostRace));
}

}  // namespace
}  // namespace metarec
