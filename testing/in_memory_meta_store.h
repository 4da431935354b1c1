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

#include "testing/fault_injecting_meta_store.h"
#include "testing/in_memory_zookeeper.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/client/zookeeper_options.h"

namespace metarec::testing {

struct InMemoryMetaStoreOptions {
  Acl acl = OpenAcl();
  std::optional<StoreAuth> auth;  // any scheme but "digest" fails as it does with ZooKeeper
  size_t request_bytes_max = 1024 * 1024 - 1;
  // The server's own bound (jute.maxbuffer), which the client does not know: a longer transaction
  // is not executed and costs the connection, and with it the answers to all that is on its way.
  size_t server_request_bytes_max = SIZE_MAX;
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
  int64_t operation_count() const { return gate_.operation_count(); }

 private:
  using Session = InMemoryZooKeeper::Session;

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

  // A final state of the session, as an error; kNone.
  StoreError SessionError() const;
  template <typename Result>
  Result Execute(const StoreCall& call, const std::function<Result()>& execute);
  absl::StatusOr<std::vector<StoreOpResult>> Write(absl::string_view kind,
                                                   const std::vector<StoreOp>& ops);

  const std::shared_ptr<InMemoryZooKeeper> zookeeper_;
  const std::shared_ptr<Session> session_;
  const size_t server_request_bytes_max_;
  FaultGate gate_;
};

}  // namespace metarec::testing
