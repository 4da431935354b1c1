#include "recovery_service/recovery_gate.h"

#include <utility>

#include "idl/error_names.h"
#include "idl/task_codes.h"
#include "recovery_service/meta_rpcs.h"

namespace metarec {

absl::string_view RecoveryStateName(RecoveryState state) {
  switch (state) {
    case RecoveryState::kWaiting:
      return "waiting";
    case RecoveryState::kRecovering:
      return "recovering";
    case RecoveryState::kRecovered:
      return "recovered";
    case RecoveryState::kFailed:
      return "failed";
  }
  return "unknown";
}

RecoveryGate::RecoveryGate() {
  for (const MetaRpc& rpc : MetaRpcs()) policies_.emplace(rpc.task_code, rpc.policy);
  policies_.emplace(idl::kRpcFdFailureDetectorPing, GatePolicy::kAlways);
  policies_.emplace(idl::kRpcCliCliCall, GatePolicy::kAlways);
}

void RecoveryGate::SetPolicy(std::string task_code, GatePolicy policy) {
  policies_.insert_or_assign(std::move(task_code), policy);
}

GateVerdict RecoveryGate::Decide(absl::string_view task_code,
                                 const GateSituation& situation) const {
  using Action = GateVerdict::Action;
  const auto found = policies_.find(task_code);
  const GatePolicy policy = found == policies_.end() ? GatePolicy::kNever : found->second;
  const GateVerdict serve = {Action::kServe, idl::kErrOk};
  if (policy == GatePolicy::kAlways) return serve;
  if (!situation.is_leader) {
    const bool tells_leader = situation.is_forward_supported && situation.is_leader_known;
    return {tells_leader ? Action::kForward : Action::kRefuse, idl::kErrForwardToOthers};
  }
  if (policy == GatePolicy::kByLeader) return serve;
  if (policy == GatePolicy::kOnceRecovered && situation.state == RecoveryState::kRecovered) {
    return serve;
  }
  // Replica servers that get it wait for their next interval and lose nothing (INTEROP.md 3.5).
  return {Action::kRefuse, idl::kErrUnderRecovery};
}

}  // namespace metarec
