// What old trees add to a plan, rule by rule (docs/recovery-rules.md, "Old trees").

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meta_recovery/plan_file/plan_excerpt.h"
#include "meta_recovery/planner/plan_text.h"
#include "meta_recovery/report/report.h"
#include "tests/meta_recovery/planner/old_tree_builder.h"
#include "tests/meta_recovery/planner/plan_matchers.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// Two tables that all servers know, at ballot 3.
Cluster TwoTables() {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 2).Everywhere(2, "users", 2);
  return cluster;
}

OldTreeOf TreeOfTwo(absl::string_view source = "backup.jsonl") {
  OldTreeOf tree(source);
  tree.Table(1, "temp", 2).Table(2, "users", 2);
  return tree;
}

OldTreeUse UseOf(const RecoveryPlan& plan, int32_t app_id) {
  return plan.tables.at(app_id - 1).old_tree;
}

std::vector<std::string> CarriedFields(const RecoveryPlan& plan, int32_t app_id) {
  return plan.tables.at(app_id - 1).carried_fields;
}

// The report says how many znodes are written.
void ExpectAllCounted(const RecoveryPlan& plan) {
  const size_t written =
      plan.topology.tables.size() + plan.topology.partitions.size() + plan.topology.carried.size();
  EXPECT_EQ(CountPlan(plan).znodes, static_cast<int64_t>(written));
}

std::vector<std::string> CarriedPaths(const RecoveryPlan& plan) {
  std::vector<std::string> paths;
  for (const CarriedZnode& znode : plan.topology.carried) paths.push_back(znode.path);
  return paths;
}

TEST(OldTrees, ThePathOfAServedOneWasNamedTwice) {
  OldTreeSource tree;
  tree.source = "zk1:2181/pegasus/x";
  tree.kind = OldTreeKind::kLive;
  tree.root = "/pegasus/x";
  EXPECT_THAT(OldTreeText(tree), StartsWith("zk1:2181/pegasus/x (of "));
  // Of several below one path each is named by its own.
  tree.source = "zk1:2181/";
  EXPECT_THAT(OldTreeText(tree), StartsWith("zk1:2181/ at /pegasus/x (of "));
  tree.kind = OldTreeKind::kFile;
  tree.source = "./pegasus/x";
  EXPECT_THAT(OldTreeText(tree), StartsWith("./pegasus/x at /pegasus/x (of "));
}

TEST(OldTrees, WithoutAnyNothingOfThemIsInThePlan) {
  const RecoveryPlan plan = Plan(TwoTables());
  EXPECT_TRUE(plan.old_trees.empty());
  EXPECT_EQ(UseOf(plan, 1), OldTreeUse::kNone);
  EXPECT_TRUE(Has(plan, FindingKind::kTableLostState));
  EXPECT_THAT(RenderReport(plan, {}), Not(HasSubstr("OLD TREES")));
}

TEST(OldTrees, EnvsComeBackEachWithAFinding) {
  const RecoveryPlan plan =
      Plan(TwoTables(), {},
           {TreeOfTwo()
                .With([](TableDescription& table) { table.envs["default_ttl"] = "86400"; })
                .Build()});
  EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
  EXPECT_EQ(TableOf(plan, 2).envs.at("default_ttl"), "86400");
  EXPECT_TRUE(TableOf(plan, 1).envs.empty());
  EXPECT_THAT(CarriedFields(plan, 2), ElementsAre("envs.default_ttl"));
  const Finding finding = TheFinding(plan, FindingKind::kValueCarried);
  EXPECT_EQ(finding.app_id, 2);
  EXPECT_EQ(FactOf(plan, finding, "value"), "86400");
  EXPECT_EQ(FactOf(plan, finding, "was_known"), "false");
  EXPECT_FALSE(Has(plan, FindingKind::kTableLostState));
}

