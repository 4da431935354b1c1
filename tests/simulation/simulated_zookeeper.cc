#include "simulated_zookeeper.h"

#include <algorithm>
#include <utility>
#include <variant>

#include <absl/strings/str_cat.h>

#include "simulated_store.h"

namespace metarec::simulation {
namespace {

constexpr absl::Duration kRequestTimeout = absl::Seconds(10);
}  // namespace

void Ensemble::Lag(int follower_index, absl::Time until, absl::Duration by) {
  Follower& follower = followers_[static_cast<size_t>(follower_index)];
  if (!follower.tree.has_value()) {
    follower.tree = leader_;
    follower.position = log_.size();
  }
  follower.lags_until = until;
  follower.lags_by = by;
}

absl::StatusOr<std::vector<StoreOpResult>> Ensemble::Apply(
    std::shared_ptr<const std::vector<StoreOp>> ops, bool is_multi, testing::ZnodeCaller caller) {
  const testing::ZnodeTree::Transaction transaction{++zxid_, absl::ToUnixMillis(queue_->now()),
                                                    OpenAcl()};
  auto applied = leader_.Apply(*ops, is_multi, caller, transaction);
  if (!applied.ok()) return applied.status();
  Publish(
      [ops = std::move(ops), is_multi, caller = std::move(caller),
       transaction](testing::ZnodeTree* tree) {
        tree->Apply(*ops, is_multi, caller, transaction).IgnoreError();
      },
      std::move(applied->changes));
  return std::move(applied->results);
}

void Ensemble::DropEphemerals(int64_t session_id) {
  const int64_t zxid = ++zxid_;
  Publish([session_id, zxid](testing::ZnodeTree* tree) { tree->DropEphemerals(session_id, zxid); },
          leader_.DropEphemerals(session_id, zxid));
}

void Ensemble::Publish(Replay replay, Changes changes) {
  const bool has_lagged = std::any_of(followers_.begin(), followers_.end(),
                                      [](const Follower& f) { return f.tree.has_value(); });
  if (has_lagged) log_.push_back({std::move(replay), changes});
  for (int server = 0; server < kServers; ++server) {
    Follower& follower = followers_[static_cast<size_t>(server)];
    if (!follower.tree.has_value()) {
      on_changes_(server, changes);
      continue;
    }
    const absl::Time now = queue_->now();
    const absl::Duration lag = now < follower.lags_until ? follower.lags_by : absl::ZeroDuration();
    follower.arrival = std::max(follower.arrival, now + lag);
    const size_t position = log_.size();
    if (follower.arrival == now) {
      Advance(server, position);
    } else {
      queue_->At(follower.arrival, [this, server, position] { Advance(server, position); });
    }
  }
}

void Ensemble::CatchUp(int server) {
  if (followers_[static_cast<size_t>(server)].tree.has_value()) Advance(server, log_.size());
}

void Ensemble::Advance(int server, size_t position) {
  Follower& follower = followers_[static_cast<size_t>(server)];
  while (follower.position < position) {
    const Commit& commit = log_[follower.position++];
    commit.replay(&*follower.tree);
    on_changes_(server, commit.changes);
  }
}

absl::string_view StoreFaultName(StoreFaultKind kind) {
  static constexpr absl::string_view kNames[kStoreFaultKinds] = {
      "none",          "lost_before", "lost_after", "late",     "expired",
      "expired_after", "slow",        "no_auth",    "too_large"};
  return kNames[static_cast<int>(kind)];
}

SimulatedZooKeeper::SimulatedZooKeeper(Surroundings surroundings)
    : with_(std::move(surroundings)),
      ensemble_(
          with_.queue, with_.first_zxid,
          [this](int server, const Ensemble::Changes& changes) { Announce(server, changes); }),
      last_session_id_(0x1000 + with_.first_zxid) {}

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

// A fault takes effect when the request arrives, so that earlier requests of the same connection
// are still executed.
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
    if (const auto later = HeldUntil(session.get())) return ExecuteAt(*later, session, call);
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
        // It will be executed, whatever Break decided.
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
      // Answers come in order: until then the client hears nothing else.
      BreakIfSilent(session, fault.lasts);
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
  AnswerAt(session->answered_at, session, call);
}

void SimulatedZooKeeper::AnswerAt(absl::Time time, const std::shared_ptr<StoreSession>& session,
                                  const std::shared_ptr<StoreCall>& call) {
  with_.queue->At(time, [this, session, call] {
    const auto later = HeldUntil(session.get());
    if (later && !call->done.is_set()) return AnswerAt(*later, session, call);
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
  auto results =
      ensemble_.Apply(ops, is_multi, {.session_id = session_id, .identities = client.identities});
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
