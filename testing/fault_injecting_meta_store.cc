#include "testing/fault_injecting_meta_store.h"

#include <utility>
#include <variant>

#include <absl/algorithm/container.h>

#include "base/runtime/cancellation.h"

namespace metarec::testing {

namespace {

absl::Status ErrorOf(const StoreFault& fault, const StoreCall& call) {
  if (fault.failed_op.has_value() && call.is_write() && *fault.failed_op < call.ops->size()) {
    const StoreOp& op = (*call.ops)[*fault.failed_op];
    return MakeMultiError(fault.error, *fault.failed_op, call.ops->size(), OpName(op), OpPath(op));
  }
  return MakeStoreError(fault.error, call.kind, call.path);
}

}  // namespace

StoreCall MultiCall(absl::string_view kind, const std::vector<StoreOp>& ops) {
  const bool writes =
      !absl::c_all_of(ops, [](const StoreOp& op) { return std::holds_alternative<CheckOp>(op); });
  StoreCall call;
  call.kind = writes ? kind : "check";
  call.path = OpPath(ops.front());
  (writes ? call.ops : call.checks) = &ops;
  return call;
}

FaultGate::Verdict FaultGate::Judge(StoreCall call, StoreError session) {
  call.index = operation_count_++;
  Verdict verdict;
  if (dead_.has_value() || session != StoreError::kNone) {
    verdict.before = MakeStoreError(dead_.value_or(session), call.kind, call.path);
    return verdict;
  }
  const std::optional<StoreFault> fault = injector_ ? injector_(call) : std::nullopt;
  if (!fault.has_value()) return verdict;
  if (fault->for_ever) dead_ = fault->error;
  const bool is_before = fault->moment == StoreFault::Moment::kBefore;
  (is_before ? verdict.before : verdict.after) = ErrorOf(*fault, call);
  return verdict;
}

namespace {

StoreCall Call(absl::string_view kind, std::string path) {
  StoreCall call;
  call.kind = kind;
  call.path = std::move(path);
  return call;
}

}  // namespace

FaultInjectingMetaStore::FaultInjectingMetaStore(MetaStore* store, FaultInjectingOptions options)
    : MetaStore(store->acl(), store->request_bytes_max()),
      store_(store),
      expire_session_(std::move(options.expire_session)),
      gate_(std::move(options.injector)) {}

FaultInjectingMetaStore::FaultInjectingMetaStore(std::unique_ptr<MetaStore> store,
                                                 FaultInjectingOptions options)
    : MetaStore(store->acl(), store->request_bytes_max()),
      owned_(std::move(store)),
      store_(owned_.get()),
      expire_session_(std::move(options.expire_session)),
      gate_(std::move(options.injector)) {}

void FaultInjectingMetaStore::OnFault(const absl::Status& error) {
  if (StoreErrorOf(error) != StoreError::kSessionExpired || is_expired_) return;
  is_expired_ = true;
  if (expire_session_) expire_session_();
}

template <typename Result>
asio::awaitable<Result> FaultInjectingMetaStore::Inject(StoreCall call,
                                                        asio::awaitable<Result> operation) {
  const bool cancelled = co_await IsCancelled();
  if (cancelled) co_return absl::CancelledError("cancelled before it was submitted");
  const FaultGate::Verdict verdict =
      gate_.Judge(std::move(call), is_expired_ ? StoreError::kSessionExpired : StoreError::kNone);
  if (!verdict.before.ok()) {
    OnFault(verdict.before);
    co_await Yield();
    co_return verdict.before;
  }
  Result result = co_await std::move(operation);
  if (verdict.after.ok()) co_return result;
  OnFault(verdict.after);
  co_return verdict.after;
}

asio::awaitable<absl::StatusOr<NodeData>> FaultInjectingMetaStore::DoGet(
    std::string path, std::shared_ptr<Watch> watch) {
  StoreCall call = Call("get", path);
  return Inject(std::move(call), store_->Get(std::move(path), std::move(watch)));
}

asio::awaitable<absl::StatusOr<std::optional<NodeStat>>> FaultInjectingMetaStore::DoExists(
    std::string path, std::shared_ptr<Watch> watch) {
  StoreCall call = Call("exists", path);
  return Inject(std::move(call), store_->Exists(std::move(path), std::move(watch)));
}

asio::awaitable<absl::StatusOr<NodeChildren>> FaultInjectingMetaStore::DoChildren(
    std::string path, std::shared_ptr<Watch> watch) {
  StoreCall call = Call("children", path);
  return Inject(std::move(call), store_->Children(std::move(path), std::move(watch)));
}

asio::awaitable<absl::StatusOr<NodeAcl>> FaultInjectingMetaStore::DoGetAcl(std::string path) {
  StoreCall call = Call("get the ACL of", path);
  return Inject(std::move(call), store_->GetAcl(std::move(path)));
}

asio::awaitable<absl::StatusOr<std::string>> FaultInjectingMetaStore::DoCreate(CreateOp op) {
  const std::vector<StoreOp> ops = {op};
  const StoreCall call = MultiCall("create", ops);
  co_return co_await Inject(call, store_->Create(op));
}

asio::awaitable<absl::StatusOr<NodeStat>> FaultInjectingMetaStore::DoSet(SetOp op) {
  const std::vector<StoreOp> ops = {op};
  const StoreCall call = MultiCall("set", ops);
  co_return co_await Inject(call, store_->Set(std::move(op)));
}

asio::awaitable<absl::Status> FaultInjectingMetaStore::DoDelete(DeleteOp op) {
  const std::vector<StoreOp> ops = {op};
  const StoreCall call = MultiCall("delete", ops);
  co_return co_await Inject(call, store_->Delete(op.path, op.version));
}

asio::awaitable<absl::Status> FaultInjectingMetaStore::DoSetAcl(SetAclOp op) {
  const std::vector<StoreOp> ops = {op};
  const StoreCall call = MultiCall("set the ACL of", ops);
  co_return co_await Inject(call, store_->SetAcl(op.path, op.acl, op.acl_version));
}

asio::awaitable<absl::StatusOr<std::vector<StoreOpResult>>> FaultInjectingMetaStore::DoMulti(
    std::vector<StoreOp> ops) {
  const StoreCall call = MultiCall("multi", ops);
  co_return co_await Inject(call, store_->Multi(ops));
}

asio::awaitable<absl::Status> FaultInjectingMetaStore::DoSync(std::string path) {
  StoreCall call = Call("sync", path);
  return Inject(std::move(call), store_->Sync(std::move(path)));
}

}  // namespace metarec::testing
