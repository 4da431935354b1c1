// Who the servers are, where they are, and whether the list has all of them.

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meta_recovery/report/finding_text.h"
#include "meta_recovery/report/report.h"
#include "tests/meta_recovery/planner/plan_matchers.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

RecoveryPlan PlanOf(const Evidence& evidence, const PlanOptions& options = {}) {
  absl::StatusOr<RecoveryPlan> plan = MakePlan(evidence, options);
  EXPECT_TRUE(plan.ok()) << plan.status();
  if (!plan.ok()) return RecoveryPlan{};
  const absl::StatusOr<RecoveryPlan> read = DecodePlan(EncodePlan(*plan), "plan");
  EXPECT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(!read.ok() || *read == *plan);
  return *std::move(plan);
}

Cluster Healthy() {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 1);
  return cluster;
}

TEST(PlannerIdentity, OfAHealthyClusterThereIsNothingToSay) {
  Cluster cluster = Healthy();
  for (const char* name : {"n1", "n2", "n3"}) {
    NodeEvidence& node = cluster.Node(name).Current();
    node.own_address = node.address;
    node.beacon_names = {node.name};
    node.name_source = NodeNameSource::kBeacon;
  }
  for (const Finding& finding : Plan(cluster).findings) {
    EXPECT_EQ(finding.kind(), FindingKind::kTableLostState) << FindingKindName(finding.kind());
  }
}

// A Debian machine's /etc/hosts gives its own name the address 127.0.1.1.
TEST(PlannerIdentity, AnotherAddressInTheHeaderOfTheAnswersWentUnsaid) {
  Cluster cluster = Healthy();
  NodeEvidence& node = cluster.Node("n1").Current();
  node.own_address = node.address;
  node.address = {.ip = 0x7F000101, .port = 34801};
  const RecoveryPlan plan = Plan(cluster);
  const Finding finding = TheFinding(plan, FindingKind::kNodeAddressDiffers);
  EXPECT_EQ(finding.severity, Severity::kHazard);
  EXPECT_EQ(FactOf(plan, finding, "address"), "127.0.1.1:34801");
  EXPECT_EQ(FactOf(plan, finding, "own_address"), "10.0.0.1:34801");
  EXPECT_THAT(FindingSentence(plan, finding),
              HasSubstr("node n1:34801 was asked at 127.0.1.1:34801, which gets written, but gives "
                        "10.0.0.1:34801 as its own address"));
  EXPECT_FALSE(Has(plan, FindingKind::kLoopbackAmongOthers)) << "one word is enough";
}

TEST(PlannerIdentity, TwoServersAtOneAddressOfTheirOwnAreNamedTogether) {
  Cluster cluster = Healthy();
  cluster.Node("n1").Current().own_address = {.ip = 0xAC110002, .port = 34801};
  cluster.Node("n2").Current().own_address = {.ip = 0xAC110002, .port = 34801};
  const RecoveryPlan plan = Plan(cluster);
  const std::vector<Finding> findings = FindingsOf(plan, FindingKind::kNodeAddressDiffers);
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_THAT(FindingSentence(plan, findings[0]), HasSubstr("also the address of n2:34801"));
}

TEST(PlannerIdentity, ALoopbackAddressAmongOthersWentUnsaid) {
  Cluster cluster = Healthy();
  cluster.Node("n2").Current().address = {.ip = 0x7F000101, .port = 34801};
  const RecoveryPlan plan = Plan(cluster);
  const Finding finding = TheFinding(plan, FindingKind::kLoopbackAmongOthers);
  EXPECT_EQ(finding.severity, Severity::kHazard);
  EXPECT_EQ(plan.topology.nodes[finding.node].name, "n2:34801");
  // All on one machine is fine.
  cluster.Node("n1").Current().address = {.ip = 0x7F000001, .port = 34801};
  cluster.Node("n3").Current().address = {.ip = 0x7F000001, .port = 34803};
  cluster.Current().name = "n3:34803";
  EXPECT_FALSE(Has(Plan(cluster), FindingKind::kLoopbackAmongOthers));
}

TEST(PlannerIdentity, AGuessedNameAgainstTheListsNameIsAWarning) {
  Cluster cluster = Healthy();
  NodeEvidence& node = cluster.Node("n2").Current();
  node.listed_as = {"rs-2.rs.ns.svc.cluster.local:34801"};
  node.name = "ip-10-0-0-2.internal:34801";
  node.name_source = NodeNameSource::kReverseLookup;
  const RecoveryPlan plan = Plan(cluster);
  const Finding finding = TheFinding(plan, FindingKind::kNodeNameDiffers);
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_THAT(FindingSentence(plan, finding),
              HasSubstr("probably calls itself ip-10-0-0-2.internal:34801"));
  EXPECT_THAT(FindingSentence(plan, finding),
              HasSubstr("--node_name 10.0.0.2:34801=rs-2.rs.ns.svc.cluster.local:34801"));
  // An address in the list says nothing of names.
  cluster.Current().listed_as = {"10.0.0.2:34801"};
  EXPECT_EQ(TheFinding(Plan(cluster), FindingKind::kNodeNameDiffers).severity, Severity::kNote);
}

