// Which replica becomes the primary of a partition, and what is said about the others.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meta_recovery/report/finding_text.h"
#include "tests/meta_recovery/planner/plan_matchers.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr ReplicaStatus kInactive = ReplicaStatus::kInactive;

struct RankCase {
  const char* shows;
  std::vector<ReplicaState> replicas;  // on n1, n2, ...
  const char* expected;
  RankReason reason_of_second;
};

const RankCase kRankCases[] = {
    {"HigherBallotWins",
     {{3, 9, 9}, {5, 7, 7}, {4, 8, 8}},
     "n2 | n1 n3 | ballot 5 decree 7",
     RankReason::kLowerBallot},
    {"ThenHigherCommittedDecree",
     {{3, 7, 9}, {3, 8, 8}},
     "n2 | n1 | ballot 3 decree 8",
     RankReason::kLowerCommittedDecree},
    {"ThenHigherPreparedDecree",
     {{3, 7, 8}, {3, 7, 9}},
     "n2 | n1 | ballot 3 decree 7",
     RankReason::kLowerPreparedDecree},
    {"ThenLowerAddress",
     {{3, 7, 7}, {3, 7, 7}, {3, 7, 7}},
     "n1 | n3 n2 | ballot 3 decree 7",
     RankReason::kHigherAddress},
    {"APrimaryAtTheBallotWinsOverMoreData",
     {{3, 9, 9, ReplicaStatus::kSecondary}, {3, 7, 7, ReplicaStatus::kPrimary}},
     "n2 | n1 | ballot 3 decree 7",
     RankReason::kNotPrimaryAtBallot},
    {"APrimaryAtALowerBallotDoesNot",
     {{4, 6, 6, kInactive}, {3, 7, 7, ReplicaStatus::kPrimary}},
     "n1 | n2 | ballot 4 decree 6",
     RankReason::kLowerBallot},
    {"ClosedComesAfterCompleteAndTheHighestBallotIsWritten",
     {{9, 9, 9, ReplicaStatus::kError}, {3, 7, 7, kInactive}},
     "n2 | n1 | ballot 9 decree 7",
     RankReason::kIncomplete},
    {"ALearnerComesAfterComplete",
     {{3, 9, 9, ReplicaStatus::kPotentialSecondary}, {3, 7, 7, kInactive}},
     "n2 | n1 | ballot 3 decree 7",
     RankReason::kIncomplete},
    {"ASplitChildComesAfterComplete",
     {{3, 9, 9, ReplicaStatus::kPartitionSplit}, {3, 7, 7, kInactive}},
     "n2 | n1 | ballot 3 decree 7",
     RankReason::kIncomplete},
    {"OfIncompleteOnesTheOrderIsTheSame",
     {{3, 9, 9, ReplicaStatus::kError}, {4, 7, 7, ReplicaStatus::kPotentialSecondary}},
     "n2 | n1 | ballot 4 decree 7",
     RankReason::kLowerBallot},
};

class RankingTest : public ::testing::TestWithParam<RankCase> {};

TEST_P(RankingTest, PicksAsTheRulesSay) {
  Cluster cluster;
  for (size_t i = 0; i < GetParam().replicas.size(); ++i) {
    cluster.Node(absl::StrCat("n", i + 1)).Table(1, "temp", 1);
    cluster.Replica("1.0", GetParam().replicas[i]);
  }
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_EQ(Describe(plan, 1, 0), GetParam().expected);
  EXPECT_EQ(plan.replicas[0].reason, RankReason::kBest);
  EXPECT_EQ(plan.replicas[0].role, ReplicaRole::kPrimary);
  EXPECT_EQ(plan.replicas[1].reason, GetParam().reason_of_second);
}

INSTANTIATE_TEST_SUITE_P(Rules, RankingTest, ::testing::ValuesIn(kRankCases),
                         [](const auto& info) { return std::string(info.param.shows); });

struct DiskCase {
  const char* shows;
  ReplicaState running;
  ReplicaState on_disk;
  bool disk_wins;
  RankReason reason;  // of the second
};

const DiskCase kDiskCases[] = {
    {"NeverAtTheSameBallot", {3, 7, 7}, {3, 90, 90}, false, RankReason::kOnDiskOnly},
    {"NorAtALowerOne", {4, 7, 7}, {3, 90, 90}, false, RankReason::kLowerBallot},
    {"AtAHigherOne", {3, 90, 90}, {4, 7, 7}, true, RankReason::kLowerBallot},
    // A learner may hold half the data.
    {"OverALearner",
     {3, 90, 90, ReplicaStatus::kPotentialSecondary},
     {3, 7, 7},
     true,
     RankReason::kIncomplete},
};

