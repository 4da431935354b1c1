// What goes wrong with the operations of a store, and when: for stores that can be told to fail.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include "zk_store/client/meta_store.h"

namespace metarec::testing {

// An operation that is about to be executed.
struct StoreCall {
  int64_t index = 0;  // 0 for the first operation of the store
  absl::string_view
      kind;  // "get", "exists", "children", "create", "set", "delete", "multi", "check", "sync"
  std::string path;  // of a "multi", and of a "check" (a multi that writes nothing): of its first
                     // operation
  const std::vector<StoreOp>* ops = nullptr;     // what it writes; null for reads
  const std::vector<StoreOp>* checks = nullptr;  // of a "check"

  bool is_write() const { return ops != nullptr; }
};

// Of a transaction: a "check" if it only checks.
StoreCall MultiCall(absl::string_view kind, const std::vector<StoreOp>& ops);

// What goes wrong with it.
struct StoreFault {
  enum class Moment {
    kBefore,  // it is not executed
    kAfter,   // it is executed, and the answer gets lost
  };
  Moment moment = Moment::kBefore;
  StoreError error = StoreError::kConnectionLoss;  // kSessionExpired ends the session for good
  bool for_ever = false;  // no later operation is executed either: for us, the process has died
  // Of a transaction: the operation that failed, as ZooKeeper tells it of its refusals.
  std::optional<size_t> failed_op = std::nullopt;
};

// Asked before every operation that passed the checks of MetaStore; nullopt: nothing goes wrong.
// It may also do something meanwhile, as a second writer would between any two operations.
using FaultInjector = std::function<std::optional<StoreFault>(const StoreCall&)>;

// Asks the injector for one store, and remembers what is for ever.
class FaultGate {
 public:
  explicit FaultGate(FaultInjector injector) : injector_(std::move(injector)) {}

  struct Verdict {
    absl::Status before;  // not OK: it must not be executed, and this is its answer
    absl::Status after;   // not OK: its answer once it was executed, whatever came of it
  };
  // `session`: kNone, or why no operation of the session is executed any more.
  Verdict Judge(StoreCall call, StoreError session = StoreError::kNone);

  int64_t operation_count() const { return operation_count_; }

 private:
  const FaultInjector injector_;
  int64_t operation_count_ = 0;
  std::optional<StoreError> dead_;  // after a fault that is for ever
};

}  // namespace metarec::testing
