// A slice of the simulation of copies; scripts/simulate runs as many seeds as one likes. And
// whether it finds what is wrong with a copy.

#include <string>
#include <vector>

#include <absl/strings/str_join.h>
#include <gtest/gtest.h>

#include "copy_case.h"
#include "simulation.h"

namespace metarec::simulation {
namespace {

// docs/simulation.md has the seeds that violate a rule.
constexpr uint64_t kFirstSeed = 1;
constexpr uint64_t kLastSeed = 322;

int64_t Ended(const Tally& tally, const std::string& how) {
  const auto found = tally.ends.find(how);
  return found == tally.ends.end() ? 0 : found->second;
}

TEST(CopySimulation, NoSeedViolatesARuleAndEachRunsTheSameTwice) {
  Range range;
  range.world = &kCopyWorld;
  range.first = kFirstSeed;
  range.last = kLastSeed;
  const Tally tally = SimulateRange(range, 5);
  for (const Failure& failure : tally.failures) {
    ADD_FAILURE() << absl::StrJoin(failure.violations, "\n") << "\n"
                  << ReplayCommand(kCopyWorld, failure.seed, {});
  }
  // The worlds are neither too healthy nor too broken to show anything.
  EXPECT_GT(Ended(tally, "equal"), tally.runs / 2);
  EXPECT_GT(Ended(tally, "killed"), tally.runs / 20);
  EXPECT_GT(Ended(tally, "refused"), tally.runs / 20);
  EXPECT_GT(Ended(tally, "resumed"), tally.runs / 20);
}

TEST(CopySimulation, FindsACopyThatDoesNotLookWhetherTheSourceWasStill) {
  Range range;
  range.world = &kCopyWorld;
  range.first = 1131;
  range.last = 1141;
  range.twice_every = 0;
  range.planted = "no_check";
  const Tally tally = SimulateRange(range, 1);
  ASSERT_FALSE(tally.failures.empty());
  EXPECT_NE(tally.failures.front().violations.front().find("the trees are not equal"),
            std::string::npos);
}

TEST(CopySimulation, DroppingAnItemLeavesTheOthersAsTheyAre) {
  const CopyCase whole = MakeCopyCase(7);
  const CopyCase part = MakeCopyCase(7, {0});
  ASSERT_EQ(whole.items.size(), part.items.size());
  for (size_t i = 0; i < whole.items.size(); ++i) {
    EXPECT_EQ(Describe(whole.items[i]), Describe(part.items[i]));
  }
}

}  // namespace
}  // namespace metarec::simulation
