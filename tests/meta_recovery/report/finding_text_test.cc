#include "meta_recovery/report/finding_text.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meta_recovery/planner/finding_registry.h"
#include "meta_recovery/planner/finding_sentences.h"
#include "tests/meta_recovery/report/plan_builder.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

// Table 2 is "temp", of 8 partitions; nodes 0, 1 and 2 are rs1:34801, rs2:34801 and rs3:34801.
RecoveryPlan Plan() { return testing::HealthyPlan().plan(); }

RecoveryPlan PlanWithBadNode(const std::string& error, const std::string& detail) {
  RecoveryPlan plan = Plan();
  plan.nodes[1].error = error;
  plan.nodes[1].error_detail = detail;
  return plan;
}

Finding About(FindingFacts facts, Severity severity) {
  return {.facts = std::move(facts), .severity = severity};
}

Finding AboutNode(FindingFacts facts, Severity severity) {
  Finding finding = About(std::move(facts), severity);
  finding.node = 1;
  return finding;
}

Finding AboutTable(FindingFacts facts, Severity severity, int32_t app_id = 2) {
  Finding finding = About(std::move(facts), severity);
  finding.app_id = app_id;
  return finding;
}

Finding AboutPartition(FindingFacts facts, Severity severity, int32_t index = 7) {
  Finding finding = AboutTable(std::move(facts), severity);
  finding.partition_index = index;
  return finding;
}

std::string Sentence(const Finding& finding) { return FindingSentence(Plan(), finding); }

TEST(FindingTextTest, SaysWhyANodeIsBadAndWhatToDo) {
  RecoveryPlan plan = PlanWithBadNode("ERR_TIMEOUT", "no answer in 5s");
  plan.nodes[1].listed_as = {"n4:34801"};
  const found::BadNode facts = {.attempts = 3};
  EXPECT_EQ(FindingSentence(plan, AboutNode(facts, Severity::kError)),
            "node n4:34801 did not answer completely: ERR_TIMEOUT (no answer in 5s) after 3 "
            "attempts; bring it back and collect again, or leave it out with "
            "--skip_bad_nodes=n4:34801");
  EXPECT_EQ(FindingSentence(plan, AboutNode(facts, Severity::kWarning)),
            "node n4:34801 is left out, and nothing that it holds is used: ERR_TIMEOUT (no answer "
            "in 5s) after 3 attempts");
  EXPECT_THAT(FactTexts(plan, AboutNode(facts, Severity::kError)),
              ElementsAre(Pair("listed_as", "n4:34801"), Pair("err", "ERR_TIMEOUT"),
                          Pair("detail", "no answer in 5s"), Pair("attempts", "3")));
}

TEST(FindingTextTest, SaysThatNothingIsLeftWhenEveryNodeIsSkipped) {
  RecoveryPlan plan = PlanWithBadNode("ERR_NETWORK_FAILURE", "");
  plan.options.skip_bad_nodes = true;
  EXPECT_EQ(
      FindingSentence(plan, AboutNode(found::BadNode{.attempts = 1}, Severity::kError)),
      "node rs2:34801 did not answer completely: ERR_NETWORK_FAILURE; nor did any other node, "
      "so there is nothing to recover from");
}

TEST(FindingTextTest, WarnsOfASkippedNodeThatReturns) {
  RecoveryPlan plan = Plan();
  plan.nodes[1].listed_as = {"n4:34801"};
  EXPECT_EQ(
      FindingSentence(plan, AboutNode(found::SkippedNodeReturns{}, Severity::kHazard)),
      "node n4:34801 was left out; if it comes back, a stock meta server aborts on a replica of a "
      "table or partition that it does not know, and newer data on the node may be ignored or "
      "deleted; keep it down, or collect and plan again with it, or move its data "
      "directories "
      "away first");
}

