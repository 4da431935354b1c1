// What operators may decide about records, which envs are kept, and ids far above the others.

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meta_recovery/report/report.h"
#include "tests/meta_recovery/planner/plan_matchers.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

// Only n1 has envs; its replica fell out long ago.
Cluster WithOutdatedEnvs(const std::map<std::string, std::string>& envs) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "orders", 1, {.ballot = 10, .committed = 90, .prepared = 90});
  cluster.Node("n1").With([&](TableRecord& table) { table.envs = envs; });
  cluster.Current().replicas[0].ballot = 2;
  return cluster;
}

TEST(PlannerEnvs, WhatOnlyOutdatedRecordsHaveIsNotKept) {
  const RecoveryPlan plan = Plan(WithOutdatedEnvs({{"default_ttl", "86400"}}));
  EXPECT_THAT(TableOf(plan, 1).envs, IsEmpty());
  const Finding finding = TheFinding(plan, FindingKind::kRecordsDiffer);
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_EQ(FactOf(plan, finding, "field"), "envs.default_ttl");
  EXPECT_EQ(FactOf(plan, finding, "chosen"), "");
  EXPECT_EQ(FactOf(plan, finding, "rule"), "outdated");
  EXPECT_EQ(FactOf(plan, finding, "values"), "86400 (weight 0: n1:34801)");
  EXPECT_EQ(FactOf(plan, finding, "settle"), "1.envs.default_ttl");
  const RecoveryPlan settled = Plan(WithOutdatedEnvs({{"default_ttl", "86400"}}),
                                    {.settlements = {{"1.envs.default_ttl", "86400"}}});
  EXPECT_THAT(TableOf(settled, 1).envs, ElementsAre(Pair("default_ttl", "86400")));
}

TEST(PlannerEnvs, ANodeThatForgotAnEnvDoesNotOutvoteOneThatIsUpToDate) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "orders", 2);
  cluster.Node("n2").With([](TableRecord& table) { table.envs = {{"k", "v"}}; });
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_THAT(TableOf(plan, 1).envs, ElementsAre(Pair("k", "v")));
  const Finding finding = TheFinding(plan, FindingKind::kTableLostState);
  EXPECT_EQ(FactOf(plan, finding, "env_sources"), "k=v (weight 2: n2:34801)");
  EXPECT_THAT(RenderReport(plan, {}),
              HasSubstr("all its envs but for k=v (from n2:34801), which may be outdated\n"));
  const RecoveryPlan settled = Plan(cluster, {.settlements = {{"1.envs.k", "ignore"}}});
  EXPECT_THAT(TableOf(settled, 1).envs, IsEmpty());
}

TEST(PlannerEnvs, WhenAllAreOutdatedTheyAreBelieved) {
  Cluster cluster;
  cluster.Node("n1").Table(1, "orders", 1).With([](TableRecord& t) { t.envs = {{"k", "v"}}; });
  cluster.Node("n2").Table(1, "orders", 1);
  EXPECT_THAT(TableOf(Plan(cluster, {.skip_lost_partitions = true}), 1).envs,
              ElementsAre(Pair("k", "v")));
}

TEST(PlannerEnvs, TheEnvsOfAnOperationAreNeverTakenFromReplicaServers) {
  const std::map<std::string, std::string> operations = {
      {"max_replica_count.update", "updating;1"},
      {"replica.deny_client_request", "reconfig*all"},
      {"restore.backup_id", "1"},
      {"duplication.follower_app_status", "creating"},
      {"rocksdb.usage_scenario", "bulk_load"}};
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "orders", 1);
  for (const char* node : {"n1", "n2", "n3"}) {
    cluster.Node(node).With([&](TableRecord& table) { table.envs = operations; });
  }
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_THAT(TableOf(plan, 1).envs, IsEmpty());
  std::vector<std::string> fields;
  for (const Finding& finding : FindingsOf(plan, FindingKind::kRecordsDiffer)) {
    EXPECT_EQ(FactOf(plan, finding, "rule"), "operation");
    EXPECT_EQ(FactOf(plan, finding, "settle"), "");
    fields.push_back(FactOf(plan, finding, "field"));
  }
  EXPECT_THAT(fields, UnorderedElementsAre(
                          "envs.max_replica_count.update", "envs.replica.deny_client_request",
                          "envs.restore.backup_id", "envs.duplication.follower_app_status",
                          "envs.rocksdb.usage_scenario"));
  EXPECT_FALSE(MakePlan(cluster.Build(),
                        {.settlements = {{"1.envs.replica.deny_client_request", "reconfig*all"}}})
                   .ok());
  EXPECT_FALSE(
      Has(Plan(cluster, {.settlements = {{"1.envs.replica.deny_client_request", "ignore"},
                                         {"1.envs.max_replica_count.update", "ignore"},
                                         {"1.envs.restore.backup_id", "ignore"},
                                         {"1.envs.duplication.follower_app_status", "ignore"},
                                         {"1.envs.rocksdb.usage_scenario", "ignore"}}}),
          FindingKind::kRecordsDiffer));
}

