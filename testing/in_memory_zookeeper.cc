#include "testing/in_memory_zookeeper.h"

#include <utility>

namespace metarec::testing {
namespace {

template <typename WatchTable>
void FireAt(WatchTable* table, const std::string& path, const WatchEvent& event) {
  const auto [begin, end] = table->equal_range(path);
  for (auto it = begin; it != end; ++it) it->second.Send(event);
  table->erase(begin, end);
}

template <typename WatchTable>
void FireAll(WatchTable* table) {
  for (const auto& [path, watch] : *table) watch.Send(WatchEvent());
  table->clear();
}

}  // namespace

std::shared_ptr<InMemoryZooKeeper::Session> InMemoryZooKeeper::OpenSession(ZnodeCaller caller) {
  auto session = std::make_shared<Session>();
  session->caller = std::move(caller);
  session->caller.session_id = ++last_session_id_;
  if (serving_) session->tracker.Set(SessionState::kConnected);
  sessions_.emplace(last_session_id_, session);
  ++zxid_;
  return session;
}

void InMemoryZooKeeper::EndSession(int64_t session_id, SessionState why) {
  const auto found = sessions_.find(session_id);
  if (found == sessions_.end()) return;
  const std::shared_ptr<Session> session = found->second;
  sessions_.erase(found);
  session->tracker.Set(why);
  FireAll(&session->data_watches);
  FireAll(&session->child_watches);
  Announce(tree_.DropEphemerals(session_id, ++zxid_));
}

void InMemoryZooKeeper::ExpireSession(int64_t session_id) {
  EndSession(session_id, SessionState::kExpired);
}

void InMemoryZooKeeper::StopServing() {
  serving_ = false;
  for (auto& [id, session] : sessions_) session->tracker.Set(SessionState::kConnecting);
}

void InMemoryZooKeeper::Serve() {
  serving_ = true;
  for (auto& [id, session] : sessions_) session->tracker.Set(SessionState::kConnected);
}

absl::StatusOr<std::vector<StoreOpResult>> InMemoryZooKeeper::Write(const Session& session,
                                                                    absl::Span<const StoreOp> ops,
                                                                    bool is_multi, const Acl& acl) {
  const int64_t now_ms = clock_ == nullptr ? 0 : absl::ToUnixMillis(clock_->Now());
  auto applied = tree_.Apply(ops, is_multi, session.caller, {++zxid_, now_ms, acl});
  if (!applied.ok()) return applied.status();
  Announce(applied->changes);
  return std::move(applied->results);
}

void InMemoryZooKeeper::Announce(const std::vector<ZnodeChange>& changes) {
  for (const auto& [type, path] : changes) {
    const size_t slash = path.rfind('/');
    const std::string parent = slash == 0 ? "/" : path.substr(0, slash);
    for (auto& [id, session] : sessions_) {
      FireAt(&session->data_watches, path, WatchEvent{type, path});
      if (type == WatchEventType::kDataChanged) continue;
      if (type == WatchEventType::kDeleted) {
        FireAt(&session->child_watches, path, WatchEvent{type, path});
      }
      FireAt(&session->child_watches, parent, WatchEvent{WatchEventType::kChildrenChanged, parent});
    }
  }
}

}  // namespace metarec::testing
