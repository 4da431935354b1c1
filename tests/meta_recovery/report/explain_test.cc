#include "meta_recovery/report/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/meta_recovery/report/plan_builder.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::HealthyPlan;
using ::testing::Not;
using testing::PlanBuilder;
using testing::Replica;

std::string Explained(const RecoveryPlan& plan, absl::string_view subject) {
  const auto text = Explain(plan, subject);
  EXPECT_TRUE(text.ok()) << text.status();
  return text.ok() ? *text : "";
}

// Table 3 with one partition, of which five replicas differ by one rule each.
PlanBuilder ContestedPlan() {
  PlanBuilder builder;
  for (const char* name : {"rs1:1", "rs2:1", "rs3:1", "rs4:1", "rs5:1", "rs6:1"}) {
    builder.Node(name);
  }
  RankedReplica primary = Replica(1, 5, 100, ReplicaRole::kPrimary, RankReason::kBest);
  RankedReplica equal = primary;
  equal.node = 2;
  equal.role = ReplicaRole::kLastDrop;
  equal.reason = RankReason::kHigherAddress;
  RankedReplica less_prepared = equal;
  less_prepared.node = 3;
  less_prepared.last_prepared_decree = 99;
  less_prepared.reason = RankReason::kLowerPreparedDecree;
  RankedReplica less_committed =
      Replica(4, 5, 90, ReplicaRole::kOverruled, RankReason::kLowerCommittedDecree);
  RankedReplica lower_ballot =
      Replica(0, 4, 120, ReplicaRole::kOverruled, RankReason::kLowerBallot);
  RankedReplica incomplete =
      Replica(5, 7, 100, ReplicaRole::kOverruled, RankReason::kIncomplete, ReplicaStatus::kError);
  builder.Table(3, "usertable", 1)
      .Partition({primary, equal, less_prepared, less_committed, lower_ballot, incomplete});
  return builder;
}

TEST(ExplainTest, SaysThatPrimariesAreSpread) {
  PlanBuilder builder;
  builder.Node("rs1:1").Node("rs2:1").Node("rs3:1");
  const RankedReplica primary = Replica(2, 5, 9, ReplicaRole::kPrimary, RankReason::kBest);
  const RankedReplica second = Replica(0, 5, 9, ReplicaRole::kLastDrop, RankReason::kMorePrimaries);
  const RankedReplica third =
      Replica(1, 5, 9, ReplicaRole::kLastDrop, RankReason::kMorePrimariesOfTable);
  builder.Table(3, "usertable", 1).Partition({primary, second, third});
  EXPECT_THAT(Explained(builder.plan(), "3.0"),
              HasSubstr("Primary is rs3:1. Not chosen:\n"
                        "  rs1:1: it is equal in everything, and rs3:1 had fewer primaries\n"
                        "  rs2:1: it is equal in everything, and rs3:1 had fewer primaries of this "
                        "table\n"));
}

TEST(ExplainTest, ComparesEveryReplicaOfAPartitionWithThePrimary) {
  EXPECT_EQ(Explained(ContestedPlan().plan(), "3.0"),
            R"(Partition 3.0 of table 3 (usertable): 6 replicas found, 3 wanted.

  node   status       ballot  committed  prepared  becomes
  rs2:1  PS_INACTIVE  5       100        100       primary
  rs3:1  PS_INACTIVE  5       100        100       candidate for secondary
  rs4:1  PS_INACTIVE  5       100        99        candidate for secondary
  rs5:1  PS_INACTIVE  5       90         90        overruled
  rs1:1  PS_INACTIVE  4       120        120       overruled
  rs6:1  PS_ERROR     7       100        100       overruled

Primary is rs2:1. Not chosen:
  rs3:1: it is equal in everything, and rs2:1 has the lower address
  rs4:1: with ballot 5 and committed decree 100 the same, it has prepared up to 99 only, rs2:1 up to
    100
  rs5:1: at the same ballot 5 it has committed up to 90 only, rs2:1 up to 100
  rs1:1: its ballot is only 4, rs2:1 has 5
  rs6:1: it is PS_ERROR and may hold half the data, while rs2:1 is PS_INACTIVE

Ballot written: 7, the highest that was reported (by rs6:1); a replica server permanently ignores an
  entry below its own ballot.
Committed decree written: 100, the primary's own.
Written as last_drops: rs4:1, rs3:1 (the best one last); the meta server that boots adds them as
  secondaries again, from what they have.
3 replicas overruled, because max_replica_count is 3.
)");
}