TEST(PlannerIdentity, AddressesOfANameThatWereNotAskedWentUnsaid) {
  Cluster cluster = Healthy();
  cluster.Node("n1").Current().ambiguous = {
      {.text = "n1:34801",
       .not_asked = {{.ip = 0x0A000007, .port = 34801}, {.ip = 0x0A000008, .port = 34801}}}};
  const RecoveryPlan plan = Plan(cluster);
  const Finding finding = TheFinding(plan, FindingKind::kNodeNameAmbiguous);
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_EQ(FactOf(plan, finding, "not_asked"), "10.0.0.7:34801,10.0.0.8:34801");
  EXPECT_THAT(FindingSentence(plan, finding), HasSubstr("10.0.0.7:34801, 10.0.0.8:34801"));
}

TEST(PlannerIdentity, ABeaconThatIsNotBelievedIsAHazardAndAHint) {
  Cluster cluster = Healthy();
  NodeEvidence& node = cluster.Node("n1").Current();
  node.name_source = NodeNameSource::kReverseLookup;
  node.beacon_names = {"evil:34801"};
  const RecoveryPlan plan = Plan(cluster);
  const Finding finding = TheFinding(plan, FindingKind::kBeaconNotBelieved);
  EXPECT_EQ(finding.severity, Severity::kHazard);
  EXPECT_EQ(FactOf(plan, finding, "names"), "evil:34801");
  EXPECT_EQ(FactOf(plan, finding, "doubt"), "contradicts");
  EXPECT_EQ(FactOf(plan, finding, "name"), "n1:34801");
  EXPECT_THAT(HintLines(plan, {}),
              ElementsAre("WARNING: beacon of node(n1:34801) claims name(evil:34801), not believed "
                          "because the node list and what the address resolves back to agree on "
                          "another name; use name(n1:34801)"));
}

Evidence WithUnlisted(std::vector<BeaconSender> senders) {
  Evidence evidence = Healthy().Build();
  evidence.unlisted = std::move(senders);
  return evidence;
}

constexpr Ipv4Endpoint kStranger = {.ip = 0x0A000009, .port = 34801};

TEST(PlannerIdentity, AServerThatSendsBeaconsButIsNotInTheListIsAnErrorThatCanBeSkipped) {
  const Evidence evidence =
      WithUnlisted({{.address = kStranger, .names = {"rs9:34801"}, .is_there = true}});
  const RecoveryPlan plan = PlanOf(evidence);
  EXPECT_EQ(plan.outcome, PlanOutcome::kTryAgain);
  const Finding finding = TheFinding(plan, FindingKind::kUnlistedServer);
  EXPECT_EQ(finding.severity, Severity::kError);
  EXPECT_EQ(FactOf(plan, finding, "address"), "10.0.0.9:34801");
  EXPECT_THAT(
      HintLines(plan, {}),
      ElementsAre("ERROR: node(10.0.0.9:34801) sends beacons but is not in the node list, add it "
                  "to the list, or you can skip it by set skip_bad_nodes option; its beacons claim "
                  "name(rs9:34801)"));
  EXPECT_THAT(RenderReport(plan, {}),
              HasSubstr("NOT READY: 1 server sends beacons but is not in the node list"));

  const RecoveryPlan skipped = PlanOf(evidence, {.skip_bad_nodes = true});
  EXPECT_EQ(skipped.outcome, PlanOutcome::kReady);
  EXPECT_EQ(TheFinding(skipped, FindingKind::kUnlistedServer).severity, Severity::kHazard);
  EXPECT_THAT(
      HintLines(skipped, {}),
      ElementsAre("WARNING: node(10.0.0.9:34801) sends beacons but is not in the node list, skip "
                  "the bad node; its beacons claim name(rs9:34801)"));
}

TEST(PlannerIdentity, StrangersWhoClaimedANameOfTheListWereHintsThatToldNothingApart) {
  Ipv4Endpoint other = kStranger;
  other.port = 34802;
  const RecoveryPlan plan =
      PlanOf(WithUnlisted({{.address = kStranger, .names = {"n1:34801"}, .is_there = true},
                           {.address = other, .names = {"n1:34801"}, .is_there = true}}));
  EXPECT_THAT(HintLines(plan, {}),
              ElementsAre(::testing::StartsWith("ERROR: node(10.0.0.9:34801) sends beacons"),
                          ::testing::StartsWith("ERROR: node(10.0.0.9:34802) sends beacons")));
  for (const Finding& finding : plan.findings) {
    if (finding.kind() != FindingKind::kUnlistedServer) continue;
    EXPECT_THAT(FindingSentence(plan, finding),
                HasSubstr("(its beacons claim the name n1:34801) sends beacons"));
  }
}

