// A plan file that contradicts itself is refused although its digest fits.

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meta_recovery/plan_file/plan_file.h"
#include "tests/meta_recovery/planner/plan_matchers.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

// Something of everything: equal and unequal replicas, a placeholder (2), a lost partition (4.0), a
// node that was skipped.
RecoveryPlan SoundPlan() {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 2);
  cluster.Node("n1").Table(3, "orders", 1).Replica("3.0", {.ballot = 5});
  cluster.Node("n2").Table(3, "orders", 1).Replica("3.0", {.ballot = 4});
  cluster.Node("n3")
      .Table(3, "orders", 1)
      .Replica("3.0", {.ballot = 7, .status = ReplicaStatus::kError});
  cluster.Node("n1").Table(4, "gone", 1);
  cluster.BadNode("n4");
  return Plan(cluster, {.skip_bad_nodes = true, .skip_lost_partitions = true});
}

std::string ErrorOf(const RecoveryPlan& plan) {
  const absl::Status status = DecodePlan(EncodePlan(plan), "my.plan").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(status.message(), AllOf(HasSubstr("my.plan:"), HasSubstr("make the plan again")));
  return std::string(status.message());
}

std::string ErrorAfter(const std::function<void(RecoveryPlan&)>& edit) {
  RecoveryPlan plan = SoundPlan();
  edit(plan);
  return ErrorOf(plan);
}

// That of partition 3.0 and its replicas, the best first.
TopologyPartition& Orders(RecoveryPlan& plan) { return plan.topology.partitions[3]; }
RankedReplica& OfOrders(RecoveryPlan& plan, size_t rank) {
  return plan.replicas[plan.partitions[3].replicas_begin + rank];
}

struct Edit {
  std::function<void(RecoveryPlan&)> make;
  const char* error;
};

void ExpectRefused(const std::vector<Edit>& edits) {
  for (const Edit& edit : edits) {
    SCOPED_TRACE(edit.error);
    EXPECT_THAT(ErrorAfter(edit.make), HasSubstr(edit.error));
  }
}

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

TEST(PlanConsistency, AFindingAboutAServerWasRemovedThoughAnotherOneOrAnOptionNamesIt) {
  const auto without = [](RecoveryPlan plan, FindingKind kind) {
    const size_t before = plan.findings.size();
    std::erase_if(plan.findings, [kind](const Finding& f) { return f.kind() == kind; });
    EXPECT_LT(plan.findings.size(), before);
    return plan;
  };
  const RecoveryPlan all = WithStrangers({.skip_bad_nodes = true});
  EXPECT_TRUE(DecodePlan(EncodePlan(all), "my.plan").ok());
  EXPECT_THAT(ErrorOf(without(all, FindingKind::kUnlistedServer)),
              HasSubstr("says that another server claims the name who:34801, too"));
  const RecoveryPlan one = WithStrangers({.bad_nodes_skipped = {"10.0.0.7:34801"}});
  EXPECT_TRUE(DecodePlan(EncodePlan(one), "my.plan").ok());
  EXPECT_THAT(
      ErrorOf(without(without(one, FindingKind::kBeaconNotBelieved), FindingKind::kUnlistedServer)),
      HasSubstr("the option bad_nodes_skipped names 10.0.0.7:34801, which is neither"));
}

TEST(PlanConsistency, ABeaconIsDoubtedOnlyAsItsNameAndItsNodeAllow) {
  for (const BeaconDoubt doubt :
       {BeaconDoubt::kNoHostPort, BeaconDoubt::kOtherPort, BeaconDoubt::kSeveralNames,
        BeaconDoubt::kOperatorKnows, BeaconDoubt::kNone}) {
    RecoveryPlan plan = WithStrangers({.skip_bad_nodes = true});
    for (Finding& finding : plan.findings) {
      auto* beacon = finding.facts.As<found::BeaconNotBelieved>();
      if (beacon != nullptr) beacon->doubt = doubt;
    }
    EXPECT_THAT(ErrorOf(plan), HasSubstr("'doubt' does not fit 'names' and the node"));
  }
}

