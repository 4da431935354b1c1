#include "meta_recovery/report/headline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meta_recovery/job/recovery_job.h"
#include "meta_recovery/report/report.h"
#include "tests/meta_recovery/report/plan_builder.h"

namespace metarec {
namespace {

using ::testing::HasSubstr;
using testing::HealthyPlan;
using ::testing::Not;
using testing::PlanBuilder;
using testing::Replica;
using ::testing::StartsWith;

Headline Of(PlanBuilder& builder, HeadlineMoment moment = HeadlineMoment::kPlanned) {
  return HeadlineOf(builder.plan().outcome, CountPlan(builder.plan()), moment);
}

PlanBuilder PlanWithAnEmptyPartition() {
  PlanBuilder builder = HealthyPlan();
  builder.Table(3, "third", 1).Partition({});
  builder.plan().partitions.back().lost = true;
  builder.Finding(found::PartitionLost{}, Severity::kWarning, 3, 0);
  return builder;
}

TEST(HeadlineTest, NeverSaysThatThereIsNothingToWorryAboutWhileSomethingIsLost) {
  PlanBuilder builder = HealthyPlan();
  const Headline headline = Of(builder);
  EXPECT_EQ(headline.text,
            "READY to apply: no conflicts, no missing replicas. What only ZooKeeper knew is lost");
  EXPECT_EQ(headline.tone, HeadlineTone::kGood);
}

TEST(HeadlineTest, SaysThatPartitionsWereCreatedEmptyOnceTheyAreWritten) {
  PlanBuilder builder = PlanWithAnEmptyPartition();
  EXPECT_THAT(Of(builder).text,
              StartsWith("READY to apply, with 1 partition created EMPTY as accepted, 1 warning"));
  const Headline written = Of(builder, HeadlineMoment::kWritten);
  EXPECT_THAT(written.text, StartsWith("RECOVERED, with 1 partition created EMPTY, 1 warning."));
  EXPECT_EQ(written.tone, HeadlineTone::kLoss);
}

TEST(HeadlineTest, DoesNotSayReadyWhileReplicasAreStillServed) {
  PlanBuilder builder = HealthyPlan();
  builder.Finding(found::StillServed{.primaries = 4, .secondaries = 8, .nodes = {0, 2}},
                  Severity::kHazard);
  EXPECT_THAT(Of(builder).text, StartsWith("READY to apply once no replica is served: 12 replicas "
                                           "on 2 nodes are still served"));
  const Headline given_up = Of(builder, HeadlineMoment::kStillServed);
  EXPECT_THAT(
      given_up.text,
      StartsWith("NOT WRITTEN: 12 replicas on 2 nodes are still served. The plan is ready"));
  EXPECT_EQ(given_up.tone, HeadlineTone::kBad);
  // Written is only what is served no more.
  EXPECT_THAT(Of(builder, HeadlineMoment::kWritten).text, StartsWith("RECOVERED: no conflicts"));
}

TEST(HeadlineTest, NamesTheGravestOfManyFindings) {
  PlanBuilder builder = HealthyPlan();
  for (int32_t i = 0; i < 8; ++i) {
    builder.Finding(found::ReplicasMissing{.collected = 2}, Severity::kWarning, 2, i);
  }
  builder.Finding(found::NameUnusableInShell{}, Severity::kHazard, 2);
  EXPECT_THAT(Of(builder).text, HasSubstr("with 1 hazard, 8 warnings, above all table names that "
                                          "stock shells refuse. "));
  EXPECT_EQ(Of(builder).tone, HeadlineTone::kWarning);
}

// "above all" was said of something else while data are lost.
TEST(HeadlineTest, SaysAboveAllOfNothingElseWhileDataAreLost) {
  PlanBuilder builder = PlanWithAnEmptyPartition();
  builder.Finding(found::NameUnusableInShell{}, Severity::kHazard, 2);
  EXPECT_THAT(Of(builder).text, HasSubstr("1 partition created EMPTY as accepted, 1 hazard, 1 "
                                          "warning, among them table names that stock shells"));
}

// "above all" was said of the only one.
TEST(HeadlineTest, NamesTheOnlyFindingWithoutComparingIt) {
  PlanBuilder builder = HealthyPlan();
  builder.Finding(found::NameUnusableInShell{}, Severity::kHazard, 2);
  EXPECT_THAT(Of(builder).text, StartsWith("READY to apply, with 1 hazard: table names that stock "
                                           "shells refuse. "));
}

// A table that was probably dropped and lacks a partition: one error in the list.
PlanBuilder PlanWithADroppedTable(Severity severity) {
  PlanBuilder builder = HealthyPlan();
  builder.Table(3, "dropped", 2);
  builder.decision().probably_dropped = true;
  builder.Partition(
      {Replica(0, 3, 100, ReplicaRole::kPrimary, RankReason::kBest, ReplicaStatus::kError)});
  builder.Partition({});
  builder.plan().partitions.back().lost = severity == Severity::kWarning;
  builder.Finding(found::TableProbablyDropped{.partitions_lost = {{1, 1}}}, severity, 3);
  builder.Finding(found::PartitionLost{}, severity, 3, 1);
  return builder;
}

// It counted 2 errors, and the list below it had 1.
TEST(HeadlineTest, CountsWhatADroppedTableLostOnlyOnce) {
  PlanBuilder builder = PlanWithADroppedTable(Severity::kError);
  builder.Finding(found::RecordsConflict{.field = "app_type"}, Severity::kConflict, 2);
  builder.Outcome(PlanOutcome::kConflict);
  EXPECT_EQ(Of(builder).text, "NOT READY: 1 conflict needs your decision, and there is 1 error");
  EXPECT_THAT(RenderReport(builder.plan(), {}), HasSubstr("\nERRORS (1)\n"));
}

TEST(HeadlineTest, CountsWhatADroppedTableLostOnlyOnceIfItIsAccepted) {
  PlanBuilder builder = PlanWithADroppedTable(Severity::kWarning);
  EXPECT_THAT(Of(builder).text,
              HasSubstr("with 1 partition created EMPTY as accepted, 1 warning. "));
  EXPECT_THAT(RenderReport(builder.plan(), {}), HasSubstr("\nWARNINGS (1)\n"));
}

// A name that shells refuse came before nodes whose data may be lost.
TEST(HeadlineTest, NamesDataInDangerBeforeNames) {
  PlanBuilder builder = HealthyPlan();
  builder.Finding(found::NameUnusableInShell{}, Severity::kHazard, 2);
  builder.Finding(found::SkippedNodeReturns{}, Severity::kHazard);
  EXPECT_THAT(Of(builder).text, HasSubstr("above all nodes that were left out and may come back"));
}

// The second gravest was not named when the first one did not hold any more.
TEST(HeadlineTest, NamesTheGravestThatStillHoldsOnceItIsWritten) {
  PlanBuilder builder = HealthyPlan();
  builder.Finding(found::StillServed{.primaries = 4, .nodes = {0}}, Severity::kHazard);
  builder.Finding(found::NameUnusableInShell{}, Severity::kHazard, 2);
  EXPECT_THAT(Of(builder, HeadlineMoment::kWritten).text,
              StartsWith("RECOVERED, with 1 hazard: table names that stock shells"));
}

TEST(HeadlineTest, TakesATreeWithoutAnyTableForALoss) {
  PlanBuilder builder;
  builder.Node("rs1:34801");
  EXPECT_EQ(Of(builder).text, "READY to apply, with NO TABLE at all");
  EXPECT_EQ(Of(builder).tone, HeadlineTone::kLoss);
}

TEST(HeadlineTest, SaysWhatBecameOfAPlanThatWasReady) {
  PlanBuilder builder = HealthyPlan();
  for (size_t i = 0; i < kRecoveryOutcomes; ++i) {
    const auto outcome = static_cast<RecoveryOutcome>(i);
    // These two end with a plan that is not ready.
    if (outcome == RecoveryOutcome::kTryAgain || outcome == RecoveryOutcome::kConflict) continue;
    const Headline headline = Of(builder, HeadlineMomentOf(outcome));
    EXPECT_THAT(headline.text, Not(StartsWith("READY"))) << RecoveryOutcomeName(outcome);
    EXPECT_EQ(headline.tone == HeadlineTone::kGood, outcome == RecoveryOutcome::kRecovered);
  }
}

TEST(HeadlineTest, OfServedMetadataNamesPartitionsOfWhichNoReplicaIsKnown) {
  EXPECT_EQ(HeadlineOfServed(2, 12, 0).text, "SERVING 2 tables, 12 partitions");
  const Headline lossy = HeadlineOfServed(2, 12, 3);
  EXPECT_THAT(lossy.text, HasSubstr("3 partitions of which no replica is known"));
  EXPECT_EQ(lossy.tone, HeadlineTone::kLoss);
}

}  // namespace
}  // namespace metarec
