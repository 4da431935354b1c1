#include <algorithm>

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meta_recovery/report/report.h"
#include "tests/meta_recovery/report/plan_builder.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HealthyPlan;
using ::testing::Not;
using testing::PlanBuilder;
using testing::Replica;
using ::testing::StartsWith;

ReportOptions Options() {
  ReportOptions options;
  options.plan_path = "monday.plan";
  options.store_flags = "--zk zk1:2181 --root /pegasus/new";
  return options;
}

TEST(ReportTextTest, SaysAllThatThereIsToSayOfAHealthyPlan) {
  PlanBuilder builder = HealthyPlan();
  builder.Placeholder(3);
  builder.Finding(found::Placeholder{}, Severity::kNote, 3);
  ReportOptions options = Options();
  options.now = builder.plan().evidence_collected_at + absl::Hours(3);
  EXPECT_EQ(
      RenderReport(builder.plan(), options),
      R"(READY to apply: no conflicts, no missing replicas. What only ZooKeeper knew is lost, see below

  nodes       3 asked, 3 answered completely
  tables      2, and 1 placeholder for ids without a table
  partitions  12: 12 with all their replicas, 0 with fewer, 0 with none
  replicas    36 found, 0 of them overruled
  primaries   rs1:34801 12, rs2:34801 0, rs3:34801 0
  evidence    collected 2026-11-21 00:32:12 UTC

HEALTHY TABLES (2)
  id  name  partitions  replicas
  1   stat  4 x 3       12 of 12 on 3 nodes
  2   temp  8 x 3       24 of 24 on 3 nodes

PLACEHOLDERS, dropped, so that no id is used twice
  3

LOST WITH THE OLD ZOOKEEPER, to be set again by hand
  - table envs: TTL, throttling, usage scenario, deny rules, compaction
  - duplications and their progress
  - bulk loads under way
  - backup policies and the history of backups
  - which tables were dropped, and when: they come back alive
  - the meta servers' function level: keep it at steady or below until
    every node that ever held data is back

NEXT
  Nothing is in the way:

    metarec apply --plan monday.plan --zk zk1:2181 --root /pegasus/new
    metarec verify --plan monday.plan --zk zk1:2181 --root /pegasus/new

  Why a replica was chosen: metarec explain --plan monday.plan <table>.<partition>

Plan: writes 16 znodes; evidence 3 h old
)");
}

TEST(ReportTextTest, SaysSomethingOfAnEmptyPlan) {
  const std::string report = RenderReport(RecoveryPlan(), {});
  EXPECT_THAT(report, StartsWith("READY to apply"));
  EXPECT_THAT(report, HasSubstr("0 asked"));
  EXPECT_THAT(report, Not(HasSubstr("LOST")));
  EXPECT_THAT(report, HasSubstr("metarec apply --plan FILE --zk HOST:PORT,... --root"));
}

TEST(ReportTextTest, SaysWhatToDoAboutABadNode) {
  PlanBuilder builder;
  builder.Node("rs1:34801").BadNode("rs2:34801", "ERR_TIMEOUT").Outcome(PlanOutcome::kTryAgain);
  builder.Finding(found::BadNode{}, Severity::kError, 0, -1, /*node=*/1);
  ReportOptions options = Options();
  options.plan_command = "metarec plan -f nodes.txt --plan monday.plan";
  EXPECT_EQ(RenderReport(builder.plan(), options),
            R"(NOT READY: 1 of 2 nodes did not answer completely

  nodes       2 asked, 1 answered completely
  tables      not looked at before every node has answered or is skipped
  evidence    collected 2026-11-21 00:32:12 UTC

ERRORS (1)
  nodes that did not answer completely (1):
    - node rs2:34801 did not answer completely: ERR_TIMEOUT; bring it back and collect again, or
      leave it out with --skip_bad_nodes=rs2:34801

NEXT
  Bring the nodes back and plan again: every node that is missing makes the result poorer. Only if
  they are gone for good, go on without them, by the second command:

    metarec plan -f nodes.txt --plan monday.plan
    metarec plan -f nodes.txt --plan monday.plan --skip_bad_nodes=rs2:34801
)");
}