TEST(PlanConsistency, WhatIsPlannedOfAPartitionFollowsFromItsReplicas) {
  ASSERT_EQ(Describe(SoundPlan(), 3, 0), "n1 | n3 n2 | ballot 7 decree 10");
  ExpectRefused({
      {[](RecoveryPlan& plan) { Orders(plan).ballot = 6; },
       "partition 3.0 (orders): 'ballot' is 6, while the highest among 'replicas' is 7"},
      {[](RecoveryPlan& plan) { Orders(plan).ballot = 8; }, "'ballot' is 8"},
      {[](RecoveryPlan& plan) { Orders(plan).primary = 3; },
       "partition 3.0 (orders): 'primary' is not the node of the first of 'replicas', 0"},
      {[](RecoveryPlan& plan) { Orders(plan).primary = 1; }, "'primary' is not"},
      {[](RecoveryPlan& plan) { Orders(plan).primary = kNoNode; }, "'primary' is not"},
      {[](RecoveryPlan& plan) { Orders(plan).last_committed_decree = 9; },
       "'last_committed_decree' is 9, while the primary's replica has 10"},
      {[](RecoveryPlan& plan) { Orders(plan).partition_flags = 1; }, "'flags' is not 0"},
      {[](RecoveryPlan& plan) { Orders(plan).index = 1; }, "'pid' is '3.1'"},
      {[](RecoveryPlan& plan) { plan.topology.last_drops.back() = 3; },
       "partition 3.0 (orders): 'last_drops' are not those that 'replicas' calls so"},
      {[](RecoveryPlan& plan) {
         plan.topology.last_drops.pop_back();
         --Orders(plan).last_drops_count;
         --plan.topology.partitions[4].last_drops_begin;
       },
       "'last_drops' are not"},
      {[](RecoveryPlan& plan) {
         plan.topology.last_drops.push_back(0);
         ++Orders(plan).last_drops_count;
       },
       "'last_drops' are not"},
      {[](RecoveryPlan& plan) { plan.partitions[3].lost = true; }, "while 'lost' is true"},
  });
}

TEST(PlanConsistency, ReplicasAreInOrderEachOfAnotherNodeThatAnswered) {
  ExpectRefused({
      {[](RecoveryPlan& plan) { OfOrders(plan, 1).ballot = 6; },
       "partition 3.0 (orders): 'replicas' has that of node 1 below a worse one"},
      {[](RecoveryPlan& plan) { std::swap(OfOrders(plan, 0), OfOrders(plan, 1)); },
       "'replicas' calls that of node 1 last_drop and lower_ballot, while by the others it is "
       "primary and best"},
      {[](RecoveryPlan& plan) { OfOrders(plan, 1).node = 0; }, "'replicas' has two of node 0"},
      {[](RecoveryPlan& plan) { OfOrders(plan, 1).node = 3; },
       "'replicas' has one of node 3, which did not answer"},
      {[](RecoveryPlan& plan) { OfOrders(plan, 1).role = ReplicaRole::kOverruled; },
       "'replicas' calls that of node 1 overruled and lower_ballot, while by the others it is "
       "last_drop and lower_ballot"},
      {[](RecoveryPlan& plan) { OfOrders(plan, 0).role = ReplicaRole::kLastDrop; }, "last_drop"},
      {[](RecoveryPlan& plan) { OfOrders(plan, 1).ballot = -1; }, "something that cannot be"},
      {[](RecoveryPlan& plan) { OfOrders(plan, 1).last_prepared_decree = int64_t{1} << 60; },
       "something that cannot be"},
      {[](RecoveryPlan& plan) { plan.tables[2].probably_dropped = true; },
       "'replicas' has one that is PS_INACTIVE, while its table is 'probably_dropped'"},
      {[](RecoveryPlan& plan) { OfOrders(plan, 1).status = ReplicaStatus::kSecondary; },
       "node 1 (n2:34801): 'primaries' or 'secondaries' is not what its replicas are"},
  });
}

