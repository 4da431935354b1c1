// A slice of the simulation of elections in two ensembles; scripts/simulate runs as many seeds as
// one likes. And whether it finds what is wrong with an election.

#include <string>
#include <vector>

#include <absl/strings/str_join.h>
#include <gtest/gtest.h>

#include "election_case.h"
#include "simulation.h"
#include "testing/slow_build.h"

namespace metarec::simulation {
namespace {

TEST(ElectionSimulation, NoSeedViolatesARuleAndEachRunsTheSameTwice) {
  Range range;
  range.world = &kElectionWorld;
  range.first = 1;
  range.last = testing::InSlowBuild(20, 60);
  const Tally tally = SimulateRange(range, 5);
  for (const Failure& failure : tally.failures) {
    ADD_FAILURE() << absl::StrJoin(failure.violations, "\n") << "\n"
                  << ReplayCommand(kElectionWorld, failure.seed, {});
  }
  // The worlds are neither too healthy nor too broken to show anything.
  EXPECT_GT(tally.Ended("led"), tally.runs);
  EXPECT_GT(tally.Ended("moved"), tally.runs / 2);
  EXPECT_GT(tally.Ended("written"), tally.runs);
  for (const char* phase : {"one", "both-1", "both-2", "two"}) {
    EXPECT_GT(tally.Ended(std::string("ends in ") + phase), 0) << phase;
  }
}

void ExpectFound(const std::string& planted, uint64_t first, uint64_t last,
                 const std::string& violation) {
  Range range;
  range.world = &kElectionWorld;
  range.first = first;
  range.last = last;
  range.twice_every = 0;
  range.planted = planted;
  const Tally tally = SimulateRange(range, 1);
  ASSERT_FALSE(tally.failures.empty());
  EXPECT_NE(tally.failures.front().violations.front().find(violation), std::string::npos)
      << tally.failures.front().violations.front();
}

TEST(ElectionSimulation, FindsACandidateThatLeadsWhileItIsFirstInOneOnly) {
  ExpectFound("first_in_one", 10, 17, "two lead at once");
}

TEST(ElectionSimulation, FindsASessionThatIsLeftOpenWhenTheOtherEnds) {
  ExpectFound("second_left_open", 1, 5, "nobody leads although nothing goes wrong any more");
}

TEST(ElectionSimulation, FindsNumbersOfTheSecondEnsembleThatAreNotRaised) {
  ExpectFound("no_counter_jump", 70, 80, "two candidates have one number");
}

TEST(ElectionSimulation, DroppingAnItemLeavesTheOthersAsTheyAre) {
  const ElectionCase whole = MakeElectionCase(7);
  const ElectionCase part = MakeElectionCase(7, {0});
  ASSERT_EQ(whole.election_items.size(), part.election_items.size());
  for (size_t i = 0; i < whole.election_items.size(); ++i) {
    EXPECT_EQ(Describe(whole.election_items[i]), Describe(part.election_items[i]));
  }
}

}  // namespace
}  // namespace metarec::simulation