TEST(OldTrees, AnEnvThatTheTreeLacksWasDeletedAndIsNotTakenFromServers) {
  Cluster cluster = TwoTables();
  cluster.Node("n1").With([](TableRecord& table) { table.envs["k"] = "stale"; });
  const RecoveryPlan plan = Plan(cluster, {}, {TreeOfTwo().Build()});
  EXPECT_TRUE(TableOf(plan, 2).envs.empty());
  EXPECT_THAT(CarriedFields(plan, 2), ElementsAre("envs.k"));
  EXPECT_EQ(FactOfThe(plan, FindingKind::kValueCarried, "instead"), "stale");
}

TEST(OldTrees, WhatServersKnowAtAHigherBallotIsNewerAndOnlyCompleted) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 2).Everywhere(2, "renamed", 2);
  cluster.Node("n1").With([](TableRecord& table) { table.envs["k"] = "new"; });
  cluster.Replica("2.0", {.ballot = 4});  // twice: the better one counts
  OldTreeOf tree = TreeOfTwo();
  tree.With([](TableDescription& table) {
    table.envs = {{"k", "old"}, {"ttl", "7"}, {"replica.deny_client_request", "timeout*all"}};
    table.max_replica_count = 1;
  });
  const RecoveryPlan plan = Plan(cluster, {}, {tree.Build()});
  EXPECT_EQ(UseOf(plan, 2), OldTreeUse::kOlder);
  EXPECT_EQ(UseOf(plan, 1), OldTreeUse::kCurrent);
  EXPECT_EQ(TableOf(plan, 2).app_name, "renamed");
  EXPECT_EQ(TableOf(plan, 2).max_replica_count, 3);
  EXPECT_EQ(TableOf(plan, 2).envs,
            (std::map<std::string, std::string>{{"k", "new"}, {"ttl", "7"}}));
  EXPECT_EQ(FactOf(plan, FindingsOf(plan, FindingKind::kTableInOldTree)[0], "ballots_above"), "1");
  EXPECT_EQ(FindingsOf(plan, FindingKind::kTableInOldTree)[0].severity, Severity::kWarning);
  EXPECT_THAT(RenderReport(plan, {}), HasSubstr("OLDER"));
}

// The plan said READY, and that the table is as the tree says.
TEST(OldTrees, ATableWithHalfThePartitionsOfTheTreeWasNoFinding) {
  const RecoveryPlan plan =
      Plan(TwoTables(), {}, {OldTreeOf().Table(1, "temp", 4).Table(2, "users", 2).Build()});
  EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
  EXPECT_EQ(UseOf(plan, 1), OldTreeUse::kCurrent);
  EXPECT_EQ(TableOf(plan, 1).partition_count, 2);
  const Finding finding = TheFinding(plan, FindingKind::kCountInOldTree);
  EXPECT_EQ(finding.app_id, 1);
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_EQ(FactOf(plan, finding, "partition_count"), "4");
  EXPECT_EQ(FactOf(plan, finding, "planned"), "2");
  EXPECT_THAT(FindingSentence(plan, finding), HasSubstr("partitions 2 to 3 are missing"));
  EXPECT_THAT(HintLines(plan, {}),
              ElementsAre("WARNING: app(1) gets 2 partitions, but has 4 in the old tree"));
  EXPECT_THAT(RenderReport(plan, {}),
              HasSubstr("1 table as it says, 1 table with another partition count there\n"));
}

TEST(OldTrees, ATableThatWasSplitSinceHasAnotherPartitionCountThere) {
  const RecoveryPlan plan =
      Plan(TwoTables(), {}, {OldTreeOf().Table(1, "temp", 1).Table(2, "users", 2).Build()});
  EXPECT_EQ(UseOf(plan, 1), OldTreeUse::kOlder);
  EXPECT_EQ(TableOf(plan, 1).partition_count, 2);
  EXPECT_THAT(FindingSentence(plan, TheFinding(plan, FindingKind::kCountInOldTree)),
              HasSubstr("it was probably split since"));
  EXPECT_THAT(RenderReport(plan, {}),
              HasSubstr("1 table as it says, 1 table older there than what the servers say"));
}

