#include "meta_recovery/report/finding_text.h"

#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meta_recovery/report/finding_sentences.h"
#include "tests/meta_recovery/report/plan_builder.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

RecoveryPlan Plan() { return testing::HealthyPlan().plan(); }

Finding About(FindingKind kind, Severity severity, std::vector<FindingFact> facts) {
  Finding finding;
  finding.kind = kind;
  finding.severity = severity;
  finding.facts = std::move(facts);
  return finding;
}

Finding AboutNode(FindingKind kind, Severity severity, std::vector<FindingFact> facts) {
  Finding finding = About(kind, severity, std::move(facts));
  finding.node = 1;
  return finding;
}

Finding AboutTable(FindingKind kind, Severity severity, std::vector<FindingFact> facts,
                   int32_t app_id = 2) {
  Finding finding = About(kind, severity, std::move(facts));
  finding.app_id = app_id;
  return finding;
}

Finding AboutPartition(FindingKind kind, Severity severity, std::vector<FindingFact> facts,
                       int32_t index = 7) {
  Finding finding = AboutTable(kind, severity, std::move(facts));
  finding.partition_index = index;
  return finding;
}

std::string Sentence(const Finding& finding) { return FindingSentence(Plan(), finding); }

std::vector<FindingKind> AllKinds() {
  std::vector<FindingKind> kinds;
  for (int i = 0; i <= static_cast<int>(FindingKind::kReplicaBeyondCount); ++i) {
    kinds.push_back(static_cast<FindingKind>(i));
  }
  return kinds;
}

TEST(FindingTextTest, EveryKindHasATitleAndASentenceOfItsOwn) {
  std::set<std::string> titles;
  std::set<std::string> sentences;
  for (const FindingKind kind : AllKinds()) {
    titles.emplace(FindingKindTitle(kind));
    const std::string sentence = Sentence(AboutPartition(kind, Severity::kWarning, {}));
    EXPECT_THAT(sentence, Not(HasSubstr("this version does not know")));
    sentences.insert(sentence);
  }
  EXPECT_EQ(titles.size(), AllKinds().size());
  EXPECT_EQ(titles.count("findings"), 0u);
  EXPECT_EQ(sentences.size(), AllKinds().size());
}

TEST(FindingTextTest, SpeaksOfAnyFindingWithoutFactsInAnEmptyPlan) {
  const RecoveryPlan empty;
  for (const FindingKind kind : AllKinds()) {
    for (int severity = 0; severity <= static_cast<int>(Severity::kConflict); ++severity) {
      Finding finding = About(kind, static_cast<Severity>(severity), {});
      for (const int32_t app_id : {0, 3, -1}) {
        finding.app_id = app_id;
        finding.partition_index = app_id;
        finding.node = 7;
        const std::string sentence = FindingSentence(empty, finding);
        EXPECT_THAT(sentence, Not(IsEmpty()));
        EXPECT_THAT(sentence, Not(HasSubstr("\n")));
      }
    }
  }
  EXPECT_THAT(FindingSentence(empty, About(static_cast<FindingKind>(200), Severity::kNote, {})),
              HasSubstr("does not know"));
}

TEST(FindingTextTest, SaysWhyANodeIsBadAndWhatToDo) {
  const std::vector<FindingFact> facts = {{"listed_as", "n4:34801"},
                                          {"err", "ERR_TIMEOUT"},
                                          {"detail", "no answer in 5s"},
                                          {"attempts", "3"}};
  EXPECT_EQ(Sentence(AboutNode(FindingKind::kBadNode, Severity::kError, facts)),
            "node n4:34801 did not answer completely: ERR_TIMEOUT (no answer in 5s) after 3 "
            "attempts; bring it back and collect again, or leave it out with --skip_bad_nodes");
  EXPECT_EQ(Sentence(AboutNode(FindingKind::kBadNode, Severity::kWarning, facts)),
            "node n4:34801 is left out, and nothing that it holds is used: ERR_TIMEOUT (no answer "
            "in 5s) after 3 attempts");
}

TEST(FindingTextTest, SaysThatNothingIsLeftWhenEveryNodeIsSkipped) {
  RecoveryPlan plan = Plan();
  plan.options.skip_bad_nodes = true;
  EXPECT_EQ(
      FindingSentence(plan, AboutNode(FindingKind::kBadNode, Severity::kError,
                                      {{"err", "ERR_NETWORK_FAILURE"}, {"attempts", "1"}})),
      "node rs2:34801 did not answer completely: ERR_NETWORK_FAILURE; nor did any other node, "
      "so there is nothing to recover from");
}