TEST(PlannerEnvs, AUsageScenarioThatIsNoOperationIsKept) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "orders", 1);
  cluster.Node("n1").With([](TableRecord& table) {
    table.envs = {{"rocksdb.usage_scenario", "prefer_write"}};
  });
  EXPECT_THAT(TableOf(Plan(cluster), 1).envs,
              ElementsAre(Pair("rocksdb.usage_scenario", "prefer_write")));
}

// Table 2 was recalled under another name, which two nodes missed; its old name was taken since.
Cluster WithRecalledTable() {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(2, "user", 1).Everywhere(5, "user", 1);
  cluster.Current().tables[0].Mutable().app_name = "user_recalled";
  return cluster;
}

TEST(PlannerSettlements, ANameThatLostTheVoteCanBeSettled) {
  const Cluster cluster = WithRecalledTable();
  const RecoveryPlan outvoted = Plan(cluster);
  EXPECT_EQ(TableOf(outvoted, 2).app_name, "user-2");
  EXPECT_EQ(FactOfThe(outvoted, FindingKind::kRecordsDiffer, "settle"), "2.app_name");
  const RecoveryPlan settled = Plan(cluster, {.settlements = {{"2.app_name", "user_recalled"}}});
  EXPECT_EQ(settled.outcome, PlanOutcome::kReady);
  EXPECT_EQ(TableOf(settled, 2).app_name, "user_recalled");
  EXPECT_FALSE(Has(settled, FindingKind::kTableRenamed));
  EXPECT_FALSE(Has(settled, FindingKind::kRecordsDiffer));
  EXPECT_EQ(FactOfThe(settled, FindingKind::kSettled, "conflict"), "records_differ");
  EXPECT_FALSE(MakePlan(cluster.Build(), {.settlements = {{"2.app_name", "another"}}}).ok());
}

TEST(PlannerSettlements, EveryFieldThatDiffersCanBeSettled) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 2);
  cluster.Node("n1").With([](TableRecord& table) {
    table.max_replica_count = 2;
    table.atomic_idempotent = true;
    table.drop_second = 100;
    table.expire_second = 200;
    table.duplicating = true;
    table.is_bulk_loading = true;
    table.envs = {{"k", "old"}};
  });
  cluster.Node("n2").With([](TableRecord& table) { table.envs = {{"k", "new"}}; });
  cluster.Node("n3").With([](TableRecord& table) { table.envs = {{"k", "new"}}; });
  const RecoveryPlan plan = Plan(cluster, {.settlements = {{"1.max_replica_count", "2"},
                                                           {"1.atomic_idempotent", "true"},
                                                           {"1.drop_second", "0"},
                                                           {"1.expire_second", "0"},
                                                           {"1.duplicating", "false"},
                                                           {"1.is_bulk_loading", "false"},
                                                           {"1.envs.k", "old"}}});
  const TopologyTable& table = TableOf(plan, 1);
  EXPECT_EQ(table.max_replica_count, 2);
  EXPECT_TRUE(table.atomic_idempotent);
  EXPECT_EQ(table.drop_second, 0);
  EXPECT_EQ(table.expire_second, 0);
  EXPECT_FALSE(table.duplicating);
  EXPECT_FALSE(table.is_bulk_loading);
  EXPECT_THAT(table.envs, ElementsAre(Pair("k", "old")));
  EXPECT_FALSE(Has(plan, FindingKind::kRecordsDiffer));
}

