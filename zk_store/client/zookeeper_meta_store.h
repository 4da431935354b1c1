#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/client/zookeeper_options.h"

namespace metarec {

class ZooKeeperHandle;

// A MetaStore that is a real ZooKeeper session, over libzookeeper and its two threads.
//
// Its operations may be awaited on any executor, also on several; one may end before the store
// does, and while it awaits an answer. The destructor says goodbye to the server and joins the
// threads, which blocks for a moment; for longer if libzookeeper, trying to reconnect, waits for
// the name service.
class ZooKeeperMetaStore final : public MetaStore {
 public:
  // Completes once the session is established and, if asked for, authenticated. Hosts whose name is
  // not known, or not in half of the time, are left out. Blocks nothing: names are looked up, by us
  // and again by libzookeeper, on threads of their own (base/runtime/blocking_call.h).
  //
  // Errors name the hosts and say what to check: kInvalidArgument for malformed hosts, kUnavailable
  // if no host name is known, kDeadlineExceeded if the name service did not answer, if no server
  // could be reached or took the session in time,
  // StoreError::kReadOnly if only servers without quorum did, StoreError::kAuthFailed,
  // StoreError::kAuthRequired, kCancelled.
  static asio::awaitable<absl::StatusOr<std::unique_ptr<ZooKeeperMetaStore>>> Connect(
      ZooKeeperOptions options, Clock* clock);
  ~ZooKeeperMetaStore() override;

  SessionState session_state() const override;
  asio::awaitable<absl::StatusOr<SessionState>> AwaitSessionChange(SessionState seen) override;
  int64_t session_id() const override { return credentials_.id; }
  absl::Duration session_timeout() const override;

  const ZooKeeperSession& credentials() const { return credentials_; }

 private:
  ZooKeeperMetaStore(const ZooKeeperOptions& options, std::unique_ptr<ZooKeeperHandle> handle);

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

  const ZooKeeperSession credentials_;
  const std::unique_ptr<ZooKeeperHandle> handle_;
};

}  // namespace metarec