TEST(FindingTextTest, SaysWhatANodeCallsItselfAndHowToOverride) {
  RecoveryPlan plan = Plan();
  plan.nodes[1].name_source = NodeNameSource::kReverseLookup;
  const Finding finding =
      AboutNode(found::NodeNameDiffers{.listed_as = "10.0.0.2:34801"}, Severity::kNote);
  EXPECT_EQ(FindingSentence(plan, finding),
            "node 10.0.0.2:34801 probably calls itself rs2:34801 (guessed: its address resolves "
            "back to that on this machine), and that gets written; if it is wrong, plan again with "
            "--node_name 10.0.0.2:34801=NAME");
  EXPECT_THAT(FactTexts(plan, finding),
              ElementsAre(Pair("listed_as", "10.0.0.2:34801"), Pair("name", "rs2:34801"),
                          Pair("source", "reverse_lookup")));
}

TEST(FindingTextTest, SaysThatANodeIsListedTwice) {
  RecoveryPlan plan = Plan();
  plan.nodes[1].listed_as = {"10.0.0.2:34801", "rs2:34801"};
  EXPECT_EQ(FindingSentence(plan, AboutNode(found::NodeListedTwice{}, Severity::kNote)),
            "node rs2:34801 is in the list more than once and counts once: 10.0.0.2:34801, "
            "rs2:34801");
}

TEST(FindingTextTest, SaysThatReplicasAreStillServed) {
  const found::StillServed facts = {.primaries = 4, .secondaries = 8, .nodes = {0, 1}};
  EXPECT_EQ(
      Sentence(About(facts, Severity::kHazard)),
      "replicas are still served on rs1:34801, rs2:34801 (4 PS_PRIMARY, 8 PS_SECONDARY): "
      "these nodes hold a lease of a meta server, and stock replica servers abort when they "
      "are recovered in this state; stop every meta server and wait until the leases have run "
      "out (recover and apply wait for that)");
  EXPECT_THAT(Sentence(About(facts, Severity::kWarning)), HasSubstr("accepted by --still_served"));
}

TEST(FindingTextTest, SaysWhatOfAReportMadeNoSense) {
  Finding finding =
      AboutNode(found::NodeReportInvalid{.problems = {{"ballot -5"}, {"partition_count 0", 3}}},
                Severity::kWarning);
  EXPECT_EQ(Sentence(finding),
            "node rs2:34801 sent values that make no sense; they were left out: ballot -5; "
            "partition_count 0 (3 times)");
  finding.app_id = 2;
  EXPECT_THAT(Sentence(finding), HasSubstr("no sense about table 2 (temp); they"));
}

TEST(FindingTextTest, SaysWhoKeepsAContestedName) {
  RecoveryPlan plan = Plan();
  plan.tables[1].old_name = "dup";
  plan.topology.tables[1].app_name = "dup-2";
  const Finding finding = AboutTable(found::TableRenamed{.kept_by = 12}, Severity::kWarning);
  EXPECT_EQ(FindingSentence(plan, finding),
            "table 2 was called dup, a name that table 12 keeps; it comes back as dup-2");
  EXPECT_THAT(
      FactTexts(plan, finding),
      ElementsAre(Pair("old_name", "dup"), Pair("new_name", "dup-2"), Pair("kept_by", "12")));
}

TEST(FindingTextTest, NamesTheWaysOutOfANameThatShellsRefuse) {
  RecoveryPlan plan = Plan();
  plan.topology.tables[1].app_name = "dup-2";
  const std::string hazard =
      FindingSentence(plan, AboutTable(found::NameUnusableInShell{}, Severity::kHazard));
  EXPECT_THAT(hazard, HasSubstr("table 2 gets the name dup-2"));
  EXPECT_THAT(hazard, HasSubstr("`ls -d` and `nodes -d` fail for the whole cluster"));
  EXPECT_THAT(hazard, HasSubstr("--rename_separator _"));
  const std::string note =
      FindingSentence(plan, AboutTable(found::NameUnusableInShell{}, Severity::kNote));
  EXPECT_THAT(note, HasSubstr("table 2 had the name dup-2 already"));
  EXPECT_THAT(note, Not(HasSubstr("--rename_separator")));
}