TEST(OldTrees, BallotsAreNeverFromTheTree) {
  const RecoveryPlan plan =
      Plan(TwoTables(), {}, {OldTreeOf().Table(1, "temp", 2, 9).Table(2, "users", 2, 9).Build()});
  EXPECT_EQ(UseOf(plan, 1), OldTreeUse::kCurrent);
  EXPECT_EQ(Describe(plan, 1, 0), Describe(Plan(TwoTables()), 1, 0));
}

// Nothing that servers keep tells it; in the tree each ballot is one higher than theirs.
TEST(OldTrees, ATableThatWasDroppedStaysDropped) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 2)
      .Everywhere(2, "users", 2, {.status = ReplicaStatus::kError})
      .Everywhere(3, "users", 1);
  OldTreeOf tree = TreeOfTwo();
  tree.Dropped().Table(3, "users", 1);
  const RecoveryPlan plan = Plan(cluster, {}, {tree.Build()});
  EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
  EXPECT_EQ(UseOf(plan, 2), OldTreeUse::kStaysDropped);
  EXPECT_EQ(TableOf(plan, 2).status, TableStatus::kDropped);
  EXPECT_EQ(TableOf(plan, 2).app_name, "users") << "it does not compete for its name";
  EXPECT_EQ(TableOf(plan, 3).app_name, "users");
  EXPECT_EQ(TableOf(plan, 2).drop_second, 1'795'100'000);
  EXPECT_EQ(TableOf(plan, 2).expire_second, 1'795'700'000);
  EXPECT_EQ(Describe(plan, 2, 0), "none | n2 n1 n3 | ballot 3 decree 10");
  EXPECT_EQ(plan.topology.PartitionsOf(TableOf(plan, 2))[0].partition_flags, 1);
  EXPECT_FALSE(Has(plan, FindingKind::kTableProbablyDropped));
  EXPECT_FALSE(Has(plan, FindingKind::kTableRenamed));
}

// Its servers missed the drop.
TEST(OldTrees, ATableThatStaysDroppedHasNoSecondariesAtOnce) {
  OldTreeOf tree = TreeOfTwo();
  tree.Dropped();
  const RecoveryPlan plan = Plan(TwoTables(), {.membership = Membership::kWarm}, {tree.Build()});
  EXPECT_EQ(UseOf(plan, 2), OldTreeUse::kStaysDropped);
  EXPECT_EQ(Describe(plan, 2, 0), "none | n2 n1 n3 | ballot 3 decree 10");
  EXPECT_EQ(Describe(plan, 1, 0), "n1 + n2 n3 | | ballot 4 decree 10");
  EXPECT_EQ(CountPlan(plan).partitions_whole, 2);
  EXPECT_TRUE(DecodePlan(EncodePlan(plan), "plan").ok());
}

TEST(OldTrees, ADroppedTableWithoutReplicasIsNoLoss) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 2).Table(2, "users", 2);
  OldTreeOf tree = TreeOfTwo();
  const RecoveryPlan plan = Plan(cluster, {}, {tree.Dropped().Build()});
  EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
  EXPECT_EQ(Describe(plan, 2, 1), "none | | ballot 0 decree 0");
  EXPECT_FALSE(Has(plan, FindingKind::kPartitionLost));
  EXPECT_THAT(RenderReport(plan, {}), HasSubstr("recalled, it would be empty"));
  EXPECT_THAT(RenderReport(plan, {}), HasSubstr("users (stays dropped, no data)"));
}

// Recalling assigns primaries, which raises ballots.
TEST(OldTrees, ATableThatWasRecalledSinceComesBackAlive) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 2).Everywhere(2, "users", 2, {.ballot = 5});
  const RecoveryPlan plan = Plan(cluster, {}, {TreeOfTwo().Dropped().Build()});
  EXPECT_EQ(UseOf(plan, 2), OldTreeUse::kOlder);
  EXPECT_EQ(TableOf(plan, 2).status, TableStatus::kAvailable);
  EXPECT_EQ(TableOf(plan, 2).expire_second, 0);
}