TEST(ExplainTest, SaysThatAPrimaryBeatAnotherAtTheSameBallot) {
  PlanBuilder builder;
  builder.Node("rs1:1").Node("rs2:1").Table(1, "t", 1);
  builder.Partition(
      {Replica(1, 5, 9, ReplicaRole::kPrimary, RankReason::kBest, ReplicaStatus::kPrimary),
       Replica(0, 5, 9, ReplicaRole::kLastDrop, RankReason::kNotPrimaryAtBallot)});
  EXPECT_THAT(Explained(builder.plan(), "1.0"),
              HasSubstr("rs1:1: both have ballot 5, but rs2:1 was the primary at it\n"));
}

TEST(ExplainTest, SaysThatTheOnlyReplicaIsIncomplete) {
  PlanBuilder builder;
  builder.Node("rs1:1").Table(1, "t", 1, 1);
  builder.Partition({Replica(0, 5, 9, ReplicaRole::kPrimary, RankReason::kBest,
                             ReplicaStatus::kPotentialSecondary)});
  EXPECT_THAT(Explained(builder.plan(), "1.0"),
              AllOf(HasSubstr("1 replica found, 1 wanted"),
                    HasSubstr("Primary is rs1:1, the only replica that was found.\n"),
                    HasSubstr("rs1:1 is PS_POTENTIAL_SECONDARY and may hold half the data.\n")));
}

TEST(ExplainTest, SaysWhatBecomesOfAPartitionWithoutReplica) {
  PlanBuilder builder = HealthyPlan();
  builder.Table(3, "t", 1).Partition({});
  EXPECT_THAT(Explained(builder.plan(), "3.0"), HasSubstr("the plan cannot be applied"));
  builder.plan().partitions.back().lost = true;
  EXPECT_THAT(Explained(builder.plan(), "3.0"), HasSubstr("the meta server that boots creates it"));
  builder.Placeholder(4);
  EXPECT_THAT(Explained(builder.plan(), "4.0"), HasSubstr("dropped placeholder"));
}

TEST(ExplainTest, AddsTheFindingsOfAPartition) {
  PlanBuilder builder = HealthyPlan();
  builder.Finding(found::ReplicasMissing{.collected = 1}, Severity::kWarning, 2, 1);
  EXPECT_THAT(Explained(builder.plan(), "2.1"),
              HasSubstr("Findings:\n  warning: partition 2.1 (temp) has only 1 of 3 replicas"));
  EXPECT_THAT(Explained(builder.plan(), "2.2"), Not(HasSubstr("Findings")));
}

TEST(ExplainTest, SaysWhereATableComesFrom) {
  PlanBuilder builder = HealthyPlan();
  builder.Table(4, "dup-4", 2).EqualPartitions();
  builder.decision().old_name = "dup";
  builder.decision().probably_dropped = true;
  builder.table().envs = {{"a", "1"}};
  builder.plan().options.settlements = {{"4.app_type", "pegasus"}, {"40", "ignore"}};
  EXPECT_EQ(Explained(builder.plan(), "4"),
            R"(Table 4 (dup-4). Described by rs1:34801, rs2:34801, rs3:34801.
Its name was dup; a table with a higher id keeps that one, so it becomes dup-4.
It was probably dropped before the outage: no replica of it is complete. Servers are never told of a
  drop, so it comes back alive.

  status                available
  app_type              pegasus
  partition_count       2
  init_partition_count  2
  max_replica_count     3
  is_stateful           true
  create_second         2026-11-21 00:29:19 UTC
  drop_second           0
  expire_second         0
  duplicating           false
  is_bulk_loading       false
  atomic_idempotent     false
  envs                  a=1

Replicas: 6 found, 6 wanted, 0 overruled, 0 that may hold half the data.
  rs1:34801: 2
  rs2:34801: 2
  rs3:34801: 2

Primaries:
  2 partitions (0-1): all replicas agree, the node with the fewest primaries gets it
Each in detail: explain 4.<partition>

Decided by the operator:
  --settle 4.app_type=pegasus
)");
}

TEST(ExplainTest, SaysWhatAPlaceholderIs) {
  PlanBuilder builder = HealthyPlan();
  builder.Placeholder(3);
  EXPECT_THAT(
      Explained(builder.plan(), "3"),
      AllOf(HasSubstr("dropped placeholder that never expires"), Not(HasSubstr("Primaries"))));
}

