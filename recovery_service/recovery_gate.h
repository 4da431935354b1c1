// Whether an RPC may pass while metadata are being recovered: the one place that decides it, for
// every transport.

#pragma once

#include <string>

#include <absl/container/flat_hash_map.h>
#include <absl/strings/string_view.h>

namespace metarec {

enum class RecoveryState {
  kWaiting,     // for start_recovery
  kRecovering,  // a run is under way
  kRecovered,   // the tree is written
  kFailed,      // another start_recovery may follow
};

// "waiting", "recovering", "recovered", "failed".
absl::string_view RecoveryStateName(RecoveryState state);

// When an RPC is served. What is not served is refused with an error.
enum class GatePolicy {
  kAlways,         // by anyone in any state: beacons, remote commands
  kByLeader,       // in any state
  kOnceRecovered,  // by the leader
  kNever,          // changes of metadata, and whatever makes replica servers act
};

// What a decision depends on beside the RPC.
struct GateSituation {
  RecoveryState state = RecoveryState::kWaiting;
  bool is_leader = false;
  bool is_leader_known = false;       // if it is somebody else
  bool is_forward_supported = false;  // the request says so (rpc::Request)
};

struct GateVerdict {
  enum class Action {
    kServe,
    kRefuse,   // the answer's own struct says `error_name`
    kForward,  // the RPC layer says `error_name`, the body where the leader is
  };
  Action action = Action::kRefuse;
  absl::string_view error_name;  // static; of kServe: ERR_OK

  friend bool operator==(const GateVerdict&, const GateVerdict&) = default;
};

// A table from task codes to policies; at first those of INTEROP.md section 3.7. Decide is a pure
// function of the table and its arguments. Not thread-safe while SetPolicy runs.
class RecoveryGate {
 public:
  RecoveryGate();

  // For an embedder's own RPCs, and for those that it serves itself once the tree is written.
  void SetPolicy(std::string task_code, GatePolicy policy);

  bool Knows(absl::string_view task_code) const { return policies_.contains(task_code); }

  // An RPC that is not in the table is decided as one that is never served; servers answer
  // ERR_HANDLER_NOT_FOUND to what nobody has registered before they come here.
  GateVerdict Decide(absl::string_view task_code, const GateSituation& situation) const;

 private:
  absl::flat_hash_map<std::string, GatePolicy> policies_;
};

}  // namespace metarec