TEST(FindingTextTest, WarnsOfASkippedNodeThatReturns) {
  EXPECT_EQ(
      Sentence(AboutNode(FindingKind::kSkippedNodeReturns, Severity::kHazard,
                         {{"listed_as", "n4:34801"}})),
      "node n4:34801 was left out; if it comes back, a stock meta server aborts on a replica of a "
      "table or partition that it does not know, and newer data on the node may be ignored or "
      "deleted; keep the node down, or collect and plan again with it, or move its data "
      "directories "
      "away first");
}

TEST(FindingTextTest, SaysWhatANodeCallsItselfAndHowToOverride) {
  EXPECT_EQ(
      Sentence(AboutNode(
          FindingKind::kNodeNameDiffers, Severity::kNote,
          {{"listed_as", "10.0.0.2:34801"}, {"name", "rs2:34801"}, {"source", "reverse_lookup"}})),
      "node 10.0.0.2:34801 calls itself rs2:34801 (its address resolves back to that), and "
      "that gets written; if it is wrong, plan again with --node_name 10.0.0.2:34801=NAME");
}

TEST(FindingTextTest, SaysThatANodeIsListedTwice) {
  EXPECT_EQ(Sentence(AboutNode(FindingKind::kNodeListedTwice, Severity::kNote,
                               {{"listed_as", "10.0.0.2:34801,rs2:34801"}, {"name", "rs2:34801"}})),
            "node rs2:34801 is in the list more than once and counts once: 10.0.0.2:34801, "
            "rs2:34801");
}

TEST(FindingTextTest, SaysThatReplicasAreStillServed) {
  const std::vector<FindingFact> facts = {
      {"primaries", "4"}, {"secondaries", "8"}, {"nodes", "rs1:34801,rs2:34801"}};
  EXPECT_EQ(
      Sentence(About(FindingKind::kStillServed, Severity::kHazard, facts)),
      "replicas are still served on rs1:34801, rs2:34801 (4 PS_PRIMARY, 8 PS_SECONDARY): "
      "these nodes hold a lease of a meta server, and stock replica servers abort when they "
      "are recovered in this state; stop every meta server and wait until the leases have run "
      "out (recover and apply wait for that)");
  EXPECT_THAT(Sentence(About(FindingKind::kStillServed, Severity::kWarning, facts)),
              HasSubstr("accepted by --still_served"));
}

TEST(FindingTextTest, SaysWhatOfAReportMadeNoSense) {
  Finding finding = AboutNode(FindingKind::kNodeReportInvalid, Severity::kWarning,
                              {{"problems", "ballot -5; partition_count 0"}});
  EXPECT_EQ(Sentence(finding),
            "node rs2:34801 reported what makes no sense, and it was left out: ballot -5; "
            "partition_count 0");
  finding.app_id = 2;
  EXPECT_THAT(Sentence(finding), HasSubstr("no sense about table 2 (temp), and"));
}

TEST(FindingTextTest, SaysWhoKeepsAContestedName) {
  EXPECT_EQ(
      Sentence(AboutTable(FindingKind::kTableRenamed, Severity::kWarning,
                          {{"old_name", "dup"}, {"new_name", "dup-4"}, {"kept_by", "12"}}, 4)),
      "table 4 was called dup, a name that table 12 keeps; it comes back as dup-4");
}

TEST(FindingTextTest, NamesTheWaysOutOfANameThatShellsRefuse) {
  const std::string hazard = Sentence(
      AboutTable(FindingKind::kNameUnusableInShell, Severity::kHazard, {{"name", "dup-4"}}, 4));
  EXPECT_THAT(hazard, HasSubstr("table 4 gets the name dup-4"));
  EXPECT_THAT(hazard, HasSubstr("`ls -d` and `nodes -d` fail for the whole cluster"));
  EXPECT_THAT(hazard, HasSubstr("--rename_separator _"));
  const std::string note = Sentence(
      AboutTable(FindingKind::kNameUnusableInShell, Severity::kNote, {{"name", "a-b"}}, 4));
  EXPECT_THAT(note, HasSubstr("table 4 had the name a-b already"));
  EXPECT_THAT(note, Not(HasSubstr("--rename_separator")));
}