class DiskRankingTest : public ::testing::TestWithParam<DiskCase> {};

TEST_P(DiskRankingTest, WinsOverARunningReplica) {
  for (const bool disk_first : {false, true}) {
    Cluster cluster;
    cluster.Node(disk_first ? "n2" : "n1").Table(1, "temp", 1).Replica("1.0", GetParam().running);
    cluster.Node(disk_first ? "n1" : "n2").Table(1, "temp", 1).Replica("1.0", GetParam().on_disk);
    cluster.Current().disk.emplace();
    const RecoveryPlan plan = Plan(cluster);
    ASSERT_EQ(plan.replicas.size(), 2);
    EXPECT_EQ(plan.replicas[0].on_disk_only, GetParam().disk_wins);
    EXPECT_EQ(plan.replicas[1].reason, GetParam().reason);
    EXPECT_EQ(Has(plan, FindingKind::kPrimaryOnDisk), GetParam().disk_wins);
    EXPECT_TRUE(Has(plan, FindingKind::kNodeOnDisk));
    EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
  }
}

INSTANTIATE_TEST_SUITE_P(Rules, DiskRankingTest, ::testing::ValuesIn(kDiskCases),
                         [](const auto& info) { return std::string(info.param.shows); });

TEST(PlannerPartitions, AReplicaOnDiskOnlySaysWhatToDo) {
  Cluster cluster;
  cluster.Node("n1").Table(1, "temp", 1);
  cluster.Node("n2").Table(1, "temp", 1).Replica("1.0");
  cluster.Current().disk = DiskFolders{.set_aside = {"/d/1.0.pegasus.7.err"},
                                       .unusable = {"/d/1.5.pegasus: .app-info is missing"}};
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_EQ(FindingSentence(plan, TheFinding(plan, FindingKind::kPrimaryOnDisk)),
            "the primary of partition 1.0 (temp), n2:34801, is known from its disks only, and "
            "nobody serves the partition while that server does not run; start that server before "
            "the meta server, or move its replica folder to a server that runs (while that one is "
            "stopped), and collect again");
  EXPECT_EQ(FindingSentence(plan, TheFinding(plan, FindingKind::kNodeOnDisk)),
            "node n2:34801 does not run: 1 replica read from its disks; the decrees are lower "
            "bounds, since later writes are in logs that only the server replays; 1 folder cannot "
            "be used (/d/1.5.pegasus: .app-info is missing); 1 folder that the server set aside is "
            "not used (/d/1.0.pegasus.7.err); start it before the meta server if it can be "
            "started");
}

// How many primaries n1, n2, ... get of a table.
std::vector<int> PrimariesOf(const RecoveryPlan& plan, int32_t app_id) {
  std::vector<int> primaries(plan.nodes.size());
  for (const TopologyPartition& partition : plan.topology.PartitionsOf(TableOf(plan, app_id))) {
    ++primaries[partition.primary];
  }
  return primaries;
}

TEST(PlannerPartitions, EqualReplicasDoNotAllComeUpOnTheServerOfTheLowestAddress) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 12).Everywhere(2, "stat", 1).Everywhere(3, "usertable", 5);
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_THAT(PrimariesOf(plan, 1), ElementsAre(4, 4, 4));
  EXPECT_THAT(PrimariesOf(plan, 2), ElementsAre(1, 0, 0));
  // n1 has one more already.
  EXPECT_THAT(PrimariesOf(plan, 3), ElementsAre(1, 2, 2));
  EXPECT_EQ(Describe(plan, 3, 0), "n2 | n1 n3 | ballot 3 decree 10");
  EXPECT_EQ(Describe(plan, 3, 1), "n3 | n2 n1 | ballot 3 decree 10");
}

TEST(PlannerPartitions, SpreadingSaysWhichRuleDecided) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 2).Everywhere(2, "stat", 1);
  const RecoveryPlan plan = Plan(cluster);
  const auto reasons = [&](size_t partition) {
    std::vector<RankReason> reasons;
    for (const RankedReplica& replica : plan.ReplicasOf(plan.partitions[partition])) {
      reasons.push_back(replica.reason);
    }
    return reasons;
  };
  EXPECT_THAT(reasons(0), ElementsAre(RankReason::kBest, RankReason::kHigherAddress,
                                      RankReason::kHigherAddress));
  EXPECT_THAT(reasons(1), ElementsAre(RankReason::kBest, RankReason::kHigherAddress,
                                      RankReason::kMorePrimariesOfTable));
  EXPECT_THAT(reasons(2), ElementsAre(RankReason::kBest, RankReason::kMorePrimaries,
                                      RankReason::kHigherAddress));
}

