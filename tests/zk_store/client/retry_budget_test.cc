#include "zk_store/client/retry_budget.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/zk_store/client/store_world.h"

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

}  // namespace
}  // namespace metarec
