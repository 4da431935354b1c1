// What becomes of tables: merged records, names, splits, placeholders, conflicts.

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meta_recovery/report/finding_text.h"
#include "tests/meta_recovery/planner/plan_matchers.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

void Set(NodeEvidence& node, const std::function<void(TableRecord&)>& change) {
  change(node.tables.front().Mutable());
}

// Table 1 on three nodes, changed on n3 by `change`; n3 took part in nothing of late.
Cluster WithStaleNode(const std::function<void(TableRecord&)>& change) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 2, {.ballot = 5});
  Set(cluster.Node("n3").Current(), change);
  for (ReplicaRecord& replica : cluster.Current().replicas) replica.ballot = 4;
  return cluster;
}

TEST(PlannerRecords, ANodeThatMissedARenameIsOutvoted) {
  const RecoveryPlan plan = Plan(WithStaleNode([](TableRecord& t) { t.app_name = "old"; }));
  EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
  EXPECT_EQ(TableOf(plan, 1).app_name, "temp");
  const Finding finding = TheFinding(plan, FindingKind::kRecordsDiffer);
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_EQ(FactOf(plan, finding, "field"), "app_name");
  EXPECT_EQ(FactOf(plan, finding, "chosen"), "temp");
  EXPECT_EQ(FactOf(plan, finding, "rule"), "vote");
  EXPECT_EQ(FactOf(plan, finding, "values"),
            "temp (weight 4: n1:34801, n2:34801); old (weight 0: n3:34801)");
}

TEST(PlannerRecords, OneNodeAtTheHighestBallotsOutweighsTwoThatAreStale) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "old", 2, {.ballot = 5});
  Set(cluster.Node("n2").Current(), [](TableRecord& t) { t.app_name = "new"; });
  for (ReplicaRecord& replica : cluster.Current().replicas) replica.ballot = 6;
  EXPECT_EQ(TableOf(Plan(cluster), 1).app_name, "new");
}

TEST(PlannerRecords, IncompleteReplicasGiveNoWeight) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "kept", 2);
  for (const char* node : {"n2", "n3"}) {
    Set(cluster.Node(node).Current(), [](TableRecord& t) { t.app_name = "learned"; });
    for (ReplicaRecord& replica : cluster.Current().replicas) {
      replica.status = ReplicaStatus::kPotentialSecondary;
    }
  }
  EXPECT_EQ(TableOf(Plan(cluster), 1).app_name, "kept");
}

TEST(PlannerRecords, EqualWeightsAreDecidedByTheNumberOfNodes) {
  Cluster cluster = ThreeNodes();
  // Not by the order of the names, by which "two" would win.
  cluster.Node("n1").Table(1, "two", 1).Node("n2").Table(1, "one", 1).Node("n3").Table(1, "one", 1);
  cluster.Node("n1").Replica("1.0", {.status = ReplicaStatus::kError});
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
  EXPECT_EQ(TableOf(plan, 1).app_name, "one");
}

TEST(PlannerRecords, MaxReplicaCountAndIdempotenceAreVotedToo) {
  const RecoveryPlan plan = Plan(WithStaleNode([](TableRecord& t) {
    t.max_replica_count = 5;
    t.atomic_idempotent = true;
  }));
  EXPECT_EQ(TableOf(plan, 1).max_replica_count, 3);
  EXPECT_FALSE(TableOf(plan, 1).atomic_idempotent);
  EXPECT_EQ(FindingsOf(plan, FindingKind::kRecordsDiffer).size(), 2u);
}

Cluster WithTiedNames() {
  Cluster cluster;
  cluster.Node("n1").Node("n2").Everywhere(1, "one", 2);
  Set(cluster.Node("n2").Current(), [](TableRecord& t) { t.app_name = "two"; });
  return cluster;
}

TEST(PlannerRecords, ATieIsAConflictThatTheOperatorSettles) {
  const RecoveryPlan plan = Plan(WithTiedNames());
  EXPECT_EQ(plan.outcome, PlanOutcome::kConflict);
  const Finding conflict = TheFinding(plan, FindingKind::kRecordsConflict);
  EXPECT_EQ(conflict.severity, Severity::kConflict);
  EXPECT_EQ(FactOf(plan, conflict, "settle"), "1.app_name");
  EXPECT_EQ(FactOf(plan, conflict, "values"), "two (weight 2: n2:34801); one (weight 2: n1:34801)");

  const RecoveryPlan settled = Plan(WithTiedNames(), {.settlements = {{"1.app_name", "one"}}});
  EXPECT_EQ(settled.outcome, PlanOutcome::kReady);
  EXPECT_EQ(TableOf(settled, 1).app_name, "one");
  const Finding note = TheFinding(settled, FindingKind::kSettled);
  EXPECT_EQ(note.app_id, 1);
  EXPECT_EQ(FactOf(settled, note, "key"), "1.app_name");
  EXPECT_EQ(FactOf(settled, note, "value"), "one");
  EXPECT_EQ(FactOf(settled, note, "conflict"), "records_conflict");
}