TEST(PlannerPartitions, SpreadingDoesNotChangeTheOrderOfUnequalReplicas) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 3);
  for (ReplicaRecord& replica : cluster.Node("n2").Current().replicas) {
    ++replica.last_committed_decree;
  }
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_THAT(PrimariesOf(plan, 1), ElementsAre(0, 3, 0));
  EXPECT_EQ(Describe(plan, 1, 2), "n2 | n3 n1 | ballot 3 decree 11");
}

TEST(PlannerPartitions, APlanFileWhosePrimariesAreNotSpreadIsRefused) {
  Cluster cluster = ThreeNodes();
  RecoveryPlan plan = Plan(cluster.Everywhere(1, "temp", 2));
  ASSERT_EQ(Describe(plan, 1, 1), "n2 | n1 n3 | ballot 3 decree 10");
  std::rotate(plan.replicas.begin() + 3, plan.replicas.begin() + 5, plan.replicas.end());
  for (size_t i = 3; i < 6; ++i) {
    plan.replicas[i].role = i == 3 ? ReplicaRole::kPrimary : ReplicaRole::kLastDrop;
    plan.replicas[i].reason = i == 3 ? RankReason::kBest : RankReason::kHigherAddress;
  }
  plan.topology.partitions[1].primary = 0;
  plan.topology.members = {2, 1, 2, 1};
  EXPECT_THAT(std::string(DecodePlan(EncodePlan(plan), "plan").status().message()),
              HasSubstr("'replicas' has that of node 1 below a worse one"));
}

TEST(PlannerPartitions, MoreReplicasThanWantedAreOverruledWithTheReason) {
  Cluster cluster;
  cluster.Node("n1").Node("n2").Node("n3").Node("n4").Node("n5").Everywhere(1, "temp", 1);
  cluster.Node("n2").Current().replicas[0].ballot = 2;
  cluster.Node("n4").Current().replicas[0].last_committed_decree = 8;
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_EQ(Describe(plan, 1, 0), "n1 | n5 n3 | ballot 3 decree 10");
  const Finding finding = TheFinding(plan, FindingKind::kReplicaOverruled);
  EXPECT_EQ(finding.severity, Severity::kNote);
  EXPECT_EQ(FactOf(plan, finding, "count"), "2");
  EXPECT_EQ(plan.replicas[3].role, ReplicaRole::kOverruled);
}

TEST(PlannerPartitions, WithMaxReplicaCountOneThereAreNoLastDrops) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "single", 1);
  for (const char* node : {"n1", "n2", "n3"}) {
    cluster.Node(node).Current().tables[0].Mutable().max_replica_count = 1;
  }
  EXPECT_EQ(Describe(Plan(cluster), 1, 0), "n1 | | ballot 3 decree 10");
}

TEST(PlannerPartitions, FewerReplicasThanWantedAreAWarningWithTheCount) {
  Cluster cluster = ThreeNodes();
  cluster.Node("n1").Table(1, "temp", 1).Replica("1.0");
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
  const Finding finding = TheFinding(plan, FindingKind::kReplicasMissing);
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_EQ(FactOf(plan, finding, "collected"), "1");
  EXPECT_EQ(FactOf(plan, finding, "expected"), "3");
  EXPECT_THAT(HintLines(plan, {}),
              ElementsAre("WARNING: partition(1.0) only collects 1/3 of replicas, may lost data"));
}

