// The RPCs of a meta server in recovery mode: one row for each says when it is served, how it is
// refused, and who answers it. The gate is the one place that decides whether a request may pass,
// for every transport.

#pragma once

#include <string>

#include <absl/container/flat_hash_map.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>
#include <asio/awaitable.hpp>

#include "recovery_service/leadership.h"
#include "rpc/server.h"

namespace metarec {

class RecoveryService;

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

// One RPC that a meta server registers (INTEROP.md section 3.7). The rows are in recovery_gate.cc;
// adding an RPC is adding a row.
struct MetaRpc {
  // The body of an answer with this error and nothing else: all other fields have their defaults,
  // optional ones are absent, as stock servers write it. `leader` may be null.
  using Refusal = std::string (*)(absl::string_view error_name, const LeaderIdentity* leader);
  // Answers a request that has passed the gate.
  using Answer = asio::awaitable<rpc::HandlerResult> (RecoveryService::*)(rpc::Request request);

  absl::string_view task_code;
  // When `answer` can be called. Also the gate's policy until the embedder sets another one.
  GatePolicy policy = GatePolicy::kNever;
  Refusal refusal = nullptr;  // null: a refused request gets no answer
  Answer answer = nullptr;    // null: nobody here serves it (ERR_HANDLER_NOT_FOUND)

  std::string EncodeRefusal(absl::string_view error_name,
                            const LeaderIdentity* leader = nullptr) const {
    return refusal(error_name, leader);
  }
  // By its own policy, whatever the gate's is.
  GateVerdict Decide(const GateSituation& situation) const;
};

// All of them: the 44 in the order of INTEROP.md, then remote commands and beacons.
absl::Span<const MetaRpc> MetaRpcs();

// nullptr: no meta server registers it.
const MetaRpc* FindMetaRpc(absl::string_view task_code);

// A refusal of an RPC of which only this is known: `err` is the first field of its answer.
// Generated readers take the default of every field that is absent.
std::string EncodeBareRefusal(absl::string_view error_name);

// A table from task codes to policies; at first those of MetaRpcs. Decide is a pure function of the
// table and its arguments. Not thread-safe while SetPolicy runs.
class RecoveryGate {
 public:
  RecoveryGate();

  // For an embedder's own RPCs, and for those that it serves itself once the tree is written. What
  // the service answers itself must also pass by its row's policy: setting a wider one does not
  // make it answer from metadata that are not there yet, or start a recovery without leading.
  void SetPolicy(std::string task_code, GatePolicy policy);

  bool Knows(absl::string_view task_code) const { return policies_.contains(task_code); }

  // An RPC that is not in the table is never served. Servers answer ERR_HANDLER_NOT_FOUND to an
  // RPC that is not registered, and do not ask the gate.
  GateVerdict Decide(absl::string_view task_code, const GateSituation& situation) const;

 private:
  absl::flat_hash_map<std::string, GatePolicy> policies_;
};

}  // namespace metarec
