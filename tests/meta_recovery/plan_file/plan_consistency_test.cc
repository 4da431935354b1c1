// A plan file that contradicts itself is refused although its digest fits.

#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/meta_recovery/plan_file/edited_plan.h"

namespace metarec {
namespace {

using ::testing::HasSubstr;

// That of partition 3.0 and its replicas, the best first.
TopologyPartition& Orders(RecoveryPlan& plan) { return plan.topology.partitions[3]; }
RankedReplica& OfOrders(RecoveryPlan& plan, size_t rank) {
  return plan.replicas[plan.partitions[3].replicas_begin + rank];
}

TEST(PlanConsistency, WhatIsPlannedOfAPartitionFollowsFromItsReplicas) {
  ASSERT_EQ(Describe(SoundPlan(), 3, 0), "n1 | n3 n2 | ballot 7 decree 10");
  ExpectRefused({
      {[](RecoveryPlan& plan) { Orders(plan).ballot = 6; },
       "partition 3.0 (orders): 'ballot' is 6, while by 'replicas' it is 7"},
      {[](RecoveryPlan& plan) { Orders(plan).ballot = 8; }, "'ballot' is 8"},
      {[](RecoveryPlan& plan) { Orders(plan).primary = 3; },
       "partition 3.0 (orders): 'primary' is not the node of the first of 'replicas', 0"},
      {[](RecoveryPlan& plan) { Orders(plan).primary = 1; }, "'primary' is not"},
      {[](RecoveryPlan& plan) { Orders(plan).primary = kNoNode; }, "'primary' is not"},
      {[](RecoveryPlan& plan) { Orders(plan).last_committed_decree = 9; },
       "'last_committed_decree' is 9, while the primary's replica has 10"},
      {[](RecoveryPlan& plan) { Orders(plan).partition_flags = 1; }, "'flags' is not 0"},
      {[](RecoveryPlan& plan) { Orders(plan).index = 1; }, "'pid' is '3.1'"},
      {[](RecoveryPlan& plan) { plan.topology.members.back() = 3; },
       "partition 3.0 (orders): 'last_drops' are not those that 'replicas' calls so"},
      {[](RecoveryPlan& plan) {
         plan.topology.members.pop_back();
         --Orders(plan).last_drops_count;
         --plan.topology.partitions[4].members_begin;
       },
       "'last_drops' are not"},
      {[](RecoveryPlan& plan) {
         plan.topology.members.push_back(0);
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
         plan.topology.members.push_back(0);
         ++plan.topology.partitions[4].last_drops_count;
       },
       "'last_drops' is not empty"},
      {[](RecoveryPlan& plan) {
         plan.topology.members.push_back(0);
         ++plan.topology.partitions[4].secondaries_count;
       },
       "'secondaries' is not empty"},
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
  EXPECT_THAT(ErrorOfPlan(plan), HasSubstr("the finding bad_node about node 0 is missing"));
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
    const std::string error = ErrorOfPlan(plan);
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
                                 .members_begin = plan.topology.partitions[2].members_begin};
  EXPECT_THAT(ErrorOfPlan(plan),
              HasSubstr("partition 1.2 (temp): it was split off, and would not be there without"));
}

}  // namespace
}  // namespace metarec