TEST(PlannerPartitions, AnEmptyOneIsAnErrorUnlessLostPartitionsAreSkipped) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 2);
  for (const char* node : {"n1", "n2", "n3"}) cluster.Node(node).Current().replicas.pop_back();
  const RecoveryPlan refused = Plan(cluster);
  EXPECT_EQ(refused.outcome, PlanOutcome::kTryAgain);
  EXPECT_EQ(TheFinding(refused, FindingKind::kPartitionLost).severity, Severity::kError);
  EXPECT_FALSE(refused.HasAcceptedLosses());
  EXPECT_THAT(HintLines(refused, {}),
              ElementsAre("ERROR: partition(1.1) has no replica collected, you can force recover "
                          "it by set skip_lost_partitions option"));

  const RecoveryPlan accepted = Plan(cluster, {.skip_lost_partitions = true});
  EXPECT_EQ(accepted.outcome, PlanOutcome::kReady);
  EXPECT_EQ(TheFinding(accepted, FindingKind::kPartitionLost).severity, Severity::kWarning);
  EXPECT_TRUE(accepted.HasAcceptedLosses());
  EXPECT_TRUE(accepted.partitions[1].lost);
  EXPECT_EQ(Describe(accepted, 1, 1), "none | | ballot 0 decree 0");
  EXPECT_THAT(HintLines(accepted, {}),
              ElementsAre("WARNING: partition(1.1) has no replica collected, force recover the "
                          "lost partition to empty"));
}

TEST(PlannerPartitions, ALostSplitChildNamesTheParentThatMayHoldItsData) {
  Cluster cluster;
  cluster.Node("n1").Table(1, "temp", 4).With([](TableRecord& table) {
    table.init_partition_count = 2;
  });
  cluster.Replicas(1, 0, 2);
  EXPECT_EQ(FactOfThe(Plan(cluster), FindingKind::kPartitionLost, "split_parent"), "1");
}

TEST(PlannerPartitions, AnIncompletePrimaryIsAWarningThatSaysSo) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 2);
  for (const char* node : {"n1", "n2", "n3"}) {
    cluster.Node(node).Current().replicas[0].status = ReplicaStatus::kPotentialSecondary;
  }
  const RecoveryPlan plan = Plan(cluster);
  const Finding finding = TheFinding(plan, FindingKind::kPrimaryIncomplete);
  EXPECT_EQ(finding.partition_index, 0);
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_EQ(FactOf(plan, finding, "primary"), "n1:34801");
  EXPECT_EQ(FactOf(plan, finding, "status"), "PS_POTENTIAL_SECONDARY");
}

TEST(PlannerPartitions, ABallotAboveThePrimarysOwnIsAWarning) {
  Cluster cluster;
  cluster.Node("n1").Table(1, "temp", 1).Replica("1.0", {.ballot = 3});
  cluster.Node("n2")
      .Table(1, "temp", 1)
      .Replica("1.0", {.ballot = 8, .status = ReplicaStatus::kError});
  const RecoveryPlan plan = Plan(cluster);
  const Finding finding = TheFinding(plan, FindingKind::kBallotAbovePrimary);
  EXPECT_EQ(FactOf(plan, finding, "primary_ballot"), "3");
  EXPECT_EQ(FactOf(plan, finding, "ballot"), "8");
  EXPECT_EQ(FactOf(plan, finding, "reported_by"), "n2:34801");
}

TEST(PlannerPartitions, ThatSomebodyElseCommittedMoreIsAWarning) {
  Cluster cluster;
  cluster.Node("n1").Table(1, "temp", 1).Replica("1.0", {.ballot = 4, .committed = 10});
  cluster.Node("n2").Table(1, "temp", 1).Replica("1.0", {.ballot = 3, .committed = 12});
  const RecoveryPlan plan = Plan(cluster);
  const Finding finding = TheFinding(plan, FindingKind::kLessDataThanOverruled);
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_EQ(FactOf(plan, finding, "primary_committed"), "10");
  EXPECT_EQ(FactOf(plan, finding, "node"), "n2:34801");
  EXPECT_EQ(FactOf(plan, finding, "committed"), "12");
}

TEST(PlannerPartitions, FindingsComeAsNodesThenTablesFromTheHighestThenPartitions) {
  Cluster cluster;
  cluster.Node("n1").BadNode("n2").Everywhere(1, "a", 1).Everywhere(2, "b", 1);
  const RecoveryPlan plan = Plan(cluster, {.skip_bad_nodes = true});
  std::vector<std::string> order;
  for (const Finding& finding : plan.findings) {
    order.push_back(
        absl::StrCat(std::string(FindingKindName(finding.kind())), " ", finding.app_id));
  }
  EXPECT_THAT(order, ElementsAre("bad_node 0", "skipped_node_returns 0", "table_lost_state 2",
                                 "table_lost_state 1", "replicas_missing 1", "replicas_missing 2"));
}

TEST(PlannerPartitions, AConflictOutweighsAnError) {
  Cluster cluster = ThreeNodes();
  cluster.Node("n1").Table(1, "temp", 1).Replica("1.7");
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_TRUE(Has(plan, FindingKind::kPartitionLost));
  EXPECT_EQ(plan.outcome, PlanOutcome::kConflict);
}

