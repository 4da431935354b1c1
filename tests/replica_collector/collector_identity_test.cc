// Which entries of the list the collector takes for one server, and what it calls each.

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector_world.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class CollectorIdentityTest : public CollectorTest {};

TEST_F(CollectorIdentityTest, EntriesThatAreOneServerAreAskedOnce) {
  source_.identities["alias"] = 1;
  const Evidence evidence = Collect("n1:1,n2:1,alias:1,n1:2");
  ASSERT_EQ(evidence.nodes.size(), 3u);
  EXPECT_THAT(evidence.nodes[0].listed_as, ElementsAre("n1:1", "alias:1"));
  EXPECT_THAT(evidence.nodes[1].listed_as, ElementsAre("n2:1"));
  EXPECT_THAT(evidence.nodes[2].listed_as, ElementsAre("n1:2"));
  EXPECT_EQ(source_.asked.size(), 3u);
}

TEST_F(CollectorIdentityTest, OperatorsNameBeatsEveryOther) {
  options_.node_names = {{{2, 1}, "rack7:1"}};
  const Evidence evidence = Collect("n1:1,n2:1");
  EXPECT_EQ(evidence.nodes[0].name_source, NodeNameSource::kReverseLookup);
  EXPECT_EQ(evidence.nodes[1].name, "rack7:1");
  EXPECT_EQ(evidence.nodes[1].name_source, NodeNameSource::kOverride);
}

TEST_F(CollectorIdentityTest, OneServerUnderTwoOfItsAddressesCountsOnce) {
  source_.own_addresses = {{1, {3, 1}}, {2, {2, 1}}, {3, {3, 1}}};
  for (const uint32_t ip : {1, 2, 3}) source_.scripts[ip].replicas = {{kMs(0), "ERR_OK", 3}};
  const Evidence evidence = Collect("n1:1,n2:1,n3:1");
  ASSERT_EQ(evidence.nodes.size(), 2u);
  EXPECT_THAT(evidence.nodes[0].listed_as, ElementsAre("n2:1"));
  EXPECT_THAT(evidence.nodes[1].listed_as, ElementsAre("n3:1", "n1:1"));
  EXPECT_EQ(evidence.nodes[1].address, (Ipv4Endpoint{3, 1})) << "which it calls its own";
}

TEST_F(CollectorIdentityTest, TwoServersThatGiveOneAddressButHoldDifferentReplicasNeverCountAsOne) {
  source_.own_addresses = {{1, {9, 1}}, {2, {9, 1}}};
  source_.scripts[1].replicas = {{kMs(0), "ERR_OK", 3}};
  source_.scripts[2].replicas = {{kMs(0), "ERR_OK", 4}};
  EXPECT_EQ(Collect("n1:1,n2:1").nodes.size(), 2u);
}

TEST_F(CollectorIdentityTest, AServerThatServedBetweenItsTwoAnswersCountedAsTwo) {
  source_.own_addresses = {{1, {2, 1}}, {2, {2, 1}}};
  for (const uint32_t ip : {1, 2}) source_.scripts[ip].replicas = {{kMs(0), "ERR_OK", 3}};
  int64_t decree = 100;  // grows with each replica that is told of
  source_.edit_replica = [&](uint32_t ip, ReplicaRecord* replica) {
    replica->status = ReplicaStatus::kPrimary;
    replica->last_committed_decree = ip * 1000 + ++decree;
  };
  const Evidence evidence = Collect("n1:1,n2:1");
  ASSERT_EQ(evidence.nodes.size(), 1u);
  EXPECT_THAT(evidence.nodes[0].listed_as, ElementsAre("n2:1", "n1:1"));
}

TEST_F(CollectorIdentityTest, ServersOfWhichNeitherAnswerIsTheLaterOneStayTwo) {
  source_.own_addresses = {{1, {2, 1}}, {2, {2, 1}}};
  for (const uint32_t ip : {1, 2}) source_.scripts[ip].replicas = {{kMs(0), "ERR_OK", 3}};
  source_.edit_replica = [](uint32_t ip, ReplicaRecord* replica) {
    replica->status = ReplicaStatus::kSecondary;
    replica->last_committed_decree = replica->partition_index == 0 ? ip : 10 - ip;
  };
  EXPECT_EQ(Collect("n1:1,n2:1").nodes.size(), 2u);
  // Nor is a replica at rest ever another one in the next moment.
  source_.edit_replica = [](uint32_t ip, ReplicaRecord* replica) {
    replica->status = ReplicaStatus::kInactive;
    replica->last_committed_decree = ip;
  };
  EXPECT_EQ(Collect("n1:1,n2:1").nodes.size(), 2u);
  // Nor is one the primary and a secondary of a partition at the same ballot.
  source_.edit_replica = [](uint32_t ip, ReplicaRecord* replica) {
    replica->status = ip == 1 ? ReplicaStatus::kPrimary : ReplicaStatus::kSecondary;
  };
  EXPECT_EQ(Collect("n1:1,n2:1").nodes.size(), 2u);
}

TEST_F(CollectorIdentityTest, AddressesOfANameThatWereNotAskedAreKept) {
  source_.other_addresses["n1"] = {{5, 1}, {6, 1}};
  const Evidence evidence = Collect("n1:1,n2:1");
  EXPECT_THAT(evidence.nodes[0].ambiguous,
              ElementsAre(AmbiguousEntry{.text = "n1:1", .not_asked = {{5, 1}, {6, 1}}}));
  EXPECT_THAT(evidence.nodes[1].ambiguous, IsEmpty());
}

TEST_F(CollectorIdentityTest, BeaconsOfTheAddressThatAServerGivesAsItsOwnAreItsOwn) {
  source_.own_addresses = {{1, {9, 1}}};
  options_.beacons = [] {
    return std::vector<BeaconSender>{{.address = {9, 1}, .names = {"rs1:1"}, .is_there = true},
                                     {.address = {8, 1}, .names = {"rs8:1"}, .is_there = true}};
  };
  const Evidence evidence = Collect("n1:1,n2:1");
  EXPECT_EQ(evidence.nodes[0].name, "rs1:1");
  EXPECT_EQ(evidence.nodes[0].name_source, NodeNameSource::kBeacon);
  ASSERT_EQ(evidence.unlisted.size(), 1u);
  EXPECT_EQ(evidence.unlisted[0].address, (Ipv4Endpoint{8, 1}));
}

TEST_F(CollectorIdentityTest, HostsThatCannotBeResolvedAreBadNodesOfTheirOwn) {
  const Evidence evidence = Collect("x:1,n1:1,y:1");
  ASSERT_EQ(evidence.nodes.size(), 3u);
  for (size_t i : {0, 2}) {
    EXPECT_EQ(evidence.nodes[i].error, "ERR_NETWORK_FAILURE");
    EXPECT_EQ(evidence.nodes[i].address, Ipv4Endpoint());
    EXPECT_EQ(evidence.nodes[i].attempts, 0);
    EXPECT_EQ(evidence.nodes[i].name, evidence.nodes[i].listed_as[0]);
  }
  EXPECT_EQ(source_.asked.size(), 1u);
}

}  // namespace
}  // namespace metarec
