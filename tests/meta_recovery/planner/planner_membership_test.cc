// Which replicas are secondaries at once, which ballot is written then, and what is said of it.

#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meta_recovery/planner/membership_rule.h"
#include "meta_recovery/planner/sane_values.h"
#include "meta_recovery/report/explain.h"
#include "meta_recovery/report/report.h"
#include "tests/meta_recovery/planner/plan_matchers.h"

namespace metarec {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kBound = kBallotMax;

struct WarmCase {
  const char* shows;
  std::vector<ReplicaState> replicas;  // on n1, n2, ...
  const char* expected;
  ColdReason whole;
};

const WarmCase kWarmCases[] = {
    {"EqualReplicasAreAllMembersOneBallotHigher",
     {{3, 7, 7}, {3, 7, 7}, {3, 7, 7}},
     "n1 + n2 n3 | | ballot 4 decree 7",
     ColdReason::kNone},
    {"WhatIsPreparedBeyondThatDoesNotMatter",
     {{3, 9, 11}, {3, 9, 10}, {3, 9, 9}},
     "n1 + n2 n3 | | ballot 4 decree 9",
     ColdReason::kNone},
    {"OneDecreeTooLittleIsCommittedLess",
     {{3, 9, 11}, {3, 9, 9}, {3, 8, 11}},
     "n1 + n2 | n3 | ballot 4 decree 9",
     ColdReason::kCommittedLess},
    {"ALowerBallotLearns",
     {{3, 7, 7}, {2, 7, 7}},
     "n1 | n2 | ballot 3 decree 7",
     ColdReason::kLowerBallot},
    {"AClosedReplicaLearns",
     {{3, 7, 7}, {3, 7, 7, ReplicaStatus::kError}, {3, 7, 7}},
     "n1 + n3 | n2 | ballot 4 decree 7",
     ColdReason::kNotInactive},
    {"AReplicaThatServesIsNoSecondaryYet",
     {{3, 7, 7}, {3, 7, 7, ReplicaStatus::kSecondary}},
     "n1 | n2 | ballot 3 decree 7",
     ColdReason::kNotInactive},
    {"APrimaryThatServesMayCommitMore",
     {{3, 7, 7, ReplicaStatus::kPrimary}, {3, 7, 7}},
     "n1 | n2 | ballot 3 decree 7",
     ColdReason::kPrimaryNotInactive},
    {"AnIncompletePrimaryHasNoSecondaries",
     {{3, 7, 7, ReplicaStatus::kPotentialSecondary}, {3, 7, 7, ReplicaStatus::kPotentialSecondary}},
     "n1 | n2 | ballot 3 decree 7",
     ColdReason::kPrimaryNotInactive},
    {"NobodyIsWarmBelowTheHighestBallot",
     {{5, 7, 7, ReplicaStatus::kError}, {3, 7, 7}, {3, 7, 7}},
     "n2 | n1 n3 | ballot 5 decree 7",
     ColdReason::kBallotAbovePrimary},
    {"AboveTheHighestBallotThereIsNone",
     {{kBound, 7, 7}, {kBound, 7, 7}},
     "n1 | n2 | ballot 9007199254740992 decree 7",
     ColdReason::kBallotAtBound},
    {"OneBelowTheHighestBallotThereIsOne",
     {{kBound - 1, 7, 7}, {kBound - 1, 7, 7}, {kBound - 1, 7, 7}},
     "n1 + n2 n3 | | ballot 9007199254740992 decree 7",
     ColdReason::kNone},
    {"NoMoreThanWantedAreMembers",
     {{3, 7, 7}, {3, 7, 7}, {3, 7, 7}, {3, 7, 7}},
     "n1 + n2 n3 | | ballot 4 decree 7",
     ColdReason::kNone},
    {"FewerThanWantedAreMembersAllTheSame",
     {{3, 7, 7}, {3, 7, 7}},
     "n1 + n2 | | ballot 4 decree 7",
     ColdReason::kReplicasMissing},
    {"ALoneReplicaKeepsItsBallot",
     {{3, 7, 7}},
     "n1 | | ballot 3 decree 7",
     ColdReason::kReplicasMissing},
};

Cluster ClusterOf(const std::vector<ReplicaState>& replicas) {
  Cluster cluster;
  for (size_t i = 0; i < replicas.size(); ++i) {
    cluster.Node(absl::StrCat("n", i + 1)).Table(1, "temp", 1);
    cluster.Replica("1.0", replicas[i]);
  }
  return cluster;
}

RecoveryPlan WarmPlan(const Cluster& cluster) {
  return Plan(cluster, {.membership = Membership::kWarm});
}

class WarmTest : public ::testing::TestWithParam<WarmCase> {};

TEST_P(WarmTest, MembersAreAsTheRulesSay) {
  const RecoveryPlan plan = WarmPlan(ClusterOf(GetParam().replicas));
  EXPECT_EQ(Describe(plan, 1, 0), GetParam().expected);
  const PlanNumbers numbers = CountPlan(plan);
  const bool is_whole = GetParam().whole == ColdReason::kNone;
  EXPECT_EQ(numbers.partitions_whole, is_whole ? 1 : 0);
  EXPECT_EQ(numbers.partitions_not_whole[static_cast<size_t>(GetParam().whole)], is_whole ? 0 : 1);
}

INSTANTIATE_TEST_SUITE_P(Rules, WarmTest, ::testing::ValuesIn(kWarmCases),
                         [](const auto& info) { return std::string(info.param.shows); });

TEST(PlannerMembership, AColdPlanIsWithoutSecondariesAtTheReportedBallot) {
  const RecoveryPlan plan =
      Plan(ClusterOf({{3, 7, 7}, {3, 7, 7}, {3, 7, 7}}), {.membership = Membership::kCold});
  EXPECT_EQ(Describe(plan, 1, 0), "n1 | n3 n2 | ballot 3 decree 7");
  EXPECT_EQ(CountPlan(plan).partitions_not_whole[static_cast<size_t>(ColdReason::kNotAsked)], 1);
}

TEST(PlannerMembership, WhatIsKnownFromDisksIsNoSecondaryAndHasNone) {
  Cluster cluster = ClusterOf({{3, 7, 7}, {3, 7, 7}, {3, 7, 7}});
  cluster.Node("n2").Current().disk.emplace();
  EXPECT_EQ(Describe(WarmPlan(cluster), 1, 0), "n1 + n3 | n2 | ballot 4 decree 7");
  cluster.Node("n1").Current().disk.emplace();
  cluster.Node("n3").Current().disk.emplace();
  EXPECT_EQ(Describe(WarmPlan(cluster), 1, 0), "n1 | n3 n2 | ballot 3 decree 7");
}

// n1 was the primary at the ballot, and had the most.
TEST(PlannerMembership, NoServerThatRunsFollowsAPrimaryThatIsKnownFromDisks) {
  Cluster cluster = ClusterOf({{4, 9, 9}, {3, 9, 9}, {3, 9, 9}});
  cluster.Node("n1").Current().disk.emplace();
  const RecoveryPlan plan = WarmPlan(cluster);
  EXPECT_EQ(Describe(plan, 1, 0), "n1 | n3 n2 | ballot 4 decree 9");
  EXPECT_THAT(*Explain(plan, "1.0"),
              HasSubstr("No secondary at once: n2:34801, since the primary is known from its disks "
                        "only, and may have\n  committed more."));
}

TEST(PlannerMembership, OfOneReplicaAPartitionIsWholeHoweverItIsPlanned) {
  Cluster cluster;
  cluster.Node("n1").Table(1, "temp", 1).With([](TableRecord& t) { t.max_replica_count = 1; });
  cluster.Replica("1.0");
  EXPECT_EQ(CountPlan(Plan(cluster, {.membership = Membership::kCold})).partitions_whole, 1);
  const RecoveryPlan warm = WarmPlan(cluster);
  EXPECT_EQ(CountPlan(warm).partitions_whole, 1);
  EXPECT_EQ(Describe(warm, 1, 0), "n1 | | ballot 3 decree 10");
}

TEST(PlannerMembership, TheReportSaysHowManyAreWholeAtOnceAndWhyTheOthersAreNot) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 3);
  --cluster.Node("n3").Current().replicas[1].ballot;
  cluster.Node("n2").Current().replicas[2].last_committed_decree = 5;
  const RecoveryPlan plan = WarmPlan(cluster);
  EXPECT_THAT(
      RenderReport(plan, {}),
      HasSubstr(
          "  at once     1 partition is whole when the meta server boots; not at once: 1 with a "
          "candidate of a\n              lower ballot than the primary's, 1 with a candidate "
          "that has committed less than the\n              primary\n"));
  EXPECT_THAT(RenderReport(Plan(cluster, {.membership = Membership::kCold}), {}),
              Not(HasSubstr("at once")));
  const std::string json = RenderReportJson(plan, {});
  EXPECT_THAT(json, HasSubstr("\"membership\": \"warm\""));
  EXPECT_THAT(json, HasSubstr("\"partitions_whole_at_once\": 1"));
  EXPECT_THAT(json, HasSubstr("\"lower_ballot\": 1"));
  EXPECT_THAT(json, HasSubstr("\"committed_less\": 1"));
}

