// A slice of the simulation of warm membership; scripts/simulate runs as many seeds as one likes.
// And whether it finds what would be wrong with other rules.

#include <string>

#include <absl/strings/match.h>
#include <absl/strings/str_join.h>
#include <gtest/gtest.h>

#include "simulation.h"
#include "testing/slow_build.h"

namespace metarec::simulation {
namespace {

constexpr uint64_t kSeeds = testing::InSlowBuild(1000, 20'000);

Tally Simulate(uint64_t first, uint64_t last, const std::string& planted) {
  Range range;
  range.world = &kMembershipWorld;
  range.first = first;
  range.last = last;
  range.twice_every = planted.empty() ? 10 : 0;
  range.planted = planted;
  return SimulateRange(range, 3);
}

// That the first of these seeds that violates a rule violates this one.
void ExpectFound(uint64_t first, uint64_t last, const std::string& planted,
                 const std::string& rule) {
  const Tally tally = Simulate(first, last, planted);
  ASSERT_FALSE(tally.failures.empty()) << planted << " is not found";
  EXPECT_TRUE(absl::StrContains(tally.failures.front().violations.front(), rule))
      << tally.failures.front().violations.front();
}

TEST(MembershipSimulation, NoSeedViolatesARuleAndEachRunsTheSameTwice) {
  const Tally tally = Simulate(1, kSeeds, "");
  for (const Failure& failure : tally.failures) {
    ADD_FAILURE() << absl::StrJoin(failure.violations, "\n") << "\n"
                  << ReplayCommand(kMembershipWorld, failure.seed, {});
  }
  // The worlds are neither too healthy nor too broken to show anything.
  EXPECT_GT(tally.Ended("whole at once"), tally.runs / 50);
  EXPECT_GT(tally.Ended("warm in part"), tally.runs / 10);
  EXPECT_GT(tally.Ended("cold"), tally.runs / 10);
}

TEST(MembershipSimulation, FindsSecondariesAtTheBallotThatWasReported) {
  ExpectFound(10'100, 10'200, "same_ballot", "divergence");
}

TEST(MembershipSimulation, FindsASecondaryThatHasPreparedOneDecreeTooLittle) {
  ExpectFound(1, 100, "prepared_one_too_low", "is missing in prepare list");
}

TEST(MembershipSimulation, FindsThatWhatIsPreparedNeedNotBeWhatWasCommitted) {
  ExpectFound(2'800, 2'900, "prepared_is_enough", "divergence");
}

}  // namespace
}  // namespace metarec::simulation