TEST(FindingTextTest, SaysHowToDropATableAgain) {
  const auto sentence = [](found::TableProbablyDropped facts, Severity severity) {
    return Sentence(AboutTable(std::move(facts), severity));
  };
  EXPECT_EQ(sentence({.replicas = 24, .closed = 24}, Severity::kWarning),
            "table 2 (temp) was probably dropped before the outage: all 24 replicas are closed "
            "(PS_ERROR); it comes back alive; leave it out with --settle 2=ignore, or drop it "
            "again, in Pegasus's shell: drop temp");
  EXPECT_THAT(sentence({.replicas = 1, .closed = 1}, Severity::kWarning),
              HasSubstr("its only replica is closed (PS_ERROR)"));
  EXPECT_EQ(sentence({.replicas = 3, .partitions_lost = {{1, 5}}}, Severity::kError),
            "table 2 (temp) was probably dropped before the outage: no complete replica of it was "
            "found, only 3 replicas that may hold half the data, and 5 of its 8 partitions have "
            "none at all; leave the table out, or have it come back with these partitions empty: "
            "--settle 2=ignore or --skip_lost_partitions=2");
  EXPECT_THAT(sentence({.partitions_lost = {{0, 7}}}, Severity::kWarning),
              HasSubstr("no replica of it was found; it comes back alive with 8 of its 8 "
                        "partitions empty, as accepted"));
  RecoveryPlan plan = Plan();
  plan.topology.tables[1].app_name = "temp-2";
  EXPECT_THAT(FindingSentence(plan, AboutTable(found::TableProbablyDropped{.replicas = 24},
                                               Severity::kWarning)),
              HasSubstr("stock shells refuse its name"));
}

TEST(FindingTextTest, SaysWhyAnEnvIsLeftOut) {
  found::RecordsDiffer facts = {
      .field = "envs.k", .rule = RecordRule::kOutdated, .values = {{"v", 0, {2}}}};
  EXPECT_EQ(Sentence(AboutTable(facts, Severity::kWarning)),
            "table 2 (temp) loses envs.k, which only outdated records have: v (weight 0: "
            "rs3:34801); keep a value with --settle 2.envs.k=VALUE");
  facts.rule = RecordRule::kOperation;
  EXPECT_THAT(Sentence(AboutTable(facts, Severity::kWarning)),
              HasSubstr("so it is never taken from replica servers; set it again"));
}

TEST(FindingTextTest, SaysWhatBecomesOfATableThatIsLeftOut) {
  EXPECT_EQ(
      Sentence(AboutTable(found::TableLeftOut{.name = "gone", .replicas = 3}, Severity::kWarning)),
      "table 2 (gone) is left out, as decided; 3 replicas stay unused, and a placeholder "
      "keeps a stock meta server from aborting on what nodes may still hold of it");
}

TEST(FindingTextTest, SaysWhatAnIdFarAboveTheOthersWouldCost) {
  const found::AppIdGap facts = {.below = 1, .nodes = {0}, .name = "far", .replicas = 1};
  EXPECT_EQ(Sentence(AboutTable(facts, Severity::kConflict)),
            "table id 2 (far) with 1 replica on rs1:34801 is far above the next one, 1: either the "
            "table is real, and 0 placeholders are written for the ids between, or it stays out; "
            "decide with: --settle 2=keep or --settle 2=ignore");
  EXPECT_THAT(Sentence(AboutTable(facts, Severity::kWarning)), HasSubstr("is kept, as decided"));
  EXPECT_THAT(Sentence(AboutTable(facts, Severity::kHazard)), HasSubstr("is left out, as decided"));
}

TEST(FindingTextTest, SaysHowARecordThatDiffersWasDecided) {
  found::RecordsDiffer facts = {.field = "app_name",
                                .chosen = "temp",
                                .rule = RecordRule::kVote,
                                .values = {{"temp", 7, {0, 1}}, {"old", 0, {2}}}};
  EXPECT_EQ(Sentence(AboutTable(facts, Severity::kWarning)),
            "nodes report app_name of table 2 (temp) differently: temp (weight 7: rs1:34801, "
            "rs2:34801); old (weight 0: rs3:34801); taken: temp (the best supported value); "
            "take another one with --settle 2.app_name=VALUE");
  facts.rule = RecordRule::kHighest;
  EXPECT_THAT(Sentence(AboutTable(facts, Severity::kWarning)), HasSubstr("(the highest value)"));
  facts.rule = RecordRule::kAvailable;
  EXPECT_THAT(Sentence(AboutTable(facts, Severity::kNote)),
              HasSubstr("every table comes back available"));
}