TEST(PlannerRecords, ASettlementIsOfItsTableOnly) {
  Cluster cluster = WithTiedNames();
  cluster.Everywhere(2, "one", 2).Node("n2").With([](TableRecord& t) { t.app_name = "two"; });
  const RecoveryPlan plan = Plan(cluster, {.settlements = {{"2.app_name", "one"}}});
  EXPECT_EQ(plan.outcome, PlanOutcome::kConflict);
  EXPECT_EQ(TheFinding(plan, FindingKind::kRecordsConflict).app_id, 1);
  EXPECT_EQ(TableOf(plan, 2).app_name, "one");
}

TEST(PlannerRecords, SettlingByAValueThatNobodyReportsIsRefusedNamingTheChoices) {
  const absl::Status status =
      MakePlan(WithTiedNames().Build(), {.settlements = {{"1.app_name", "three\n"}}}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("'1.app_name=three\\x0a'"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("choose one of: two, one"));
}

struct FieldCase {
  const char* field;
  std::function<void(TableRecord&)> change;
  const char* settle_with;
};

TEST(PlannerRecords, FieldsThatNeverChangeAreAConflictHoweverTheVotesAre) {
  const FieldCase cases[] = {
      {"app_type", [](TableRecord& t) { t.app_type = "rrdb"; }, "pegasus"},
      {"is_stateful", [](TableRecord& t) { t.is_stateful = false; }, "true"},
      {"create_second", [](TableRecord& t) { t.create_second = 1; }, "1488341786"},
  };
  for (const FieldCase& test : cases) {
    SCOPED_TRACE(test.field);
    const Cluster cluster = WithStaleNode(test.change);
    const RecoveryPlan plan = Plan(cluster);
    EXPECT_EQ(plan.outcome, PlanOutcome::kConflict);
    const Finding conflict = TheFinding(plan, FindingKind::kRecordsConflict);
    EXPECT_EQ(FactOf(plan, conflict, "field"), test.field);
    const std::string key = absl::StrCat("1.", test.field);
    EXPECT_EQ(FactOf(plan, conflict, "settle"), key);
    EXPECT_EQ(Plan(cluster, {.settlements = {{key, test.settle_with}}}).outcome,
              PlanOutcome::kReady);
  }
}

TEST(PlannerRecords, EnvsAreMergedKeyByKeyAmongTheNodesThatHaveThem) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 1);
  Set(cluster.Node("n1").Current(), [](TableRecord& t) { t.envs = {{"a,c", "1"}, {"b", "x"}}; });
  Set(cluster.Node("n2").Current(), [](TableRecord& t) { t.envs = {{"b", "y"}, {"d", "2"}}; });
  const RecoveryPlan plan = Plan(cluster);
  const std::map<std::string, std::string> expected = {{"a,c", "1"}, {"b", "y"}, {"d", "2"}};
  EXPECT_EQ(TableOf(plan, 1).envs, expected);
  const Finding finding = TheFinding(plan, FindingKind::kRecordsDiffer);
  EXPECT_EQ(FactOf(plan, finding, "field"), "envs.b");
  EXPECT_EQ(FactOfThe(plan, FindingKind::kTableLostState, "envs_kept"), "a\\,c,b,d");
}

