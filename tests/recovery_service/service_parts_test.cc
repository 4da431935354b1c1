// The parts of the service, each alone: the gate in front of every RPC, the networks that operators
// may come from, and the beacons of replica servers.

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/runtime/event.h"
#include "idl/ipv4_endpoint.h"
#include "idl/task_codes.h"
#include "recovery_service/beacon_watch.h"
#include "recovery_service/operator_access.h"
#include "recovery_service/recovery_gate.h"
#include "service_world.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Action = GateVerdict::Action;

constexpr RecoveryState kStates[] = {RecoveryState::kWaiting, RecoveryState::kRecovering,
                                     RecoveryState::kRecovered, RecoveryState::kFailed};

// What is served at all, by the requirements rather than by the table.
const std::set<std::string> kServedAlways = {"RPC_FD_FAILURE_DETECTOR_PING", "RPC_CLI_CLI_CALL"};
const std::set<std::string> kServedOnceRecovered = {
    "RPC_CM_LIST_APPS",    "RPC_CM_LIST_NODES",   "RPC_CM_CLUSTER_INFO",
    "RPC_CM_CONTROL_META", "RPC_CM_DDD_DIAGNOSE", "RPC_CM_QUERY_PARTITION_CONFIG_BY_INDEX"};

std::vector<std::string> AllTaskCodes() {
  std::vector<std::string> codes;
  for (const absl::string_view code : idl::MetaServerTaskCodes()) codes.emplace_back(code);
  codes.insert(codes.end(), kServedAlways.begin(), kServedAlways.end());
  return codes;
}

std::vector<GateSituation> AllSituations() {
  std::vector<GateSituation> all;
  for (const RecoveryState state : kStates) {
    for (const bool leader : {false, true}) {
      for (const bool known : {false, true}) {
        for (const bool forward : {false, true}) all.push_back({state, leader, known, forward});
      }
    }
  }
  return all;
}

GateVerdict Expected(const std::string& code, const GateSituation& situation) {
  if (kServedAlways.contains(code)) return {Action::kServe, "ERR_OK"};
  if (!situation.is_leader) {
    const bool forwards = situation.is_leader_known && situation.is_forward_supported;
    return {forwards ? Action::kForward : Action::kRefuse, "ERR_FORWARD_TO_OTHERS"};
  }
  if (code == "RPC_CM_START_RECOVERY") return {Action::kServe, "ERR_OK"};
  if (situation.state == RecoveryState::kRecovered && kServedOnceRecovered.contains(code)) {
    return {Action::kServe, "ERR_OK"};
  }
  return {Action::kRefuse, "ERR_UNDER_RECOVERY"};
}

TEST(RecoveryGateTest, EveryRpcInEverySituationIsDecidedAsRequired) {
  const RecoveryGate gate;
  int decided = 0;
  for (const std::string& code : AllTaskCodes()) {
    for (const GateSituation& situation : AllSituations()) {
      const GateVerdict verdict = gate.Decide(code, situation);
      EXPECT_EQ(verdict, Expected(code, situation))
          << code << " in state " << RecoveryStateName(situation.state) << ", leader "
          << situation.is_leader << ", known " << situation.is_leader_known << ", forward "
          << situation.is_forward_supported << ": " << verdict.error_name;
      ++decided;
    }
  }
  EXPECT_EQ(decided, 46 * 32);
}

TEST(RecoveryGateTest, TheTableHasEveryRpcOfAMetaServerInItsOrder) {
  std::vector<std::string> table;
  for (const MetaRpc& rpc : MetaRpcs()) table.emplace_back(rpc.task_code);
  std::vector<std::string> codes;
  for (const absl::string_view code : idl::MetaServerTaskCodes()) codes.emplace_back(code);
  EXPECT_EQ(codes.size(), 44U);
  codes.insert(codes.end(), {"RPC_CLI_CLI_CALL", "RPC_FD_FAILURE_DETECTOR_PING"});
  EXPECT_EQ(table, codes);
}

TEST(RecoveryGateTest, EveryRefusalHasItsErrorInTheFirstField) {
  for (const absl::string_view code : idl::MetaServerTaskCodes()) {
    // The wrapper's field 0, and the struct's field 1, whose value is a string.
    const std::string head(
        "\x0c\x00\x00\x0c\x00\x01\x00\x00\x00\x12"
        "ERR_UNDER_RECOVERY",
        28);
    EXPECT_EQ(FindMetaRpc(code)->EncodeRefusal("ERR_UNDER_RECOVERY").substr(0, head.size()), head)
        << code;
  }
}

