#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "testing/store_fault.h"
#include "zk_store/client/meta_store.h"

namespace metarec::testing {

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

  // How many operations the injector was asked about, or would have been.
  int64_t operation_count() const { return gate_.operation_count(); }

 private:
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