TEST(ExplainTest, ExplainsANodeByNameAddressOrAsListed) {
  PlanBuilder builder = HealthyPlan();
  builder.plan().nodes[1].listed_as = {"alias:34801"};
  const std::string by_name = Explained(builder.plan(), "rs2:34801");
  EXPECT_EQ(by_name,
            "Node rs2:34801, address 10.0.0.2:34801. Its name is from the node list; listed as "
            "alias:34801.\n"
            "It reported 2 tables and 12 replicas. Of these become primary: 0; candidate for "
            "secondary: 12;\n  overruled: 0.\n");
  EXPECT_EQ(Explained(builder.plan(), "10.0.0.2:34801"), by_name);
  EXPECT_EQ(Explained(builder.plan(), "alias:34801"), by_name);
}

TEST(ExplainTest, ExplainsABadNode) {
  PlanBuilder builder = HealthyPlan();
  builder.BadNode("rs4:34801", "ERR_TIMEOUT");
  builder.plan().nodes.back().error_detail = "no answer";
  EXPECT_THAT(Explained(builder.plan(), "rs4:34801"),
              HasSubstr("It did not answer completely: ERR_TIMEOUT (no answer)."));
}

TEST(ExplainTest, ShowsTheConflictOfWhatIsNotInThePlan) {
  PlanBuilder builder = HealthyPlan();
  builder.Finding(found::ReplicaBeyondCount{}, Severity::kConflict, 2, 9);
  builder.Finding(found::AppIdOutOfRange{}, Severity::kConflict, 900001);
  EXPECT_THAT(Explained(builder.plan(), "2.9"),
              HasSubstr("Partition 2.9 is not in the plan as it stands."));
  EXPECT_THAT(Explained(builder.plan(), "900001"),
              HasSubstr("Table 900001 is not in the plan as it stands."));
}

TEST(ExplainTest, NamesWhatThereIsWhenTheSubjectIsUnknown) {
  const RecoveryPlan plan = HealthyPlan().plan();
  EXPECT_EQ(Explain(plan, "9").status(),
            absl::NotFoundError("the plan has no table 9; it has tables 1-2"));
  EXPECT_EQ(Explain(plan, "9.1").status(),
            absl::NotFoundError("the plan has no table 9; it has tables 1-2"));
  EXPECT_EQ(Explain(plan, "2.8").status(),
            absl::NotFoundError("table 2 (temp) has no partition 8; it has partitions 0-7"));
  PlanBuilder of_one_partition;
  of_one_partition.Node("rs1:34801").Table(1, "small", 1).EqualPartitions(1);
  EXPECT_EQ(Explain(of_one_partition.plan(), "1.1").status(),
            absl::NotFoundError("table 1 (small) has no partition 1; it has partition 0"));
  EXPECT_EQ(Explain(plan, "rs9:34801").status(),
            absl::NotFoundError(
                "the plan has no node rs9:34801; it has rs1:34801, rs2:34801, rs3:34801"));
  for (const char* subject : {"", "tempo", "3.", ".3", "3.1.2", "3.-1", "99999999999"}) {
    EXPECT_EQ(Explain(plan, subject).status().code(), absl::StatusCode::kInvalidArgument)
        << subject;
  }
}

TEST(ExplainTest, IdsBelowOneAreNoTables) {
  for (const char* subject : {"0", "-1", "0.3"}) {
    const absl::Status status = Explain(HealthyPlan().plan(), subject).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(status.message(), ::testing::HasSubstr("a table's id is 1 or more"));
  }
}

TEST(ExplainTest, FindsATableByTheNameThatItGets) {
  const RecoveryPlan plan = HealthyPlan().plan();
  EXPECT_EQ(Explained(plan, "temp"), Explained(plan, "2"));
}

TEST(ExplainTest, SaysThatAChildOfAnUnfinishedSplitIsNotWritten) {
  PlanBuilder builder = HealthyPlan();
  builder.table().partition_count = 16;
  EXPECT_THAT(std::string(Explain(builder.plan(), "2.9").status().message()),
              HasSubstr("child of an unfinished split"));
}

TEST(ExplainTest, SurvivesAnEmptyPlan) {
  EXPECT_EQ(Explain(RecoveryPlan(), "1").status(),
            absl::NotFoundError("the plan has no table 1; it has no table"));
  EXPECT_EQ(Explain(RecoveryPlan(), "a:1").status(),
            absl::NotFoundError("the plan has no node a:1; it has no node"));
}

}  // namespace
}  // namespace metarec