TEST(OldTrees, AnIdThatOnlyTheTreeKnowsIsKeptAsItWas) {
  OldTreeOf tree = TreeOfTwo();
  tree.Table(4, "gone", 3).Dropped().Table(5, "lost", 3);
  const RecoveryPlan plan = Plan(TwoTables(), {}, {tree.Build()});
  ASSERT_EQ(plan.tables.size(), 5u);
  EXPECT_TRUE(plan.tables[2].placeholder);
  EXPECT_EQ(UseOf(plan, 4), OldTreeUse::kStaysDropped);
  EXPECT_EQ(TableOf(plan, 4).app_name, "gone");
  EXPECT_EQ(TableOf(plan, 4).partitions_count, 3u);
  EXPECT_EQ(UseOf(plan, 5), OldTreeUse::kOnlyThere);
  EXPECT_TRUE(plan.tables[4].placeholder) << "servers say what exists";
  EXPECT_EQ(TableOf(plan, 5).partition_count, 3) << "a replica that turns up aborts no meta server";
  EXPECT_THAT(RenderReport(plan, {}), HasSubstr("(lost) was there by backup.jsonl"));
}

TEST(OldTrees, AnotherTableOfTheSameIdIsNotThisOne) {
  OldTreeOf tree = TreeOfTwo();
  tree.With([](TableDescription& table) {
    table.create_second += 1;
    table.envs["k"] = "v";
  });
  tree.Table(4, "gone", 3).Dropped().Beside("/backup").Beside("/backup/daily", "{}");
  const RecoveryPlan plan = Plan(TwoTables(), {}, {tree.Build()});
  EXPECT_EQ(UseOf(plan, 1), OldTreeUse::kCurrent);
  EXPECT_EQ(UseOf(plan, 2), OldTreeUse::kNone);
  EXPECT_TRUE(TableOf(plan, 2).envs.empty());
  EXPECT_EQ(plan.tables.size(), 2u) << "nothing shows that id 4 is of this cluster";
  EXPECT_TRUE(plan.topology.carried.empty());
  EXPECT_THAT(RenderReport(plan, {}), HasSubstr("NOT wholly of this cluster"));
}

TEST(OldTrees, TheTreeOfAnotherClusterIsRefused) {
  OldTreeOf other("other.jsonl");
  other.Table(1, "temp", 2).With([](TableDescription& table) { table.create_second = 17; });
  const absl::Status status = MakePlan(TwoTables().Build(), {}, {other.Build()}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("--old_tree other.jsonl is of another cluster: its table 1 (temp) was "
                        "created at 1970-01-01 00:00:17 UTC, while servers describe one that was "
                        "created at 2017-03-01 04:16:26 UTC"));
}

TEST(OldTrees, ATreeThatNothingTiesToTheClusterIsRefused) {
  OldTreeOf other("other.jsonl");
  other.Table(7, "temp", 2);
  EXPECT_THAT(std::string(MakePlan(TwoTables().Build(), {}, {other.Build()}).status().message()),
              HasSubstr("other.jsonl cannot be shown to be of this cluster"));
}

// A data directory may hold several clusters.
TEST(OldTrees, OtherRootsOfASourceThatHasThisClusterAreIgnored) {
  OldTreeOf other("zk/data");
  other.Table(1, "temp", 2).With([](TableDescription& table) { table.create_second = 17; });
  const RecoveryPlan plan = Plan(TwoTables(), {}, {other.Build(), TreeOfTwo("zk/data").Build()});
  ASSERT_EQ(plan.old_trees.size(), 1u);
  EXPECT_EQ(plan.old_trees[0].tables_same, 2);
}