TEST(RecoveryGateTest, AnEmbedderAddsAndChangesPolicies) {
  RecoveryGate gate;
  const GateSituation waiting = {.state = RecoveryState::kWaiting, .is_leader = true};
  const GateSituation recovered = {.state = RecoveryState::kRecovered, .is_leader = true};
  EXPECT_FALSE(gate.Knows("RPC_MY_OWN"));
  EXPECT_EQ(gate.Decide("RPC_MY_OWN", recovered).action, Action::kRefuse);
  gate.SetPolicy("RPC_MY_OWN", GatePolicy::kOnceRecovered);
  gate.SetPolicy(idl::kRpcCmCreateApp, GatePolicy::kOnceRecovered);
  EXPECT_TRUE(gate.Knows("RPC_MY_OWN"));
  EXPECT_EQ(gate.Decide("RPC_MY_OWN", waiting).error_name, "ERR_UNDER_RECOVERY");
  EXPECT_EQ(gate.Decide("RPC_MY_OWN", recovered).action, Action::kServe);
  EXPECT_EQ(gate.Decide(idl::kRpcCmCreateApp, recovered).action, Action::kServe);
}

bool Allows(const char* networks, const char* ip) {
  return AllowedNetworks::Parse(networks)->Allows(*ParseIpv4(ip));
}

TEST(AllowedNetworksTest, NothingSaidAllowsEveryone) {
  EXPECT_TRUE(AllowedNetworks().allows_everyone());
  EXPECT_TRUE(AllowedNetworks::Parse("")->allows_everyone());
  EXPECT_TRUE(Allows("", "203.0.113.9"));
}

TEST(AllowedNetworksTest, OnlyWhatIsInOneOfTheNetworks) {
  EXPECT_TRUE(Allows("10.0.0.0/8, 127.0.0.1", "10.255.0.1"));
  EXPECT_TRUE(Allows("10.0.0.0/8, 127.0.0.1", "127.0.0.1"));
  EXPECT_FALSE(Allows("10.0.0.0/8, 127.0.0.1", "127.0.0.2"));
  EXPECT_FALSE(Allows("10.0.0.0/8, 127.0.0.1", "11.0.0.1"));
}

TEST(AllowedNetworksTest, HostBitsDoNotMatter) {
  EXPECT_TRUE(Allows("10.1.2.3/16", "10.1.9.9"));
  EXPECT_FALSE(Allows("10.1.2.3/16", "10.2.0.0"));
}

TEST(AllowedNetworksTest, AnEntryThatIsNoNetworkIsNamed) {
  for (const char* wrong : {"10.0.0.0/33", "ten", "10.0.0.0/8,", "::1/128", "10.0.0.0/-1"}) {
    const auto parsed = AllowedNetworks::Parse(wrong);
    ASSERT_FALSE(parsed.ok()) << wrong;
    EXPECT_THAT(std::string(parsed.status().message()), ::testing::HasSubstr("no IPv4 network"));
  }
}

constexpr uint32_t kThere = 0x0A000001;      // 10.0.0.1
constexpr uint32_t kElsewhere = 0x0A0000FF;  // 10.0.0.255

class SettableClock final : public Clock {
 public:
  absl::Time Now() const override { return now; }
  asio::awaitable<absl::Status> SleepUntil(absl::Time) override { co_return absl::OkStatus(); }

  absl::Time now = absl::FromUnixSeconds(1'800'000'000);
};

class BeaconWatchTest : public ::testing::Test {
 protected:
  static BeaconWatchOptions RoomForTwo() {
    BeaconWatchOptions options;
    options.nodes_max = 2;
    return options;
  }

  // Whether it is answered with mastership by us as the leader.
  bool IsGranted(uint16_t port) {
    idl::beacon_msg beacon;
    beacon.from_node = idl::rpc_address(kThere, port);
    beacon.to_node = idl::rpc_address(kThere, 34601);
    Leadership leading;
    leading.is_us = true;
    const auto ack = watch_.Answer(beacon, kThere, leading);
    EXPECT_TRUE(ack.has_value());
    return ack && ack->is_master;
  }

  std::vector<std::string> NamesOf(uint16_t port) const {
    for (const BeaconSender& sender : watch_.Senders()) {
      if (sender.address == Ipv4Endpoint{kThere, port}) return sender.names;
    }
    return {"it sent no beacon"};
  }

  std::vector<Ipv4Endpoint> AddressesThere() const {
    std::vector<Ipv4Endpoint> addresses;
    for (const BeaconSender& sender : watch_.Senders()) {
      if (sender.is_there) addresses.push_back(sender.address);
    }
    return addresses;
  }

  // Until nothing is left to do.
  void RunAll() {
    context_.restart();
    context_.run_for(std::chrono::seconds(10));
  }

  bool Send(uint16_t port, const std::string& host, uint32_t peer_ip) {
    idl::beacon_msg beacon;
    beacon.from_node = idl::rpc_address(kThere, port);
    beacon.to_node = idl::rpc_address(kThere, 34601);
    beacon.__set_hp_from_node(idl::host_port(host, port));
    return watch_.Answer(beacon, peer_ip, Leadership()).has_value();
  }