TEST(PlanConsistency, WithoutReplicasAPartitionIsEmptyAndThatIsAccepted) {
  ExpectRefused({
      {[](RecoveryPlan& plan) { plan.topology.partitions[4].ballot = 1; },
       "partition 4.0 (gone): 'ballot' is not 0, while 'replicas' is empty"},
      {[](RecoveryPlan& plan) { plan.topology.partitions[4].last_committed_decree = 1; },
       "'last_committed_decree' is not 0"},
      {[](RecoveryPlan& plan) { plan.topology.partitions[4].primary = 0; }, "'primary' is not"},
      {[](RecoveryPlan& plan) {
         plan.topology.last_drops.push_back(0);
         ++plan.topology.partitions[4].last_drops_count;
       },
       "'last_drops' is not empty"},
      {[](RecoveryPlan& plan) { plan.partitions[4].lost = false; }, "'lost' does not fit"},
      {[](RecoveryPlan& plan) {
         plan.partitions[4].lost = false;
         plan.options.skip_lost_partitions = false;
       },
       "partition 4.0 (gone): 'replicas' is empty, which was not accepted"},
  });
}

TEST(PlanConsistency, TablesAreAsTheyArePlanned) {
  ExpectRefused({
      {[](RecoveryPlan& plan) { plan.topology.tables[2].status = TableStatus::kDropped; },
       "table 3 (orders): 'status' does not fit 'placeholder'"},
      {[](RecoveryPlan& plan) { plan.topology.tables[2].app_name = "bills"; },
       "table 3 (bills): 'app_name' is not what its 'old_name' and those of the other tables make "
       "of it, orders"},
      {[](RecoveryPlan& plan) {
         plan.topology.tables[2].app_name = plan.tables[2].old_name = "temp";
       },
       "table 1 (temp): 'app_name' is not what its 'old_name' and those of the other tables make "
       "of it, temp-1"},
      {[](RecoveryPlan& plan) { plan.topology.tables[2].init_partition_count = 3; },
       "'init_partition_count' is neither"},
      {[](RecoveryPlan& plan) { plan.topology.tables[0].init_partition_count = 1; },
       "table 1 (temp): 'init_partition_count' is neither"},
      {[](RecoveryPlan& plan) {
         plan.topology.tables[0].init_partition_count = 1;
         plan.tables[0].partition_count_before_split = 1;
       },
       "table 1 (temp): 'partitions' is not what an unfinished split leaves"},
      {[](RecoveryPlan& plan) { plan.topology.tables[2].partition_count = 2; },
       "'init_partition_count' is neither 'partition_count' nor half of it"},
      {[](RecoveryPlan& plan) {
         plan.topology.tables[2].partition_count = 2;
         plan.topology.tables[2].init_partition_count = 2;
       },
       "table 3 (orders): 'partitions' is not 'partition_count', while no split is unfinished"},
      {[](RecoveryPlan& plan) {
         plan.topology.tables[3].partitions_count = 0;
         plan.topology.partitions.pop_back();
         plan.partitions.pop_back();
       },
       "table 4 (gone): 'partitions' is not 'partition_count', while no split is unfinished"},
      {[](RecoveryPlan& plan) { plan.tables[2].described_by = {3}; },
       "'described_by' names node 3, which did not answer"},
      {[](RecoveryPlan& plan) {
         plan.tables[2].described_by = {1, 0};
       },
       "does not ascend"},
      {[](RecoveryPlan& plan) { plan.tables[2].described_by = {}; }, "no settlement describes"},
      {[](RecoveryPlan& plan) { plan.options.max_app_id = 3; }, "above the option max_app_id"},
      {[](RecoveryPlan& plan) { plan.options.max_partition_count = 1; },
       "above the option max_partition_count"},
  });
}

TEST(PlanConsistency, PlaceholdersAreAsTheyArePlanned) {
  const std::string error = "table 2 (__drop_holder__2): it is no placeholder";
  ExpectRefused({
      {[](RecoveryPlan& plan) { plan.topology.tables[1].expire_second = 1; }, error.c_str()},
      {[](RecoveryPlan& plan) { plan.topology.tables[1].envs["k"] = "v"; }, error.c_str()},
      {[](RecoveryPlan& plan) { plan.tables[1].described_by = {0}; }, error.c_str()},
      {[](RecoveryPlan& plan) { plan.topology.tables[1].status = TableStatus::kAvailable; },
       "'status' does not fit 'placeholder'"},
      {[](RecoveryPlan& plan) { plan.topology.partitions[2].partition_flags = 0; },
       "partition 2.0 (__drop_holder__2): 'flags' does not say dropped"},
      {[](RecoveryPlan& plan) { plan.partitions[2].replicas_count = 1; },
       "while its table is a placeholder"},
      {[](RecoveryPlan& plan) {
         plan.topology.tables[1].partition_count = 2;
         plan.topology.tables[1].init_partition_count = 2;
       },
       "table 2 (__drop_holder__2): 'partitions' is not 'partition_count'"},
  });
}

