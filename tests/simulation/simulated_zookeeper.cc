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
    : with_(std::move(surroundings)) {}

SimulatedZooKeeper::~SimulatedZooKeeper() = default;

std::unique_ptr<MetaStore> SimulatedZooKeeper::Connect(StoreClient client,
                                                       absl::Duration session_timeout) {
  auto session = std::make_shared<StoreSession>();
  session->id = ++last_session_id_;
  session->client = std::move(client);
  session->timeout = session_timeout;
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
    call->done.Set();
  });
}

void SimulatedZooKeeper::Break(const std::shared_ptr<StoreSession>& session, absl::Duration lasts) {
  if (!session->is_connected || session->is_dead) return;
  with_.trace->Add(with_.queue->now(), session->client.name,
                   absl::StrCat("loses its connection for ", absl::FormatDuration(lasts)));
  session->is_connected = false;
  session->tracker.Set(SessionState::kConnecting);
  for (const std::shared_ptr<StoreCall>& call : session->in_flight) {
    // What has not arrived yet may arrive, or not.
    if (!call->is_executed && with_.random->OneIn(2)) call->is_void = true;
    session->unexecuted.push_back(call);
    if (call->done.is_set()) continue;
    call->result = MakeStoreError(StoreError::kConnectionLoss, call->kind, call->path);
    call->done.Set();
  }
  session->in_flight.clear();
  const int64_t epoch = ++session->epoch;
  with_.queue->After(session->timeout, [this, session, epoch] {
    if (session->epoch == epoch && !session->is_connected) ExpireAtServer(session);
  });
  with_.queue->After(lasts, [this, session, epoch] {
    if (session->epoch == epoch && !session->is_connected) ComeBack(session);
  });
}

void SimulatedZooKeeper::ComeBack(const std::shared_ptr<StoreSession>& session) {
  // Nothing of the old connection is executed any more.
  for (const std::shared_ptr<StoreCall>& call : session->unexecuted) call->is_void = true;
  session->unexecuted.clear();
  if (session->is_dead || session->is_closed) return;
  if (session->is_expired) {
    with_.trace->Add(with_.queue->now(), session->client.name, "learns that its session expired");
    session->tracker.Set(SessionState::kExpired);
    for (auto* watches : {&session->data_watches, &session->child_watches}) {
      for (auto& [path, watch] : *watches) Watch::Fire(watch, WatchEvent());
      watches->clear();
    }
    return;
  }
  with_.trace->Add(with_.queue->now(), session->client.name, "is connected again");
  session->is_connected = true;
  ++session->epoch;
  session->tracker.Set(SessionState::kConnected);
  for (auto& [watch, event] : std::exchange(session->unheard, {})) {
    FireWatch(session, watch, event);
  }
}

void SimulatedZooKeeper::ExpireAtServer(const std::shared_ptr<StoreSession>& session) {
  if (session->is_expired) return;
  with_.trace->Add(with_.queue->now(), "zookeeper",
                   absl::StrCat("expires the session of ", session->client.name));
  session->is_expired = true;
  sessions_.erase(session->id);
  Announce(tree_.DropEphemerals(session->id, ++zxid_));
}

void SimulatedZooKeeper::Kill(int client_number) {
  for (const auto& [id, session] : sessions_) {
    if (session->client.number != client_number || session->is_dead) continue;
    session->is_dead = true;
    session->is_connected = false;
    const int64_t epoch = ++session->epoch;
    for (const std::shared_ptr<StoreCall>& call : session->in_flight) {
      if (!call->is_executed && with_.random->OneIn(2)) call->is_void = true;
      if (!call->done.is_set()) {
        call->result = MakeStoreError(StoreError::kClosed, call->kind, call->path);
        call->done.Set();
      }
    }
    session->in_flight.clear();
    session->unexecuted.clear();
    with_.queue->After(session->timeout, [this, session = session, epoch] {
      if (session->epoch == epoch) ExpireAtServer(session);
    });
  }
}

void SimulatedZooKeeper::Disconnect(int client_number, absl::Duration lasts) {
  const auto sessions = sessions_;
  for (const auto& [id, session] : sessions) {
    if (session->client.number == client_number) Break(session, lasts);
  }
}

void SimulatedZooKeeper::Expire(int client_number) {
  const auto sessions = sessions_;
  for (const auto& [id, session] : sessions) {
    if (session->client.number != client_number || session->is_dead) continue;
    Break(session, absl::Milliseconds(500));
    ExpireAtServer(session);
  }
}

absl::StatusOr<std::vector<StoreOpResult>> SimulatedZooKeeper::Write(
    const StoreClient& client, int64_t session_id, const std::vector<StoreOp>& ops) {
  return Apply(client, session_id, -1, ops, ops.size() > 1);
}

void SimulatedZooKeeper::EndForeignSession(int64_t session_id) {
  Announce(tree_.DropEphemerals(session_id, ++zxid_));
}

absl::StatusOr<std::vector<StoreOpResult>> SimulatedZooKeeper::Apply(
    const StoreClient& client, int64_t session_id, int64_t request, const std::vector<StoreOp>& ops,
    bool is_multi) {
  const testing::ZnodeCaller caller{.session_id = session_id, .identities = {}};
  auto applied = tree_.Apply(ops, is_multi, caller,
                             {++zxid_, absl::ToUnixMillis(with_.queue->now()), OpenAcl()});
  if (!applied.ok()) return applied.status();
  ++writes_;
  if (!applied->changes.empty())
    with_.on_applied(client, session_id, request, ops, applied->results);
  Announce(applied->changes);
  return std::move(applied->results);
}

void SimulatedZooKeeper::Announce(const std::vector<testing::ZnodeChange>& changes) {
  const auto fire_at = [this](const std::shared_ptr<StoreSession>& session, auto* watches,
                              const std::string& path, const WatchEvent& event) {
    const auto [begin, end] = watches->equal_range(path);
    for (auto it = begin; it != end; ++it) FireWatch(session, it->second, event);
    watches->erase(begin, end);
  };
  for (const auto& [type, path] : changes) {
    const size_t slash = path.rfind('/');
    const std::string parent = slash == 0 ? "/" : path.substr(0, slash);
    for (const auto& [id, session] : sessions_) {
      fire_at(session, &session->data_watches, path, WatchEvent{type, path});
      if (type == WatchEventType::kDataChanged) continue;
      if (type == WatchEventType::kDeleted) {
        fire_at(session, &session->child_watches, path, WatchEvent{type, path});
      }
      fire_at(session, &session->child_watches, parent,
              WatchEvent{WatchEventType::kChildrenChanged, parent});
    }
  }
}

// In the order of the answers: a session hears of a change before it hears what was read later.
void SimulatedZooKeeper::FireWatch(const std::shared_ptr<StoreSession>& session,
                                   std::weak_ptr<Watch> watch, WatchEvent event) {
  if (session->is_dead) return;
  if (!session->is_connected) {
    session->unheard.emplace_back(std::move(watch), std::move(event));
    return;
  }
  session->answered_at = std::max(session->answered_at + kInstant, with_.queue->now() + Delay());
  const int64_t epoch = session->epoch;
  with_.queue->At(session->answered_at, [session, epoch, watch, event] {
    if (session->is_dead) return;
    if (session->epoch == epoch) {
      Watch::Fire(watch, event);
    } else if (!session->is_connected) {
      session->unheard.emplace_back(watch, event);
    } else {
      Watch::Fire(watch, event);  // lost with the old connection, and told by the new one
    }
  });
}

}  // namespace metarec::simulation