TEST(PlannerMembership, ExplainSaysOfEachReplicaWhyItIsASecondaryOrNot) {
  const RecoveryPlan plan = WarmPlan(ClusterOf({{3, 9, 11}, {3, 9, 9}, {3, 8, 11}}));
  const auto text = Explain(plan, "1.0");
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, HasSubstr("Ballot written: 4, one above the highest that was reported (by "));
  EXPECT_THAT(*text, HasSubstr("Written as secondaries: n2:34801; their ballot and"));
  EXPECT_THAT(*Explain(plan, "n2:34801"),
              HasSubstr("primary: 0; secondary: 1; candidate for\n  secondary: 0"));
  EXPECT_THAT(*text, HasSubstr("No secondary at once: n3:34801, since it has committed less than"));
}

TEST(PlannerMembership, TheOptionIsAmongTheWordsThatPlanAgain) {
  PlanOptions options;
  options.membership =
      options.membership == Membership::kWarm ? Membership::kCold : Membership::kWarm;
  EXPECT_EQ(PlanOptionWords(options),
            absl::StrCat(" --membership ", MembershipName(options.membership)));
  Membership membership = Membership::kCold;
  EXPECT_TRUE(ParseMembership("warm", &membership));
  EXPECT_EQ(membership, Membership::kWarm);
  EXPECT_FALSE(ParseMembership("unknown", &membership));
  EXPECT_FALSE(ParseMembership("", &membership));
}

