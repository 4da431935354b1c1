// Findings of a plan file that do not follow from the rest of it are refused although its digest
// fits.

#include <algorithm>
#include <string>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/line_file/json_lines.h"
#include "tests/meta_recovery/plan_file/edited_plan.h"

namespace metarec {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

// Beacons of n1 and of a server that is not in the list give one name.
RecoveryPlan WithStrangers(const PlanOptions& options) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 1);
  Evidence evidence = cluster.Build();
  evidence.nodes[0].beacon_names = {"who:34801"};
  evidence.unlisted = {
      {.address = {.ip = 0x0a000007, .port = 34801}, .names = {"who:34801"}, .is_there = true}};
  const absl::StatusOr<RecoveryPlan> plan = MakePlan(evidence, options);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.value_or(RecoveryPlan());
}

TEST(FindingConsistency, AFindingAboutAServerWasRemovedThoughAnotherOneOrAnOptionNamesIt) {
  const auto without = [](RecoveryPlan plan, FindingKind kind) {
    const size_t before = plan.findings.size();
    std::erase_if(plan.findings, [kind](const Finding& f) { return f.kind() == kind; });
    EXPECT_LT(plan.findings.size(), before);
    return plan;
  };
  const RecoveryPlan all = WithStrangers({.skip_bad_nodes = true});
  EXPECT_TRUE(DecodePlan(EncodePlan(all), "my.plan").ok());
  EXPECT_THAT(ErrorOfPlan(without(all, FindingKind::kUnlistedServer)),
              HasSubstr("says that another server claims the name who:34801, too"));
  const RecoveryPlan one = WithStrangers({.bad_nodes_skipped = {"10.0.0.7:34801"}});
  EXPECT_TRUE(DecodePlan(EncodePlan(one), "my.plan").ok());
  EXPECT_THAT(ErrorOfPlan(without(without(one, FindingKind::kBeaconNotBelieved),
                                  FindingKind::kUnlistedServer)),
              HasSubstr("the option bad_nodes_skipped names 10.0.0.7:34801, which is neither"));
}

TEST(FindingConsistency, WhatOnlyAFindingTellsWasRemovedUnnoticed) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 1);
  Evidence evidence = cluster.Build();
  evidence.unlisted = {{.address = {.ip = 0x0a000007, .port = 34801}, .is_there = true}};
  const absl::StatusOr<RecoveryPlan> plan = MakePlan(evidence, {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->outcome, PlanOutcome::kTryAgain);
  const std::string findings = absl::StrCat("\"findings\":", plan->findings.size());
  const std::string fewer = absl::StrCat("\"findings\":", plan->findings.size() - 1);
  LineDigest digest;
  std::string edited;
  for (const absl::string_view line : absl::StrSplit(EncodePlan(*plan), '\n')) {
    if (absl::StrContains(line, "\"kind\":\"unlisted_server\"")) continue;
    if (absl::StartsWith(line, "{\"digest\"")) break;
    const std::string kept =
        absl::StrReplaceAll(line, {{findings, fewer}, {"\"try_again\"", "\"ready\""}});
    digest.Add(kept);
    absl::StrAppend(&edited, kept, "\n");
  }
  absl::StrAppend(&edited, "{\"digest\":\"", digest.Finish(), "\"}\n");
  EXPECT_THAT(DecodePlan(edited, "my.plan").status().message(),
              HasSubstr("there are fewer findings unlisted_server than the first line announces"));
}

TEST(FindingConsistency, ABeaconIsDoubtedOnlyAsItsNameAndItsNodeAllow) {
  for (const BeaconDoubt doubt :
       {BeaconDoubt::kNoHostPort, BeaconDoubt::kOtherPort, BeaconDoubt::kSeveralNames,
        BeaconDoubt::kOperatorKnows, BeaconDoubt::kNone}) {
    RecoveryPlan plan = WithStrangers({.skip_bad_nodes = true});
    for (Finding& finding : plan.findings) {
      auto* beacon = finding.facts.As<found::BeaconNotBelieved>();
      if (beacon != nullptr) beacon->doubt = doubt;
    }
    EXPECT_THAT(ErrorOfPlan(plan), HasSubstr("'doubt' does not fit 'names' and the node"));
  }
}

struct Graveness {
  FindingKind kind;
  Severity made;
  RecoveryPlan plan;
};

