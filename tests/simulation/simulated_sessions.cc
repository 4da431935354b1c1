// What becomes of SimulatedZooKeeper's sessions: how they lose their connections, come back, end,
// and hear of changes.

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>

#include "simulated_store.h"
#include "simulated_zookeeper.h"

namespace metarec::simulation {
namespace {

constexpr absl::Duration kInstant = absl::Microseconds(1);

}  // namespace

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
  ChooseServer(session);
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
  ensemble_.DropEphemerals(session->id);
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

// Any one that knows what the client has seen.
void SimulatedZooKeeper::ChooseServer(const std::shared_ptr<StoreSession>& session) {
  const size_t heard = ensemble_.Position(session->server);
  if (ensemble_.Position(0) == 0) return;  // nobody ever lagged
  const int server = static_cast<int>(with_.random->Pick(0, Ensemble::kServers - 1));
  const size_t position = ensemble_.Position(server);
  if (position < session->seen || !session->unheard.empty()) return;
  session->server = server;
  for (size_t i = heard; i < position; ++i) AnnounceTo(session, ensemble_.ChangesAt(i));
}

void SimulatedZooKeeper::Announce(int server, const Ensemble::Changes& changes) {
  for (const auto& [id, session] : sessions_) {
    if (session->server == server) AnnounceTo(session, changes);
  }
}

void SimulatedZooKeeper::AnnounceTo(const std::shared_ptr<StoreSession>& session,
                                    const Ensemble::Changes& changes) {
  const auto fire_at = [&](auto* watches, const std::string& path, const WatchEvent& event) {
    const auto [begin, end] = watches->equal_range(path);
    for (auto it = begin; it != end; ++it) FireWatch(session, it->second, event);
    watches->erase(begin, end);
  };
  for (const auto& [type, path] : changes) {
    const size_t slash = path.rfind('/');
    const std::string parent = slash == 0 ? "/" : path.substr(0, slash);
    fire_at(&session->data_watches, path, WatchEvent{type, path});
    if (type == WatchEventType::kDataChanged) continue;
    if (type == WatchEventType::kDeleted) {
      fire_at(&session->child_watches, path, WatchEvent{type, path});
    }
    fire_at(&session->child_watches, parent, WatchEvent{WatchEventType::kChildrenChanged, parent});
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
  const size_t position = ensemble_.Position(session->server);
  with_.queue->At(session->answered_at, [session, position, watch, event] {
    if (session->is_dead) return;
    if (!session->is_connected) {
      session->unheard.emplace_back(watch, event);
      return;
    }
    // Perhaps lost with the old connection, and told by the new one.
    session->seen = std::max(session->seen, position);
    Watch::Fire(watch, event);
  });
}

}  // namespace metarec::simulation
