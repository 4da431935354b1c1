#include "simulated_store.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>
#include <asio/this_coro.hpp>

#include "base/runtime/cancellation.h"

namespace metarec::simulation {
namespace {

testing::ZnodeCaller CallerOf(const StoreSession& session) {
  return {.session_id = session.id, .identities = session.client.identities};
}

}  // namespace

SimulatedStore::~SimulatedStore() {
  session_->is_closed = true;
  for (const auto& call : session_->in_flight) {
    if (call->done.is_set()) continue;
    call->result = MakeStoreError(StoreError::kClosed, call->kind, call->path);
    call->done.Set();
  }
  session_->in_flight.clear();
  for (auto* watches : {&session_->data_watches, &session_->child_watches}) {
    for (auto& [path, watch] : *watches) watch.Send(WatchEvent());
    watches->clear();
  }
  session_->tracker.Set(SessionState::kClosed);
  // A process that is dead or has no connection cannot end its session.
  if (session_->is_dead || !session_->is_connected) return;
  zookeeper_->with_.queue->After(
      absl::Milliseconds(1),
      [zookeeper = zookeeper_, session = session_] { zookeeper->ExpireAtServer(session); });
}

template <typename Result>
asio::awaitable<Result> SimulatedStore::Call(absl::string_view kind, std::string path,
                                             std::shared_ptr<const std::vector<StoreOp>> ops,
                                             std::function<Result(int64_t index)> execute) {
  const bool cancelled = co_await IsCancelled();
  if (cancelled) co_return absl::CancelledError("cancelled before it was submitted");
  const auto executor = co_await asio::this_coro::executor;
  const auto call = std::make_shared<StoreCall>(executor);
  const auto answer = std::make_shared<Result>(absl::UnknownError("not executed"));
  call->execute = [answer, execute = std::move(execute)](int64_t index) {
    *answer = execute(index);
  };
  const StoreRequest request{.index = 0, .kind = kind, .path = path, .ops = ops.get()};
  zookeeper_->Submit(session_, call, request);
  const absl::Status waited = co_await call->done.Wait();
  if (!waited.ok()) co_return waited;
  if (!call->result.ok()) co_return call->result;
  co_return std::move(*answer);
}

asio::awaitable<absl::StatusOr<NodeData>> SimulatedStore::DoGet(std::string path,
                                                                std::shared_ptr<Watch> watch) {
  using Result = absl::StatusOr<NodeData>;
  return Call<Result>("get", path, nullptr,
                      [zookeeper = zookeeper_, session = session_.get(), path, watch](int64_t) {
                        Result found = zookeeper->TreeOf(*session).Get(path, CallerOf(*session));
                        if (found.ok() && watch)
                          session->data_watches.emplace(path, watch->sender());
                        if (found.ok() && zookeeper->with_.on_read) {
                          zookeeper->with_.on_read(session->id, path);
                        }
                        return found;
                      });
}

asio::awaitable<absl::StatusOr<std::optional<NodeStat>>> SimulatedStore::DoExists(
    std::string path, std::shared_ptr<Watch> watch) {
  using Result = absl::StatusOr<std::optional<NodeStat>>;
  return Call<Result>(
      "exists", path, nullptr,
      [zookeeper = zookeeper_, session = session_.get(), path, watch](int64_t) -> Result {
        if (watch) session->data_watches.emplace(path, watch->sender());
        return zookeeper->TreeOf(*session).Exists(path);
      });
}

asio::awaitable<absl::StatusOr<NodeChildren>> SimulatedStore::DoChildren(
    std::string path, std::shared_ptr<Watch> watch) {
  using Result = absl::StatusOr<NodeChildren>;
  return Call<Result>("children", path, nullptr,
                      [zookeeper = zookeeper_, session = session_.get(), path, watch](int64_t) {
                        Result found =
                            zookeeper->TreeOf(*session).Children(path, CallerOf(*session));
                        if (found.ok() && watch)
                          session->child_watches.emplace(path, watch->sender());
                        return found;
                      });
}

asio::awaitable<absl::StatusOr<NodeAcl>> SimulatedStore::DoGetAcl(std::string path) {
  using Result = absl::StatusOr<NodeAcl>;
  return Call<Result>("get the ACL of", path, nullptr,
                      [zookeeper = zookeeper_, session = session_.get(), path](int64_t) {
                        return zookeeper->TreeOf(*session).GetAcl(path, CallerOf(*session));
                      });
}

asio::awaitable<absl::StatusOr<std::vector<StoreOpResult>>> SimulatedStore::Write(
    absl::string_view kind, std::vector<StoreOp> ops_in) {
  const auto ops = std::make_shared<const std::vector<StoreOp>>(std::move(ops_in));
  std::string path = OpPath(ops->front());
  return Call<absl::StatusOr<std::vector<StoreOpResult>>>(
      kind, std::move(path), ops,
      [zookeeper = zookeeper_, session = session_.get(), ops,
       is_multi = kind == "multi"](int64_t index) {
        auto results = zookeeper->Apply(session->client, session->id, index, ops, is_multi);
        // A server answers when this transaction and everything before it have come back to it.
        zookeeper->ensemble_.CatchUp(session->server);
        return results;
      });
}

asio::awaitable<absl::StatusOr<std::string>> SimulatedStore::DoCreate(CreateOp op) {
  std::vector<StoreOp> ops(1, StoreOp(std::move(op)));
  const auto results = co_await Write("create", std::move(ops));
  if (!results.ok()) co_return results.status();
  co_return results->front().created_path;
}

asio::awaitable<absl::StatusOr<NodeStat>> SimulatedStore::DoSet(SetOp op) {
  std::vector<StoreOp> ops(1, StoreOp(std::move(op)));
  const auto results = co_await Write("set", std::move(ops));
  if (!results.ok()) co_return results.status();
  co_return results->front().stat;
}

asio::awaitable<absl::Status> SimulatedStore::DoDelete(DeleteOp op) {
  std::vector<StoreOp> ops(1, StoreOp(std::move(op)));
  const auto results = co_await Write("delete", std::move(ops));
  co_return results.status();
}

asio::awaitable<absl::Status> SimulatedStore::DoSetAcl(SetAclOp op) {
  std::vector<StoreOp> ops(1, StoreOp(std::move(op)));
  const auto results = co_await Write("set the ACL of", std::move(ops));
  co_return results.status();
}

asio::awaitable<absl::StatusOr<std::vector<StoreOpResult>>> SimulatedStore::DoMulti(
    std::vector<StoreOp> ops) {
  return Write("multi", std::move(ops));
}

asio::awaitable<absl::Status> SimulatedStore::DoSync(std::string path) {
  return Call<absl::Status>("sync", std::move(path), nullptr,
                            [zookeeper = zookeeper_, session = session_.get()](int64_t) {
                              zookeeper->ensemble_.CatchUp(session->server);
                              return absl::OkStatus();
                            });
}

void SimulatedZooKeeper::Break(const std::shared_ptr<StoreSession>& session, absl::Duration lasts) {
  if (!session->is_connected || session->is_dead) return;
  with_.trace->Add(with_.queue->now(), session->client.name,
                   absl::StrCat("loses its connection for ", absl::FormatDuration(lasts)));
  session->is_connected = false;
  session->tracker.Set(SessionState::kConnecting);
  for (const std::shared_ptr<StoreCall>& call : session->in_flight) {
    // What has not arrived yet may still arrive, or not.
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
      for (auto& [path, watch] : *watches) watch.Send(WatchEvent());
      watches->clear();
    }
    return;
  }
  if (with_.queue->now() < session->silent_until) {
    const int64_t epoch = session->epoch;
    with_.queue->At(session->silent_until, [this, session, epoch] {
      if (session->epoch == epoch && !session->is_connected) ComeBack(session);
    });
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
  with_.on_expired(session->id);
}

void SimulatedZooKeeper::Kill(int client_number) {
  for (const auto& [id, session] : sessions_) {
    if (session->client.number != client_number || session->is_dead) continue;
    session->is_dead = true;
    // ZooKeeper has not heard of it since it lost its connection.
    const bool is_waited_for = !session->is_connected;
    session->is_connected = false;
    const int64_t epoch = is_waited_for ? session->epoch : ++session->epoch;
    for (const std::shared_ptr<StoreCall>& call : session->in_flight) {
      if (!call->is_executed && with_.random->OneIn(2)) call->is_void = true;
      if (!call->done.is_set()) {
        call->result = MakeStoreError(StoreError::kClosed, call->kind, call->path);
        call->done.Set();
      }
    }
    session->in_flight.clear();
    session->unexecuted.clear();
    if (is_waited_for) continue;
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
    if (session->client.number != client_number) continue;
    Break(session, with_.random->Span(absl::Milliseconds(1), absl::Seconds(1)));
    ExpireAtServer(session);
  }
}

void SimulatedZooKeeper::Silence(int client_number, absl::Duration lasts) {
  const auto sessions = sessions_;
  const absl::Time now = with_.queue->now();
  for (const auto& [id, session] : sessions) {
    if (session->client.number != client_number || session->is_dead || !session->is_connected) {
      continue;
    }
    with_.trace->Add(now, session->client.name,
                     absl::StrCat("hears nothing for ", absl::FormatDuration(lasts)));
    session->silent_until = std::max(session->silent_until, now + lasts);
    BreakIfSilent(session, lasts);
    if (lasts < session->timeout) continue;
    // The server counts from when it last heard something, whatever the client does.
    with_.queue->After(session->timeout, [this, session = session] {
      if (with_.queue->now() < session->silent_until) ExpireAtServer(session);
    });
  }
}

void SimulatedZooKeeper::BreakIfSilent(const std::shared_ptr<StoreSession>& session,
                                       absl::Duration lasts) {
  const absl::Duration silence = SilenceMax(session->timeout);
  if (lasts <= silence) return;
  const int64_t epoch = session->epoch;
  with_.queue->After(silence, [this, session, epoch, left = lasts - silence] {
    if (session->epoch == epoch && session->is_connected) Break(session, left);
  });
}

std::optional<absl::Time> SimulatedZooKeeper::HeldUntil(StoreSession* session) const {
  if (!session->is_connected || with_.queue->now() >= session->silent_until) return std::nullopt;
  session->held_until = std::max(session->held_until + kInstant, session->silent_until);
  return session->held_until;
}

// Chooses any server that knows what the client has seen.
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

// Fires in the order of the answers: a session hears of a change before it gets the answers to
// later reads.
void SimulatedZooKeeper::FireWatch(const std::shared_ptr<StoreSession>& session, WatchSender watch,
                                   WatchEvent event) {
  if (session->is_dead) return;
  if (!session->is_connected) {
    session->unheard.emplace_back(std::move(watch), std::move(event));
    return;
  }
  session->answered_at = std::max(session->answered_at + kInstant, with_.queue->now() + Delay());
  FireWatchAt(session->answered_at, session, ensemble_.Position(session->server), std::move(watch),
              std::move(event));
}

void SimulatedZooKeeper::FireWatchAt(absl::Time time, const std::shared_ptr<StoreSession>& session,
                                     size_t position, WatchSender watch, WatchEvent event) {
  with_.queue->At(time,
                  [this, session, position, watch = std::move(watch), event = std::move(event)] {
                    if (session->is_dead) return;
                    if (const auto later = HeldUntil(session.get())) {
                      return FireWatchAt(*later, session, position, watch, event);
                    }
                    if (!session->is_connected) {
                      session->unheard.emplace_back(watch, event);
                      return;
                    }
                    // Lost with the old connection, perhaps; the new one tells it then.
                    session->seen = std::max(session->seen, position);
                    watch.Send(event);
                  });
}

}  // namespace metarec::simulation