TEST(ReportTextTest, DoesNotAdviseToPlanAnEvidenceFileAgainThatLacksANode) {
  PlanBuilder builder;
  builder.Node("rs1:34801").BadNode("rs2:34801", "ERR_TIMEOUT").Outcome(PlanOutcome::kTryAgain);
  builder.Finding(found::BadNode{}, Severity::kError, 0, -1, /*node=*/1);
  ReportOptions options = Options();
  options.plan_command = "metarec plan --evidence old --plan monday.plan";
  options.from_evidence_file = true;
  const NextStep step = NextStepOf(builder.plan(), options);
  EXPECT_THAT(step.advice, HasSubstr("collect again and plan from that"));
  EXPECT_THAT(step.commands, ElementsAre("metarec collect -f NODE_LIST --evidence NEW_FILE",
                                         "metarec plan --evidence old --plan monday.plan "
                                         "--skip_bad_nodes=rs2:34801"));

  builder.plan().options.skip_bad_nodes = true;  // and nobody answered
  EXPECT_THAT(NextStepOf(builder.plan(), options).commands,
              ElementsAre("metarec collect -f NODE_LIST --evidence NEW_FILE"));
}

TEST(ReportTextTest, PutsTheHazardsOnTopAndTheChoicesBesideAConflict) {
  PlanBuilder builder = HealthyPlan();
  builder.Outcome(PlanOutcome::kConflict);
  builder.Finding(found::NameUnusableInShell{}, Severity::kHazard, 1);
  builder.Finding(
      found::RecordsConflict{.field = "app_type", .values = {{"a b", 4, {0}}, {"c", 2, {1}}}},
      Severity::kConflict, 2);
  const std::string report = RenderReport(builder.plan(), Options());
  EXPECT_THAT(report, StartsWith("NOT READY: 1 conflict needs your decision\n"));
  EXPECT_THAT(report, HasSubstr("decide with:\n        --settle '2.app_type=a b'\n"
                                "        --settle 2.app_type=c\n"));
  EXPECT_THAT(report, HasSubstr("    metarec plan -f NODE_LIST --plan monday.plan --settle "
                                "'2.app_type=a b'\n"));
  EXPECT_LT(report.find("HAZARDS (1)"), report.find("CONFLICTS (1)"));
  EXPECT_LT(report.find("  table 2  temp"), report.find("  table 1  stat")) << "the worst first";
  EXPECT_THAT(report, Not(HasSubstr("HEALTHY")));
}

TEST(ReportTextTest, RepeatsTheFlagsOfThePlanInTheNextCommand) {
  PlanBuilder builder = HealthyPlan();
  builder.Outcome(PlanOutcome::kTryAgain);
  builder.Finding(found::PartitionLost{}, Severity::kError, 2, 7);
  PlanOptions& options = builder.plan().options;
  options.skip_bad_nodes = true;
  options.accept_still_served = true;
  options.rename_separator = "_";
  options.max_app_id = 7;
  options.max_partition_count = 64;
  options.settlements = {{"10.app_type", "pegasus"}};
  EXPECT_THAT(
      RenderReport(builder.plan(), Options()),
      HasSubstr("metarec plan -f NODE_LIST --plan monday.plan --skip_bad_nodes "
                "--skip_lost_partitions=2.7 --still_served --rename_separator _ --max_app_id 7 "
                "--max_partition_count 64 --settle 10.app_type=pegasus\n"));
}

TEST(ReportTextTest, CutsNothingOutOfAQuotedPathInTheNextCommand) {
  PlanBuilder builder = HealthyPlan();
  builder.Outcome(PlanOutcome::kConflict);
  builder.plan().options.max_app_id = 7;
  builder.Finding(found::AppIdOutOfRange{}, Severity::kConflict, 900);
  ReportOptions options = Options();
  options.plan_command = "metarec plan -f 'my --max_app_id 7 list' --plan monday.plan";
  EXPECT_THAT(NextStepOf(builder.plan(), options).commands,
              ElementsAre("metarec plan -f 'my --max_app_id 7 list' --plan monday.plan "
                          "--max_app_id 900"));
}

TEST(ReportTextTest, DoesNotBlameASkippedNodeForALostPartition) {
  PlanBuilder builder = HealthyPlan();
  builder.Outcome(PlanOutcome::kTryAgain);
  builder.plan().nodes[2].error = "ERR_TIMEOUT";
  builder.plan().options.skip_bad_nodes = true;
  builder.Finding(found::PartitionLost{}, Severity::kError, 2, 7);
  EXPECT_THAT(
      RenderReport(builder.plan(), Options()),
      AllOf(HasSubstr("NOT READY: "), HasSubstr(" no replica"), Not(HasSubstr("1 of 3 nodes"))));
}

