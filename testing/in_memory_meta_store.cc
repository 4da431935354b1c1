#include "testing/in_memory_meta_store.h"

#include <utility>

#include "base/runtime/cancellation.h"

namespace metarec::testing {
namespace {

ZnodeCaller CallerOf(const std::optional<StoreAuth>& auth) {
  ZnodeCaller caller;
  if (auth.has_value() && auth->scheme == "digest") {
    caller.identities.emplace_back("digest", DigestIdentity(auth->credentials));
  }
  return caller;
}

// Executes at once, in the order of submission, and completes later. `execute` is the only one
// that may touch the store, which may be gone afterwards; `session` outlives it.
template <typename Result, typename SharedSession>
asio::awaitable<Result> Run(SharedSession session, absl::string_view kind, std::string path,
                            std::function<Result()> execute) {
  if (co_await IsCancelled()) co_return absl::CancelledError("cancelled before it was submitted");
  Result result = execute();
  const int64_t connections_lost = session->connections_lost;
  co_await Yield();
  if (co_await IsCancelled()) co_return absl::CancelledError("cancelled while it was executed");
  if (session->tracker.Get() == SessionState::kClosed) {
    co_return MakeStoreError(StoreError::kClosed, kind, path);
  }
  if (session->connections_lost != connections_lost) {
    co_return MakeStoreError(StoreError::kConnectionLoss, kind, path);
  }
  co_return result;
}

}  // namespace

InMemoryMetaStore::InMemoryMetaStore(std::shared_ptr<InMemoryZooKeeper> zookeeper,
                                     InMemoryMetaStoreOptions options)
    : MetaStore(std::move(options.acl), options.request_bytes_max),
      zookeeper_(std::move(zookeeper)),
      session_(zookeeper_->OpenSession(CallerOf(options.auth))),
      server_request_bytes_max_(options.server_request_bytes_max),
      gate_(std::move(options.injector)) {
  if (options.auth.has_value() && options.auth->scheme != "digest") {
    zookeeper_->EndSession(session_id(), SessionState::kAuthFailed);
  }
}

InMemoryMetaStore::~InMemoryMetaStore() {
  zookeeper_->EndSession(session_id(), SessionState::kClosed);
  session_->tracker.Set(SessionState::kClosed);
}

StoreError InMemoryMetaStore::SessionError() const {
  if (session_state() == SessionState::kExpired) return StoreError::kSessionExpired;
  if (session_state() == SessionState::kAuthFailed) return StoreError::kAuthFailed;
  return StoreError::kNone;
}

template <typename Result>
Result InMemoryMetaStore::Execute(const StoreCall& call, const std::function<Result()>& execute) {
  const FaultGate::Verdict verdict = gate_.Judge(call, SessionError());
  const auto fail = [this](const absl::Status& fault) {
    if (StoreErrorOf(fault) == StoreError::kSessionExpired) zookeeper_->ExpireSession(session_id());
    return fault;
  };
  if (!verdict.before.ok()) return fail(verdict.before);
  if (!zookeeper_->serving_) {
    return MakeStoreError(StoreError::kConnectionLoss, call.kind, call.path);
  }
  Result result = execute();
  if (!verdict.after.ok()) return fail(verdict.after);
  return result;
}

absl::StatusOr<std::vector<StoreOpResult>> InMemoryMetaStore::Write(
    absl::string_view kind, const std::vector<StoreOp>& ops) {
  const bool is_multi = kind == "multi";
  return Execute<absl::StatusOr<std::vector<StoreOpResult>>>(
      MultiCall(kind, ops), [&]() -> absl::StatusOr<std::vector<StoreOpResult>> {
        size_t bytes = kMultiOverheadBytes;
        for (const StoreOp& op : ops) bytes += OpBytes(op);
        if (bytes <= server_request_bytes_max_) {
          return zookeeper_->Write(*session_, ops, is_multi, acl());
        }
        ++session_->connections_lost;
        return MakeStoreError(StoreError::kConnectionLoss, kind, OpPath(ops.front()));
      });
}

asio::awaitable<absl::StatusOr<NodeData>> InMemoryMetaStore::DoGet(std::string path,
                                                                   std::shared_ptr<Watch> watch) {
  using Result = absl::StatusOr<NodeData>;
  return Run<Result>(session_, "get", path, [this, path, watch = std::move(watch)] {
    return Execute<Result>({.kind = "get", .path = path}, [&] {
      Result result = zookeeper_->tree_.Get(path, session_->caller);
      if (result.ok() && watch != nullptr) session_->data_watches.emplace(path, watch->sender());
      return result;
    });
  });
}

asio::awaitable<absl::StatusOr<std::optional<NodeStat>>> InMemoryMetaStore::DoExists(
    std::string path, std::shared_ptr<Watch> watch) {
  using Result = absl::StatusOr<std::optional<NodeStat>>;
  return Run<Result>(session_, "exists", path, [this, path, watch = std::move(watch)] {
    return Execute<Result>({.kind = "exists", .path = path}, [&]() -> Result {
      if (watch != nullptr) session_->data_watches.emplace(path, watch->sender());
      return zookeeper_->tree_.Exists(path);
    });
  });
}

asio::awaitable<absl::StatusOr<NodeChildren>> InMemoryMetaStore::DoChildren(
    std::string path, std::shared_ptr<Watch> watch) {
  using Result = absl::StatusOr<NodeChildren>;
  return Run<Result>(session_, "children", path, [this, path, watch = std::move(watch)] {
    return Execute<Result>({.kind = "children", .path = path}, [&] {
      Result result = zookeeper_->tree_.Children(path, session_->caller);
      if (result.ok() && watch != nullptr) session_->child_watches.emplace(path, watch->sender());
      return result;
    });
  });
}

asio::awaitable<absl::StatusOr<NodeAcl>> InMemoryMetaStore::DoGetAcl(std::string path) {
  using Result = absl::StatusOr<NodeAcl>;
  return Run<Result>(session_, "get the ACL of", path, [this, path] {
    return Execute<Result>({.kind = "get the ACL of", .path = path},
                           [&] { return zookeeper_->tree_.GetAcl(path, session_->caller); });
  });
}

asio::awaitable<absl::StatusOr<std::string>> InMemoryMetaStore::DoCreate(CreateOp op) {
  using Result = absl::StatusOr<std::string>;
  std::string path = op.path;
  return Run<Result>(session_, "create", path, [this, op = std::move(op)]() -> Result {
    const auto results = Write("create", {op});
    if (!results.ok()) return results.status();
    return results->front().created_path;
  });
}

asio::awaitable<absl::StatusOr<NodeStat>> InMemoryMetaStore::DoSet(SetOp op) {
  using Result = absl::StatusOr<NodeStat>;
  std::string path = op.path;
  return Run<Result>(session_, "set", path, [this, op = std::move(op)]() -> Result {
    const auto results = Write("set", {op});
    if (!results.ok()) return results.status();
    return results->front().stat;
  });
}

asio::awaitable<absl::Status> InMemoryMetaStore::DoDelete(DeleteOp op) {
  std::string path = op.path;
  return Run<absl::Status>(session_, "delete", path,
                           [this, op = std::move(op)] { return Write("delete", {op}).status(); });
}

asio::awaitable<absl::Status> InMemoryMetaStore::DoSetAcl(SetAclOp op) {
  std::string path = op.path;
  return Run<absl::Status>(session_, "set the ACL of", path, [this, op = std::move(op)] {
    return Write("set the ACL of", {op}).status();
  });
}

asio::awaitable<absl::StatusOr<std::vector<StoreOpResult>>> InMemoryMetaStore::DoMulti(
    std::vector<StoreOp> ops) {
  std::string path = OpPath(ops.front());
  return Run<absl::StatusOr<std::vector<StoreOpResult>>>(
      session_, "multi", path, [this, ops = std::move(ops)] { return Write("multi", ops); });
}

asio::awaitable<absl::Status> InMemoryMetaStore::DoSync(std::string path) {
  return Run<absl::Status>(session_, "sync", path, [this, path] {
    return Execute<absl::Status>({.kind = "sync", .path = path}, [] { return absl::OkStatus(); });
  });
}

}  // namespace metarec::testing