// Of a finding of this severity the outcome is that of the plan, and yet it is refused.
void ExpectNoOtherSeverity(const Graveness& test) {
  SCOPED_TRACE(FindingKindName(test.kind));
  ASSERT_TRUE(Has(test.plan, test.kind));
  EXPECT_EQ(FindingsOf(test.plan, test.kind).front().severity, test.made);
  for (const Severity other : {Severity::kNote, Severity::kWarning, Severity::kHazard,
                               Severity::kError, Severity::kConflict}) {
    if (other == test.made) continue;
    RecoveryPlan plan = test.plan;
    Severity gravest = Severity::kNote;
    for (Finding& finding : plan.findings) {
      if (finding.kind() == test.kind) finding.severity = other;
      gravest = std::max(gravest, finding.severity);
    }
    plan.outcome = OutcomeOf(gravest);
    // A lost partition is noticed before the finding about it.
    EXPECT_THAT(ErrorOfPlan(plan),
                AnyOf(HasSubstr(absl::StrCat("a finding ", FindingKindName(test.kind),
                                             " has 'severity' ", SeverityName(other))),
                      HasSubstr("'replicas' is empty, which was not accepted")));
  }
}

TEST(FindingConsistency, WhatDecidesAboutTheOutcomeIsAsGraveAsTheOptionsMakeIt) {
  Cluster lost = ThreeNodes();
  lost.Node("n1").Table(1, "gone", 1);
  Cluster silent = ThreeNodes();
  silent.BadNode("n4");
  Cluster nobody;
  nobody.BadNode("n1");
  Cluster differing = ThreeNodes();
  differing.Everywhere(1, "temp", 2);
  differing.Node("n1").With([](TableRecord& table) { table.app_type = "other"; });
  Cluster beyond = ThreeNodes();
  beyond.Everywhere(1, "temp", 2);
  beyond.Node("n1").Replica("1.5");
  Cluster far = ThreeNodes();
  far.Everywhere(9, "far", 1);
  Cluster unnamed = ThreeNodes();
  unnamed.Node("n1").Replica("1.0");
  Cluster served = ThreeNodes();
  served.Everywhere(1, "temp", 1, {.status = ReplicaStatus::kPrimary});
  using enum FindingKind;
  const Graveness tests[] = {
      {kPartitionLost, Severity::kError, Plan(lost)},
      {kPartitionLost, Severity::kWarning, Plan(lost, {.skip_lost_partitions = true})},
      {kBadNode, Severity::kError, Plan(silent)},
      {kBadNode, Severity::kWarning, Plan(silent, {.skip_bad_nodes = true})},
      {kBadNode, Severity::kError, Plan(nobody, {.skip_bad_nodes = true})},
      {kRecordsConflict, Severity::kConflict, Plan(differing)},
      {kReplicaBeyondCount, Severity::kConflict, Plan(beyond)},
      {kReplicaBeyondCount, Severity::kHazard, Plan(beyond, {.settlements = {{"1.5", "ignore"}}})},
      {kAppIdOutOfRange, Severity::kConflict, Plan(far, {.max_app_id = 8})},
      {kAppIdOutOfRange, Severity::kHazard,
       Plan(far, {.max_app_id = 8, .settlements = {{"9", "ignore"}}})},
      {kReplicasWithoutTable, Severity::kConflict, Plan(unnamed)},
      {kReplicasWithoutTable, Severity::kHazard, Plan(unnamed, {.settlements = {{"1", "ignore"}}})},
      {kReplicasWithoutTable, Severity::kWarning,
       Plan(unnamed, {.settlements = {{"1", "named:1:3"}}})},
      {kStillServed, Severity::kHazard, Plan(served)},
      {kStillServed, Severity::kWarning, Plan(served, {.accept_still_served = true})},
  };
  for (const Graveness& test : tests) ExpectNoOtherSeverity(test);
  RecoveryPlan plan = Plan(served);
  plan.findings.push_back(
      {.facts = found::Placeholder{}, .severity = Severity::kError, .app_id = 1});
  plan.outcome = PlanOutcome::kTryAgain;
  EXPECT_THAT(ErrorOfPlan(plan), HasSubstr("a finding placeholder has 'severity' error"));
}

// The first finding of the kind.
Finding& TheOne(RecoveryPlan& plan, FindingKind kind) {
  const auto found = std::find_if(plan.findings.begin(), plan.findings.end(),
                                  [kind](const Finding& f) { return f.kind() == kind; });
  EXPECT_NE(found, plan.findings.end()) << FindingKindName(kind);
  return *found;
}

