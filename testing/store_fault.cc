#include "testing/store_fault.h"

#include <utility>
#include <variant>

#include <absl/algorithm/container.h>

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

}  // namespace metarec::testing