TEST(PlanConsistency, TheOutcomeFollowsFromTheRest) {
  ExpectRefused({
      {[](RecoveryPlan& plan) { plan.outcome = PlanOutcome::kTryAgain; },
       "the first line's 'outcome' is try_again, while by the findings it is ready"},
      {[](RecoveryPlan& plan) { plan.outcome = PlanOutcome::kConflict; },
       "the first line's 'outcome' is conflict, while by the findings it is ready"},
      {[](RecoveryPlan& plan) {
         plan.options.skip_bad_nodes = false;
         std::erase_if(plan.findings, [](const Finding& finding) {
           return finding.kind() == FindingKind::kBadNode;
         });
       },
       "the finding bad_node about node 3 is missing"},
      {[](RecoveryPlan& plan) {
         std::erase_if(plan.findings, [](const Finding& finding) {
           return finding.kind() == FindingKind::kPartitionLost;
         });
       },
       "the finding partition_lost about partition 4.0 is missing, while the rest of the plan "
       "calls for it"},
  });
  Cluster silent;
  silent.BadNode("n1");
  RecoveryPlan plan = Plan(silent);
  plan.options.skip_bad_nodes = true;
  plan.outcome = PlanOutcome::kReady;
  plan.findings.clear();
  EXPECT_THAT(ErrorOf(plan), HasSubstr("the finding bad_node about node 0 is missing"));
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
    EXPECT_THAT(ErrorOf(plan),
                AnyOf(HasSubstr(absl::StrCat("a finding ", FindingKindName(test.kind),
                                             " has 'severity' ", SeverityName(other))),
                      HasSubstr("'replicas' is empty, which was not accepted")));
  }
}

TEST(PlanConsistency, WhatDecidesAboutTheOutcomeIsAsGraveAsTheOptionsMakeIt) {
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
  EXPECT_THAT(ErrorOf(plan), HasSubstr("a finding placeholder has 'severity' error"));
}

// The first finding of the kind.
Finding& TheOne(RecoveryPlan& plan, FindingKind kind) {
  const auto found = std::find_if(plan.findings.begin(), plan.findings.end(),
                                  [kind](const Finding& f) { return f.kind() == kind; });
  EXPECT_NE(found, plan.findings.end()) << FindingKindName(kind);
  return *found;
}