TEST(PlannerIdentity, AnUnlistedServerThatIsSkippedByNameStoppedThePlanAllTheSame) {
  Cluster cluster = ThreeNodes();
  Evidence evidence = cluster.Everywhere(1, "temp", 1).Build();
  evidence.unlisted = {
      {.address = {.ip = 0x0a000007, .port = 34801}, .names = {"n7:34801"}, .is_there = true}};
  for (const char* name : {"n7:34801", "10.0.0.7:34801"}) {
    const auto plan = MakePlan(evidence, {.bad_nodes_skipped = {name}});
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_EQ(plan->outcome, PlanOutcome::kReady);
    EXPECT_EQ(TheFinding(*plan, FindingKind::kUnlistedServer).severity, Severity::kHazard);
  }
}

TEST(PlannerIdentity, BeaconsFromWhereNobodyIsSeenStopNothingAndAreCounted) {
  std::vector<BeaconSender> senders;
  for (uint16_t port = 1; port <= 500; ++port) {
    senders.push_back({.address = {.ip = 0x0A000009, .port = port}});
  }
  const RecoveryPlan plan = PlanOf(WithUnlisted(senders));
  EXPECT_EQ(plan.outcome, PlanOutcome::kReady);
  const Finding finding = TheFinding(plan, FindingKind::kUnconfirmedBeacons);
  EXPECT_EQ(finding.severity, Severity::kHazard);
  EXPECT_EQ(FactOf(plan, finding, "servers"), "500");
  EXPECT_EQ(HintLines(plan, {}).size(), 1u);
  EXPECT_LT(FindingSentence(plan, finding).size(), 1000u);
}

TEST(PlannerIdentity, AnUnlistedServerThatIsANodeContradictsTheEvidence) {
  Evidence evidence = WithUnlisted({{.address = kStranger, .is_there = true}});
  evidence.unlisted[0].address = evidence.nodes[1].address;
  const absl::Status status = MakePlan(evidence, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("it is a node, or another unlisted server"));
}

TEST(PlannerIdentity, UnlistedServersMakeOnePlanInAnyOrder) {
  const BeaconSender a = {.address = kStranger, .is_there = true};
  const BeaconSender b = {.address = {.ip = 0x0A000008, .port = 34801}};
  const BeaconSender c = {.address = {.ip = 0x0A000007, .port = 34801}};
  EXPECT_EQ(PlanOf(WithUnlisted({a, b, c})), PlanOf(WithUnlisted({c, b, a})));
}

TEST(PlannerIdentity, PartitionsThatNobodyHoldsPointToAServerThatTheListLacks) {
  Cluster cluster = ThreeNodes();
  cluster.Node("n1").Table(2, "orders", 4).Replica("2.0").Replica("2.1");
  const RecoveryPlan plan = Plan(cluster);
  const Finding finding = TheFinding(plan, FindingKind::kServerMissing);
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_EQ(FactOf(plan, finding, "partitions"), "2");
  EXPECT_EQ(FactOf(plan, finding, "tables"), "1");
  EXPECT_THAT(FindingSentence(plan, finding),
              HasSubstr("a replica server is probably missing from the node list"));
  EXPECT_FALSE(Has(Plan(Healthy()), FindingKind::kServerMissing));
}

TEST(PlannerIdentity, ACommittedDecreeAboveThePreparedOneWentUnsaid) {
  Cluster cluster = Healthy();
  cluster.Node("n2").Current().replicas[0].last_prepared_decree = 4;
  const RecoveryPlan plan = Plan(cluster);
  const Finding finding = TheFinding(plan, FindingKind::kNodeReportInvalid);
  EXPECT_EQ(finding.node, 1u);
  EXPECT_EQ(finding.app_id, 1);
  EXPECT_EQ(FactOf(plan, finding, "used_anyway"),
            "a replica with last_committed_decree above last_prepared_decree");
  EXPECT_EQ(FactOf(plan, finding, "problems"), "");
  EXPECT_THAT(FindingSentence(plan, finding), HasSubstr("; used all the same: a replica with"));
  EXPECT_EQ(plan.replicas.size(), 3u) << "no replica is lost over it";
}

TEST(PlannerIdentity, ANameWithAnotherPortThanItsAddressIsRefused) {
  Cluster cluster = Healthy();
  cluster.Node("n2").Current().name = "n2:34802";
  const absl::Status status = MakePlan(cluster.Build(), {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("another port"));
}

TEST(PlannerIdentity, EvidenceOfTheYear3170843IsRefused) {
  Evidence evidence = Healthy().Build();
  evidence.collected_at = absl::FromUnixSeconds(100'000'000'000'000);
  EXPECT_EQ(MakePlan(evidence, {}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(PlannerIdentity, ANodeOfAnAddressThatNoServerHasWasPlannedIntoAFileThatNobodyCouldRead) {
  Evidence evidence = Healthy().Build();
  evidence.nodes[0].address = {.ip = 0, .port = 34801};
  const absl::Status status = MakePlan(evidence, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("0.0.0.0"));
}

}  // namespace
}  // namespace metarec