TEST(PlannerPartitions, AnErrorThatIsFoundAfterAConflictDoesNotHideIt) {
  Cluster cluster = ThreeNodes();
  cluster.Node("n1").Table(1, "temp", 1).Replica("1.7").Table(2, "later", 1);
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_EQ(plan.findings.back().kind(), FindingKind::kPartitionLost);
  EXPECT_EQ(plan.outcome, PlanOutcome::kConflict);
}

// Table 1 of which n3 knows that it is split from 2 to 4.
Cluster WithSplit() {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 2);
  cluster.Node("n3").With([](TableRecord& t) { t.partition_count = 4; });
  return cluster;
}

TEST(PlannerSplits, AnUnfinishedSplitIsWrittenSoThatTheBootingMetaTakesItUp) {
  Cluster cluster = WithSplit();
  cluster.Node("n1").Replica("1.3").Node("n2").Replica("1.2",
                                                       {.status = ReplicaStatus::kPartitionSplit});
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
  const TopologyTable& table = TableOf(plan, 1);
  EXPECT_EQ(table.partition_count, 4);
  EXPECT_EQ(table.init_partition_count, 2);
  EXPECT_EQ(table.partitions_count, 3u);
  EXPECT_EQ(Describe(plan, 1, 2), "no such partition");
  EXPECT_EQ(Describe(plan, 1, 3), "n1 | | ballot 3 decree 10");
  const Finding finding = TheFinding(plan, FindingKind::kSplitUnfinished);
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_EQ(FactOf(plan, finding, "children_registered"), "3");
  EXPECT_EQ(FactOf(plan, finding, "children_missing"), "2");
  EXPECT_EQ(FactOf(plan, finding, "records_after"), "n3:34801");
  EXPECT_FALSE(Has(plan, FindingKind::kPartitionLost));
}

TEST(PlannerSplits, WithAReplicaOfEveryChildTheSplitIsComplete) {
  Cluster cluster = WithSplit();
  for (const char* node : {"n1", "n2", "n3"}) cluster.Node(node).Replicas(1, 2, 3);
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_EQ(TableOf(plan, 1).init_partition_count, 4);
  EXPECT_EQ(TableOf(plan, 1).partitions_count, 4u);
  EXPECT_FALSE(Has(plan, FindingKind::kSplitUnfinished));
  EXPECT_EQ(FactOfThe(plan, FindingKind::kSplitCompleted, "command"),
            "use temp; set_app_envs replica.split.validate_partition_hash true");
}

TEST(PlannerSplits, ATableThatWasSplitOnceIsAWarningWithTheEnvToSetAgain) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 4);
  cluster.Node("n1").With([](TableRecord& t) { t.init_partition_count = 2; });
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_EQ(TableOf(plan, 1).init_partition_count, 4);
  const Finding finding = TheFinding(plan, FindingKind::kSplitCompleted);
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_EQ(FactOf(plan, finding, "init_partition_count"), "2");
}

TEST(PlannerSplits, CountsThatNoSplitExplainsAreAConflictAndSettledByOneOfThem) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 2);
  cluster.Node("n3").With([](TableRecord& t) { t.partition_count = 3; });
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_EQ(plan.outcome, PlanOutcome::kConflict);
  EXPECT_EQ(FactOfThe(plan, FindingKind::kRecordsConflict, "settle"), "1.partition_count");
  const RecoveryPlan settled = Plan(cluster, {.settlements = {{"1.partition_count", "2"}}});
  EXPECT_EQ(settled.outcome, PlanOutcome::kReady);
  EXPECT_EQ(TableOf(settled, 1).partitions_count, 2u);
  EXPECT_FALSE(MakePlan(cluster.Build(), {.settlements = {{"1.partition_count", "4"}}}).ok());
}

TEST(PlannerSplits, ThreeTimesAsManyOrThreeCountsAreNoSplit) {
  for (const auto& [of_n2, of_n3] : {std::pair{2, 6}, std::pair{3, 4}}) {
    Cluster cluster = ThreeNodes();
    cluster.Node("n1").Table(1, "temp", 2).Replicas(1, 0, 1);
    cluster.Node("n2").Table(1, "temp", of_n2).Node("n3").Table(1, "temp", of_n3);
    EXPECT_EQ(Plan(cluster).outcome, PlanOutcome::kConflict);
  }
}

}  // namespace
}  // namespace metarec