TEST(PlanConsistency, FindingsAreAboutWhatIsThere) {
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

TEST(PlanConsistency, EveryFindingIsThereOnceAndInOrder) {
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

TEST(PlanConsistency, FindingsOfOneKindAboutOneTableAreInOrder) {
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
  EXPECT_THAT(ErrorOf(plan), HasSubstr("a finding records_differ is not in the order of findings"));
}

TEST(PlanConsistency, FactsNameNodesThatAnsweredInOrder) {
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

TEST(PlanConsistency, EveryDecisionOfTheOperatorDecidedSomethingOnce) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 2);
  cluster.Node("n1").Replica("1.5");
  const RecoveryPlan sound = Plan(cluster, {.settlements = {{"1.5", "ignore"}}});
  RecoveryPlan plan = sound;
  plan.options.settlements["1.app_type"] = "pegasus";
  EXPECT_THAT(ErrorOf(plan),
              HasSubstr("no finding settled says what the settlement 1.app_type decided"));
  plan = sound;
  TheOne(plan, FindingKind::kSettled).facts.As<found::Settled>()->key = "1.6";
  EXPECT_THAT(ErrorOf(plan), HasSubstr("'key' is none of the options' settlements"));
  plan = sound;
  plan.options.settlements["2.app_type"] = "pegasus";
  TheOne(plan, FindingKind::kSettled).facts.As<found::Settled>()->key = "2.app_type";
  EXPECT_THAT(ErrorOf(plan), HasSubstr("a finding settled: 'key' is that of something else"));
  plan = sound;
  TheOne(plan, FindingKind::kSettled).facts.As<found::Settled>()->conflict =
      FindingKind::kReplicasMissing;
  EXPECT_THAT(ErrorOf(plan), HasSubstr("'conflict' is no kind that is settled"));
  plan = sound;
  plan.findings.push_back(TheOne(plan, FindingKind::kSettled));
  EXPECT_THAT(ErrorOf(plan), HasSubstr("a finding settled "));
}

TEST(PlanConsistency, WhatTheFileSaysIsShortAndPrintableInMessages) {
  const std::string endless = "\x1b[2J\n" + std::string(1 << 20, 'x');
  RecoveryPlan named = SoundPlan();
  named.topology.tables[2].app_name = endless;
  RecoveryPlan settled = SoundPlan();
  settled.options.settlements["orders" + endless] = "1";
  RecoveryPlan separated = SoundPlan();
  separated.options.rename_separator = endless;
  for (const RecoveryPlan& plan : {named, settled, separated}) {
    const std::string error = ErrorOf(plan);
    EXPECT_LT(error.size(), 1000u);
    EXPECT_EQ(error.find_first_of("\x1b\n"), std::string::npos) << error;
  }
}

TEST(PlanConsistency, NodesAscendAndThoseThatAnsweredHaveANameOfTheirOwn) {
  ExpectRefused({
      {[](RecoveryPlan& plan) {
         std::swap(plan.topology.nodes[0].address, plan.topology.nodes[1].address);
       },
       "'address' is not above"},
      {[](RecoveryPlan& plan) { plan.topology.nodes[1].address = plan.topology.nodes[0].address; },
       "'address' is not above"},
      {[](RecoveryPlan& plan) { plan.topology.nodes[1].name = plan.topology.nodes[0].name; },
       "'name' is that of another node"},
      {[](RecoveryPlan& plan) { plan.topology.nodes[1].name = ""; }, "has an address and a name"},
      {[](RecoveryPlan& plan) { plan.topology.nodes[0].address = {}; },
       "a node that answered has an address and a name"},
      {[](RecoveryPlan& plan) { plan.nodes[3].replicas = 1; }, "that it did not answer"},
      {[](RecoveryPlan& plan) { plan.options.rename_separator = "/"; }, "rename_separator"},
      {[](RecoveryPlan& plan) { plan.options.settlements["orders"] = "1"; }, "cannot settle"},
  });
}

// Of the children 1.2 and 1.3 the first was split off.
RecoveryPlan SplitPlan() {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 2);
  cluster.Node("n3").With([](TableRecord& table) { table.partition_count = 4; });
  cluster.Node("n3").Replica("1.2");
  return Plan(cluster);
}

TEST(PlanConsistency, AnUnfinishedSplitLacksOnlyChildrenThatAreNotSplitOff) {
  RecoveryPlan plan = SplitPlan();
  ASSERT_TRUE(Has(plan, FindingKind::kSplitUnfinished));
  ASSERT_EQ(plan.partitions.size(), 3u);
  plan.topology.partitions[1].index = 2;
  plan.topology.partitions[2].index = 3;
  EXPECT_THAT(DecodePlan(EncodePlan(plan), "my.plan").status().message(),
              HasSubstr("partition 1.2 (temp): 'pid' leaves out a partition"));
  plan = SplitPlan();
  plan.replicas.back().status = ReplicaStatus::kPartitionSplit;
  EXPECT_THAT(DecodePlan(EncodePlan(plan), "my.plan").status().message(),
              HasSubstr("partition 1.2 (temp): 'replicas' are all PS_PARTITION_SPLIT"));
  plan = SplitPlan();
  plan.replicas.pop_back();
  plan.partitions[2].replicas_count = 0;
  plan.topology.partitions[2] = {.index = 2,
                                 .last_drops_begin = plan.topology.partitions[2].last_drops_begin};
  EXPECT_THAT(ErrorOf(plan),
              HasSubstr("partition 1.2 (temp): it was split off, and would not be there without"));
}

}  // namespace
}  // namespace metarec