TEST(FindingTextTest, OffersEveryValueOfAConflict) {
  const Finding finding =
      AboutTable(found::RecordsConflict{.field = "app_type",
                                        .values = {{"other type", 4, {1, 2}}, {"pegasus", 2, {0}}}},
                 Severity::kConflict);
  EXPECT_THAT(SettleChoices(Plan(), finding),
              ElementsAre("--settle '2.app_type=other type'", "--settle 2.app_type=pegasus"));
  EXPECT_EQ(Sentence(finding),
            "nodes report app_type of table 2 (temp) differently, and no rule can decide: other "
            "type (weight 4: rs2:34801, rs3:34801); pegasus (weight 2: rs1:34801); decide with: "
            "--settle '2.app_type=other type' or --settle 2.app_type=pegasus");
}

TEST(FindingTextTest, OffersAValueThatLooksLikeSeveralAsTheOneThatItIs) {
  const Finding finding = AboutTable(
      found::RecordsConflict{.field = "app_name",
                             .values = {{"a (weight 9: x); b", 4, {1, 2}}, {"c\\", 2, {0}}}},
      Severity::kConflict);
  EXPECT_THAT(SettleChoices(Plan(), finding),
              ElementsAre("--settle '2.app_name=a (weight 9: x); b'", "--settle '2.app_name=c\\'"));
  EXPECT_THAT(FactTexts(Plan(), finding)[1],
              Pair("values",
                   "a \\(weight 9: x); b (weight 4: rs2:34801, rs3:34801); c\\\\ "
                   "(weight 2: rs1:34801)"));
}

TEST(FindingTextTest, SaysTheDateOfEachTimeOfCreation) {
  const Finding finding = AboutTable(
      found::RecordsConflict{.field = "create_second", .values = {{"1488341786", 4, {1}}}},
      Severity::kConflict);
  EXPECT_THAT(Sentence(finding),
              HasSubstr("1488341786, 2017-03-01 04:16:26 UTC (weight 4: rs2:34801); decide with: "
                        "--settle 2.create_second=1488341786"));
}

TEST(FindingTextTest, SaysHowFarASplitWas) {
  RecoveryPlan plan = Plan();
  plan.topology.tables[1].init_partition_count = 4;
  const found::SplitUnfinished facts = {
      .children_registered = {{4, 4}}, .children_missing = {{5, 7}}, .records_after = {2}};
  EXPECT_EQ(
      FindingSentence(plan, AboutTable(facts, Severity::kWarning)),
      "a split of table 2 (temp) from 4 to 8 partitions was not finished: children registered "
      "4, not yet registered 5-7 (the new count is known to rs3:34801); the meta server that boots "
      "goes on with the split");
  EXPECT_EQ(
      Sentence(AboutTable(found::SplitCompleted{.init_partition_count = 4}, Severity::kWarning)),
      "table 2 (temp) was once split from 4 to 8 partitions, and the env that hides the "
      "other half's keys until compaction is lost; before clients read, set it again in "
      "Pegasus's shell: use temp; set_app_envs replica.split.validate_partition_hash true");
}