TEST(ReportTextTest, ListsExceptionalPartitionsOnly) {
  PlanBuilder builder;
  builder.Node("rs1:34801").Node("rs2:34801").Node("rs3:34801").Node("rs4:34801");
  builder.Table(1, "t", 4);
  const auto agreeing = [&builder] {
    builder.Partition({Replica(0, 3, 9, ReplicaRole::kPrimary, RankReason::kBest),
                       Replica(1, 3, 9, ReplicaRole::kLastDrop, RankReason::kHigherAddress)});
  };
  agreeing();
  agreeing();
  builder.Partition({Replica(1, 4, 9, ReplicaRole::kPrimary, RankReason::kBest),
                     Replica(0, 3, 9, ReplicaRole::kLastDrop, RankReason::kLowerBallot),
                     Replica(2, 3, 8, ReplicaRole::kLastDrop, RankReason::kLowerCommittedDecree),
                     Replica(3, 2, 8, ReplicaRole::kOverruled, RankReason::kLowerBallot)});
  builder.Partition({});
  builder.plan().partitions.back().lost = true;
  builder.Finding(found::PartitionLost{}, Severity::kWarning, 1, 3);
  builder.Finding(found::ReplicasMissing{.collected = 2}, Severity::kWarning, 1, 0);
  builder.Finding(found::ReplicasMissing{.collected = 2}, Severity::kWarning, 1, 1);
  builder.Finding(found::ReplicaOverruled{.count = 1}, Severity::kNote, 1, 2);
  builder.Finding(found::TableLostState{.duplicating_nodes = {0}}, Severity::kNote, 1);
  const std::string report = RenderReport(builder.plan(), Options());
  EXPECT_THAT(report, StartsWith("READY to apply, with 1 partition created EMPTY as accepted, "
                                 "3 warnings. What only ZooKeeper knew is lost, see below\n"));
  EXPECT_THAT(report, HasSubstr(R"(
  table 1  t  4 partitions x 3 replicas
    described by all 4 nodes
    replicas     8 found, 12 wanted: rs1:34801 3, rs2:34801 3, rs3:34801 1, rs4:34801 1
    primary      2 of 4 partitions: all replicas agree, the node with the fewest primaries gets it
                 partition 2: the replica with the highest ballot is primary
    LOST         partition 3: no replica found, created EMPTY as accepted
    overruled    partition 2: replicas beyond max_replica_count, which stay out
    too few      2 partitions (0-1): fewer replicas found than there should be
    lost         all its envs, its duplications (reported by rs1:34801; add them again)
)"));
  EXPECT_THAT(report, HasSubstr("duplications and their progress: known of table 1 (t)\n"));
  EXPECT_THAT(report, HasSubstr("partitions  4: 1 with all their replicas, 2 with fewer, 1 with "
                                "none\n"));
}

TEST(ReportTextTest, ShowsRenamedAndProbablyDroppedTables) {
  PlanBuilder builder = HealthyPlan();
  builder.Table(4, "dup-4", 2).EqualPartitions();
  builder.decision().old_name = "dup";
  builder.decision().probably_dropped = true;
  builder.decision().described_by = {0, 2};
  EXPECT_THAT(RenderReport(builder.plan(), Options()),
              HasSubstr("  table 4  dup-4 (was dup)  2 partitions x 3 replicas  PROBABLY DROPPED\n"
                        "    described by rs1:34801, rs3:34801\n"));
}

PlanBuilder TwentyShortPartitions() {
  PlanBuilder builder = HealthyPlan();
  builder.Table(3, "third", 20).EqualPartitions(2);
  for (int32_t index = 0; index < 20; ++index) {
    builder.Finding(found::ReplicasMissing{.collected = 2}, Severity::kWarning, 3, index);
  }
  builder.Finding(found::TableProbablyDropped{.replicas = 40}, Severity::kWarning, 3);
  return builder;
}

TEST(ReportTextTest, CutsNothingShortWhenAllIsAskedFor) {
  PlanBuilder builder = TwentyShortPartitions();
  ReportOptions options = Options();
  options.tables_max = 0;
  EXPECT_THAT(
      RenderReport(builder.plan(), options),
      AllOf(HasSubstr("    and 17 more: table 3 (third): 3-19\n"), HasSubstr("1 table more")));
  options.all = true;
  EXPECT_THAT(RenderReport(builder.plan(), options),
              AllOf(HasSubstr("partition 3.19 (third)"), Not(HasSubstr(" more"))));
}

TEST(ReportTextTest, TellsAllOfOneTable) {
  PlanBuilder builder = TwentyShortPartitions();
  ReportOptions options = Options();
  options.only = TableOrPartition{.app_id = 3};
  const std::string report = RenderReport(builder.plan(), options);
  EXPECT_THAT(report, StartsWith("READY to apply, with 21 warnings, above all "));
  EXPECT_THAT(report, HasSubstr(" is lost\n\n  table 3  third  20 "));
  EXPECT_THAT(report, AllOf(HasSubstr("    too few      20 partitions (0-19)"),
                            HasSubstr("\nFINDINGS about it, the worst first (21)\n"),
                            HasSubstr("partition 3.19 (third)"), Not(HasSubstr("temp"))));
  options.only = TableOrPartition{.app_id = 9};
  const absl::Status none =
      WriteReport(builder.plan(), options, [](absl::string_view) { return absl::OkStatus(); });
  EXPECT_TRUE(absl::IsNotFound(none)) << none;
}

TEST(ReportTextTest, TellsAllOfOnePartition) {
  PlanBuilder builder = TwentyShortPartitions();
  ReportOptions options = Options();
  options.only = TableOrPartition{.app_id = 3, .partition_index = 7};
  const std::string report = RenderReport(builder.plan(), options);
  EXPECT_THAT(report, StartsWith("READY to apply, with 21 warnings, above all "));
  EXPECT_THAT(report, HasSubstr(" is lost\n\nPartition 3.7 of table 3 "));
  EXPECT_THAT(report, AllOf(HasSubstr("Findings:"), Not(HasSubstr("3.8"))));
}

TEST(ReportTextTest, EndsWhereItsReaderDoes) {
  PlanBuilder builder = HealthyPlan();
  builder.Table(3, "third", 5000).EqualPartitions(2);
  for (int32_t index = 0; index < 5000; ++index) {
    builder.Finding(found::ReplicasMissing{.collected = 2}, Severity::kWarning, 3, index);
  }
  ReportOptions options = Options();
  options.all = true;
  int pieces = 0;
  const absl::Status written = WriteReport(builder.plan(), options, [&](absl::string_view) {
    ++pieces;
    return absl::UnavailableError("closed");
  });
  EXPECT_TRUE(absl::IsUnavailable(written)) << written;
  EXPECT_EQ(pieces, 1);
}

TEST(ReportTextTest, StaysReadableWithManyFindings) {
  PlanBuilder builder = HealthyPlan();
  constexpr int kTables = 2000;
  for (int32_t app_id = 3; app_id < kTables; ++app_id) {
    builder.Table(app_id, absl::StrCat("t", app_id), 16).EqualPartitions(2);
    for (int32_t index = 0; index < 16; ++index) {
      builder.Finding(found::ReplicasMissing{.collected = 2}, Severity::kWarning, app_id, index);
    }
  }
  ReportOptions options = Options();
  options.examples_max = 2;
  options.tables_max = 5;
  const std::string report = RenderReport(builder.plan(), options);
  EXPECT_LT(std::count(report.begin(), report.end(), '\n'), 80);
  EXPECT_THAT(report, HasSubstr("partitions with fewer replicas than they should have (31952):\n"));
  EXPECT_THAT(report, HasSubstr("    and 31950 more: table 3 (t3): 2-15; table 4 (t4): 0-15; "
                                "table 5 (t5): 0-15; table 6 (t6): 0-15;\n"
                                "      and of 1993 more tables\n"
                                "    see them: metarec report --plan monday.plan --table "
                                "<table>\n"));
  EXPECT_THAT(report, HasSubstr("  and 1992 tables more; see one: metarec report --plan "
                                "monday.plan --table <table>\n"));

  // Without a plan file there is nothing to look at.
  options.plan_path.clear();
  EXPECT_THAT(RenderReport(builder.plan(), options),
              AllOf(HasSubstr("    see them: add --table <table>\n"),
                    HasSubstr("  and 1992 tables more; see one: add --table <table>\n"),
                    Not(HasSubstr("metarec explain")), Not(HasSubstr("metarec report"))));
  options.plan_path = "monday.plan";
  EXPECT_THAT(RenderReport(builder.Outcome(PlanOutcome::kTryAgain).plan(), options),
              Not(HasSubstr("metarec explain")));
}

TEST(ReportTextTest, ProposesToTakeInEveryIdOutOfRangeBeforeLeavingAnyOut) {
  PlanBuilder builder = HealthyPlan();
  builder.Outcome(PlanOutcome::kConflict);
  builder.plan().options.max_app_id = 7;
  for (const int32_t app_id : {900, 8}) {
    builder.Finding(found::AppIdOutOfRange{}, Severity::kConflict, app_id);
  }
  EXPECT_THAT(RenderReport(builder.plan(), Options()),
              HasSubstr("\n    metarec plan -f NODE_LIST --plan monday.plan --max_app_id 900\n"));
}

TEST(ReportTextTest, CutsLongListsOfPartitions) {
  PlanBuilder builder = HealthyPlan();
  builder.Table(3, "t", 400).EqualPartitions();
  for (int32_t index = 0; index < 400; index += 2) {
    builder.Finding(found::ReplicaOverruled{}, Severity::kNote, 3, index);
  }
  EXPECT_THAT(
      RenderReport(builder.plan(), Options()),
      HasSubstr("    overruled    200 partitions (0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,"
                "32,34,36,38,40,42,...):\n                 replicas beyond max_replica_count, "
                "which stay out\n"));
}

// Each healthy table took five lines, and the one that was not stood among them.
TEST(ReportTextTest, ATableThatIsHealthyTakesOneLine) {
  PlanBuilder builder = HealthyPlan();
  builder.Finding(found::TableLostState{}, Severity::kNote, 1);
  builder.Table(3, "third", 2).EqualPartitions(2);
  builder.Finding(found::ReplicasMissing{.collected = 2}, Severity::kWarning, 3, 0);
  builder.Table(4, "fourth", 2).EqualPartitions();
  builder.plan().topology.tables.back().envs["default_ttl"] = "86400";
  builder.Finding(found::TableLostState{}, Severity::kNote, 4);
  const std::string report = RenderReport(builder.plan(), Options());
  EXPECT_THAT(report, HasSubstr("\nTABLES, the worst first (2)\n  table 3  third  "));
  EXPECT_THAT(report, HasSubstr("\n  table 4  fourth  ")) << "has envs to tell of";
  EXPECT_THAT(report, HasSubstr("\nHEALTHY TABLES (2)\n"
                                "  id  name  partitions  replicas\n"
                                "  1   stat  4 x 3       12 of 12 on 3 nodes\n"
                                "  2   temp  8 x 3       24 of 24 on 3 nodes\n"));
  ReportOptions options = Options();
  options.healthy_tables_max = 1;
  EXPECT_THAT(RenderReport(builder.plan(), options),
              HasSubstr("  and 1 more; see all: metarec report --plan monday.plan --all\n"));
}

// Without its line breaks.
std::string Unwrapped(const std::string& report) {
  std::string text = absl::StrReplaceAll(report, {{"\n", " "}});
  absl::RemoveExtraAsciiWhitespace(&text);
  return text;
}

// The same three lines stood below the name of each table.
TEST(ReportTextTest, AHazardOfManyTablesIsSaidOnce) {
  PlanBuilder builder = HealthyPlan();
  for (int32_t app_id = 3; app_id < 12; ++app_id) {
    builder.Table(app_id, absl::StrCat("t-", app_id), 1).EqualPartitions();
    builder.Finding(found::NameUnusableInShell{}, Severity::kHazard, app_id);
  }
  const std::string report = Unwrapped(RenderReport(builder.plan(), Options()));
  EXPECT_THAT(report, HasSubstr(" - tables 3 (t-3), 4 (t-4), 5 (t-5), 6 (t-6), 7 (t-7), 8 (t-8) "
                                "and 3 more get such names:"));
  EXPECT_THAT(report, HasSubstr(" see all: metarec report --plan monday.plan --all "));
  const size_t first = report.find("stock shells accept only");
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(report.find("stock shells accept only", first + 1), std::string::npos);
}

TEST(ReportTextTest, EveryKindThatIsSaidOnceNamesWhatItIsAbout) {
  PlanBuilder builder = HealthyPlan();
  for (const int32_t app_id : {7, 8}) {
    builder.Finding(found::AppIdOutOfRange{.nodes = {0}}, Severity::kHazard, app_id);
    builder.Finding(found::ReplicasWithoutTable{.nodes = {1}, .replicas = 3}, Severity::kHazard,
                    app_id);
    builder.Finding(found::ReplicaBeyondCount{.nodes = {2}}, Severity::kHazard, 1, app_id);
  }
  builder.Finding(found::SkippedNodeReturns{}, Severity::kHazard, 0, -1, /*node=*/0);
  builder.Finding(found::SkippedNodeReturns{}, Severity::kHazard, 0, -1, /*node=*/1);
  const std::string report = Unwrapped(RenderReport(builder.plan(), Options()));
  EXPECT_THAT(report, AllOf(HasSubstr("as decided: 7 on rs1:34801, 8 on rs1:34801;"),
                            HasSubstr("tables 7 (3 replicas on rs2:34801), 8 (3 replicas on"),
                            HasSubstr("as decided: 1.7 on rs3:34801, 1.8 on rs3:34801;"),
                            HasSubstr("nodes rs1:34801, rs2:34801 were left out; if one comes "
                                      "back,")));
}

TEST(ReportTextTest, RemindsOfHazardsAndLossesBeforeItIsWritten) {
  PlanBuilder builder;
  builder.Node("rs1:34801").BadNode("rs2:34801", "ERR_TIMEOUT");
  builder.Table(1, "t", 4);
  for (int i = 0; i < 4; ++i) builder.Partition({});
  for (const size_t lost : {0, 1, 3}) builder.plan().partitions[lost].lost = true;
  builder.Finding(found::SkippedNodeReturns{}, Severity::kHazard, 0, -1, /*node=*/1);
  builder.Finding(found::PartitionLost{}, Severity::kWarning, 1, 0);
  std::string reminder;
  ASSERT_TRUE(WriteReminder(builder.plan(), Options(), [&](absl::string_view text) {
                absl::StrAppend(&reminder, text);
                return absl::OkStatus();
              }).ok());
  EXPECT_THAT(reminder, StartsWith("HAZARDS (1)\n  nodes that were left out and may come back"));
  EXPECT_THAT(reminder, HasSubstr("\nPARTITIONS CREATED EMPTY (3)\n"
                                  "  table 1 (t): 0-1, 3 of 4 partitions\n"
                                  "\nPlan: writes 5 znodes; "));
  EXPECT_THAT(reminder, Not(HasSubstr("WARNINGS")));

  reminder.clear();
  ASSERT_TRUE(WriteReminder(HealthyPlan().plan(), Options(), [&](absl::string_view text) {
                absl::StrAppend(&reminder, text);
                return absl::OkStatus();
              }).ok());
  EXPECT_EQ(reminder, "Plan: writes 14 znodes\n") << "nothing else to be reminded of";
}

TEST(ReportTextTest, SaysWhereTheDataOfALostPartitionMayBe) {
  PlanBuilder builder = HealthyPlan();
  builder.Outcome(PlanOutcome::kTryAgain);
  builder.Finding(found::PartitionLost{}, Severity::kError, 2, 7);
  EXPECT_THAT(NextStepOf(builder.plan(), Options()).advice,
              HasSubstr("keeps it for 7 days in its data directory, as 2.7.pegasus.*.err"));
}

TEST(ReportTextTest, SaysThatApplyWaitsWhileReplicasAreServed) {
  PlanBuilder builder = HealthyPlan();
  builder.Finding(found::StillServed{.nodes = {0}}, Severity::kHazard);
  EXPECT_THAT(RenderReport(builder.plan(), Options()),
              AllOf(HasSubstr("HAZARDS (1)"), HasSubstr("Stop every meta server first")));
}

TEST(ReportTextTest, ExitCodesTellTheOutcome) {
  PlanBuilder builder = HealthyPlan();
  EXPECT_EQ(PlanExitCode(builder.plan()), 0);
  builder.plan().partitions.back().lost = true;
  EXPECT_EQ(PlanExitCode(builder.plan()), 5);
  EXPECT_EQ(PlanExitCode(builder.Outcome(PlanOutcome::kTryAgain).plan()), 1);
  EXPECT_EQ(PlanExitCode(builder.Outcome(PlanOutcome::kConflict).plan()), 3);
}

}  // namespace
}  // namespace metarec