TEST(OldTrees, OfTwoTreesTheOneWithTheHigherBallotsCountsForATable) {
  OldTreeOf late("late");
  late.Table(1, "temp", 2, 1).Table(2, "users", 2, 3).With([](TableDescription& table) {
    table.envs["k"] = "late";
  });
  late.WithTree([](OldTree& tree) { tree.time_ms += 1'000'000'000; });
  OldTreeOf early("early");
  early.Table(1, "temp", 2, 3).With([](TableDescription& table) { table.envs["k"] = "early"; });
  early.Table(2, "users", 2, 2);
  const RecoveryPlan plan = Plan(TwoTables(), {}, {late.Build(), early.Build()});
  EXPECT_EQ(TableOf(plan, 1).envs.at("k"), "early");
  EXPECT_EQ(TableOf(plan, 2).envs.at("k"), "late");
}

TEST(OldTrees, AtTheSameBallotsTheTreeInWhichTheTableWasChangedLaterCounts) {
  OldTreeOf first("first");
  first.Table(1, "temp", 2).With([](TableDescription& table) { table.envs["k"] = "first"; });
  OldTreeOf second("second");
  second.Table(1, "temp", 2)
      .With([](TableDescription& table) { table.envs["k"] = "second"; })
      .WithTable([](OldTable& table) { table.changed_ms += 1; });
  const RecoveryPlan plan = Plan(TwoTables(), {}, {second.Build(), first.Build()});
  EXPECT_EQ(TableOf(plan, 1).envs.at("k"), "second");
}

TEST(OldTrees, ANameThatServersHeardAfterTheTreeWasTakenIsNewer) {
  OldTreeOf tree = TreeOfTwo();
  tree.With([](TableDescription& table) { table.app_name = "before"; });
  const RecoveryPlan later = Plan(TwoTables(), {}, {tree.Build()});
  EXPECT_EQ(TableOf(later, 2).app_name, "users");
  EXPECT_THAT(CarriedFields(later, 2), IsEmpty());
  // Renamed so shortly before the end that servers need not have heard of it.
  tree.With([](TableDescription& table) { table.app_name = "after"; })
      .WithTable([](OldTable& table) { table.changed_ms += 3'599'000; });
  const RecoveryPlan shortly = Plan(TwoTables(), {}, {tree.Build()});
  EXPECT_EQ(TableOf(shortly, 2).app_name, "after");
  EXPECT_THAT(CarriedFields(shortly, 2), ElementsAre("app_name"));
}

TEST(OldTrees, WhatTheOperatorDecidedStays) {
  Cluster cluster = TwoTables();
  cluster.Node("n3").With([](TableRecord& table) { table.envs["k"] = "stale"; });
  OldTreeOf tree = TreeOfTwo();
  tree.With([](TableDescription& table) { table.envs["k"] = "tree"; });
  const RecoveryPlan plan =
      Plan(cluster, {.settlements = {{"2.envs.k", "ignore"}}}, {tree.Build()});
  EXPECT_TRUE(TableOf(plan, 2).envs.empty());
}

TEST(OldTrees, DuplicationsComeBackOnlyIfAskedFor) {
  OldTreeOf tree = TreeOfTwo();
  tree.Duplicated();
  const RecoveryPlan without = Plan(TwoTables(), {}, {tree.Build()});
  EXPECT_THAT(CarriedPaths(without), IsEmpty());
  EXPECT_EQ(FactOfThe(without, FindingKind::kZnodesCarried, "fate"), "not_asked");
  EXPECT_THAT(RenderReport(without, {}), HasSubstr("duplications and their progress: known of"));
  const RecoveryPlan with = Plan(TwoTables(), {.carry_duplications = true}, {tree.Build()});
  EXPECT_THAT(CarriedPaths(with), ElementsAre("/apps/2/duplication", "/apps/2/duplication/17",
                                              "/apps/2/duplication/17/0"));
  EXPECT_THAT(RenderReport(with, {}), Not(HasSubstr("duplications and their progress")));
  ExpectAllCounted(without);
  ExpectAllCounted(with);
}

TEST(OldTrees, WhatStandsBesideTheTablesIsCarriedByName) {
  OldTreeOf tree = TreeOfTwo();
  tree.Beside("/.app_balancer", "x").Beside("/backup").Beside("/backup/daily", "{}");
  const RecoveryPlan plan = Plan(TwoTables(), {}, {tree.Build()});
  EXPECT_THAT(CarriedPaths(plan), ElementsAre("/.app_balancer", "/backup", "/backup/daily"));
  const std::vector<Finding> findings = FindingsOf(plan, FindingKind::kZnodesCarried);
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(FactOf(plan, findings[1], "name"), "backup");
  EXPECT_EQ(FactOf(plan, findings[1], "znodes"), "2");
  EXPECT_THAT(RenderReport(plan, {}), Not(HasSubstr("backup policies")));
  ExpectAllCounted(plan);
}

TEST(OldTrees, ABulkLoadIsCarriedUnlessTheTableWentOn) {
  Cluster cluster = TwoTables();
  cluster.Node("n1").Replica("2.0", {.ballot = 4});
  OldTreeOf tree = TreeOfTwo();
  tree.Beside("/bulk_load").Beside("/bulk_load/1", "{}").Beside("/bulk_load/2", "{}");
  const RecoveryPlan plan = Plan(cluster, {}, {tree.Build()});
  EXPECT_THAT(CarriedPaths(plan), ElementsAre("/bulk_load", "/bulk_load/1"));
  ExpectAllCounted(plan);
}

TEST(OldTrees, TheCountBeforeASplitThatIsOverComesBack) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 4);
  OldTreeOf tree;
  tree.Table(1, "temp", 4).With([](TableDescription& table) {
    table.init_partition_count = 2;
    table.envs["replica.split.validate_partition_hash"] = "true";
  });
  for (SharedTableRecord& record : cluster.Current().tables)
    record.Mutable().init_partition_count = 2;
  const RecoveryPlan plan = Plan(cluster, {}, {tree.Build()});
  EXPECT_EQ(TableOf(plan, 1).init_partition_count, 2);
  EXPECT_EQ(TableOf(plan, 1).partitions_count, 4u);
  EXPECT_FALSE(Has(plan, FindingKind::kSplitUnfinished));
  EXPECT_FALSE(Has(plan, FindingKind::kSplitCompleted)) << "the env that it calls for is back";
}

