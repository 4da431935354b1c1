// A store whose operations fail, and what goes wrong with them and when.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <asio/awaitable.hpp>

#include "zk_store/client/meta_store.h"

namespace metarec::testing {

// An operation that is about to be executed.
struct StoreCall {
  int64_t index = 0;       // 0 for the first operation of the store
  absl::string_view kind;  // "get", "exists", "children", "get the ACL of", "create", "set",
                           // "delete", "set the ACL of", "multi", "check", "sync"
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

// Asks the injector for one store, and remembers permanent faults.
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
  std::optional<StoreError> dead_;  // after a permanent fault
};

struct FaultInjectingOptions {
  FaultInjector injector;
  // Ends the session of the store behind, when a fault says that it has expired. Without it no
  // operation after that is executed, as if it had.
  std::function<void()> expire_session;
};

// Any store, in front of which operations fail as the injector says: before they reach it, or when
// it has answered. Submits in the order in which it is asked. As thread-safe as the store behind,
// but for one single-threaded executor only.
class FaultInjectingMetaStore final : public MetaStore {
 public:
  // `store` must outlive it, or becomes its own.
  FaultInjectingMetaStore(MetaStore* store, FaultInjectingOptions options);
  FaultInjectingMetaStore(std::unique_ptr<MetaStore> store, FaultInjectingOptions options);

  SessionState session_state() const override { return store_->session_state(); }
  asio::awaitable<absl::StatusOr<SessionState>> AwaitSessionChange(SessionState seen) override {
    return store_->AwaitSessionChange(seen);
  }
  int64_t session_id() const override { return store_->session_id(); }
  absl::Duration session_timeout() const override { return store_->session_timeout(); }

  // How many operations the injector was asked about, or would have been.
  int64_t operation_count() const { return gate_.operation_count(); }

 private:
  asio::awaitable<absl::StatusOr<NodeData>> DoGet(std::string path,
                                                  std::shared_ptr<Watch> watch) override;
  asio::awaitable<absl::StatusOr<std::optional<NodeStat>>> DoExists(
      std::string path, std::shared_ptr<Watch> watch) override;
  asio::awaitable<absl::StatusOr<NodeChildren>> DoChildren(std::string path,
                                                           std::shared_ptr<Watch> watch) override;
  asio::awaitable<absl::StatusOr<NodeAcl>> DoGetAcl(std::string path) override;
  asio::awaitable<absl::StatusOr<std::string>> DoCreate(CreateOp op) override;
  asio::awaitable<absl::StatusOr<NodeStat>> DoSet(SetOp op) override;
  asio::awaitable<absl::Status> DoDelete(DeleteOp op) override;
  asio::awaitable<absl::Status> DoSetAcl(SetAclOp op) override;
  asio::awaitable<absl::StatusOr<std::vector<StoreOpResult>>> DoMulti(
      std::vector<StoreOp> ops) override;
  asio::awaitable<absl::Status> DoSync(std::string path) override;

  // `operation` of the store behind, unless the gate says otherwise.
  template <typename Result>
  asio::awaitable<Result> Inject(StoreCall call, asio::awaitable<Result> operation);
  void OnFault(const absl::Status& error);

  const std::unique_ptr<MetaStore> owned_;  // may be null
  MetaStore* const store_;
  const std::function<void()> expire_session_;
  FaultGate gate_;
  bool is_expired_ = false;
};

}  // namespace metarec::testing
