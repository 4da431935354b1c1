// A slice of the simulation of copies; scripts/simulate runs as many seeds as one likes. And
// whether it finds what is wrong with a copy.

#include <cstdint>
#include <string>
#include <vector>

#include <absl/strings/str_join.h>
#include <absl/time/time.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "copy_case.h"
#include "copy_world.h"
#include "simulation.h"
#include "testing/slow_build.h"

namespace metarec::simulation {
namespace {

constexpr uint64_t kFirstSeed = 1;
constexpr uint64_t kLastSeed = testing::InSlowBuild(80, 322);

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
  EXPECT_GT(tally.Ended("equal"), tally.runs / 2);
  EXPECT_GT(tally.Ended("killed"), tally.runs / 20);
  EXPECT_GT(tally.Ended("refused"), tally.runs / 20);
  EXPECT_GT(tally.Ended("resumed"), tally.runs / 20);
}

// A copy of a source that is written to every millisecond for a while. Nothing else goes wrong.
CopyCase BusyCase(uint64_t seed) {
  CopyCase busy = MakeCopyCase(seed);
  busy.items.clear();
  TransferItem writer;
  writer.kind = TransferItemKind::kWriter;
  writer.lasts = absl::Milliseconds(500);
  writer.b = 1;
  busy.items.push_back(writer);
  busy.target = CopyTarget::kAbsent;
  busy.acl = CopiedAcl::kOpen;
  busy.has_acl_map = false;
  busy.request_bytes_max = SIZE_MAX;
  return busy;
}

TEST(CopySimulation, FindsACopyThatDoesNotLookWhetherTheSourceWasStill) {
  int found = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const CopyCase busy = BusyCase(seed);
    EXPECT_THAT(CopyWorld(busy, RunOptions()).Run().violations, ::testing::IsEmpty()) << seed;
    RunOptions planted;
    planted.planted = "no_check";
    for (const std::string& violation : CopyWorld(busy, planted).Run().violations) {
      found += violation.find("the trees are not equal") != std::string::npos ? 1 : 0;
    }
  }
  EXPECT_GT(found, 5);
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