TEST(FindingTextTest, SaysWhatATableLost) {
  EXPECT_EQ(Sentence(AboutTable(found::TableLostState{}, Severity::kNote)),
            "table 2 (temp) loses what only ZooKeeper knew: all its envs");
  RecoveryPlan plan = Plan();
  plan.topology.tables[1].envs = {{"a", "1"}, {"b", "2"}};
  plan.topology.tables[1].is_bulk_loading = true;
  const Finding finding =
      AboutTable(found::TableLostState{.env_sources = {{"a", 5, {1, 2}}, {"b", 0, {0}}},
                                       .duplicating_nodes = {0}},
                 Severity::kNote);
  EXPECT_EQ(FindingSentence(plan, finding),
            "table 2 (temp) loses what only ZooKeeper knew: all its envs but for a=1 (from "
            "rs2:34801, rs3:34801), b=2 (from rs1:34801), which may be outdated, its duplications "
            "(reported by rs1:34801; add them again), a bulk load that was under way (start it "
            "again)");
  EXPECT_THAT(FactTexts(plan, finding),
              ElementsAre(Pair("envs_kept", "a,b"),
                          Pair("env_sources",
                               "a=1 (weight 5: rs2:34801, rs3:34801); b=2 (weight 0: rs1:34801)"),
                          Pair("duplicating_nodes", "rs1:34801"), Pair("bulk_loading", "true")));
}

TEST(FindingTextTest, SaysWhatAPlaceholderIsFor) {
  testing::PlanBuilder builder = testing::HealthyPlan();
  builder.Placeholder(3);
  EXPECT_EQ(FindingSentence(builder.plan(), AboutTable(found::Placeholder{}, Severity::kNote, 3)),
            "no node knows table 3; a dropped placeholder, __drop_holder__3, keeps the id from "
            "being used again");
}

TEST(FindingTextTest, OffersWaysToDealWithAnIdOutOfRange) {
  Finding finding = AboutTable(found::AppIdOutOfRange{.nodes = {0}, .name = "odd", .replicas = 3},
                               Severity::kConflict, 900001);
  EXPECT_EQ(Sentence(finding),
            "table id 900001 (odd) with 3 replicas on rs1:34801 is above --max_app_id 100000: "
            "raise the bound, which makes a placeholder of every unused id below it, "
            "or leave the table and its data out; "
            "decide with: --max_app_id 900001 or --settle 900001=ignore");
  finding.severity = Severity::kHazard;
  EXPECT_THAT(Sentence(finding), HasSubstr("is left out, as decided"));
  EXPECT_THAT(SettleChoices(Plan(), finding), IsEmpty());
  finding.severity = Severity::kConflict;
  finding.app_id = INT32_MAX;
  EXPECT_THAT(Sentence(finding), HasSubstr("no bound may be that high"));
  EXPECT_THAT(SettleChoices(Plan(), finding), ElementsAre("--settle 2147483647=ignore"));
}

TEST(FindingTextTest, OffersWaysToDealWithReplicasOfNoTable) {
  Finding finding =
      AboutTable(found::ReplicasWithoutTable{.indices = {{0, 3}}, .nodes = {0, 1}, .replicas = 8},
                 Severity::kConflict, 13);
  EXPECT_EQ(Sentence(finding),
            "8 replicas on rs1:34801, rs2:34801 (partitions 0-3) of table 13, which no node "
            "describes: say what the table was, or leave them out; decide with: --settle "
            "13=NAME:PARTITION_COUNT:MAX_REPLICA_COUNT or --settle "
            "13=ignore");
  finding.severity = Severity::kHazard;
  EXPECT_THAT(Sentence(finding), HasSubstr("left out as decided"));
  finding.severity = Severity::kWarning;
  RecoveryPlan plan = Plan();
  plan.options.settlements = {{"13", "t:4:3"}};
  EXPECT_THAT(FindingSentence(plan, finding), HasSubstr("recovered as decided: t:4:3"));
}

TEST(FindingTextTest, SaysWhatTheOperatorDecided) {
  RecoveryPlan plan = Plan();
  plan.options.settlements = {{"2.app_name", "a"}, {"2.app_type", "it's"}};
  EXPECT_EQ(FindingSentence(plan, AboutTable(found::Settled{.key = "2.app_type"}, Severity::kNote)),
            "decided by the operator: --settle '2.app_type=it'\\''s'");
  const Finding finding =
      AboutTable(found::Settled{.key = "2.app_name", .values = {{"a", 1, {0}}, {"b", 1, {1}}}},
                 Severity::kNote);
  EXPECT_THAT(FindingSentence(plan, finding),
              HasSubstr("2.app_name=a; nodes had reported: a (weight 1: rs1:34801); b ("));
  EXPECT_THAT(FactTexts(plan, finding),
              ElementsAre(Pair("key", "2.app_name"), Pair("value", "a"),
                          Pair("conflict", "records_conflict"),
                          Pair("values", "a (weight 1: rs1:34801); b (weight 1: rs2:34801)")));
}

