#include "base/runtime/progress_rate.h"

#include <gtest/gtest.h>

namespace metarec {
namespace {

TEST(ProgressRateTest, SaysNothingUntilItKnows) {
  ProgressRate rate;
  EXPECT_EQ(rate.per_second(), std::nullopt);
  absl::Time now = absl::UnixEpoch();
  rate.Add(now, 500'000);  // an earlier run's
  rate.Add(now + absl::Seconds(1), 500'100);
  rate.Add(now + absl::Seconds(2), 500'200);
  EXPECT_EQ(rate.per_second(), std::nullopt);
  EXPECT_EQ(rate.TimeLeft(501'000), std::nullopt);
  rate.Add(now + absl::Seconds(3), 500'300);
  EXPECT_NEAR(rate.per_second().value(), 100, 1);
  EXPECT_NEAR(absl::ToDoubleSeconds(rate.TimeLeft(501'000).value()), 7, 0.1);
  EXPECT_EQ(rate.TimeLeft(500'300), std::nullopt);
}

TEST(ProgressRateTest, FollowsAChangeOfSpeedWithoutJumping) {
  ProgressRate rate;
  absl::Time now = absl::UnixEpoch();
  int64_t done = 0;
  const auto go_on = [&](int64_t per_second, int seconds) {
    for (int i = 0; i < seconds; ++i) rate.Add(now += absl::Seconds(1), done += per_second);
    return rate.per_second().value_or(-1);
  };
  EXPECT_NEAR(go_on(1000, 20), 1000, 1);
  const double soon = go_on(100, 2);
  EXPECT_GT(soon, 500);
  EXPECT_LT(soon, 1000);
  EXPECT_NEAR(go_on(100, 60), 100, 10);
}

TEST(ProgressRateTest, ForetellsNothingWhileNothingGoesOn) {
  ProgressRate rate;
  absl::Time now = absl::UnixEpoch();
  for (int64_t i = 0; i <= 5; ++i) rate.Add(now += absl::Seconds(1), 10 * i);
  ASSERT_TRUE(rate.TimeLeft(100).has_value());
  for (int i = 0; i < 5; ++i) rate.Add(now += absl::Seconds(1), 50);
  EXPECT_EQ(rate.TimeLeft(100), std::nullopt);
  rate.Add(now += absl::Seconds(1), 60);
  EXPECT_TRUE(rate.TimeLeft(100).has_value());
}

TEST(ProgressRateTest, BeginsAnewWithEachRound) {
  ProgressRate rate;
  absl::Time now = absl::UnixEpoch();
  for (int64_t i = 0; i <= 5; ++i) rate.Add(now += absl::Seconds(1), 10 * i);
  rate.Add(now += absl::Seconds(1), 0);
  EXPECT_EQ(rate.per_second(), std::nullopt);
}

}  // namespace
}  // namespace metarec
