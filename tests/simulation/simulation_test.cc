// A slice of the simulation; scripts/simulate runs as many seeds as one likes.

#include "simulation.h"

#include <algorithm>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <absl/strings/str_join.h>
#include <gtest/gtest.h>

#include "base/runtime/rare_branch.h"
#include "case.h"
#include "testing/slow_build.h"

namespace metarec::simulation {
namespace {

constexpr uint64_t kSeeds = testing::InSlowBuild(150, 3000);
constexpr uint64_t kSeedsForBranches = 3000;

// What these few seeds need not reach. Everything else they reach more than ten times, so that
// not to reach it says that a fault, or a way to recover from it, is not simulated any more.
const std::set<std::string>& SeldomBranches() {
  static const auto& seldom = *new std::set<std::string>{
      "a parent vanishes while its children are written",
      "a run has begun, unanswered, and somebody else has come",
      "a znode of ours says something else",
      "cancelled while the last transaction is under way",
      "our candidate vanishes while we wait",
      "the root changes between the last look and the unlocking",
      "two processes write the same tree",
  };
  return seldom;
}

void ExpectBranches(const std::map<std::string, int64_t>& branches) {
  if (branches.empty()) {
    std::cout << "built without METAREC_RARE_BRANCHES: which marked branches are reached is not "
                 "checked\n";
    return;
  }
  std::set<std::string> unreached;
  for (const auto& [text, count] : branches) {
    if (count == 0) unreached.insert(text);
  }
  if (kSeeds < kSeedsForBranches) {
    EXPECT_LT(unreached.size(), branches.size() / 2) << absl::StrJoin(unreached, "\n");
    return;
  }
  for (const std::string& text : unreached) {
    EXPECT_TRUE(SeldomBranches().contains(text)) << "no seed reaches: " << text;
  }
  for (const std::string& text : SeldomBranches()) {
    EXPECT_TRUE(branches.contains(text)) << "there is no such branch any more: " << text;
  }
}

TEST(Simulation, NoSeedViolatesARuleAndEachRunsTheSameTwice) {
  const Tally tally = SimulateRange({.first = 1, .last = kSeeds, .twice_every = 1}, 5);
  for (const Failure& failure : tally.failures) {
    ADD_FAILURE() << absl::StrJoin(failure.violations, "\n") << "\n"
                  << ReplayCommand(kRecoveryWorld, failure.seed, {});
  }
  EXPECT_EQ(tally.runs_twice, tally.runs);
  // The worlds are neither too healthy nor too broken to show anything.
  EXPECT_GT(tally.Ended("recovered"), static_cast<int64_t>(kSeeds / 4));
  EXPECT_GT(tally.Ended("start_recovery ERR_OK"), static_cast<int64_t>(kSeeds / 20));
  EXPECT_GT(tally.Ended("failed"), static_cast<int64_t>(kSeeds / 50));
  EXPECT_GT(tally.Ended("conflict"), static_cast<int64_t>(kSeeds / 50));
  EXPECT_GT(tally.Ended("recovered, by settlements"), static_cast<int64_t>(kSeeds / 50));
  EXPECT_GT(tally.Ended("failed, by settlements"), static_cast<int64_t>(kSeeds / 100));
  const auto untold = tally.faults.find("leader_without_candidate");
  ASSERT_NE(untold, tally.faults.end()) << "no leader ever loses its candidate";
  EXPECT_GT(untold->second, static_cast<int64_t>(kSeeds / 100));
  ExpectBranches(tally.branches);
}

TEST(Simulation, DifferentSeedsAreDifferentCases) {
  std::vector<uint64_t> hashes;
  for (uint64_t seed = 1; seed <= 20; ++seed) hashes.push_back(kRecoveryWorld.run(seed, {}).hash);
  std::sort(hashes.begin(), hashes.end());
  EXPECT_EQ(std::unique(hashes.begin(), hashes.end()), hashes.end());
}

// So that what is left of a case after shrinking is the case that it was.
TEST(Simulation, DroppingAnItemLeavesTheOthersAsTheyAre) {
  const Case whole = MakeCase(7);
  const Case part = MakeCase(7, {0, 2});
  ASSERT_EQ(whole.items.size(), part.items.size());
  for (size_t i = 0; i < whole.items.size(); ++i) {
    EXPECT_EQ(Describe(whole.items[i]), Describe(part.items[i]));
  }
  EXPECT_FALSE(part.Has(2));
  EXPECT_TRUE(part.Has(1));
}

TEST(Simulation, ATallyReadsBack) {
  Tally tally = SimulateRange({.first = 1, .last = 3, .twice_every = 0});
  tally.failures.push_back({7, {"broken"}});
  Tally read;
  ASSERT_TRUE(Decode(Encode(tally), &read));
  EXPECT_EQ(Encode(read), Encode(tally));
}

}  // namespace
}  // namespace metarec::simulation