TEST(FindingTextTest, SaysHowManyReplicasAreMissing) {
  EXPECT_EQ(Sentence(AboutPartition(found::ReplicasMissing{.collected = 1}, Severity::kWarning)),
            "partition 2.7 (temp) has only 1 of 3 replicas; writes that only a missing one holds "
            "would be lost");
}

TEST(FindingTextTest, SaysWhatBecomesOfALostPartition) {
  EXPECT_EQ(Sentence(AboutPartition(found::PartitionLost{.split_parent = 3}, Severity::kError)),
            "partition 2.7 (temp) has none of 3 replicas (it was split off 3, which may hold its "
            "data); find the node that had one and collect again, or have it created empty with "
            "--skip_lost_partitions=2.7");
  EXPECT_EQ(Sentence(AboutPartition(found::PartitionLost{}, Severity::kWarning)),
            "partition 2.7 (temp) has none of 3 replicas and is created empty, as accepted; if its "
            "node returns, the old data stay out");
}

TEST(FindingTextTest, SaysThatAPrimaryMayBeIncomplete) {
  EXPECT_EQ(
      Sentence(
          AboutPartition(found::PrimaryIncomplete{.primary = 0, .status = ReplicaStatus::kError},
                         Severity::kWarning)),
      "no replica of partition 2.7 (temp) is known to be complete; the primary, rs1:34801, is "
      "PS_ERROR and may hold half the data");
}

TEST(FindingTextTest, SaysWhichReplicasAreLeftOut) {
  testing::PlanBuilder builder;
  builder.Node("rs1:1").Node("rs4:1").Node("rs5:1").Table(2, "temp", 1, /*max_replica_count=*/1);
  RankedReplica stale =
      testing::Replica(1, 3, 10, ReplicaRole::kOverruled, RankReason::kLowerBallot);
  stale.last_prepared_decree = 11;
  builder.Partition({testing::Replica(0, 5, 12, ReplicaRole::kPrimary, RankReason::kBest), stale,
                     testing::Replica(2, 4, 1, ReplicaRole::kOverruled, RankReason::kIncomplete,
                                      ReplicaStatus::kError)});
  EXPECT_EQ(FindingSentence(builder.plan(), AboutPartition(found::ReplicaOverruled{.count = 2},
                                                           Severity::kNote, 0)),
            "overruled in partition 2.0 (temp): rs4:1 (PS_INACTIVE, ballot 3, committed/prepared "
            "10/11: lower ballot), rs5:1 (PS_ERROR, ballot 4, committed/prepared 1/1: incomplete)");
}

TEST(FindingTextTest, SaysWhereAHigherBallotComesFrom) {
  EXPECT_EQ(
      Sentence(AboutPartition(
          found::BallotAbovePrimary{
              .primary = 0, .reported_by = 2, .primary_ballot = 5, .ballot = 7},
          Severity::kWarning)),
      "the ballot written for partition 2.7 (temp) is 7, which rs3:34801 reported, above the "
      "5 of its primary rs1:34801; a replica server permanently ignores an entry below its own "
      "ballot");
}

TEST(FindingTextTest, CountsTheWritesThatMayBeLost) {
  EXPECT_EQ(Sentence(AboutPartition(
                found::LessDataThanOverruled{
                    .primary = 0, .node = 1, .primary_committed = 100, .committed = 101},
                Severity::kWarning)),
            "the primary of partition 2.7 (temp), rs1:34801, has committed up to 100, but "
            "rs2:34801, which stands below it, up to 101; up to 1 write may be lost");
}

