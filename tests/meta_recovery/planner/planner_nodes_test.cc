// Which nodes count, and what is said of them.

#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meta_recovery/planner/plan_options.h"
#include "meta_recovery/report/finding_text.h"
#include "tests/meta_recovery/planner/plan_matchers.h"

namespace metarec {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Cluster WithOneBadNode() {
  Cluster cluster;
  cluster.Node("n1").Node("n2").BadNode("n3");
  return cluster.Everywhere(1, "temp", 2);
}

TEST(PlannerNodes, ABadNodeIsAnErrorAndNothingFurtherIsExamined) {
  const RecoveryPlan plan = Plan(WithOneBadNode());
  EXPECT_EQ(plan.outcome, PlanOutcome::kTryAgain);
  EXPECT_TRUE(plan.topology.tables.empty());
  ASSERT_EQ(plan.findings.size(), 1u);
  const Finding finding = TheFinding(plan, FindingKind::kBadNode);
  EXPECT_EQ(finding.severity, Severity::kError);
  EXPECT_EQ(finding.node, 2u);
  EXPECT_EQ(FactOf(plan, finding, "listed_as"), "n3:34801");
  EXPECT_EQ(FactOf(plan, finding, "err"), "ERR_TIMEOUT");
  EXPECT_EQ(FactOf(plan, finding, "attempts"), "3");
  EXPECT_EQ(FactOf(plan, finding, "detail"), "no answer to RPC_QUERY_REPLICA_INFO");
}

TEST(PlannerNodes, ASkippedBadNodeIsAWarningAndAHazardAndNothingOfItIsUsed) {
  Cluster cluster = WithOneBadNode();
  cluster.Node("n3").Table(9, "half_told", 4).Replicas(1, 0, 1, {.ballot = 99});
  const RecoveryPlan plan = Plan(cluster, {.skip_bad_nodes = true});
  EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
  EXPECT_EQ(TheFinding(plan, FindingKind::kBadNode).severity, Severity::kWarning);
  EXPECT_EQ(TheFinding(plan, FindingKind::kSkippedNodeReturns).severity, Severity::kHazard);
  EXPECT_EQ(plan.topology.nodes.size(), 3u);
  EXPECT_EQ(plan.topology.tables.size(), 1u);
  EXPECT_EQ(plan.nodes[2].replicas, 0);
  EXPECT_EQ(Describe(plan, 1, 0), "n1 | n2 | ballot 3 decree 10");
}

TEST(PlannerNodes, SkippingEveryNodeStaysAnErrorSinceAnEmptyClusterWouldBeWritten) {
  Cluster cluster;
  cluster.BadNode("n1").BadNode("n2");
  const RecoveryPlan plan = Plan(cluster, {.skip_bad_nodes = true});
  EXPECT_EQ(plan.outcome, PlanOutcome::kTryAgain);
  EXPECT_EQ(FindingsOf(plan, FindingKind::kBadNode).size(), 2u);
  EXPECT_TRUE(FindingsOf(plan, FindingKind::kSkippedNodeReturns).empty()) << "nothing was skipped";
  EXPECT_THAT(HintLines(plan, {}),
              Each(HasSubstr("err(ERR_TIMEOUT), no node is left to recover from")));
}

TEST(PlannerNodes, WithoutAnyAnswerItIsTooEarlyToSayThatASettlementSettlesNothing) {
  Cluster cluster;
  cluster.BadNode("n1");
  const PlanOptions options = {.skip_bad_nodes = true, .settlements = {{"1.app_name", "one"}}};
  EXPECT_EQ(Plan(cluster, options).outcome, PlanOutcome::kTryAgain);
}

TEST(PlannerNodes, ComeByAddressWithTheUnresolvedFirst) {
  Cluster cluster;
  cluster.Node("n9").Node("n2").BadNode("n5");
  cluster.Current().address = {};
  cluster.Current().name = "";
  cluster.Current().listed_as = {"nosuchhost:34801"};
  const RecoveryPlan plan = Plan(cluster, {.skip_bad_nodes = true});
  ASSERT_EQ(plan.topology.nodes.size(), 3u);
  EXPECT_EQ(plan.topology.nodes[0].name, "nosuchhost:34801");
  EXPECT_EQ(plan.topology.nodes[0].address, Ipv4Endpoint{});
  EXPECT_EQ(plan.topology.nodes[1].name, "n2:34801");
  EXPECT_EQ(plan.topology.nodes[2].name, "n9:34801");
}

TEST(PlannerNodes, ANameThatDiffersFromTheListIsANote) {
  Cluster cluster = ThreeNodes();
  cluster.Node("n2").Current().listed_as = {"10.0.0.2:34801"};
  cluster.Current().name_source = NodeNameSource::kReverseLookup;
  const RecoveryPlan plan = Plan(cluster);
  const Finding finding = TheFinding(plan, FindingKind::kNodeNameDiffers);
  EXPECT_EQ(finding.severity, Severity::kNote);
  EXPECT_EQ(finding.node, 1u);
  EXPECT_EQ(FactOf(plan, finding, "listed_as"), "10.0.0.2:34801");
  EXPECT_EQ(FactOf(plan, finding, "name"), "n2:34801");
  EXPECT_EQ(FactOf(plan, finding, "source"), "reverse_lookup");
}

TEST(PlannerNodes, AServerListedTwiceIsOneNodeAndANote) {
  Cluster cluster = ThreeNodes();
  cluster.Node("n2").Current().listed_as = {"n2:34801", "10.0.0.2:34801"};
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_EQ(FactOfThe(plan, FindingKind::kNodeListedTwice, "listed_as"), "10.0.0.2:34801,n2:34801");
  EXPECT_EQ(FactOfThe(plan, FindingKind::kNodeNameDiffers, "listed_as"), "10.0.0.2:34801");
}

TEST(PlannerNodes, OneAddressTwiceIsRefusedNamingBoth) {
  Cluster cluster = ThreeNodes();
  cluster.Node("n3").Current().address = {.ip = (10u << 24) + 1, .port = 34801};
  const absl::Status status = MakePlan(cluster.Build(), {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("n1:34801"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("n3:34801"));
}

TEST(PlannerNodes, OneNameTwiceIsRefusedNamingBothAndTheRemedy) {
  Cluster cluster = ThreeNodes();
  cluster.Node("n3").Current().name = "n1:34801";
  const absl::Status status = MakePlan(cluster.Build(), {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("10.0.0.1:34801"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("10.0.0.3:34801"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("--node_name"));
}

TEST(PlannerNodes, ANameThatMetadataCannotHoldIsRefusedNamingTheRemedy) {
  for (const char* name : {"n2", "n2:0", "n 2:34801", "n2:34801:1", ":34801"}) {
    Cluster cluster = ThreeNodes();
    cluster.Node("n2").Current().name = name;
    const absl::Status status = MakePlan(cluster.Build(), {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr("no host:port"));
    EXPECT_THAT(std::string(status.message()), HasSubstr("--node_name"));
  }
}

TEST(PlannerNodes, EvidenceWithoutAnyNodeIsRefused) {
  EXPECT_EQ(MakePlan(Evidence(), {}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(PlannerNodes, ReplicasThatAreStillServedAreAHazardWithTheNumbers) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 1);
  cluster.Node("n1").Current().replicas[0].status = ReplicaStatus::kPrimary;
  cluster.Node("n3").Current().replicas[0].status = ReplicaStatus::kSecondary;
  const RecoveryPlan plan = Plan(cluster);
  const Finding finding = TheFinding(plan, FindingKind::kStillServed);
  EXPECT_EQ(finding.severity, Severity::kHazard);
  EXPECT_EQ(finding.node, kNoNode);
  EXPECT_EQ(FactOf(plan, finding, "primaries"), "1");
  EXPECT_EQ(FactOf(plan, finding, "secondaries"), "1");
  EXPECT_EQ(FactOf(plan, finding, "nodes"), "n1:34801,n3:34801");
  EXPECT_EQ(FactOf(plan, finding, "accepted"), "false");
  EXPECT_EQ(plan.outcome, PlanOutcome::kReady);

  const Finding accepted =
      TheFinding(Plan(cluster, {.accept_still_served = true}), FindingKind::kStillServed);
  EXPECT_EQ(accepted.severity, Severity::kWarning);
  EXPECT_EQ(FactOf(plan, accepted, "accepted"), "true");
}

TEST(PlannerNodes, HintsNameBadNodesAsListedInTheOrderOfTheList) {
  Cluster cluster;
  cluster.Node("n1").BadNode("n2").BadNode("n3", "ERR_NETWORK_FAILURE");
  cluster.Current().listed_as = {"10.0.0.3:34801"};
  const std::vector<std::string> list = {"10.0.0.3:34801", "n2:34801", "n1:34801"};
  EXPECT_THAT(
      HintLines(Plan(cluster), list),
      ElementsAre("ERROR: collect app and replica info from node(10.0.0.3:34801) failed with "
                  "err(ERR_NETWORK_FAILURE), you can skip it by set skip_bad_nodes option",
                  "ERROR: collect app and replica info from node(n2:34801) failed with "
                  "err(ERR_TIMEOUT), you can skip it by set skip_bad_nodes option"));
  EXPECT_THAT(HintLines(Plan(cluster, {.skip_bad_nodes = true}), {}),
              ElementsAre(HasSubstr("node(n2:34801) failed with err(ERR_TIMEOUT), skip the bad"),
                          HasSubstr("node(10.0.0.3:34801) failed with")));
}

TEST(PlannerNodes, WhatMakesNoSenseIsLeftOutAndCountedByNodeAndApp) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 1);
  cluster.Node("n2")
      .Replica("-4.0")
      .Replica("0.7")
      .Replica("1.-1")
      .Replica("1.0", {.ballot = -1})
      .Replica("1.0", {.committed = -2})
      .Replica("1.99999999")
      .Table(-3, "negative", 1)
      .Table(7, "", 1)
      .Table(7, "none", 0)
      .Table(7, "unkept", 1)
      .With([](TableRecord& table) { table.max_replica_count = 0; });
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
  EXPECT_EQ(plan.topology.tables.size(), 1u);
  EXPECT_EQ(Describe(plan, 1, 0), "n1 | n3 n2 | ballot 3 decree 10");
  const std::vector<Finding> findings = FindingsOf(plan, FindingKind::kNodeReportInvalid);
  ASSERT_EQ(findings.size(), 3u);
  for (const Finding& finding : findings) {
    EXPECT_EQ(finding.node, 1u);
    EXPECT_EQ(finding.severity, Severity::kWarning);
  }
  EXPECT_EQ(findings[0].app_id, 0);
  EXPECT_THAT(std::string(FactOf(plan, findings[0], "problems")),
              HasSubstr("a replica of an app id below 1 (2 times)"));
  EXPECT_EQ(findings[1].app_id, 1);
  EXPECT_THAT(std::string(FactOf(plan, findings[1], "problems")), HasSubstr("ballot below 0"));
  EXPECT_THAT(std::string(FactOf(plan, findings[1], "problems")), HasSubstr("decree below -1"));
  EXPECT_THAT(std::string(FactOf(plan, findings[1], "problems")),
              HasSubstr("above max_partition_count"));
  EXPECT_EQ(findings[2].app_id, 7);
  EXPECT_THAT(std::string(FactOf(plan, findings[2], "problems")), HasSubstr("without a name"));
}

std::string ProblemsOf(const Cluster& cluster) {
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
  return std::string(FactOfThe(plan, FindingKind::kNodeReportInvalid, "problems"));
}

TEST(PlannerNodes, NumbersThatNoMetaServerCanLiveWithAreLeftOut) {
  const int64_t most = int64_t{1} << 53;
  Cluster good;
  good.Node("n1")
      .Table(1, "temp", 1)
      .Replica("1.0", {.ballot = most, .committed = most, .prepared = most});
  EXPECT_EQ(Describe(Plan(good), 1, 0), "n1 | | ballot 9007199254740992 decree 9007199254740992");
  good.Node("n2").Table(1, "temp", 1);
  EXPECT_THAT(ProblemsOf(Cluster(good).Replica("1.0", {.ballot = INT64_MAX})),
              HasSubstr("ballot above 2^53"));
  EXPECT_THAT(ProblemsOf(Cluster(good).Replica("1.0", {.prepared = most + 1})),
              HasSubstr("decree above 2^53"));
  EXPECT_THAT(ProblemsOf(Cluster(good).With([](TableRecord& r) { r.max_replica_count = 1001; })),
              HasSubstr("max_replica_count above 1000"));
  for (int64_t TableRecord::*field :
       {&TableRecord::create_second, &TableRecord::drop_second, &TableRecord::expire_second}) {
    for (const int64_t second : {int64_t{-1}, int64_t{253'402'300'800}, INT64_MAX}) {
      EXPECT_THAT(
          ProblemsOf(Cluster(good).With([&](TableRecord& record) { record.*field = second; })),
          HasSubstr("a time before 1970 or after 9999"));
    }
  }
}

TEST(PlannerNodes, JustAboveTheBoundOfPartitionsIsLeftOut) {
  const PlanOptions options = {.max_partition_count = 2};
  Cluster cluster;
  cluster.Node("n1").Table(1, "temp", 2).Replicas(1, 0, 1);
  EXPECT_FALSE(Has(Plan(cluster, options), FindingKind::kNodeReportInvalid));
  const RecoveryPlan index = Plan(Cluster(cluster).Replica("1.2"), options);
  EXPECT_THAT(std::string(FactOfThe(index, FindingKind::kNodeReportInvalid, "problems")),
              HasSubstr("a partition index above max_partition_count"));
  const RecoveryPlan count = Plan(Cluster(cluster).Table(2, "large", 3), options);
  EXPECT_THAT(std::string(FactOfThe(count, FindingKind::kNodeReportInvalid, "problems")),
              HasSubstr("a partition count above max_partition_count"));
}

TEST(PlannerNodes, ARecordThatNoZnodeHasRoomForIsLeftOut) {
  Cluster cluster;
  cluster.Node("n1").Table(1, "temp", 1).Replica("1.0");
  cluster.Node("n2").Table(1, "temp", 1);
  const auto with_env = [&](const std::string& value) {
    return Cluster(cluster).With([&](TableRecord& record) { record.envs["k"] = value; });
  };
  EXPECT_THAT(ProblemsOf(with_env(std::string(1'000'000, 'x'))), HasSubstr("ZooKeeper"));
  // Escaped, it is six times as long.
  EXPECT_THAT(ProblemsOf(with_env(std::string(170'000, '\x01'))), HasSubstr("ZooKeeper"));
  EXPECT_THAT(
      FindingsOf(Plan(with_env(std::string(990'000, 'x'))), FindingKind::kNodeReportInvalid),
      IsEmpty());
}

TEST(PlannerNodes, OfEnvsThatOnlyTogetherAreTooLongTheLongestIsLeftOut) {
  Cluster cluster;
  int nodes = 0;
  for (const size_t length : {400'000, 500'000, 300'000}) {
    cluster.Node(absl::StrCat("n", ++nodes)).Table(1, "temp", 1).Replica("1.0");
    cluster.With(
        [&](TableRecord& record) { record.envs[absl::StrCat("k", nodes)].assign(length, 'x'); });
  }
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
  const auto& envs = plan.topology.tables[0].envs;
  EXPECT_TRUE(envs.contains("k1") && envs.contains("k3") && !envs.contains("k2"));
  EXPECT_EQ(TheFinding(plan, FindingKind::kNodeReportInvalid).node, 1u);
}

TEST(PlannerNodes, OfOneReplicaNamedTwiceByANodeTheBetterCounts) {
  Cluster cluster;
  cluster.Node("n1")
      .Table(1, "temp", 1)
      .Replica("1.0", {.ballot = 5})
      .Replica("1.0", {.ballot = 7, .status = ReplicaStatus::kError})
      .Replica("1.0", {.ballot = 4});
  const RecoveryPlan plan = Plan(cluster);
  EXPECT_EQ(plan.replicas.size(), 1u);
  EXPECT_EQ(Describe(plan, 1, 0), "n1 | | ballot 5 decree 10");
  EXPECT_THAT(std::string(FactOfThe(plan, FindingKind::kNodeReportInvalid, "problems")),
              HasSubstr("partition 0 more than once"));
}

TEST(PlannerNodes, AReplicaNamedTwiceIsNoticedAmongAnyNumberOfNodes) {
  Cluster cluster;
  for (int node = 1; node <= 12; ++node) cluster.Node(absl::StrCat("n", node));
  cluster.Everywhere(1, "temp", 1).Replica("1.0", {.ballot = 2});
  EXPECT_EQ(Plan(cluster).replicas.size(), 12u);
  EXPECT_THAT(ProblemsOf(cluster), HasSubstr("partition 0 more than once"));
}

TEST(PlannerNodes, IndexesFarApartAreToldApartInAnyOrder) {
  Cluster cluster;
  cluster.Node("n1").Table(1, "temp", 1000).Replica("1.999").Replica("1.7").Node("n2");
  cluster.Table(1, "temp", 1000).Replica("1.7").Replica("1.0").Replica("1.999", {.ballot = 4});
  const RecoveryPlan plan = Plan(cluster, {.skip_lost_partitions = true});
  EXPECT_EQ(Describe(plan, 1, 0), "n2 | | ballot 3 decree 10");
  EXPECT_EQ(Describe(plan, 1, 7), "n1 | n2 | ballot 3 decree 10");
  EXPECT_EQ(Describe(plan, 1, 999), "n2 | n1 | ballot 4 decree 10");
}

struct BadOptions {
  PlanOptions options;
  std::string message;
};

TEST(PlannerOptions, ThatMakeNoSenseAreRefused) {
  const BadOptions cases[] = {
      {{.rename_separator = ""}, "rename_separator is \"\""},
      {{.rename_separator = "\x01/"}, "rename_separator is \"\\x01/\""},
      {{.rename_separator = std::string(21, '-')}, "from 1 to 20"},
      {{.max_app_id = 0}, "max_app_id is 0"},
      {{.max_app_id = 2'000'000'000}, "max_app_id is 2000000000"},
      {{.max_partition_count = -1}, "max_partition_count is -1"},
      {{.settlements = {{"ten.app_type", "pegasus"}}}, "cannot settle 'ten.app_type=pegasus'"},
      {{.settlements = {{"10.colour", "red"}}}, "the key must be"},
      {{.settlements = {{"010", "ignore"}}}, "the key must be"},
      {{.settlements = {{"10.app_type", "pegasus"}}}, "there is nothing that"},
  };
  for (const BadOptions& bad : cases) {
    const absl::Status status = MakePlan(ThreeNodes().Build(), bad.options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(bad.message));
  }
}

TEST(PlannerOptions, AreWrittenAsWordsWhereTheyHaveNotTheirDefault) {
  EXPECT_EQ(PlanOptionWords({}), "");
  EXPECT_EQ(PlanOptionWords({.accept_still_served = true,
                             .max_partition_count = 64,
                             .settlements = {{"2.app_name", "it's"}, {"3", "a b:4:3"}}}),
            " --still_served --max_partition_count 64 --settle '2.app_name=it'\\''s' "
            "--settle '3=a b:4:3'");
}

TEST(PlannerOptions, MorePartitionsThanAnyClusterHasAreRefusedBeforeMemoryIsTaken) {
  Cluster cluster = ThreeNodes();
  for (int32_t app_id = 1; app_id <= 20; ++app_id) {
    cluster.Node("n1").Table(app_id, "t", 1 << 20);
  }
  const absl::Status status = MakePlan(cluster.Build(), {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("20971520 partitions"));
}

}  // namespace
}  // namespace metarec
