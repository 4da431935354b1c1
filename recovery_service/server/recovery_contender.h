// A meta server's part in the election: a ZooKeeper session, the leader lock, a look at the root,
// and a RecoveryService that leads, follows and steps down accordingly.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "base/runtime/task_group.h"
#include "idl/ipv4_endpoint.h"
#include "recovery_service/recovery_service.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/election/leader_lock.h"
#include "zk_store/topology/root_inspection.h"
#include "zk_store/topology/topology_reader.h"

namespace metarec {

struct RecoveryContenderOptions {
  // Opens a ZooKeeper session.
  using Connect = std::function<asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>>()>;
  // Where the meta server of a name (host:port) listens; nullopt if that cannot be found out.
  using AddressOf = std::function<asio::awaitable<std::optional<Ipv4Endpoint>>(std::string)>;
  // Told what happens, one line for the log each time.
  using Log = std::function<void(absl::string_view)>;

  std::string own_name;  // host:port, as other meta servers know us
  // [meta_server] recover_from_replica_server: whether to recover into a root that is empty, or to
  // serve what a root holds.
  bool recover = false;
  std::string root;
  std::string lock_root;
  absl::Duration session_timeout = absl::Seconds(30);
  absl::Duration reconnect_after = absl::Seconds(1);
  Connect connect;
  AddressOf address_of;
  Log log;
};

// Knows no transport. Not thread-safe: used on `executor` (a single thread or a strand).
class RecoveryContender {
 public:
  // `service` and `clock` must outlive the contender.
  RecoveryContender(const asio::any_io_executor& executor, RecoveryContenderOptions options,
                    RecoveryService* service, Clock* clock);
  RecoveryContender(const RecoveryContender&) = delete;
  RecoveryContender& operator=(const RecoveryContender&) = delete;

  // Contends until the awaiting coroutine is cancelled, and then returns OK. The service does not
  // lead any more when this returns. Lost sessions, and servers that cannot be reached, are no
  // errors: it contends again. Errors:
  // - kFailedPrecondition if the root is not what it should be, with what is there and what to do;
  // - what no other session would change, with the reason: ZooKeeper refuses the credentials or
  //   does not permit what is needed, or a root or our own name is not valid.
  asio::awaitable<absl::Status> Run();

 private:
  asio::awaitable<absl::Status> Serve();
  // One session. OK: it is over, try again.
  asio::awaitable<absl::Status> ServeSession(MetaStore* store);
  // Tells the service of lost connections, until it is cancelled.
  asio::awaitable<void> WatchConnection(MetaStore* store);
  // Contends, leads, and steps down.
  asio::awaitable<absl::Status> ServeTerm(MetaStore* store);
  asio::awaitable<absl::Status> LeadUntilLost(LeaderLock* lock, MetaStore* store);
  asio::awaitable<void> Release(LeaderLock* lock, const MetaStore& store);
  asio::awaitable<absl::StatusOr<RootInspection>> Inspect(StoreReader* reader);
  // Whether the root is what the options say, before anybody contends for it.
  asio::awaitable<absl::Status> CheckRootAtStart(MetaStore* store);
  asio::awaitable<absl::Status> CheckLockRootAtStart(StoreReader* reader);
  // Why a recovery may not write there. Reads the tree, so that nobody is sent to start from what
  // cannot be served.
  asio::awaitable<absl::Status> NotEmptyAfterLook(RootInspection root, StoreReader* reader);
  asio::awaitable<absl::StatusOr<Topology>> ReadMetadata(StoreReader* reader);
  // What the root is and what follows from it; the service may serve from it afterwards.
  asio::awaitable<absl::Status> LookAtRoot(MetaStore* store);
  asio::awaitable<absl::Status> ServeFromRoot(StoreReader* reader);
  void OnLeaderChange(const std::optional<LockLeader>& leader);
  // `change` is what leader_changes_ was when that leader was seen.
  asio::awaitable<void> FollowLeader(std::string name, uint64_t change);

  const RecoveryContenderOptions options_;
  const asio::any_io_executor executor_;
  RecoveryService* const service_;
  Clock* const clock_;
  TaskGroup tasks_;
  std::optional<Ipv4Endpoint> own_address_;  // of own_name, if it could be looked up
  bool is_root_checked_ = false;
  bool is_leading_ = false;
  uint64_t leader_changes_ = 0;
};

}  // namespace metarec