  asio::io_context context_;
  SettableClock clock_;
  WorldSource source_;
  BeaconWatch watch_{context_.get_executor(), &clock_, &source_, RoomForTwo()};
};

TEST_F(BeaconWatchTest, ANameIsBelievedOnlyFromTheAddressThatBearsIt) {
  EXPECT_TRUE(Send(34801, "evil.example", kElsewhere));
  EXPECT_THAT(NamesOf(34801), IsEmpty());
  EXPECT_TRUE(Send(34801, "rs1.example", kThere));
  EXPECT_TRUE(Send(34801, "evil.example", kElsewhere));
  EXPECT_THAT(NamesOf(34801), ElementsAre("rs1.example:34801"));
}

TEST_F(BeaconWatchTest, OneDatagramWithAnotherNameDoesNotReplaceTheNameButMakesItDoubtful) {
  EXPECT_TRUE(Send(34801, "rs1.example", kThere));
  EXPECT_TRUE(Send(34801, "evil.example", kThere));
  EXPECT_TRUE(Send(34801, "rs1.example", kThere));
  EXPECT_THAT(NamesOf(34801), ElementsAre("evil.example:34801", "rs1.example:34801"));
  // It is forgotten, unless it comes again.
  clock_.now += absl::Seconds(20);
  EXPECT_TRUE(Send(34801, "rs1.example", kThere));
  clock_.now += absl::Seconds(20);
  EXPECT_TRUE(Send(34801, "rs1.example", kThere));
  EXPECT_THAT(NamesOf(34801), ElementsAre("rs1.example:34801"));
}

TEST_F(BeaconWatchTest, AFloodOfNamesFromOneAddressTakesNoMemory) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(Send(34801, absl::StrCat("rs", i, ".example"), kThere));
  }
  EXPECT_EQ(NamesOf(34801).size(), 4u);
}

TEST_F(BeaconWatchTest, AServerIsThereIfABeaconOrAnAnswerCameFromItsAddressLately) {
  EXPECT_TRUE(Send(1, "a.example", kElsewhere));
  EXPECT_TRUE(Send(2, "b.example", kThere));
  EXPECT_THAT(AddressesThere(), ElementsAre(Ipv4Endpoint{kThere, 2}));
  clock_.now += absl::Seconds(23);
  EXPECT_TRUE(Send(2, "b.example", kElsewhere));
  EXPECT_THAT(AddressesThere(), IsEmpty());
  // It answers when it is asked, wherever its beacons come from.
  EXPECT_FALSE(IsGranted(1));
  RunAll();
  EXPECT_THAT(AddressesThere(), ElementsAre(Ipv4Endpoint{kThere, 1}));
}

TEST_F(BeaconWatchTest, WhoIsSilentMakesRoom) {
  EXPECT_TRUE(Send(1, "a.example", kThere));
  EXPECT_TRUE(Send(2, "b.example", kThere));
  EXPECT_FALSE(Send(3, "c.example", kThere));
  clock_.now += absl::Seconds(20);
  EXPECT_TRUE(Send(2, "b.example", kThere));
  clock_.now += absl::Seconds(10);
  EXPECT_TRUE(Send(3, "c.example", kThere));
  EXPECT_EQ(watch_.Nodes().size(), 2u);
  EXPECT_TRUE(watch_.IsAlive({kThere, 2}));
  EXPECT_FALSE(watch_.IsAlive({kThere, 1}));
}

TEST_F(BeaconWatchTest, BeaconsForOthersTakeNoRoomFromThoseWhoSendTheirOwn) {
  EXPECT_TRUE(Send(1, "a.example", kElsewhere));
  EXPECT_TRUE(Send(2, "b.example", kElsewhere));
  EXPECT_FALSE(Send(3, "c.example", kElsewhere));
  EXPECT_TRUE(Send(4, "d.example", kThere));
  EXPECT_TRUE(Send(5, "e.example", kThere));
  EXPECT_THAT(AddressesThere(), ElementsAre(Ipv4Endpoint{kThere, 4}, Ipv4Endpoint{kThere, 5}));
  EXPECT_FALSE(Send(6, "f.example", kThere));
}

TEST_F(BeaconWatchTest, AQueryInFlightWhenLeadershipIsLostGrantsNothing) {
  Event go_on(context_.get_executor());
  source_.before_replicas = [&]() -> asio::awaitable<void> { co_await go_on.WaitRegardless(); };
  EXPECT_FALSE(IsGranted(34801));
  context_.poll();
  EXPECT_EQ(source_.replica_queries, 1);
  watch_.ForgetGrants();
  go_on.Set();
  RunAll();
  // Somebody else leads and gives it a lease; then we lead again.
  source_.status[34801] = ReplicaStatus::kPrimary;
  EXPECT_FALSE(IsGranted(34801));
  RunAll();
  EXPECT_EQ(source_.replica_queries, 2);
  EXPECT_FALSE(IsGranted(34801));
  RunAll();
}

TEST_F(BeaconWatchTest, AfterLosingLeadershipANodeIsAskedAgainAtOnce) {
  EXPECT_FALSE(IsGranted(34801));
  RunAll();
  EXPECT_TRUE(IsGranted(34801));
  watch_.ForgetGrants();
  EXPECT_FALSE(IsGranted(34801));
  RunAll();
  EXPECT_EQ(source_.replica_queries, 2);
  EXPECT_TRUE(IsGranted(34801));
}

}  // namespace
}  // namespace metarec