TEST(OldTrees, WhatOneServerAloneHadIsMarked) {
  OldTreeOf tree = TreeOfTwo("zk1/data");
  tree.WithTree([](OldTree& of_server) {
    of_server.kind = OldTreeKind::kDataDirectory;
    of_server.committed_zxid = 11;  // table 1 was changed at 11, table 2 at 12
    of_server.confirmed_by = {"zk2/data"};
  });
  const RecoveryPlan plan = Plan(TwoTables(), {}, {tree.Build()});
  const std::vector<Finding> findings = FindingsOf(plan, FindingKind::kTableInOldTree);
  EXPECT_EQ(findings[0].app_id, 2);
  EXPECT_EQ(findings[0].severity, Severity::kWarning);
  EXPECT_THAT(FindingSentence(plan, findings[0]), HasSubstr("may never have been committed"));
  EXPECT_EQ(findings[1].severity, Severity::kNote);
}

TEST(OldTrees, TheOrderInWhichTheyAreGivenDoesNotMatter) {
  OldTreeOf a("a");
  a.Table(1, "temp", 2).With([](TableDescription& table) { table.envs["k"] = "a"; });
  OldTreeOf b("b");
  b.Table(1, "temp", 2).With([](TableDescription& table) { table.envs["k"] = "b"; });
  const RecoveryPlan ab = Plan(TwoTables(), {}, {a.Build(), b.Build()});
  const RecoveryPlan ba = Plan(TwoTables(), {}, {b.Build(), a.Build()});
  EXPECT_EQ(ab.topology, ba.topology);
}

}  // namespace
}  // namespace metarec
