#include "zk_store/client/zookeeper_handle.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <absl/strings/str_cat.h>
#include <zookeeper/zookeeper.h>

#include "zk_store/client/zookeeper_native.h"

namespace metarec {
// What one request carries to its completion.
struct ZooKeeperHandle::CallBase {
  CallBase(ZooKeeperHandle* handle_, absl::string_view operation_, std::string path_)
      : handle(handle_), operation(operation_), path(std::move(path_)) {}
  virtual ~CallBase() = default;
  virtual void Fail(absl::Status status) = 0;

  ZooKeeperHandle* const handle;
  const absl::string_view operation;  // a literal
  const std::string path;
  uint64_t watch_id = 0;
};

namespace {

// `extra` is where libzookeeper writes results to; it must stay where it is.
struct NoExtra {};
template <typename CallResult, typename Extra = NoExtra>
struct Call final : ZooKeeperHandle::CallBase {
  using Result = CallResult;
  Call(ZooKeeperHandle* handle_, absl::string_view operation_, std::string path_,
       ZooKeeperHandle::Done<Result> done_)
      : CallBase(handle_, operation_, std::move(path_)), done(std::move(done_)) {}
  void Fail(absl::Status status) override { done(std::move(status)); }

  const ZooKeeperHandle::Done<Result> done;
  Extra extra = {};
};

using GetCall = Call<absl::StatusOr<NodeData>>;
using ExistsCall = Call<absl::StatusOr<std::optional<NodeStat>>>;
using ChildrenCall = Call<absl::StatusOr<NodeChildren>>;
using AclCall = Call<absl::StatusOr<NodeAcl>>;
using CreateCall = Call<absl::StatusOr<std::string>>;
using SetCall = Call<absl::StatusOr<NodeStat>>;
using VoidCall = Call<absl::Status>;
using MultiCall = Call<absl::StatusOr<std::vector<StoreOpResult>>, NativeMulti>;

constexpr int kOnlyAfterConnectionLoss = -1;
constexpr int64_t kNoTtl = -1;

// The library hands it back as it is.
// NOLINTNEXTLINE(performance-no-int-to-ptr)
void* WatchContext(uint64_t id) { return reinterpret_cast<void*>(static_cast<uintptr_t>(id)); }

}  // namespace

struct ZooKeeperHandle::Callbacks {
  template <typename AnyCall>
  static AnyCall* Begin(ZooKeeperHandle* handle, absl::string_view operation, std::string path,
                        Done<typename AnyCall::Result> done) {
    auto* call = new AnyCall(handle, operation, std::move(path), std::move(done));
    absl::MutexLock lock(&handle->mutex_);
    handle->calls_.insert(call);
    return call;
  }

  template <typename AnyCall>
  static std::unique_ptr<AnyCall> End(AnyCall* call) {
    absl::MutexLock lock(&call->handle->mutex_);
    call->handle->calls_.erase(call);
    return std::unique_ptr<AnyCall>(call);
  }

  // What libzookeeper gives back is what Begin has returned.
  template <typename AnyCall>
  static std::unique_ptr<AnyCall> Take(const void* data) {
    return End(static_cast<AnyCall*>(const_cast<void*>(data)));
  }

  // Completions of a request that libzookeeper did not even queue are never called.
  template <typename AnyCall>
  static void FailUnlessQueued(int code, AnyCall* call) {
    if (code == ZOK) return;
    const auto owned = End(call);
    call->handle->RemoveWatch(call->watch_id);
    call->done(call->handle->Error(code, call->operation, call->path));
  }

  static void OnSessionEvent(zhandle_t*, int type, int state, const char*, void* context) {
    if (type == ZOO_SESSION_EVENT) static_cast<ZooKeeperHandle*>(context)->OnSessionState(state);
  }

  static void OnWatchEvent(zhandle_t* zookeeper, int type, int, const char* path, void* context) {
    // Watches hear of connections lost and regained too, and stay set; OnSessionEvent does it.
    if (type == ZOO_SESSION_EVENT || type == ZOO_NOTWATCHING_EVENT) return;
    auto* handle = static_cast<ZooKeeperHandle*>(const_cast<void*>(zoo_get_context(zookeeper)));
    std::optional<WatchSender> watch;
    {
      absl::MutexLock lock(&handle->mutex_);
      auto found = handle->watches_.find(reinterpret_cast<uintptr_t>(context));
      if (found == handle->watches_.end()) return;
      watch = std::move(found->second);
      handle->watches_.erase(found);
    }
    watch->Send(WatchEvent{FromNativeEvent(type), path});
  }