TEST(FindingConsistency, FindingsAreAboutWhatIsThere) {
  using enum FindingKind;
  ExpectRefused({
      {[](RecoveryPlan& plan) { TheOne(plan, kTableProbablyDropped).app_id = 9; },
       "a finding table_probably_dropped is about table 9, which is not in the plan"},
      {[](RecoveryPlan& plan) { TheOne(plan, kPartitionLost).partition_index = 1; },
       "a finding partition_lost is about partition 4.1, which its table does not have"},
      {[](RecoveryPlan& plan) {
         plan.findings.push_back(
             {.facts = found::ReplicaBeyondCount{.highest_index = 1, .nodes = {0}},
              .severity = Severity::kConflict,
              .app_id = 4,
              .partition_index = 0});
       },
       "a finding replica_beyond_count is about partition 4.0, which its table has"},
      {[](RecoveryPlan& plan) {
         TheOne(plan, kPlaceholder).facts = found::AppIdOutOfRange{.nodes = {0}, .replicas = 1};
         TheOne(plan, kAppIdOutOfRange).severity = Severity::kConflict;
       },
       "a finding app_id_out_of_range is about table 2, which is not above the option max_app_id"},
      {[](RecoveryPlan& plan) { TheOne(plan, kPlaceholder).app_id = 0; },
       "a finding about a table that names none"},
      {[](RecoveryPlan& plan) { TheOne(plan, kPlaceholder).node = 0; },
       "a finding that names a node, which it is not about"},
      {[](RecoveryPlan& plan) { TheOne(plan, kPlaceholder).partition_index = 0; },
       "a finding that names a partition, which it is not about"},
      {[](RecoveryPlan& plan) { TheOne(plan, kPartitionLost).partition_index = -1; },
       "a finding about a partition that names none"},
      {[](RecoveryPlan& plan) { TheOne(plan, kBadNode).app_id = 1; },
       "a finding that names a table, which it is not about"},
      {[](RecoveryPlan& plan) { TheOne(plan, kBadNode).node = kNoNode; },
       "a finding about a node that names none"},
  });
}

TEST(FindingConsistency, EveryFindingIsThereOnceAndInOrder) {
  ExpectRefused({
      {[](RecoveryPlan& plan) { plan.findings.push_back(plan.findings.back()); },
       "a finding partition_lost is there twice"},
      {[](RecoveryPlan& plan) { std::swap(plan.findings.front(), plan.findings.back()); },
       "the finding ballot_above_primary about partition 3.0 is missing"},
      {[](RecoveryPlan& plan) {
         std::erase_if(plan.findings, [](const Finding& finding) {
           return finding.kind() == FindingKind::kPlaceholder;
         });
       },
       "the finding placeholder about table 2 is missing"},
      {[](RecoveryPlan& plan) {
         std::erase_if(plan.findings, [](const Finding& finding) {
           return finding.kind() == FindingKind::kBallotAbovePrimary;
         });
       },
       "the finding ballot_above_primary about partition 3.0 is missing"},
  });
}

TEST(FindingConsistency, FindingsOfOneKindAboutOneTableAreInOrder) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 1);
  cluster.With([](TableRecord& table) {
    table.drop_second = 7;
    table.app_name = "old";
  });
  RecoveryPlan plan = Plan(cluster);
  ASSERT_EQ(FindingsOf(plan, FindingKind::kRecordsDiffer).size(), 2u);
  Finding& first = TheOne(plan, FindingKind::kRecordsDiffer);
  std::swap(first, *(&first + 1));
  EXPECT_THAT(ErrorOfPlan(plan),
              HasSubstr("a finding records_differ is not in the order of findings"));
}

TEST(FindingConsistency, FactsNameNodesThatAnsweredInOrder) {
  using enum FindingKind;
  ExpectRefused({
      {[](RecoveryPlan& plan) {
         TheOne(plan, kTableLostState).facts = found::TableLostState{.duplicating_nodes = {3}};
       },
       "a finding table_lost_state: 'duplicating_nodes' names node 3, which did not answer"},
      {[](RecoveryPlan& plan) {
         TheOne(plan, kTableLostState).facts = found::TableLostState{.duplicating_nodes = {1, 1}};
       },
       "a finding table_lost_state: 'duplicating_nodes' does not ascend"},
  });
}

TEST(FindingConsistency, EveryDecisionOfTheOperatorDecidedSomethingOnce) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 2);
  cluster.Node("n1").Replica("1.5");
  const RecoveryPlan sound = Plan(cluster, {.settlements = {{"1.5", "ignore"}}});
  RecoveryPlan plan = sound;
  plan.options.settlements["1.app_type"] = "pegasus";
  EXPECT_THAT(ErrorOfPlan(plan),
              HasSubstr("no finding settled says what the settlement 1.app_type decided"));
  plan = sound;
  TheOne(plan, FindingKind::kSettled).facts.As<found::Settled>()->key = "1.6";
  EXPECT_THAT(ErrorOfPlan(plan), HasSubstr("'key' is none of the options' settlements"));
  plan = sound;
  plan.options.settlements["2.app_type"] = "pegasus";
  TheOne(plan, FindingKind::kSettled).facts.As<found::Settled>()->key = "2.app_type";
  EXPECT_THAT(ErrorOfPlan(plan), HasSubstr("a finding settled: 'key' is that of something else"));
  plan = sound;
  TheOne(plan, FindingKind::kSettled).facts.As<found::Settled>()->conflict =
      FindingKind::kReplicasMissing;
  EXPECT_THAT(ErrorOfPlan(plan), HasSubstr("'conflict' is no kind that is settled"));
  plan = sound;
  plan.findings.push_back(TheOne(plan, FindingKind::kSettled));
  EXPECT_THAT(ErrorOfPlan(plan), HasSubstr("a finding settled "));
}

}  // namespace
}  // namespace metarec
