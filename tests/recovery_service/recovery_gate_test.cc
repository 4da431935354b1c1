#include "recovery_service/recovery_gate.h"

#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "idl/task_codes.h"
#include "recovery_service/meta_rpcs.h"

namespace metarec {
namespace {

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
  EXPECT_EQ(table, codes);
  EXPECT_EQ(table.size(), 44U);
}

TEST(RecoveryGateTest, EveryRefusalHasItsErrorInTheFirstField) {
  for (const MetaRpc& rpc : MetaRpcs()) {
    // The wrapper's field 0, and the struct's field 1, whose value is a string.
    const std::string head(
        "\x0c\x00\x00\x0c\x00\x01\x00\x00\x00\x12"
        "ERR_UNDER_RECOVERY",
        28);
    EXPECT_EQ(rpc.encode_refusal("ERR_UNDER_RECOVERY").substr(0, head.size()), head)
        << rpc.task_code;
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

}  // namespace
}  // namespace metarec
