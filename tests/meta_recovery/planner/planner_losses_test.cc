// What is lost, what was probably dropped, and how narrowly the operator may accept that.

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meta_recovery/report/finding_text.h"
#include "meta_recovery/report/report.h"
#include "tests/meta_recovery/planner/plan_matchers.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(PlannerDropped, ATableWhoseReplicasAreAllClosedIsProbablyDroppedOnceNotPerPartition) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "gone", 4, {.status = ReplicaStatus::kError}).Everywhere(2, "gone", 1);
  const RecoveryPlan plan = Plan(cluster, {.rename_separator = "_"});
  const Finding finding = TheFinding(plan, FindingKind::kTableProbablyDropped);
  EXPECT_EQ(finding.app_id, 1);
  EXPECT_EQ(FactOf(plan, finding, "replicas"), "12");
  EXPECT_EQ(FactOf(plan, finding, "command"), "drop gone_1");
  EXPECT_TRUE(plan.tables[0].probably_dropped);
  EXPECT_FALSE(Has(plan, FindingKind::kPrimaryIncomplete));
  EXPECT_EQ(TableOf(plan, 1).status, TableStatus::kAvailable);
  EXPECT_EQ(FactOfThe(Plan(cluster), FindingKind::kTableProbablyDropped, "command"), "")
      << "stock shells cannot drop gone-1";
}

TEST(PlannerDropped, ATableWithOneReplicaThatIsNotClosedIsNotProbablyDropped) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "alive", 2, {.status = ReplicaStatus::kError});
  cluster.Node("n4").Table(1, "alive", 2).Replica("1.0");
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_FALSE(Has(plan, FindingKind::kTableProbablyDropped));
  EXPECT_FALSE(plan.tables[0].probably_dropped);
}

// What three learners left of a table that was dropped long ago, beside a live table that really
// lost a partition.
Cluster WithLeftovers() {
  constexpr ReplicaState kLearner = {6, 37803, 37803, ReplicaStatus::kPotentialSecondary};
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(4, "live", 4);
  for (const char* node : {"n1", "n2", "n3"}) {
    std::erase_if(cluster.Node(node).Current().replicas,
                  [](const ReplicaRecord& replica) { return replica.partition_index == 2; });
  }
  cluster.Node("n1").Table(3, "gone", 128).Replica("3.97", kLearner);
  cluster.Node("n2").Table(3, "gone", 128).Replica("3.13", kLearner).Replica("3.49", kLearner);
  return cluster;
}

TEST(PlannerDropped, LeftoverLearnersOfADroppedTableDoNotHideARealLoss) {
  const RecoveryPlan plan = Plan(WithLeftovers());
  EXPECT_EQ(plan.outcome, PlanOutcome::kTryAgain);
  EXPECT_TRUE(plan.tables[2].probably_dropped);
  EXPECT_FALSE(plan.tables[3].probably_dropped);
  const Finding finding = TheFinding(plan, FindingKind::kTableProbablyDropped);
  EXPECT_EQ(finding.severity, Severity::kError);
  EXPECT_EQ(FactOf(plan, finding, "replicas"), "3");
  EXPECT_EQ(FactOf(plan, finding, "closed"), "0");
  EXPECT_EQ(FactOf(plan, finding, "partitions_lost"), "0-12,14-48,50-96,98-127");
  const std::string report = RenderReport(plan, {});
  EXPECT_THAT(report, HasSubstr("NOT READY: 1 partition has no replica, nor have 125 partitions of "
                                "1 table that was probably dropped\n"));
  EXPECT_THAT(report, HasSubstr("ERRORS (2)\n  partitions without any replica (1):\n"
                                "    - partition 4.2 (live) has none of 3 replicas"));
  EXPECT_THAT(report, HasSubstr("        --settle 3=ignore\n        --skip_lost_partitions=3\n"));
  EXPECT_THAT(report, HasSubstr(" --skip_lost_partitions=4.2 --settle 3=ignore\n"));
}

TEST(PlannerDropped, HintsAboutARealLossComeFirst) {
  std::vector<std::string> lost;
  for (const std::string& line : HintLines(Plan(WithLeftovers()), {})) {
    if (line.rfind("ERROR: ", 0) == 0) lost.push_back(line);
  }
  ASSERT_EQ(lost.size(), 126u);
  EXPECT_THAT(lost[0], HasSubstr("partition(4.2) has no replica"));
  EXPECT_THAT(lost[1], HasSubstr("partition(3.0) has no replica"));
}

TEST(PlannerDropped, AProbablyDroppedTableIsLeftOutAlone) {
  const RecoveryPlan plan =
      Plan(WithLeftovers(), {.lost_partitions_skipped = {"4.2"}, .settlements = {{"3", "ignore"}}});
  EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
  EXPECT_TRUE(plan.tables[2].placeholder);
  EXPECT_EQ(TableOf(plan, 3).partition_count, 128);
  const Finding finding = TheFinding(plan, FindingKind::kTableLeftOut);
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_EQ(FactOf(plan, finding, "name"), "gone");
  EXPECT_EQ(FactOf(plan, finding, "replicas"), "3");
  EXPECT_EQ(FactOfThe(plan, FindingKind::kSettled, "conflict"), "table_probably_dropped");
}

TEST(PlannerDropped, ATableWithACompleteReplicaIsNotLeftOut) {
  const auto plan = MakePlan(WithLeftovers().Build(), {.settlements = {{"4", "ignore"}}});
  EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(plan.status().message()), HasSubstr("table 4 has complete replicas"));
  const auto other = MakePlan(WithLeftovers().Build(), {.settlements = {{"3", "gone:128:3"}}});
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("write '3=ignore'"));
}