// The digest is right in each.
TEST(PlannerMembership, APlanFileWithOtherMembersThanTheRulesAllowIsRefused) {
  const RecoveryPlan sound = WarmPlan(ClusterOf({{3, 9, 11}, {3, 9, 9}, {3, 8, 11}}));
  ASSERT_EQ(Describe(sound, 1, 0), "n1 + n2 | n3 | ballot 4 decree 9");
  const auto problem = [](const RecoveryPlan& plan) {
    return std::string(DecodePlan(EncodePlan(plan), "plan").status().message());
  };
  RecoveryPlan plan = sound;
  plan.topology.partitions[0].ballot = 3;
  EXPECT_THAT(problem(plan), HasSubstr("'ballot' is 3, while by 'replicas' it is 4"));
  plan = sound;
  plan.replicas[2].role = ReplicaRole::kSecondary;
  EXPECT_THAT(problem(plan), HasSubstr("secondary and lower_committed_decree, while by the "
                                       "others it is last_drop"));
  plan = sound;
  std::swap(plan.topology.members[0], plan.topology.members[1]);
  EXPECT_THAT(problem(plan), HasSubstr("'secondaries' are not those that 'replicas' calls so"));
  plan = sound;
  plan.options.membership = Membership::kCold;
  EXPECT_THAT(problem(plan), HasSubstr("secondary and"));
  plan = sound;
  ++plan.replicas[0].last_committed_decree;
  ++plan.topology.partitions[0].last_committed_decree;
  EXPECT_THAT(problem(plan), HasSubstr("calls that of node 1 secondary"));
  // Nor is what the node's line says to be known from disks only.
  plan = sound;
  plan.nodes[1].on_disk_only = true;
  plan.replicas[1].reason = RankReason::kOnDiskOnly;
  EXPECT_THAT(problem(plan), HasSubstr("calls that of node 1 secondary and on_disk_only, while by "
                                       "the others it is last_drop and on_disk_only"));
}

}  // namespace
}  // namespace metarec