  static void OnVoid(int code, const void* data) {
    const auto call = Take<VoidCall>(data);
    call->done(code == ZOK ? absl::OkStatus()
                           : call->handle->Error(code, call->operation, call->path));
  }

  static void OnSynced(int code, const char*, const void* data) { OnVoid(code, data); }

  static void OnData(int code, const char* value, int bytes, const Stat* stat, const void* data) {
    const auto call = Take<GetCall>(data);
    if (code != ZOK) {
      call->handle->RemoveWatch(call->watch_id);
      return call->done(call->handle->Error(code, call->operation, call->path));
    }
    NodeData node;
    node.null_data = bytes < 0;
    if (value != nullptr && bytes > 0) node.data.assign(value, static_cast<size_t>(bytes));
    node.stat = FromNative(*stat);
    call->done(std::move(node));
  }

  static void OnExists(int code, const Stat* stat, const void* data) {
    const auto call = Take<ExistsCall>(data);
    if (code == ZOK) return call->done(std::optional<NodeStat>(FromNative(*stat)));
    if (code == ZNONODE) return call->done(std::optional<NodeStat>());
    call->handle->RemoveWatch(call->watch_id);
    call->done(call->handle->Error(code, call->operation, call->path));
  }

  static void OnChildren(int code, const String_vector* names, const Stat* stat, const void* data) {
    const auto call = Take<ChildrenCall>(data);
    if (code != ZOK) {
      call->handle->RemoveWatch(call->watch_id);
      return call->done(call->handle->Error(code, call->operation, call->path));
    }
    NodeChildren children;
    children.names.assign(names->data, names->data + names->count);
    children.stat = FromNative(*stat);
    call->done(std::move(children));
  }

  static void OnAcl(int code, ACL_vector* acl, Stat* stat, const void* data) {
    const auto call = Take<AclCall>(data);
    if (code != ZOK) return call->done(call->handle->Error(code, call->operation, call->path));
    call->done(NodeAcl{FromNative(*acl), FromNative(*stat)});
  }

  static void OnCreated(int code, const char* path, const void* data) {
    const auto call = Take<CreateCall>(data);
    if (code != ZOK) return call->done(call->handle->Error(code, call->operation, call->path));
    call->done(std::string(path));
  }

  static void OnSet(int code, const Stat* stat, const void* data) {
    const auto call = Take<SetCall>(data);
    if (code != ZOK) return call->done(call->handle->Error(code, call->operation, call->path));
    call->done(FromNative(*stat));
  }

  static void OnMulti(int code, const void* data) {
    const auto call = Take<MultiCall>(data);
    call->done(MultiResult(code, call.get()));
  }