TEST(FindingTextTest, SaysHowToDropATableAgain) {
  EXPECT_EQ(Sentence(AboutTable(FindingKind::kTableProbablyDropped, Severity::kWarning,
                                {{"name", "temp"}, {"replicas", "24"}, {"command", "drop temp"}})),
            "table 2 (temp) was probably dropped before the outage (all 24 replicas are closed, "
            "PS_ERROR) and comes back alive; to drop it again, in Pegasus's shell: drop temp");
  EXPECT_THAT(Sentence(AboutTable(FindingKind::kTableProbablyDropped, Severity::kWarning,
                                  {{"name", "temp-2"}, {"replicas", "24"}})),
              HasSubstr("stock shells refuse its name"));
  EXPECT_THAT(Sentence(AboutTable(FindingKind::kTableProbablyDropped, Severity::kWarning,
                                  {{"name", "temp"}, {"replicas", "1"}})),
              HasSubstr("(its only replica is closed, PS_ERROR)"));
}

TEST(FindingTextTest, SaysHowARecordThatDiffersWasDecided) {
  EXPECT_EQ(
      Sentence(AboutTable(FindingKind::kRecordsDiffer, Severity::kWarning,
                          {{"field", "app_name"},
                           {"chosen", "temp"},
                           {"rule", "vote"},
                           {"values", "temp (weight 7: rs1:1, rs2:1); old (weight 0: rs3:1)"}})),
      "nodes report app_name of table 2 (temp) differently: temp (weight 7: rs1:1, rs2:1); "
      "old (weight 0: rs3:1); taken: temp (the best supported value)");
  EXPECT_THAT(
      Sentence(AboutTable(FindingKind::kRecordsDiffer, Severity::kWarning, {{"rule", "highest"}})),
      HasSubstr("(the highest value)"));
  EXPECT_THAT(
      Sentence(AboutTable(FindingKind::kRecordsDiffer, Severity::kNote, {{"rule", "available"}})),
      HasSubstr("every table comes back available"));
}

TEST(FindingTextTest, OffersEveryValueOfAConflict) {
  const Finding finding =
      AboutTable(FindingKind::kRecordsConflict, Severity::kConflict,
                 {{"field", "app_type"},
                  {"values", "other type (weight 4: rs2:1, rs3:1); pegasus (weight 2: rs1:1)"},
                  {"settle", "2.app_type"}});
  EXPECT_THAT(SettleChoices(finding),
              ElementsAre("--settle '2.app_type=other type'", "--settle 2.app_type=pegasus"));
  EXPECT_EQ(Sentence(finding),
            "nodes report app_type of table 2 (temp) differently, and no rule can decide: other "
            "type (weight 4: rs2:1, rs3:1); pegasus (weight 2: rs1:1); decide with: --settle "
            "'2.app_type=other type' or --settle 2.app_type=pegasus");
}

TEST(FindingTextTest, OffersAValueThatLooksLikeSeveralAsTheOneThatItIs) {
  const Finding finding = AboutTable(
      FindingKind::kRecordsConflict, Severity::kConflict,
      {{"field", "app_name"},
       {"values", "a \\(weight 9: x); b (weight 4: rs2:1, rs3:1); c\\\\ (weight 2: rs1:1)"},
       {"settle", "2.app_name"}});
  EXPECT_THAT(SettleChoices(finding),
              ElementsAre("--settle '2.app_name=a (weight 9: x); b'", "--settle '2.app_name=c\\'"));
}

TEST(FindingTextTest, SaysHowFarASplitWas) {
  EXPECT_EQ(
      Sentence(AboutTable(FindingKind::kSplitUnfinished, Severity::kWarning,
                          {{"partition_count_before", "4"},
                           {"partition_count_after", "8"},
                           {"children_registered", "4"},
                           {"children_missing", "5-7"},
                           {"records_after", "rs3:34801"}})),
      "a split of table 2 (temp) from 4 to 8 partitions was not finished: children registered "
      "4, not yet registered 5-7 (the new count is known to rs3:34801); the meta server that boots "
      "goes on with the split");
  EXPECT_EQ(
      Sentence(AboutTable(
          FindingKind::kSplitCompleted, Severity::kWarning,
          {{"init_partition_count", "4"}, {"partition_count", "8"}, {"command", "use temp"}})),
      "table 2 (temp) was once split from 4 to 8 partitions, and the env that hides the other "
      "half's keys until compaction is lost; before clients read, set it again in Pegasus's "
      "shell: use temp");
}