TEST(FindingTextTest, OffersWaysToDealWithAnIndexBeyondTheCount) {
  Finding finding = AboutPartition(found::ReplicaBeyondCount{.highest_index = 17, .nodes = {0}},
                                   Severity::kConflict, 9);
  EXPECT_EQ(Sentence(finding),
            "partition 2.9 on rs1:34801 is beyond the 8 partitions of table 2 (temp): either the "
            "table has "
            "more partitions, or these replicas stay out; decide with: "
            "--settle 2.partition_count=32 or --settle 2.9=ignore");
  finding.severity = Severity::kHazard;
  EXPECT_THAT(Sentence(finding), HasSubstr("left out, as decided"));
  RecoveryPlan plan = Plan();
  plan.topology.tables[1].partition_count = 1;
  EXPECT_THAT(FindingSentence(plan, finding), HasSubstr("beyond the 1 partition of table 2"));
}

// The command that was shown after a conflict left out what the plan was made with.
TEST(FindingTextTest, TheWordsWithTheFirstChoicesKeepTheOptionsOfThePlan) {
  RecoveryPlan plan = Plan();
  plan.options.skip_bad_nodes = true;
  plan.options.rename_separator = "_";
  plan.options.settlements["3"] = "ignore";
  plan.findings.push_back(
      AboutPartition(found::ReplicaBeyondCount{.highest_index = 17}, Severity::kConflict, 9));
  EXPECT_EQ(OptionWordsWithChoices(plan, FirstChoicesOf(plan, 10)),
            " --skip_bad_nodes --rename_separator _ --settle 3=ignore --settle "
            "2.partition_count=32");
}

// Whoever recovered with Pegasus's shell was not told of them.
TEST(FindingTextTest, ReplicasThatAreLeftOutAreHazardsAmongTheHints) {
  RecoveryPlan plan = Plan();
  const auto add = [&plan](Severity severity) {
    plan.findings = {
        AboutTable(found::AppIdOutOfRange{.nodes = {0}}, severity, 2000000),
        AboutTable(found::AppIdGap{.nodes = {0}}, severity, 5000),
        AboutTable(found::ReplicasWithoutTable{.nodes = {0}}, severity, 7),
        AboutPartition(found::ReplicaBeyondCount{.highest_index = 9, .nodes = {0}}, severity, 9)};
  };
  add(Severity::kHazard);
  const std::vector<std::string> hints = HintLines(plan, {});
  ASSERT_EQ(hints.size(), plan.findings.size());
  for (size_t i = 0; i < hints.size(); ++i) {
    EXPECT_EQ(hints[i], "HAZARD: " + FindingStatement(plan, plan.findings[i]));
  }
  EXPECT_THAT(hints[3], HasSubstr("aborts when a node reports it, so move its directory away"));
  add(Severity::kConflict);
  EXPECT_THAT(HintLines(plan, {}), IsEmpty());
}

TEST(FindingTextTest, AnAddressThatOthersMayNotReachIsAHazardAmongTheHints) {
  RecoveryPlan plan = Plan();
  plan.findings = {AboutNode(found::NodeAddressDiffers{}, Severity::kHazard),
                   AboutNode(found::LoopbackAmongOthers{}, Severity::kHazard)};
  EXPECT_THAT(HintLines(plan, {}), ElementsAre(HasSubstr("HAZARD: "), HasSubstr("HAZARD: ")));
}

TEST(FindingTextTest, KeepsTerminalsSafeFromWhatServersSay) {
  RecoveryPlan plan = Plan();
  plan.tables[1].old_name = "\x1b[31mred";
  plan.topology.nodes[0].name = "\x1b[31mred";
  const std::string sentence =
      FindingSentence(plan, AboutTable(found::TableRenamed{}, Severity::kWarning));
  EXPECT_THAT(sentence, HasSubstr("\\x1b[31mred"));
  const Finding lost = About(found::TableLostState{.duplicating_nodes = {0}}, Severity::kNote);
  EXPECT_THAT(LostState(plan, lost), HasSubstr("\\x1b[31mred"));
}

}  // namespace
}  // namespace metarec
