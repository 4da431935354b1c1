// A slice of the simulation; scripts/simulate runs as many seeds as one likes.

#include "simulation.h"

#include <algorithm>
#include <vector>

#include <absl/strings/str_join.h>
#include <gtest/gtest.h>

#include "runtime/rare_branch.h"

namespace metarec::simulation {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(NDEBUG)
constexpr uint64_t kSeeds = 150;
#else
constexpr uint64_t kSeeds = 3000;
#endif

TEST(Simulation, NoSeedViolatesARuleAndEachRunsTheSameTwice) {
  const Tally tally = SimulateRange({.first = 1, .last = kSeeds, .twice_every = 1}, 5);
  for (const Failure& failure : tally.failures) {
    ADD_FAILURE() << absl::StrJoin(failure.violations, "\n") << "\n"
                  << ReplayCommand(failure.seed, {});
  }
  EXPECT_EQ(tally.runs_twice, tally.runs);
  // The worlds are neither too healthy nor too broken to show anything.
  const auto ended = [&](const char* how) {
    const auto found = tally.ends.find(how);
    return found == tally.ends.end() ? 0 : found->second;
  };
  EXPECT_GT(ended("recovered"), static_cast<int64_t>(kSeeds / 4));
  EXPECT_GT(ended("start_recovery ERR_OK"), static_cast<int64_t>(kSeeds / 20));
  EXPECT_GT(ended("failed"), static_cast<int64_t>(kSeeds / 50));
  EXPECT_GT(ended("conflict"), static_cast<int64_t>(kSeeds / 50));
}

TEST(Simulation, DifferentSeedsAreDifferentCases) {
  std::vector<uint64_t> hashes;
  for (uint64_t seed = 1; seed <= 20; ++seed) hashes.push_back(Simulate(seed).hash);
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