TEST(PlannerRecords, OfARecalledTableTheHighestTimesCount) {
  const RecoveryPlan plan = Plan(WithStaleNode([](TableRecord& t) {
    t.drop_second = 1'600'000'000;
    t.expire_second = 1'600'600'000;
  }));
  EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
  EXPECT_EQ(TableOf(plan, 1).drop_second, 1'600'000'000);
  EXPECT_EQ(TableOf(plan, 1).expire_second, 1'600'600'000);
  for (const Finding& finding : FindingsOf(plan, FindingKind::kRecordsDiffer)) {
    EXPECT_EQ(FactOf(plan, finding, "rule"), "highest");
  }
}

TEST(PlannerRecords, DuplicationAndBulkLoadSeenAnywhereAreKeptAndNamedAsLostState) {
  const RecoveryPlan plan = Plan(WithStaleNode([](TableRecord& t) {
    t.duplicating = true;
    t.is_bulk_loading = true;
  }));
  EXPECT_TRUE(TableOf(plan, 1).duplicating);
  EXPECT_TRUE(TableOf(plan, 1).is_bulk_loading);
  const Finding lost = TheFinding(plan, FindingKind::kTableLostState);
  EXPECT_EQ(FactOf(plan, lost, "duplicating_nodes"), "n3:34801");
  EXPECT_EQ(FactOf(plan, lost, "bulk_loading"), "true");
  EXPECT_FALSE(Has(plan, FindingKind::kRecordsDiffer));
}

TEST(PlannerRecords, AStatusIsNotedAndTheTableComesBackAvailable) {
  const RecoveryPlan plan =
      Plan(WithStaleNode([](TableRecord& t) { t.status = TableStatus::kDropped; }));
  EXPECT_EQ(TableOf(plan, 1).status, TableStatus::kAvailable);
  const Finding finding = TheFinding(plan, FindingKind::kRecordsDiffer);
  EXPECT_EQ(finding.severity, Severity::kNote);
  EXPECT_THAT(std::string(FactOf(plan, finding, "values")),
              HasSubstr("AS_DROPPED (weight 0: n3:34801)"));
}

TEST(PlannerRecords, EvenIfAllSayThatItIsDroppedTheTableComesBackAvailable) {
  Cluster cluster;
  cluster.Node("n1").Table(1, "temp", 1).Replica("1.0").With([](TableRecord& t) {
    t.status = TableStatus::kDropped;
  });
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
  EXPECT_EQ(TableOf(plan, 1).status, TableStatus::kAvailable);
}

TEST(PlannerRecords, InitPartitionCountIsWrittenAsThePartitionCount) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "stat", 4);
  for (const char* node : {"n1", "n2", "n3"}) {
    Set(cluster.Node(node).Current(), [](TableRecord& t) { t.init_partition_count = -1; });
  }
  EXPECT_EQ(TableOf(Plan(cluster), 1).init_partition_count, 4);
}

TEST(PlannerNames, TheHighestIdKeepsTheNameAndTheOthersBecomeUnique) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "t-2", 1).Everywhere(2, "t", 1).Everywhere(3, "t", 1).Everywhere(5, "t", 1);
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_EQ(TableOf(plan, 1).app_name, "t-2");
  EXPECT_EQ(TableOf(plan, 2).app_name, "t-2-2");
  EXPECT_EQ(TableOf(plan, 3).app_name, "t-3");
  EXPECT_EQ(TableOf(plan, 5).app_name, "t");
  EXPECT_EQ(plan.tables[1].old_name, "t");
  EXPECT_THAT(HintLines(plan, {}),
              ElementsAre("WARNING: app(3)'s old name(t) is conflict with others, rename it to "
                          "(t-3)",
                          "WARNING: app(2)'s old name(t) is conflict with others, rename it to "
                          "(t-2-2)"));
  EXPECT_EQ(FactOf(plan, FindingsOf(plan, FindingKind::kTableRenamed)[0], "kept_by"), "5");
}

TEST(PlannerNames, ThatStockShellsRefuseAreAHazardWhenGivenAndANoteWhenKept) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "t", 1).Everywhere(2, "t", 1).Everywhere(3, "my-table", 1);
  const RecoveryPlan plan = Plan(cluster);
  const std::vector<Finding> findings = FindingsOf(plan, FindingKind::kNameUnusableInShell);
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(FactOf(plan, findings[0], "name"), "my-table");
  EXPECT_EQ(findings[0].severity, Severity::kNote);
  EXPECT_EQ(FactOf(plan, findings[1], "name"), "t-1");
  EXPECT_EQ(findings[1].severity, Severity::kHazard);
  const RecoveryPlan underscore = Plan(cluster, {.rename_separator = "__"});
  EXPECT_EQ(TableOf(underscore, 1).app_name, "t__1");
  EXPECT_EQ(FindingsOf(underscore, FindingKind::kNameUnusableInShell).size(), 1u);
}

TEST(PlannerNames, PlaceholdersDoNotCompete) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(2, "__drop_holder__1", 1);
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_FALSE(Has(plan, FindingKind::kTableRenamed));
  EXPECT_EQ(TableOf(plan, 2).app_name, "__drop_holder__1");
}

