// A slice of the simulation of moves; scripts/simulate runs as many seeds as one likes. And whether
// it finds what is wrong with a move.

#include <string>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "move_case.h"
#include "simulation.h"
#include "testing/slow_build.h"

namespace metarec::simulation {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

constexpr uint64_t kFirstSeed = 1;
constexpr uint64_t kLastSeed = 100;

TEST(MoveSimulation, NoSeedViolatesARuleAndEachRunsTheSameTwice) {
  Range range;
  range.world = &kMoveWorld;
  range.first = kFirstSeed;
  range.last = testing::InSlowBuild(25, kLastSeed);
  range.twice_every = 5;
  const Tally tally = SimulateRange(range, 5);
  for (const Failure& failure : tally.failures) {
    ADD_FAILURE() << absl::StrJoin(failure.violations, "\n") << "\n"
                  << ReplayCommand(kMoveWorld, failure.seed, {});
  }
  // The worlds are neither too healthy nor too broken to show anything.
  EXPECT_GT(tally.Ended("run: done"), tally.runs / 2);
  EXPECT_GT(tally.Ended("abort: done"), tally.runs / 5);
  EXPECT_GT(tally.Ended("finish: done"), tally.runs / 20);
  EXPECT_GT(tally.Ended("killed"), tally.runs / 5);
}

// What is violated by the first seeds that fail if the move is made with that fault.
std::string FoundWith(const std::string& fault) {
  Range range;
  range.world = &kMoveWorld;
  range.first = kFirstSeed;
  range.last = kLastSeed;
  range.twice_every = 0;
  range.planted = fault;
  std::string found;
  for (const Failure& failure : SimulateRange(range, 5).failures) {
    absl::StrAppend(&found, absl::StrJoin(failure.violations, "\n"), "\n");
  }
  return found;
}

TEST(MoveSimulation, FindsAMoveThatDoesNotLookAtTheLevel) {
  EXPECT_THAT(FoundWith("no_level"), HasSubstr("is not blind"));
}

TEST(MoveSimulation, FindsAMoveThatTakesARunningMetaServerForAStoppedOne) {
  EXPECT_THAT(FoundWith("closed_ports"), ContainsRegex("writes in .* while .* runs"));
}

TEST(MoveSimulation, DroppingAnItemLeavesTheOthersAsTheyAre) {
  const MoveCase whole = MakeMoveCase(7);
  const MoveCase part = MakeMoveCase(7, {0});
  ASSERT_EQ(whole.items.size(), part.items.size());
  for (size_t i = 0; i < whole.items.size(); ++i) {
    EXPECT_EQ(Describe(whole.items[i]), Describe(part.items[i]));
  }
}

}  // namespace
}  // namespace metarec::simulation