TEST(FindingTextTest, SaysWhatATableLost) {
  EXPECT_EQ(Sentence(AboutTable(FindingKind::kTableLostState, Severity::kNote, {})),
            "table 2 (temp) loses what only ZooKeeper knew: all its envs");
  EXPECT_EQ(
      Sentence(AboutTable(
          FindingKind::kTableLostState, Severity::kNote,
          {{"envs_kept", "a,b"}, {"duplicating_nodes", "rs1:34801"}, {"bulk_loading", "true"}})),
      "table 2 (temp) loses what only ZooKeeper knew: its envs but for a, b (as the servers "
      "remember them, possibly outdated), its duplications (reported by rs1:34801; add them "
      "again), a bulk load that was under way (start it again)");
}

TEST(FindingTextTest, SaysWhatAPlaceholderIsFor) {
  EXPECT_EQ(Sentence(AboutTable(FindingKind::kPlaceholder, Severity::kNote,
                                {{"name", "__drop_holder__6"}}, 6)),
            "no node knows table 6; a dropped placeholder, __drop_holder__6, keeps the id from "
            "being used again");
}

TEST(FindingTextTest, OffersWaysToDealWithAnIdOutOfRange) {
  Finding finding = AboutTable(FindingKind::kAppIdOutOfRange, Severity::kConflict,
                               {{"max_app_id", "100000"},
                                {"nodes", "rs1:34801"},
                                {"name", "odd"},
                                {"replicas", "3"},
                                {"settle", "900001"}},
                               900001);
  EXPECT_EQ(Sentence(finding),
            "table id 900001 (odd) with 3 replicas on rs1:34801 is above --max_app_id 100000: "
            "raise the bound, which makes a placeholder of every unused id below it, "
            "or leave the table and its data out; "
            "decide with: --max_app_id 900001 or --settle 900001=ignore");
  finding.severity = Severity::kHazard;
  EXPECT_THAT(Sentence(finding), HasSubstr("is left out, as decided"));
  EXPECT_THAT(SettleChoices(finding), IsEmpty());
  finding.severity = Severity::kConflict;
  finding.app_id = INT32_MAX;
  EXPECT_THAT(Sentence(finding), HasSubstr("no bound may be that high"));
  EXPECT_EQ(SettleChoices(finding), std::vector<std::string>({"--settle 900001=ignore"}));
}

TEST(FindingTextTest, OffersWaysToDealWithReplicasOfNoTable) {
  Finding finding = AboutTable(
      FindingKind::kReplicasWithoutTable, Severity::kConflict,
      {{"indices", "0-3"}, {"nodes", "rs1:34801,rs2:34801"}, {"replicas", "8"}, {"settle", "13"}},
      13);
  EXPECT_EQ(Sentence(finding),
            "8 replicas on rs1:34801, rs2:34801 (partitions 0-3) of table 13, which no node "
            "describes: say what the table was, or leave them out; decide with: --settle "
            "13=NAME:PARTITION_COUNT:MAX_REPLICA_COUNT or --settle "
            "13=ignore");
  finding.severity = Severity::kHazard;
  EXPECT_THAT(Sentence(finding), HasSubstr("left out as decided"));
  finding.severity = Severity::kWarning;
  finding.facts.emplace_back("settled", "t:4:3");
  EXPECT_THAT(Sentence(finding), HasSubstr("recovered as decided: t:4:3"));
}

TEST(FindingTextTest, SaysWhatTheOperatorDecided) {
  EXPECT_EQ(Sentence(AboutTable(
                FindingKind::kSettled, Severity::kNote,
                {{"key", "2.app_type"}, {"value", "it's"}, {"conflict", "records_conflict"}})),
            "decided by the operator: --settle '2.app_type=it'\\''s'");
  EXPECT_THAT(
      Sentence(AboutTable(FindingKind::kSettled, Severity::kNote,
                          {{"key", "2.app_name"},
                           {"value", "a"},
                           {"conflict", "records_conflict"},
                           {"values", "a (weight 1: rs1:34801); b (weight 1: rs2:34801)"}})),
      HasSubstr("2.app_name=a; nodes had reported: a (weight 1: rs1:34801); b ("));
}

TEST(FindingTextTest, SaysHowManyReplicasAreMissing) {
  EXPECT_EQ(Sentence(AboutPartition(FindingKind::kReplicasMissing, Severity::kWarning,
                                    {{"collected", "1"}, {"expected", "3"}})),
            "partition 2.7 (temp) has only 1 of 3 replicas; writes that only a missing one holds "
            "would be lost");
}