TEST(PlannerPlaceholders, FillTheGapsAndNeverExpire) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(3, "temp", 1);
  const RecoveryPlan plan = Plan(cluster);
  ASSERT_EQ(plan.topology.tables.size(), 3u);
  const TopologyTable& table = TableOf(plan, 2);
  EXPECT_EQ(table.app_name, "__drop_holder__2");
  EXPECT_EQ(table.status, TableStatus::kDropped);
  EXPECT_EQ(table.app_type, "pegasus");
  EXPECT_TRUE(table.is_stateful);
  EXPECT_EQ(table.max_replica_count, 3);
  EXPECT_EQ(table.partition_count, 1);
  EXPECT_EQ(table.init_partition_count, 1);
  EXPECT_EQ(table.expire_second, 0);
  EXPECT_EQ(table.create_second, 0);
  ASSERT_EQ(table.partitions_count, 1u);
  const TopologyPartition& partition = plan.topology.PartitionsOf(table)[0];
  EXPECT_EQ(partition.ballot, 0);
  EXPECT_EQ(partition.partition_flags, 1);
  EXPECT_EQ(partition.primary, kNoNode);
  EXPECT_TRUE(plan.tables[1].placeholder);
  EXPECT_EQ(FindingsOf(plan, FindingKind::kPlaceholder).size(), 2u);
}

Cluster WithReplicaBeyond() {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 2);
  cluster.Node("n2").Replica("1.5");
  return cluster;
}

TEST(PlannerHomes, AReplicaBeyondTheCountIsAConflict) {
  const RecoveryPlan plan = Plan(WithReplicaBeyond());
  EXPECT_EQ(plan.outcome, PlanOutcome::kConflict);
  const Finding finding = TheFinding(plan, FindingKind::kReplicaBeyondCount);
  EXPECT_EQ(finding.app_id, 1);
  EXPECT_EQ(finding.partition_index, 5);
  EXPECT_EQ(FactOf(plan, finding, "partition_count"), "2");
  EXPECT_EQ(FactOf(plan, finding, "nodes"), "n2:34801");
  EXPECT_EQ(FactOf(plan, finding, "settle"), "1.partition_count,1.5");
}

TEST(PlannerHomes, TheFirstIndexBeyondTheCountIsAConflictToo) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 2).Node("n2").Replica("1.2");
  EXPECT_EQ(TheFinding(Plan(cluster), FindingKind::kReplicaBeyondCount).partition_index, 2);
}

TEST(PlannerHomes, AReplicaBeyondTheCountIsLeftOutOnDemandAsAHazard) {
  const RecoveryPlan plan = Plan(WithReplicaBeyond(), {.settlements = {{"1.5", "ignore"}}});
  EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
  EXPECT_EQ(TheFinding(plan, FindingKind::kReplicaBeyondCount).severity, Severity::kHazard);
  EXPECT_EQ(TheFinding(plan, FindingKind::kSettled).partition_index, 5);
  EXPECT_EQ(TableOf(plan, 1).partitions_count, 2u);
}

TEST(PlannerHomes, TheCountIsRaisedOnDemandAboveTheReplicas) {
  const RecoveryPlan plan =
      Plan(WithReplicaBeyond(),
           {.skip_lost_partitions = true, .settlements = {{"1.partition_count", "6"}}});
  EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
  EXPECT_EQ(TableOf(plan, 1).partitions_count, 6u);
  EXPECT_EQ(Describe(plan, 1, 5), "n2 | | ballot 3 decree 10");
  EXPECT_FALSE(
      MakePlan(WithReplicaBeyond().Build(), {.settlements = {{"1.partition_count", "5"}}}).ok());
  EXPECT_FALSE(MakePlan(WithReplicaBeyond().Build(), {.settlements = {{"1.5", "keep"}}}).ok());
}

TEST(PlannerHomes, RaisedToTwiceTheCountItIsASplitThatTheMetaTakesUp) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 2);
  cluster.Node("n2").Replica("1.3");
  const RecoveryPlan plan = Plan(cluster, {.settlements = {{"1.partition_count", "4"}}});
  EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
  EXPECT_EQ(TableOf(plan, 1).init_partition_count, 2);
  EXPECT_EQ(TableOf(plan, 1).partitions_count, 3u);
}

Cluster WithOrphans() {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(3, "temp", 1);
  cluster.Node("n1").Replica("2.0").Replica("2.1").Node("n3").Replica("2.4");
  return cluster;
}