TEST(PlannerSettlements, WhatLooksLikeASplitCanBeSettledByOneOfTheCounts) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 2);
  cluster.Node("n3").With([](TableRecord& table) { table.partition_count = 4; });
  const RecoveryPlan over = Plan(cluster, {.settlements = {{"1.partition_count", "2"}}});
  EXPECT_EQ(over.outcome, PlanOutcome::kReady);
  EXPECT_EQ(TableOf(over, 1).partition_count, 2);
  EXPECT_EQ(TableOf(over, 1).init_partition_count, 2);
  EXPECT_FALSE(Has(over, FindingKind::kSplitUnfinished));
  const RecoveryPlan done =
      Plan(cluster, {.skip_lost_partitions = true, .settlements = {{"1.partition_count", "4"}}});
  EXPECT_EQ(TableOf(done, 1).init_partition_count, 4);
  EXPECT_EQ(FindingsOf(done, FindingKind::kPartitionLost).size(), 2u);
  EXPECT_EQ(FactOf(done, FindingsOf(done, FindingKind::kPartitionLost)[0], "split_parent"), "0");
}

// n3 says that table 2 was dropped, while its replicas are complete everywhere.
Cluster WithDroppedRecord() {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "live", 1).Everywhere(2, "dropped", 2);
  cluster.Node("n3").Current().tables[1].Mutable().status = TableStatus::kDropped;
  return cluster;
}

TEST(PlannerSettlements, ATableThatANodeReportsAsDroppedIsLeftOutIfThatIsDecided) {
  const RecoveryPlan back = Plan(WithDroppedRecord());
  EXPECT_EQ(TableOf(back, 2).status, TableStatus::kAvailable);
  EXPECT_EQ(FactOfThe(back, FindingKind::kRecordsDiffer, "settle"), "2.status");
  EXPECT_THAT(RenderReport(back, {}), HasSubstr("--settle 2.status=AS_DROPPED"));
  const RecoveryPlan left =
      Plan(WithDroppedRecord(), {.settlements = {{"2.status", "AS_DROPPED"}}});
  EXPECT_EQ(left.outcome, PlanOutcome::kReady);
  EXPECT_TRUE(left.tables[1].placeholder);
  EXPECT_EQ(TableOf(left, 2).partition_count, 2) << "a stock meta server aborts on others";
  EXPECT_EQ(FactOfThe(left, FindingKind::kTableLeftOut, "name"), "dropped");
  EXPECT_EQ(FactOfThe(left, FindingKind::kTableLeftOut, "replicas"), "6");
  EXPECT_EQ(FactOfThe(left, FindingKind::kSettled, "conflict"), "table_probably_dropped");
  EXPECT_FALSE(left.tables[0].placeholder);
}

TEST(PlannerSettlements, AStatusIsSettledOnlyAsTablesMayComeBack) {
  const RecoveryPlan back =
      Plan(WithDroppedRecord(), {.settlements = {{"2.status", "AS_AVAILABLE"}}});
  EXPECT_EQ(back.outcome, PlanOutcome::kReady);
  EXPECT_FALSE(Has(back, FindingKind::kRecordsDiffer));
  EXPECT_EQ(FactOfThe(back, FindingKind::kSettled, "conflict"), "records_differ");
  const Evidence evidence = WithDroppedRecord().Build();
  EXPECT_THAT(
      std::string(
          MakePlan(evidence, {.settlements = {{"2.status", "AS_CREATING"}}}).status().message()),
      HasSubstr("'2.status=AS_DROPPED' to leave it out"));
  EXPECT_THAT(
      std::string(
          MakePlan(evidence, {.settlements = {{"1.status", "AS_DROPPED"}}}).status().message()),
      HasSubstr("there is nothing that '1.status=AS_DROPPED' settles"));
}

// Tables 1 and 2, and one with an id that nothing explains.
Cluster WithBogusId(int32_t app_id) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "a", 1).Everywhere(2, "b", 1);
  cluster.Node("n1").Table(app_id, "bogus", 1).Replica(absl::StrCat(app_id, ".0"));
  return cluster;
}

