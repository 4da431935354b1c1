// What applying a plan does, on one line, and what is to be done next.

#include <string>

#include <absl/time/time.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meta_recovery/report/report.h"
#include "tests/meta_recovery/report/plan_builder.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::HealthyPlan;
using testing::PlanBuilder;

TEST(WhatIsWrittenTest, NamesTheGravestBesideTheSize) {
  PlanBuilder builder = HealthyPlan();
  builder.BadNode("rs4:34801", "ERR_TIMEOUT");
  builder.plan().partitions[0].lost = builder.plan().partitions[1].lost = true;
  const RecoveryPlan& plan = builder.plan();
  PlanNumbers numbers = CountPlan(plan);
  numbers.partitions_lost = 2;
  const auto after = [&](absl::Duration age) {
    ReportOptions options;
    options.now = plan.evidence_collected_at + age;
    return WhatIsWritten(plan, numbers, options);
  };
  const std::string what = "writes 14 znodes; 2 partitions EMPTY; 1 node left out";
  EXPECT_EQ(WhatIsWritten(plan, numbers, {}), what);
  EXPECT_EQ(after(absl::Seconds(59)), what + "; evidence less than a minute old");
  EXPECT_EQ(after(absl::Minutes(59)), what + "; evidence 59 min old");
  EXPECT_EQ(after(absl::Hours(47)), what + "; evidence 47 h old");
  EXPECT_EQ(after(absl::Hours(48)), what + "; evidence 2 days old");
  EXPECT_EQ(after(absl::Seconds(-1)), what + "; evidence dated in the future");
}

// "writes 14 znodes" was said of a tree that is there already.
TEST(WhatIsWrittenTest, DoesNotSayThatItWritesWhatAnEarlierRunWrote) {
  const RecoveryPlan plan = HealthyPlan().plan();
  PlanNumbers numbers = CountPlan(plan);
  numbers.znodes = 14;
  ReportOptions options;
  options.written_before = ReportOptions::Before::kSome;
  EXPECT_EQ(WhatIsWritten(plan, numbers, options),
            "writes what an earlier run has left of 14 znodes");
  options.written_before = ReportOptions::Before::kAll;
  EXPECT_EQ(WhatIsWritten(plan, numbers, options),
            "writes nothing, as an earlier run wrote all 14 znodes");
}

PlanBuilder PlanWithConflicts() {
  PlanBuilder builder = HealthyPlan();
  builder.Outcome(PlanOutcome::kConflict);
  builder.Finding(found::ReplicasWithoutTable{.nodes = {0}}, Severity::kConflict, 7);
  for (const char* field : {"app_name", "app_type", "create_second"}) {
    builder.Finding(
        found::RecordsConflict{.field = field, .values = {{.value = "a"}, {.value = "b"}}},
        Severity::kConflict, 2);
  }
  builder.Finding(found::TableProbablyDropped{.partitions_lost = {{0, 0}}}, Severity::kError, 1);
  return builder;
}

// It had three of four, in another order than the conflicts, and nothing said that there are more.
TEST(NextStepTest, TheCommandAfterConflictsDecidesAllOfThemInTheirOrder) {
  const NextStep next = NextStepOf(PlanWithConflicts().plan(), {});
  EXPECT_THAT(next.commands,
              ElementsAre(EndsWith(
                  " --settle 7=NAME:PARTITION_COUNT:MAX_REPLICA_COUNT --settle 2.app_name=a "
                  "--settle 2.app_type=a --settle 2.create_second=a --settle 1=ignore")));
  EXPECT_THAT(next.advice, EndsWith("the first choice of each; fill in the parts in capitals:"));
}

TEST(NextStepTest, ACommandThatDecidesOnlySomeConflictsSaysSo) {
  PlanBuilder builder = PlanWithConflicts();
  for (int32_t id = 10; id < 70; ++id) {
    builder.Finding(found::AppIdGap{.name = "far"}, Severity::kConflict, id);
  }
  const NextStep next = NextStepOf(builder.plan(), {});
  EXPECT_THAT(next.commands, ElementsAre(EndsWith(" --settle 55=keep ...")));
  EXPECT_THAT(next.advice, HasSubstr("the first choice of the first ones"));
}

// It told of hazards where there was none.
TEST(NextStepTest, OnlyWhatThereIsIsToBeRead) {
  PlanBuilder builder = HealthyPlan();
  builder.Finding(found::ReplicasMissing{.collected = 2}, Severity::kWarning, 2, 0);
  EXPECT_EQ(NextStepOf(builder.plan(), {}).advice,
            "Read the warnings above. When they are acceptable:");
  builder.Finding(found::NameUnusableInShell{}, Severity::kHazard, 2);
  EXPECT_EQ(NextStepOf(builder.plan(), {}).advice,
            "Read the hazards and warnings above. When they are acceptable:");
  PlanBuilder hazardous = HealthyPlan();
  hazardous.Finding(found::NameUnusableInShell{}, Severity::kHazard, 2);
  EXPECT_EQ(NextStepOf(hazardous.plan(), {}).advice,
            "Read the hazards above. When they are acceptable:");
}

}  // namespace
}  // namespace metarec
