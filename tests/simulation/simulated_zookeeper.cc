#include "simulated_zookeeper.h"

#include <algorithm>
#include <utility>
#include <variant>

#include <absl/strings/str_cat.h>

#include "simulated_store.h"

namespace metarec::simulation {
namespace {

constexpr absl::Duration kRequestTimeout = absl::Seconds(10);
constexpr absl::Duration kInstant = absl::Microseconds(1);

}  // namespace

absl::string_view StoreFaultName(StoreFaultKind kind) {
  static constexpr absl::string_view kNames[kStoreFaultKinds] = {
      "none",          "lost_before", "lost_after", "late",     "expired",
      "expired_after", "slow",        "no_auth",    "too_large"};
  return kNames[static_cast<int>(kind)];
}

SimulatedZooKeeper::SimulatedZooKeeper(Surroundings surroundings)
    : with_(std::move(surroundings)),
      ensemble_(with_.queue, [this](int server, const Ensemble::Changes& changes) {
        Announce(server, changes);
      }) {}

SimulatedZooKeeper::~SimulatedZooKeeper() = default;

std::unique_ptr<MetaStore> SimulatedZooKeeper::Connect(StoreClient client,
                                                       absl::Duration session_timeout) {
  auto session = std::make_shared<StoreSession>();
  session->id = ++last_session_id_;
  session->client = std::move(client);
  session->timeout = session_timeout;
  session->server = 1 + static_cast<int>(session->id % (Ensemble::kServers - 1));
  ensemble_.CatchUp(session->server);  // to begin a session is a transaction
  session->tracker.Set(SessionState::kConnected);
  sessions_.emplace(session->id, session);
  return std::make_unique<SimulatedStore>(this, session);
}

absl::Duration SimulatedZooKeeper::Delay() {
  return with_.random->Span(absl::Microseconds(100), absl::Milliseconds(5));
}

// What it does to the connection is done when the request arrives, so that those before it in the
// same connection still have their effect.
void SimulatedZooKeeper::Submit(const std::shared_ptr<StoreSession>& session,
                                const std::shared_ptr<StoreCall>& call, StoreRequest request) {
  const auto fail = [&](StoreError error, absl::Duration after) {
    call->result = MakeStoreError(error, request.kind, request.path);
    with_.queue->After(after, [call] { call->done.Set(); });
  };
  call->kind = request.kind;
  call->path = std::string(request.path);
  if (session->is_dead || session->is_closed) return fail(StoreError::kClosed, kInstant);
  if (session->tracker.Get() == SessionState::kExpired) {
    return fail(StoreError::kSessionExpired, kInstant);
  }
  request.index = requests_++;
  call->index = request.index;
  const StoreFault fault = with_.on_request(session->client, request);
  if (session->is_dead) return fail(StoreError::kClosed, kInstant);
  with_.trace->Add(
      with_.queue->now(), session->client.name,
      absl::StrCat("#", request.index, " ", request.kind, " ", request.path,
                   request.ops ? absl::StrCat(" x", request.ops->size()) : "",
                   fault.kind == StoreFaultKind::kNone ? "" : "  !! ",
                   fault.kind == StoreFaultKind::kNone ? "" : StoreFaultName(fault.kind)));
  if (!session->is_connected) {
    return fail(StoreError::kConnectionLoss, with_.random->Span(kInstant, absl::Seconds(2)));
  }
  call->fault = fault;
  session->in_flight.push_back(call);
  session->executed_at = std::max(session->executed_at + kInstant, with_.queue->now() + Delay());
  ExecuteAt(session->executed_at, session, call);
}

void SimulatedZooKeeper::ExecuteAt(absl::Time time, const std::shared_ptr<StoreSession>& session,
                                   const std::shared_ptr<StoreCall>& call) {
  with_.queue->At(time, [this, session, call] {
    if (call->is_void || session->is_expired) return;
    const StoreFault fault = std::exchange(call->fault, StoreFault());
    const auto refuse = [&](StoreError error) {
      call->result = MakeStoreError(error, call->kind, call->path);
      Answer(session, call);
    };
    switch (fault.kind) {
      case StoreFaultKind::kLostBefore:
        call->is_void = true;
        return Break(session, fault.lasts);
      case StoreFaultKind::kExpired:
        call->is_void = true;
        Break(session, fault.lasts);
        return ExpireAtServer(session);
      case StoreFaultKind::kNoAuth:
        return refuse(StoreError::kNoAuth);
      case StoreFaultKind::kTooLarge:
        return refuse(StoreError::kTooLarge);
      case StoreFaultKind::kLate: {
        const bool was_connected = session->is_connected;
        if (was_connected) Break(session, fault.lasts);
        // Neither executed nor given up: whatever Break decided.
        call->is_void = false;
        return ExecuteAt(with_.queue->now() + fault.lasts * with_.random->Fraction(), session,
                         call);
      }
      default:
        break;
    }
    call->is_executed = true;
    call->execute(call->index);
    call->position = ensemble_.Position(session->server);
    if (fault.kind == StoreFaultKind::kLostAfter || fault.kind == StoreFaultKind::kExpiredAfter) {
      if (session->is_connected) Break(session, fault.lasts);
      if (fault.kind == StoreFaultKind::kExpiredAfter) ExpireAtServer(session);
      return;
    }
    if (!session->is_connected) return;
    if (fault.kind == StoreFaultKind::kSlow) {
      session->answered_at = std::max(session->answered_at, with_.queue->now() + fault.lasts);
    }
    Answer(session, call);
  });
}

void SimulatedZooKeeper::Answer(const std::shared_ptr<StoreSession>& session,
                                const std::shared_ptr<StoreCall>& call) {
  session->answered_at = std::max(session->answered_at + kInstant, with_.queue->now() + Delay());
  const absl::Time gives_up = with_.queue->now() + kRequestTimeout;
  if (session->answered_at > gives_up) {
    with_.queue->At(gives_up, [call] {
      if (call->done.is_set()) return;
      call->result = MakeStoreError(StoreError::kOperationTimeout, call->kind, call->path);
      call->done.Set();
    });
  }
  with_.queue->At(session->answered_at, [session, call] {
    if (!session->in_flight.empty() && session->in_flight.front() == call) {
      session->in_flight.pop_front();
    }
    if (session->is_dead || call->done.is_set()) return;
    session->seen = std::max(session->seen, call->position);
    call->done.Set();
  });
}

absl::StatusOr<std::vector<StoreOpResult>> SimulatedZooKeeper::Write(
    const StoreClient& client, int64_t session_id, const std::vector<StoreOp>& ops) {
  return Apply(client, session_id, -1, std::make_shared<const std::vector<StoreOp>>(ops),
               ops.size() > 1);
}

void SimulatedZooKeeper::EndForeignSession(int64_t session_id) {
  ensemble_.DropEphemerals(session_id);
}

absl::StatusOr<std::vector<StoreOpResult>> SimulatedZooKeeper::Apply(
    const StoreClient& client, int64_t session_id, int64_t request,
    std::shared_ptr<const std::vector<StoreOp>> ops, bool is_multi) {
  auto results = ensemble_.Apply(ops, is_multi, {.session_id = session_id, .identities = {}});
  if (!results.ok()) return results;
  ++writes_;
  const bool changes = std::any_of(ops->begin(), ops->end(), [](const StoreOp& op) {
    return !std::holds_alternative<CheckOp>(op);
  });
  if (changes) with_.on_applied(client, session_id, request, *ops, *results);
  return results;
}

const testing::ZnodeTree& SimulatedZooKeeper::TreeOf(const StoreSession& session) {
  if (ensemble_.IsBehind(session.server)) ++stale_reads_;
  return ensemble_.TreeOf(session.server);
}

}  // namespace metarec::simulation