  static absl::StatusOr<std::vector<StoreOpResult>> MultiResult(int code, MultiCall* call) {
    NativeMulti& multi = call->extra;
    if (code == ZOK) return multi.TakeResults();
    const StoreError error = StoreErrorOfCode(code, call->handle->session_.Get());
    const absl::Status status = call->handle->Error(code, call->operation, call->path);
    // libzookeeper puts what it has no answer to into every operation's result.
    if (OutcomeUnknown(status) || error == StoreError::kSessionExpired) return status;
    const std::optional<size_t> failed = multi.FailedOp(code);
    if (!failed.has_value()) return status;
    const StoreOp& op = multi.ops()[*failed];
    return MakeMultiError(error, *failed, multi.ops().size(), OpName(op), OpPath(op));
  }
};

ZooKeeperHandle::ZooKeeperHandle(const ZooKeeperOptions& options)
    : acl_(std::make_unique<NativeAcl>(options.acl.empty() ? OpenAcl() : options.acl)) {}

absl::StatusOr<std::unique_ptr<ZooKeeperHandle>> ZooKeeperHandle::Open(
    const ZooKeeperOptions& options, const std::string& hosts) {
  std::unique_ptr<ZooKeeperHandle> handle(new ZooKeeperHandle(options));
  // Read-only servers are always accepted at first: libzookeeper reports the others as not
  // answering, which is a worse message. It goes on looking for a better one.
  const int flags = ZOO_READONLY | ZOO_NO_LOG_CLIENTENV;
  const auto timeout_ms = static_cast<int>(absl::ToInt64Milliseconds(options.session_timeout));
  handle->zookeeper_ =
      zookeeper_init2(hosts.c_str(), &Callbacks::OnSessionEvent, timeout_ms, nullptr, handle.get(),
                      flags, LogCallback(options.log_client));
  if (handle->zookeeper_ == nullptr) {
    return absl::UnavailableError(
        absl::StrCat("cannot start a ZooKeeper client for ", hosts, ": ", std::strerror(errno)));
  }
  if (absl::Status status = CheckGuard(handle->zookeeper_); !status.ok()) return status;
  // Unless told, libzookeeper resolves the names whenever its thread goes round, which is for
  // nearly every request: it takes a fourth of the client's time, and stops everything when the
  // name service hangs. They are still resolved anew when a connection is lost.
  zoo_set_servers_resolution_delay(handle->zookeeper_, kOnlyAfterConnectionLoss);
  return handle;
}

ZooKeeperHandle::~ZooKeeperHandle() {
  session_.Set(SessionState::kClosed);
  if (zookeeper_ != nullptr) zookeeper_close(zookeeper_);
  FailAllCalls();
  FireAllWatches();
}

void ZooKeeperHandle::AddAuth(const StoreAuth& auth, Done<absl::Status> done) {
  auto* call = Callbacks::Begin<VoidCall>(this, "authenticate", "", std::move(done));
  Callbacks::FailUnlessQueued(
      zoo_add_auth(zookeeper_, auth.scheme.c_str(), auth.credentials.data(),
                   static_cast<int>(auth.credentials.size()), &Callbacks::OnVoid, call),
      call);
}

void ZooKeeperHandle::Get(std::string path, std::shared_ptr<Watch> watch,
                          Done<absl::StatusOr<NodeData>> done) {
  const uint64_t id = AddWatch(watch);
  auto* call = Callbacks::Begin<GetCall>(this, "get", path, std::move(done));
  call->watch_id = id;
  Callbacks::FailUnlessQueued(
      zoo_awget(zookeeper_, path.c_str(), id == 0 ? nullptr : &Callbacks::OnWatchEvent,
                WatchContext(id), &Callbacks::OnData, call),
      call);
}

void ZooKeeperHandle::Exists(std::string path, std::shared_ptr<Watch> watch,
                             Done<absl::StatusOr<std::optional<NodeStat>>> done) {
  const uint64_t id = AddWatch(watch);
  auto* call = Callbacks::Begin<ExistsCall>(this, "exists", path, std::move(done));
  call->watch_id = id;
  Callbacks::FailUnlessQueued(
      zoo_awexists(zookeeper_, path.c_str(), id == 0 ? nullptr : &Callbacks::OnWatchEvent,
                   WatchContext(id), &Callbacks::OnExists, call),
      call);
}

void ZooKeeperHandle::Children(std::string path, std::shared_ptr<Watch> watch,
                               Done<absl::StatusOr<NodeChildren>> done) {
  const uint64_t id = AddWatch(watch);
  auto* call = Callbacks::Begin<ChildrenCall>(this, "children", path, std::move(done));
  call->watch_id = id;
  Callbacks::FailUnlessQueued(
      zoo_awget_children2(zookeeper_, path.c_str(), id == 0 ? nullptr : &Callbacks::OnWatchEvent,
                          WatchContext(id), &Callbacks::OnChildren, call),
      call);
}

void ZooKeeperHandle::GetAcl(std::string path, Done<absl::StatusOr<NodeAcl>> done) {
  auto* call = Callbacks::Begin<AclCall>(this, "get the ACL of", path, std::move(done));
  Callbacks::FailUnlessQueued(zoo_aget_acl(zookeeper_, path.c_str(), &Callbacks::OnAcl, call),
                              call);
}

void ZooKeeperHandle::Create(CreateOp op, Done<absl::StatusOr<std::string>> done) {
  auto* call = Callbacks::Begin<CreateCall>(this, "create", op.path, std::move(done));
  std::optional<NativeAcl> own_acl;
  if (op.acl.has_value()) own_acl.emplace(*std::move(op.acl));
  const ACL_vector* acl = own_acl.has_value() ? own_acl->vector() : acl_->vector();
  const NativeBytes data(op.data, op.null_data);
  Callbacks::FailUnlessQueued(
      zoo_acreate_ttl(zookeeper_, op.path.c_str(), data.bytes, data.size, acl, ToNative(op.mode),
                      op.mode == CreateMode::kTtl ? op.ttl_ms : kNoTtl, &Callbacks::OnCreated,
                      call),
      call);
}

void ZooKeeperHandle::Set(SetOp op, Done<absl::StatusOr<NodeStat>> done) {
  auto* call = Callbacks::Begin<SetCall>(this, "set", op.path, std::move(done));
  const NativeBytes data(op.data, op.null_data);
  Callbacks::FailUnlessQueued(zoo_aset(zookeeper_, op.path.c_str(), data.bytes, data.size,
                                       op.version, &Callbacks::OnSet, call),
                              call);
}

void ZooKeeperHandle::Delete(DeleteOp op, Done<absl::Status> done) {
  auto* call = Callbacks::Begin<VoidCall>(this, "delete", op.path, std::move(done));
  Callbacks::FailUnlessQueued(
      zoo_adelete(zookeeper_, op.path.c_str(), op.version, &Callbacks::OnVoid, call), call);
}

void ZooKeeperHandle::SetAcl(SetAclOp op, Done<absl::Status> done) {
  const StoreOp any_op = SetAclOp{};
  auto* call = Callbacks::Begin<VoidCall>(this, OpName(any_op), op.path, std::move(done));
  const NativeAcl acl(std::move(op.acl));
  // libzookeeper copies the vector, which it does not declare to be const.
  ACL_vector vector = *acl.vector();
  Callbacks::FailUnlessQueued(
      zoo_aset_acl(zookeeper_, op.path.c_str(), op.acl_version, &vector, &Callbacks::OnVoid, call),
      call);
}

void ZooKeeperHandle::Multi(std::vector<StoreOp> ops,
                            Done<absl::StatusOr<std::vector<StoreOpResult>>> done) {
  auto* call = Callbacks::Begin<MultiCall>(this, "multi", OpPath(ops.front()), std::move(done));
  std::vector<zoo_op_t> native = call->extra.Prepare(std::move(ops), acl_->vector());
  Callbacks::FailUnlessQueued(
      SubmitMulti(zookeeper_, &native, call->extra.results(), &Callbacks::OnMulti, call), call);
}

void ZooKeeperHandle::Sync(std::string path, Done<absl::Status> done) {
  auto* call = Callbacks::Begin<VoidCall>(this, "sync", path, std::move(done));
  Callbacks::FailUnlessQueued(zoo_async(zookeeper_, path.c_str(), &Callbacks::OnSynced, call),
                              call);
}

absl::Duration ZooKeeperHandle::session_timeout() const {
  return absl::Milliseconds(zoo_recv_timeout(zookeeper_));
}

ZooKeeperSession ZooKeeperHandle::credentials() const {
  const clientid_t* id = zoo_client_id(zookeeper_);
  return {id->client_id, std::string(id->passwd, sizeof(id->passwd))};
}

uint64_t ZooKeeperHandle::AddWatch(const std::shared_ptr<Watch>& watch) {
  if (watch == nullptr) return 0;
  absl::MutexLock lock(&mutex_);
  watches_.emplace(++last_watch_id_, watch->sender());
  return last_watch_id_;
}

void ZooKeeperHandle::RemoveWatch(uint64_t id) {
  absl::MutexLock lock(&mutex_);
  watches_.erase(id);
}

// libzookeeper forgets the completions that its thread has not come to when it is closed.
void ZooKeeperHandle::FailAllCalls() {
  absl::flat_hash_set<CallBase*> calls;
  {
    absl::MutexLock lock(&mutex_);
    calls.swap(calls_);
  }
  for (CallBase* call : calls) {
    call->Fail(MakeStoreError(StoreError::kClosed, call->operation, call->path));
    delete call;
  }
}

void ZooKeeperHandle::FireAllWatches() {
  absl::flat_hash_map<uint64_t, WatchSender> watches;
  {
    absl::MutexLock lock(&mutex_);
    watches.swap(watches_);
  }
  for (const auto& [id, watch] : watches) watch.Send(WatchEvent());
}

void ZooKeeperHandle::OnSessionState(int state) {
  const SessionState now = FromNativeState(state);
  session_.Set(now);
  if (IsFinal(now)) FireAllWatches();
}

absl::Status ZooKeeperHandle::Error(int code, absl::string_view operation,
                                    absl::string_view path) const {
  const StoreError error = StoreErrorOfCode(code, session_.Get());
  const bool has_many_codes = error == StoreError::kUnknown || error == StoreError::kUnsupported;
  return MakeStoreError(error, operation, path,
                        has_many_codes ? absl::StrCat(zerror(code), ", ", code) : "");
}

}  // namespace metarec