TEST(PlannerGaps, ABogusIdDoesNotMakeAHundredThousandPlaceholders) {
  const RecoveryPlan plan = Plan(WithBogusId(100'000));
  EXPECT_EQ(plan.outcome, PlanOutcome::kConflict);
  EXPECT_EQ(plan.tables.size(), 2u);
  const Finding finding = TheFinding(plan, FindingKind::kAppIdGap);
  EXPECT_EQ(finding.severity, Severity::kConflict);
  EXPECT_EQ(FactOf(plan, finding, "below"), "2");
  EXPECT_EQ(FactOf(plan, finding, "name"), "bogus");
  EXPECT_EQ(FactOf(plan, finding, "nodes"), "n1:34801");
  EXPECT_EQ(FactOf(plan, finding, "replicas"), "1");
  EXPECT_EQ(FactOf(plan, finding, "settle"), "100000");
  EXPECT_THAT(RenderReport(plan, {}),
              HasSubstr("        --settle 100000=keep\n        --settle 100000=ignore\n"));
}

TEST(PlannerGaps, AnIdFarAboveTheOthersIsLeftOutOrKeptAsDecided) {
  const RecoveryPlan ignored = Plan(WithBogusId(5000), {.settlements = {{"5000", "ignore"}}});
  EXPECT_EQ(ignored.outcome, PlanOutcome::kReady);
  EXPECT_EQ(ignored.tables.size(), 2u);
  EXPECT_EQ(TheFinding(ignored, FindingKind::kAppIdGap).severity, Severity::kHazard);
  EXPECT_THAT(RenderReport(ignored, {}), HasSubstr("writes 4 znodes"));
  const RecoveryPlan kept = Plan(WithBogusId(5000), {.settlements = {{"5000", "keep"}}});
  EXPECT_EQ(kept.outcome, PlanOutcome::kReady);
  EXPECT_EQ(kept.tables.size(), 5000u);
  EXPECT_EQ(TheFinding(kept, FindingKind::kAppIdGap).severity, Severity::kWarning);
  EXPECT_THAT(RenderReport(kept, {}), HasSubstr("writes 10000 znodes"));
  EXPECT_FALSE(MakePlan(WithBogusId(5000).Build(), {.settlements = {{"5000", "x:1:3"}}}).ok());
}

TEST(PlannerGaps, WhatTheOtherIdsExplainIsNoConflict) {
  EXPECT_EQ(Plan(WithBogusId(1003)).tables.size(), 1003u);
  EXPECT_TRUE(Has(Plan(WithBogusId(1004)), FindingKind::kAppIdGap));
  EXPECT_EQ(Plan(WithBogusId(1004), {.max_id_gap = 1001}).tables.size(), 1004u);
  Cluster old = ThreeNodes();
  old.Everywhere(900, "old", 1).Everywhere(9900, "young", 1);
  EXPECT_EQ(Plan(old).outcome, PlanOutcome::kReady);
  EXPECT_TRUE(Has(Plan(old.Everywhere(108'902, "bogus", 1), {.max_app_id = 200'000}),
                  FindingKind::kAppIdGap));
}

TEST(PlannerGaps, AnIdThatIsLeftOutBelowAnotherKeepsAPlaceholderForItsReplicas) {
  Cluster cluster = WithBogusId(5000);
  cluster.Node("n1").Replica("5000.3").Table(6000, "real", 1).Replica("6000.0");
  const RecoveryPlan plan = Plan(cluster, {.settlements = {{"5000", "ignore"}, {"6000", "keep"}}});
  EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
  EXPECT_TRUE(plan.tables[4999].placeholder);
  EXPECT_EQ(TableOf(plan, 5000).partition_count, 4);
}

TEST(PlannerGaps, ReplicasOfAFarIdThatNobodyDescribesAreDescribedOrLeftOut) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "a", 1).Node("n1").Replica("5000.0");
  EXPECT_THAT(RenderReport(Plan(cluster), {}),
              HasSubstr("        --settle 5000=NAME:PARTITION_COUNT:MAX_REPLICA_COUNT\n"));
  EXPECT_EQ(Plan(cluster, {.settlements = {{"5000", "ignore"}}}).tables.size(), 1u);
  const RecoveryPlan described = Plan(cluster, {.settlements = {{"5000", "x:1:1"}}});
  EXPECT_EQ(described.outcome, PlanOutcome::kReady);
  EXPECT_EQ(TableOf(described, 5000).app_name, "x");
  EXPECT_FALSE(MakePlan(cluster.Build(), {.settlements = {{"5000", "keep"}}}).ok());
}

}  // namespace
}  // namespace metarec
