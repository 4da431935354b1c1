#include "migration/split/split_plan.h"

#include <map>
#include <numeric>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/migration/split/backup_world.h"

namespace metarec {
namespace {

BackupFolder Sized(int32_t partitions, int64_t bytes) {
  BackupFolder backup;
  backup.partitions.resize(static_cast<size_t>(partitions));
  for (BackupPartition& partition : backup.partitions) {
    partition.files = {{.name = "1.sst", .size = bytes, .md5 = ""}};
  }
  backup.total_bytes = partitions * bytes;
  return backup;
}

// Whether each target is written by units that read all partitions which may have rows of it.
void ExpectComplete(const std::vector<SplitUnit>& units, int32_t sources, int32_t targets) {
  std::map<int32_t, std::set<int32_t>> sources_of;
  for (const SplitUnit& unit : units) {
    EXPECT_LE(unit.targets.size(), 32);
    for (const int32_t target : unit.targets) {
      sources_of[target].insert(unit.sources.begin(), unit.sources.end());
    }
  }
  EXPECT_EQ(static_cast<int32_t>(sources_of.size()), targets);
  const int32_t components = std::gcd(sources, targets);
  for (const auto& [target, found] : sources_of) {
    for (int32_t source = 0; source < sources; ++source) {
      EXPECT_EQ(found.contains(source), source % components == target % components);
    }
  }
}

TEST(SplitPlan, ReadsOnlyWhatATargetMayHave) {
  for (const int32_t sources : {1, 3, 4, 8, 64}) {
    for (const int32_t targets : {1, 2, 3, 4, 8, 48, 64, 1000}) {
      const auto units = PlanSplitUnits(Sized(sources, 1000), targets);
      ASSERT_TRUE(units.ok()) << units.status();
      ExpectComplete(*units, sources, targets);
      int counting = 0;
      for (const SplitUnit& unit : *units) counting += unit.counts_the_rest;
      EXPECT_EQ(counting, std::gcd(sources, targets)) << sources << " to " << targets;
    }
  }
}

TEST(SplitPlan, CutsLargePartitionsIntoPiecesOfAboutOneSize) {
  BackupWorld world(3);
  world.Fill(6000, 1, 200);
  const auto backup = OpenBackupFolder(world.Backup(), "");
  ASSERT_TRUE(backup.ok()) << backup.status();
  SplitPlanOptions options;
  options.unit_bytes_min = 0;
  options.unit_bytes_max = backup->total_bytes / 6;
  const auto units = PlanSplitUnits(*backup, 4, options);
  ASSERT_TRUE(units.ok()) << units.status();
  EXPECT_GE(units->size(), 5);
  ExpectComplete(*units, 3, 4);
  std::map<std::string, int> rows_of;  // by the end of the unit
  std::string end;
  for (const SplitUnit& unit : *units) {
    EXPECT_EQ(unit.begin, end);
    end = unit.end;
    int rows = 0;
    for (const auto& [key, value] : world.rows()) {
      rows += key >= unit.begin && (unit.end.empty() || key < unit.end);
    }
    EXPECT_GT(rows, 200);
    EXPECT_LT(rows, 2500);
  }
  EXPECT_EQ(end, "");
  const auto again = PlanSplitUnits(*backup, 4, options);
  ASSERT_TRUE(again.ok());
  for (size_t i = 0; i < units->size(); ++i) EXPECT_EQ((*again)[i].end, (*units)[i].end);
}

TEST(SplitPlan, AMiddleKeyLiesBetween) {
  const std::pair<std::string, std::string> kPairs[] = {
      {"a", "b"},
      {"", "a"},
      {"a", "ab"},
      {std::string("a\0", 2), "a\x01"},
      {"ax", "ay"},
      {"\xfe", "\xff"},
      {"prefix1", "prefix2"},
      {std::string(20, 'a') + "b", std::string(20, 'a') + "c"}};
  for (const auto& [low, high] : kPairs) {
    const std::string middle = MiddleKey(low, high);
    EXPECT_GT(middle, low) << low << " " << high;
    EXPECT_LT(middle, high) << low << " " << high;
  }
  EXPECT_EQ(MiddleKey("a", "a"), "a");
  EXPECT_EQ(MiddleKey("b", "a"), "b");
}

}  // namespace
}  // namespace metarec
