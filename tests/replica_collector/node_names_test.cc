// What servers call themselves: which of several sources is believed.

#include "replica_collector/node_names.h"

#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// 10.0.0.`number`
Ipv4Endpoint At(uint32_t number, uint16_t port = 34801) {
  return {.ip = (10u << 24) + number, .port = port};
}

// A node that is listed so. `looked_up`: what its address resolves back to; empty: nothing.
NodeEvidence Node(uint32_t number, const std::string& listed_as, const std::string& looked_up) {
  NodeEvidence node;
  node.address = At(number);
  node.listed_as = {listed_as};
  node.name = looked_up.empty() ? listed_as : looked_up;
  node.name_source = looked_up.empty() ? NodeNameSource::kNodeList : NodeNameSource::kReverseLookup;
  return node;
}

BeaconSender Beacon(uint32_t number, std::vector<std::string> names) {
  return {.address = At(number), .names = std::move(names), .is_there = true};
}

// "rs1:34801 (beacon)", or "n1:34801 (reverse_lookup), contradicts".
std::string NameIn(const Evidence& evidence, size_t node = 0) {
  const NodeEvidence& named = evidence.nodes[node];
  const BeaconDoubt doubt = BeaconDoubts(evidence).Of(named);
  return absl::StrCat(named.name, " (", NodeNameSourceName(named.name_source), ")",
                      doubt == BeaconDoubt::kNone ? "" : ", ",
                      doubt == BeaconDoubt::kNone ? "" : BeaconDoubtName(doubt));
}

Evidence Named(std::vector<NodeEvidence> nodes, std::vector<BeaconSender> senders) {
  Evidence evidence;
  evidence.nodes = std::move(nodes);
  TakeBeacons(std::move(senders), &evidence);
  return evidence;
}

TEST(TakeBeacons, ABeaconBeatsWhatTheAddressResolvesBackToWhichIsKept) {
  const Evidence evidence =
      Named({Node(1, "10.0.0.1:34801", "ip-10-0-0-1:34801")}, {Beacon(1, {"rs1:34801"})});
  EXPECT_EQ(NameIn(evidence), "rs1:34801 (beacon)");
  EXPECT_EQ(evidence.nodes[0].looked_up_name, "ip-10-0-0-1:34801");
}

TEST(TakeBeacons, ANameWithAnotherPortThanTheAddressWon) {
  EXPECT_EQ(NameIn(Named({Node(1, "10.0.0.1:34801", "rs1:34801")}, {Beacon(1, {"evil:9"})})),
            "rs1:34801 (reverse_lookup), other_port");
}

TEST(TakeBeacons, ANameThatIsNoHostPortWon) {
  for (const char* name : {"", "rs1", "a b:34801", "0.0.0.0:34801", "[::1]:34801"}) {
    EXPECT_EQ(NameIn(Named({Node(1, "10.0.0.1:34801", "rs1:34801")}, {Beacon(1, {name})})),
              "rs1:34801 (reverse_lookup), no_host_port")
        << name;
  }
}

TEST(TakeBeacons, ANameAgainstListAndLookUpTogetherWon) {
  EXPECT_EQ(NameIn(Named({Node(1, "rs1:34801", "rs1:34801")}, {Beacon(1, {"evil:34801"})})),
            "rs1:34801 (reverse_lookup), contradicts");
  EXPECT_EQ(NameIn(Named({Node(1, "RS1:34801", "rs1:34801")}, {Beacon(1, {"rs1:34801"})})),
            "rs1:34801 (beacon)")
      << "case does not tell host names apart";
}

TEST(TakeBeacons, OfTwoNamesInBeaconsOfOneAddressTheLastWon) {
  EXPECT_EQ(NameIn(Named({Node(1, "10.0.0.1:34801", "rs1:34801")},
                         {Beacon(1, {"evil:34801", "rs1:34801"})})),
            "rs1:34801 (reverse_lookup), several_names");
}

TEST(TakeBeacons, ANameThatTwoAddressesClaimEndedTheRecovery) {
  const Evidence evidence =
      Named({Node(1, "10.0.0.1:34801", "ip-1:34801"), Node(2, "10.0.0.2:34801", "ip-2:34801")},
            {Beacon(1, {"rs:34801"}), Beacon(2, {"rs:34801"})});
  EXPECT_EQ(NameIn(evidence, 0), "ip-1:34801 (reverse_lookup), claimed_twice");
  EXPECT_EQ(NameIn(evidence, 1), "ip-2:34801 (reverse_lookup), claimed_twice");
}

TEST(TakeBeacons, ANameThatAServerOutsideTheListClaimsTooIsDoubtful) {
  EXPECT_EQ(NameIn(Named({Node(1, "10.0.0.1:34801", "ip-1:34801")},
                         {Beacon(1, {"rs:34801"}), Beacon(9, {"rs:34801"})})),
            "ip-1:34801 (reverse_lookup), claimed_twice");
}

TEST(TakeBeacons, OneDatagramTakesNoNameFromAServerThatTheListConfirms) {
  const Evidence evidence =
      Named({Node(1, "rs1:34801", "ip-1:34801"), Node(2, "10.0.0.2:34801", "ip-2:34801")},
            {Beacon(1, {"rs1:34801"}), Beacon(2, {"rs1:34801"})});
  EXPECT_EQ(NameIn(evidence, 0), "rs1:34801 (beacon)");
  EXPECT_EQ(NameIn(evidence, 1), "ip-2:34801 (reverse_lookup), claimed_twice");
}