TEST(PlannerDropped, TheNodesThatAreLeftOutMayHaveItsData) {
  Cluster cluster = WithLeftovers();
  cluster.BadNode("n4");
  const RecoveryPlan plan = Plan(cluster, {.skip_bad_nodes = true});
  const std::string report = RenderReport(plan, {});
  EXPECT_THAT(report, HasSubstr("unless the nodes that are left out had"));
  EXPECT_THAT(report, HasSubstr(" --skip_lost_partitions=3,4.2\n"));
  EXPECT_THAT(report, Not(HasSubstr(" --settle 3=ignore --")));
}

TEST(PlannerLosses, OnlyTheLossesThatAreNamedAreAccepted) {
  const RecoveryPlan one = Plan(WithLeftovers(), {.lost_partitions_skipped = {"4.2"}});
  EXPECT_EQ(one.outcome, PlanOutcome::kTryAgain);
  EXPECT_TRUE(one.HasAcceptedLosses());
  EXPECT_THAT(RenderReport(one, {}), HasSubstr("NOT READY: 125 partitions of 1 table that was "
                                               "probably dropped have no replica\n"));
  const RecoveryPlan other = Plan(WithLeftovers(), {.lost_partitions_skipped = {"3"}});
  EXPECT_EQ(other.outcome, PlanOutcome::kTryAgain);
  EXPECT_THAT(RenderReport(other, {}), HasSubstr("NOT READY: 1 partition has no replica\n"));
  const RecoveryPlan both = Plan(WithLeftovers(), {.lost_partitions_skipped = {"3", "4.2"}});
  EXPECT_EQ(both.outcome, PlanOutcome::kReady);
  EXPECT_EQ(TheFinding(both, FindingKind::kTableProbablyDropped).severity, Severity::kWarning);
  EXPECT_EQ(PlanOptionWords(both.options), " --skip_lost_partitions=3,4.2");
}

TEST(PlannerLosses, HintsOfAcceptedAndOtherLossesDiffer) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 3);
  for (const char* node : {"n1", "n2", "n3"}) cluster.Node(node).Current().replicas.resize(1);
  EXPECT_THAT(HintLines(Plan(cluster, {.lost_partitions_skipped = {"1.2"}}), {}),
              ElementsAre("ERROR: partition(1.1) has no replica collected, you can force recover "
                          "it by set skip_lost_partitions option",
                          "WARNING: partition(1.2) has no replica collected, force recover the "
                          "lost partition to empty"));
}

TEST(PlannerLosses, WhatIsAcceptedMustBeThere) {
  const Evidence evidence = WithLeftovers().Build();
  for (const char* wrong : {"x", "0", "-1", "4.x", "007", "4.", ""}) {
    EXPECT_THAT(
        std::string(MakePlan(evidence, {.lost_partitions_skipped = {wrong}}).status().message()),
        HasSubstr("neither a table's id (3) nor a partition (4.2)"));
  }
  EXPECT_THAT(
      std::string(MakePlan(evidence, {.lost_partitions_skipped = {"5"}}).status().message()),
      HasSubstr("there is no table 5"));
  EXPECT_THAT(
      std::string(MakePlan(evidence, {.lost_partitions_skipped = {"4.4"}}).status().message()),
      HasSubstr("table 4 has only 4 partitions"));
}

TEST(PlannerLosses, OnlyTheBadNodesThatAreNamedAreSkipped) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 1).BadNode("n4").BadNode("n5");
  const RecoveryPlan one = Plan(cluster, {.bad_nodes_skipped = {"n4:34801"}});
  EXPECT_EQ(one.outcome, PlanOutcome::kTryAgain);
  const std::vector<Finding> bad = FindingsOf(one, FindingKind::kBadNode);
  ASSERT_EQ(bad.size(), 2u);
  EXPECT_EQ(bad[0].severity, Severity::kWarning);
  EXPECT_EQ(bad[1].severity, Severity::kError);
  EXPECT_TRUE(one.tables.empty());
  EXPECT_THAT(RenderReport(one, {}), HasSubstr(" --skip_bad_nodes=n4:34801,n5:34801\n"));
  const RecoveryPlan both = Plan(cluster, {.bad_nodes_skipped = {"n4:34801", "n5:34801"}});
  EXPECT_EQ(both.outcome, PlanOutcome::kReady);
  EXPECT_EQ(PlanOptionWords(both.options), " --skip_bad_nodes=n4:34801,n5:34801");
  EXPECT_THAT(HintLines(both, {}),
              ElementsAre("WARNING: collect app and replica info from node(n4:34801) failed with "
                          "err(ERR_TIMEOUT), skip the bad node",
                          "WARNING: collect app and replica info from node(n5:34801) failed with "
                          "err(ERR_TIMEOUT), skip the bad node"));
}

TEST(PlannerLosses, ANodeThatCameBackIsUsedAlthoughItIsNamed) {
  Cluster cluster = ThreeNodes();
  const RecoveryPlan plan =
      Plan(cluster.Everywhere(1, "temp", 1), {.bad_nodes_skipped = {"n2:34801"}});
  EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
  EXPECT_EQ(plan.replicas.size(), 3u);
}

TEST(PlannerLosses, ASkippedNodeMustBeAskedFor) {
  const auto plan = MakePlan(ThreeNodes().Build(), {.bad_nodes_skipped = {"n7:34801"}});
  EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(plan.status().message()), HasSubstr("--skip_bad_nodes=n7:34801"));
}

}  // namespace
}  // namespace metarec
