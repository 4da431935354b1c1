#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <asio/awaitable.hpp>

#include "testing/in_memory_zookeeper.h"
#include "zk_store/meta_store.h"
#include "zk_store/zookeeper_options.h"

namespace metarec::testing {

// An operation that is about to be executed.
struct StoreCall {
  int64_t index = 0;  // 0 for the first operation of the store
  absl::string_view
      kind;  // "get", "exists", "children", "create", "set", "delete", "multi", "check", "sync"
  std::string path;  // of a "multi", and of a "check" (a multi that writes nothing): of its first
                     // operation
  const std::vector<StoreOp>* ops = nullptr;  // what it writes; null for reads

  bool is_write() const { return ops != nullptr; }
};

// What goes wrong with it.
struct StoreFault {
  enum class Moment {
    kBefore,  // it is not executed
    kAfter,   // it is executed, and the answer gets lost
  };
  Moment moment = Moment::kBefore;
  StoreError error = StoreError::kConnectionLoss;  // kSessionExpired ends the session for good
  bool for_ever = false;  // no later operation is executed either: for us, the process has died
};

// Asked before every operation that passed the checks of MetaStore; nullopt: nothing goes wrong.
using FaultInjector = std::function<std::optional<StoreFault>(const StoreCall&)>;

struct InMemoryMetaStoreOptions {
  Acl acl = OpenAcl();
  std::optional<StoreAuth> auth;  // any scheme but "digest" fails as it does with ZooKeeper
  size_t request_bytes_max = 1024 * 1024 - 1;
  FaultInjector injector;
};

// A session with an InMemoryZooKeeper, connected from the start. Operations are executed when they
// are submitted and complete later, through the executor; they never block. Not thread-safe: for
// one single-threaded executor.
class InMemoryMetaStore final : public MetaStore {
 public:
  explicit InMemoryMetaStore(std::shared_ptr<InMemoryZooKeeper> zookeeper,
                             InMemoryMetaStoreOptions options = {});
  ~InMemoryMetaStore() override;

  SessionState session_state() const override { return session_->tracker.Get(); }
  asio::awaitable<absl::StatusOr<SessionState>> AwaitSessionChange(SessionState seen) override {
    return session_->tracker.AwaitChange(seen);
  }
  int64_t session_id() const override { return session_->caller.session_id; }

  // How many operations the injector was asked about, or would have been.
  int64_t operation_count() const { return operation_count_; }

 private:
  using Session = InMemoryZooKeeper::Session;

  asio::awaitable<absl::StatusOr<NodeData>> DoGet(std::string path,
                                                  std::shared_ptr<Watch> watch) override;
  asio::awaitable<absl::StatusOr<std::optional<NodeStat>>> DoExists(
      std::string path, std::shared_ptr<Watch> watch) override;
  asio::awaitable<absl::StatusOr<NodeChildren>> DoChildren(std::string path,
                                                           std::shared_ptr<Watch> watch) override;
  asio::awaitable<absl::StatusOr<std::string>> DoCreate(CreateOp op) override;
  asio::awaitable<absl::StatusOr<NodeStat>> DoSet(SetOp op) override;
  asio::awaitable<absl::Status> DoDelete(DeleteOp op) override;
  asio::awaitable<absl::StatusOr<std::vector<StoreOpResult>>> DoMulti(
      std::vector<StoreOp> ops) override;
  asio::awaitable<absl::Status> DoSync(std::string path) override;

  // OK if `call` may be executed; counts it and asks the injector. `lost` gets the error to
  // answer with after it was executed.
  absl::Status Admit(StoreCall call, absl::Status* lost);
  template <typename Result>
  Result Execute(StoreCall call, const std::function<Result()>& execute);
  absl::StatusOr<std::vector<StoreOpResult>> Write(absl::string_view kind,
                                                   const std::vector<StoreOp>& ops);

  const std::shared_ptr<InMemoryZooKeeper> zookeeper_;
  const std::shared_ptr<Session> session_;
  const FaultInjector injector_;
  int64_t operation_count_ = 0;
  std::optional<StoreError> dead_;  // after a fault that is for ever
};

}  // namespace metarec::testing