TEST(TakeBeacons, ANameThatAnotherNodeKeepsIsNotTaken) {
  const Evidence evidence =
      Named({Node(1, "10.0.0.1:34801", "ip-1:34801"), Node(2, "10.0.0.2:34801", "rs2:34801")},
            {Beacon(1, {"rs2:34801"}), Beacon(2, {"evil:9"})});
  EXPECT_EQ(NameIn(evidence, 0), "ip-1:34801 (reverse_lookup), claimed_twice");
  EXPECT_EQ(NameIn(evidence, 1), "rs2:34801 (reverse_lookup), other_port");
}

TEST(TakeBeacons, ServersThatTheResolverMixesUpAreNamedByTheirBeacons) {
  const Evidence evidence =
      Named({Node(1, "10.0.0.1:34801", "rs2:34801"), Node(2, "10.0.0.2:34801", "rs1:34801")},
            {Beacon(1, {"rs1:34801"}), Beacon(2, {"rs2:34801"})});
  EXPECT_EQ(NameIn(evidence, 0), "rs1:34801 (beacon)");
  EXPECT_EQ(NameIn(evidence, 1), "rs2:34801 (beacon)");
}

TEST(TakeBeacons, TheOperatorsNameStaysAndTheDifferenceIsKnown) {
  NodeEvidence node = Node(1, "10.0.0.1:34801", "ip-1:34801");
  node.name = "rs1:34801";
  node.name_source = NodeNameSource::kOverride;
  EXPECT_EQ(NameIn(Named({node}, {Beacon(1, {"rs1:34801"})})), "rs1:34801 (override)");
  EXPECT_EQ(NameIn(Named({node}, {Beacon(1, {"rs7:34801"})})),
            "rs1:34801 (override), operator_knows");
}

TEST(TakeBeacons, SendersThatAreNoNodeAreUnlisted) {
  const Evidence evidence = Named({Node(2, "10.0.0.2:34801", "")},
                                  {Beacon(3, {"rs3:34801"}), Beacon(2, {}), Beacon(1, {})});
  EXPECT_THAT(evidence.unlisted, ElementsAre(Beacon(1, {}), Beacon(3, {"rs3:34801"})));
}

TEST(TakeBeacons, ANodeThatDidNotAnswerIsKnownByItsNameAtItsOtherAddress) {
  NodeEvidence silent = Node(1, "rs1:34801", "");
  silent.address = {};
  silent.error = "ERR_NETWORK_FAILURE";
  EXPECT_THAT(Named({silent}, {Beacon(3, {"rs1:34801"})}).unlisted, IsEmpty());
  EXPECT_EQ(Named({silent}, {Beacon(3, {"rs3:34801"})}).unlisted.size(), 1u);
}

TEST(NameNodes, NamesByAddressAndRejectsAnAddressThatNoNodeHas) {
  Evidence evidence;
  evidence.nodes.resize(2);
  evidence.nodes[0].address = {1, 1};
  evidence.nodes[1].address = {2, 1};
  EXPECT_EQ(NameNodes({{{2, 1}, "rack7:1"}}, &evidence), absl::OkStatus());
  EXPECT_EQ(evidence.nodes[0].name, "");
  EXPECT_EQ(evidence.nodes[1].name, "rack7:1");
  EXPECT_EQ(evidence.nodes[1].name_source, NodeNameSource::kOverride);

  EXPECT_TRUE(absl::IsInvalidArgument(NameNodes({{{3, 1}, "rack8:1"}}, &evidence)));
  // It may be that of the node that could not be resolved.
  evidence.nodes[0].address = {};
  EXPECT_EQ(NameNodes({{{3, 1}, "rack8:1"}}, &evidence), absl::OkStatus());
}

TEST(NameNodes, ANameWithAnotherPortThanTheAddressWasTakenHereAndRefusedThere) {
  Evidence evidence;
  evidence.nodes = {Node(1, "10.0.0.1:34801", "")};
  const absl::Status status = NameNodes({{At(1), "rs1:34802"}}, &evidence);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("has the port 34802"));

  NodeNames names;
  const absl::Status parsed = AddNodeName("10.0.0.1:34801=rs1:34802", &names);
  EXPECT_TRUE(absl::IsInvalidArgument(parsed));
  EXPECT_THAT(std::string(parsed.message()), HasSubstr("has the port 34802"));
  EXPECT_THAT(names, IsEmpty());
}

TEST(AddNodeName, TakesAnAddressAndAName) {
  NodeNames names;
  EXPECT_TRUE(AddNodeName("10.0.0.1:34801=rs1:34801", &names).ok());
  EXPECT_TRUE(AddNodeName("10.0.0.1:34801=rs1:34801", &names).ok());
  EXPECT_EQ(names.at(At(1)), "rs1:34801");
  for (const char* wrong : {"10.0.0.1:34801=rs2:34801", "10.0.0.2:34801", "rs:1=rs:1", "=",
                            "10.0.0.2:34801=", "0.0.0.0:34801=rs1:34801"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(AddNodeName(wrong, &names))) << wrong;
  }
  EXPECT_EQ(names.size(), 1u);
}

}  // namespace
}  // namespace metarec