TEST(FindingTextTest, SaysWhatBecomesOfALostPartition) {
  EXPECT_EQ(Sentence(AboutPartition(FindingKind::kPartitionLost, Severity::kError,
                                    {{"expected", "3"}, {"split_parent", "2.3"}})),
            "partition 2.7 (temp) has none of 3 replicas (it was split off 2.3, which may hold its "
            "data); find the node that had one and collect again, or have it created empty with "
            "--skip_lost_partitions");
  EXPECT_EQ(Sentence(AboutPartition(FindingKind::kPartitionLost, Severity::kWarning,
                                    {{"expected", "3"}})),
            "partition 2.7 (temp) has none of 3 replicas and is created empty, as accepted; if its "
            "node returns, the old data stay out");
}

TEST(FindingTextTest, SaysThatAPrimaryMayBeIncomplete) {
  EXPECT_EQ(
      Sentence(AboutPartition(FindingKind::kPrimaryIncomplete, Severity::kWarning,
                              {{"primary", "rs1:34801"}, {"status", "PS_ERROR"}})),
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
  EXPECT_EQ(FindingSentence(builder.plan(), AboutPartition(FindingKind::kReplicaOverruled,
                                                           Severity::kNote, {{"count", "2"}}, 0)),
            "overruled in partition 2.0 (temp): rs4:1 (PS_INACTIVE, ballot 3, committed/prepared "
            "10/11: lower ballot), rs5:1 (PS_ERROR, ballot 4, committed/prepared 1/1: incomplete)");
}

TEST(FindingTextTest, SaysWhereAHigherBallotComesFrom) {
  EXPECT_EQ(Sentence(AboutPartition(FindingKind::kBallotAbovePrimary, Severity::kWarning,
                                    {{"primary", "rs1:34801"},
                                     {"primary_ballot", "5"},
                                     {"ballot", "7"},
                                     {"reported_by", "rs3:34801"}})),
            "the ballot written for partition 2.7 (temp) is 7, which rs3:34801 reported, above the "
            "5 of its primary rs1:34801; a replica server ignores for ever an entry below its own "
            "ballot");
}

TEST(FindingTextTest, CountsTheWritesThatMayBeLost) {
  EXPECT_EQ(Sentence(AboutPartition(FindingKind::kLessDataThanOverruled, Severity::kWarning,
                                    {{"primary", "rs1:34801"},
                                     {"primary_committed", "100"},
                                     {"node", "rs2:34801"},
                                     {"committed", "101"}})),
            "the primary of partition 2.7 (temp), rs1:34801, has committed up to 100, but "
            "rs2:34801, which stands below it, up to 101; up to 1 write may be lost");
}

TEST(FindingTextTest, OffersWaysToDealWithAnIndexBeyondTheCount) {
  Finding finding = AboutPartition(FindingKind::kReplicaBeyondCount, Severity::kConflict,
                                   {{"partition_count", "8"},
                                    {"highest_index", "17"},
                                    {"nodes", "rs1:34801"},
                                    {"settle", "2.partition_count,2.9"}},
                                   9);
  EXPECT_EQ(Sentence(finding),
            "partition 2.9 on rs1:34801 is beyond the 8 partitions of table 2 (temp): either the "
            "table has "
            "more partitions, or these replicas stay out; decide with: "
            "--settle 2.partition_count=32 or --settle 2.9=ignore");
  finding.severity = Severity::kHazard;
  EXPECT_THAT(Sentence(finding), HasSubstr("left out, as decided"));
  finding.facts[0].second = "1";
  EXPECT_THAT(Sentence(finding), HasSubstr("beyond the 1 partition of table 2"));
}

TEST(FindingTextTest, KeepsTerminalsSafeFromWhatServersSay) {
  const std::string sentence = Sentence(
      AboutTable(FindingKind::kTableRenamed, Severity::kWarning, {{"old_name", "\x1b[31mred"}}, 4));
  EXPECT_THAT(sentence, HasSubstr("\\x1b[31mred"));
  const Finding lost =
      About(FindingKind::kTableLostState, Severity::kNote, {{"duplicating_nodes", "\x1b[31mred"}});
  EXPECT_THAT(LostState(lost), HasSubstr("\\x1b[31mred"));
}

}  // namespace
}  // namespace metarec