TEST(PlannerHomes, ReplicasOfATableThatNobodyDescribesAreAConflict) {
  const RecoveryPlan plan = Plan(WithOrphans());
  EXPECT_EQ(plan.outcome, PlanOutcome::kConflict);
  const Finding finding = TheFinding(plan, FindingKind::kReplicasWithoutTable);
  EXPECT_EQ(finding.app_id, 2);
  EXPECT_EQ(FactOf(plan, finding, "indices"), "0-1,4");
  EXPECT_EQ(FactOf(plan, finding, "nodes"), "n1:34801,n3:34801");
  EXPECT_EQ(FactOf(plan, finding, "replicas"), "3");
  EXPECT_EQ(FactOf(plan, finding, "settle"), "2");
}

TEST(PlannerHomes, IgnoredTheyGetAPlaceholderThatHasTheirIndexes) {
  const RecoveryPlan plan = Plan(WithOrphans(), {.settlements = {{"2", "ignore"}}});
  EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
  EXPECT_EQ(TableOf(plan, 2).status, TableStatus::kDropped);
  EXPECT_EQ(TableOf(plan, 2).partition_count, 5);
  EXPECT_EQ(TableOf(plan, 2).partitions_count, 5u);
  EXPECT_EQ(TheFinding(plan, FindingKind::kReplicasWithoutTable).severity, Severity::kHazard);
}

TEST(PlannerHomes, DescribedByTheOperatorTheyAreTheSameTableWheneverItIsPlanned) {
  const PlanOptions options = {.skip_lost_partitions = true, .settlements = {{"2", "a:b:5:3"}}};
  Evidence evidence = WithOrphans().Build();
  const absl::StatusOr<RecoveryPlan> today = MakePlan(evidence, options);
  evidence.collected_at += absl::Hours(24);
  const absl::StatusOr<RecoveryPlan> tomorrow = MakePlan(evidence, options);
  ASSERT_TRUE(today.ok() && tomorrow.ok());
  EXPECT_TRUE(today->topology == tomorrow->topology);
}

TEST(PlannerHomes, DescribedByTheOperatorTheyAreATable) {
  const RecoveryPlan plan =
      Plan(WithOrphans(), {.skip_lost_partitions = true, .settlements = {{"2", "a:b:5:3"}}});
  EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
  const TopologyTable& table = TableOf(plan, 2);
  EXPECT_EQ(table.app_name, "a:b");
  EXPECT_EQ(table.status, TableStatus::kAvailable);
  EXPECT_EQ(table.partition_count, 5);
  EXPECT_EQ(table.max_replica_count, 3);
  EXPECT_EQ(table.create_second, 0);  // not known
  EXPECT_EQ(Describe(plan, 2, 4), "n3 | | ballot 3 decree 10");
  for (const char* wrong : {"a", "a:5", "a:4:3", "a:x:3", "a:5:0", ":5:3", "a:99999999:3"}) {
    EXPECT_FALSE(MakePlan(WithOrphans().Build(), {.settlements = {{"2", wrong}}}).ok()) << wrong;
  }
}

TEST(PlannerHomes, AnIdFarBeyondTheOthersIsAConflictAndNotThatManyPlaceholders) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 1);
  cluster.Node("n2").Table(2'000'000, "wild", 1).Replica("3000000.0");
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_EQ(plan.outcome, PlanOutcome::kConflict);
  EXPECT_EQ(plan.topology.tables.size(), 1u);
  const std::vector<Finding> findings = FindingsOf(plan, FindingKind::kAppIdOutOfRange);
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(findings[0].app_id, 3'000'000);
  EXPECT_EQ(FactOf(plan, findings[0], "replicas"), "1");
  EXPECT_EQ(FactOf(plan, findings[1], "name"), "wild");
  EXPECT_EQ(FactOf(plan, findings[1], "max_app_id"), "100000");
  const RecoveryPlan settled =
      Plan(cluster, {.settlements = {{"2000000", "ignore"}, {"3000000", "ignore"}}});
  EXPECT_EQ(settled.outcome, PlanOutcome::kReady);
  EXPECT_EQ(FindingsOf(settled, FindingKind::kAppIdOutOfRange)[0].severity, Severity::kHazard);
  EXPECT_FALSE(MakePlan(cluster.Build(), {.settlements = {{"2000000", "x:1:3"}}}).ok());
}

TEST(PlannerHomes, TheHighestIdThatIsAllowedIsATable) {
  Cluster cluster = ThreeNodes();
  const RecoveryPlan plan = Plan(cluster.Everywhere(3, "temp", 1), {.max_app_id = 3});
  EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
  EXPECT_EQ(TableOf(plan, 3).app_name, "temp");
}

}  // namespace
}  // namespace metarec
