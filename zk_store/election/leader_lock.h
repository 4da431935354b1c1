// The election among the meta servers of one cluster, as stock ones hold it, so that ours and
// theirs contend correctly.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_reader.h"

namespace metarec {

// Who leads, as the lock directory says it.
struct LockLeader {
  std::string name;  // host:port; what the candidate wrote, whatever that is
  std::string path;  // of its znode
  bool is_us = false;

  bool operator==(const LockLeader&) const = default;
};

struct LeaderLockOptions {
  // Where the lock directory is: [meta_server] distributed_lock_service_parameters. Created with
  // all its components if missing.
  std::string lock_root;
  // host:port. Stock followers report it as the leader while we lead.
  std::string own_name;
  RetryLimits retry;  // between one answer of ZooKeeper and the next
  size_t candidates_max = 1000;
  // After this long without a connection the leader takes the lock for lost. Set it to the
  // session's timeout: by then the session has expired in ZooKeeper, which cannot tell us.
  absl::Duration disconnected_max = absl::Seconds(30);
  // Called after every change of leader(), on the executor of Acquire, AwaitLoss and Release, from
  // within them.
  std::function<void()> on_leader_change;
};

// One candidate. Make one for each session; a session must have no other in the same lock root.
//
//   METAREC_CO_RETURN_IF_ERROR(co_await lock.Acquire());
//   writer_options.fence = lock.Fence();
//   ... lead, until `co_await lock.AwaitLoss()` returns ...
//   co_await lock.Release();
//
// Used on one executor (a single thread or a strand), one call at a time. Some calls are marked as
// thread-safe. Store and clock must outlive every call.
class LeaderLock {
 public:
  LeaderLock(LeaderLockOptions options, MetaStore* store, Clock* clock);

  // Returns when we lead. Until then leader() is the one that does. Errors: kInvalidArgument for
  // the options, kCancelled, StoreError::kSessionExpired when the session ended while we waited, or
  // what ZooKeeper kept answering. After an error our candidate may still be in the directory and
  // may win, until the session ends or Release is called. Calling Acquire again goes on with it.
  asio::awaitable<absl::Status> Acquire();

  // Returns when we no longer lead, with kAborted and the reason, or with kCancelled: the session
  // ended or had no connection for too long, or somebody deleted our znode or wrote into it. From
  // then on write nothing (see Fence for what is under way). A process that goes on calls Release,
  // so that a znode that is still there does not keep others from leading.
  asio::awaitable<absl::Status> AwaitLoss();

  // Steps down and deletes our candidate, if there may be one. OK also if there was none, or if it
  // vanished with its session.
  asio::awaitable<absl::Status> Release();

  // The leader as far as we know; nullopt: none is known. Thread-safe.
  std::optional<LockLeader> leader() const;

  // Our candidate; empty without one. Thread-safe.
  std::string znode_path() const;

  // The checks that must come first in every transaction that only the leader may make: they fail
  // as soon as our znode is gone or changed. Empty unless we lead. Thread-safe.
  //
  // A check cannot ask who owns a znode, and need not: ZooKeeper gives no sequence number twice
  // while a directory exists, so no other candidate ever has our path. (If somebody deletes the
  // whole directory, the count starts again. AwaitLoss then hears first that our znode was deleted:
  // ZooKeeper tells a session of a watched change before it answers anything later.)
  std::vector<StoreOp> Fence() const;

 private:
  struct Candidate {
    std::string path;
    int64_t czxid = 0;
    int32_t version = 0;
  };

  asio::awaitable<absl::Status> Contend();
  // The path of the candidate that leads. Ours is among the candidates.
  asio::awaitable<absl::StatusOr<std::string>> FirstCandidate();
  asio::awaitable<absl::Status> MakeDirectory();
  asio::awaitable<absl::Status> Make(std::string path);
  // Makes our candidate, or finds the one that an earlier request made whose answer was lost.
  asio::awaitable<absl::Status> HaveCandidate();
  asio::awaitable<absl::Status> CreateCandidate();
  // Finds ours by their owner. Keeps the first that bears our name, if asked to; deletes the rest.
  asio::awaitable<absl::Status> SettleOurs(bool keep);
  asio::awaitable<absl::Status> DeleteCandidate(std::string path);
  asio::awaitable<absl::StatusOr<std::vector<std::string>>> ReadCandidates();
  // Watches the leader's znode, and returns when it is time to look again.
  asio::awaitable<absl::Status> AwaitDeparture(std::string path);
  asio::awaitable<absl::Status> AwaitEvent(Watch* watch);
  // Waits for the watch on our own znode; the reason why it is ours no more.
  asio::awaitable<absl::Status> AwaitChangeOfOurs();

  absl::Status SessionEnded() const;
  void StartBudget() {
    budget_.emplace(clock_, options_.retry);
    reader_.emplace(store_, &*budget_);
  }
  std::optional<Candidate> own() const;
  void SetOwn(std::optional<Candidate> own);
  void SetLeader(std::optional<LockLeader> leader);

  const LeaderLockOptions options_;
  MetaStore* const store_;
  Clock* const clock_;
  const int64_t session_id_;
  const std::string directory_;

  // One budget between one thing worth waiting for and the next; there during every call.
  std::optional<RetryBudget> budget_;
  std::optional<StoreReader> reader_;
  // Whether there may be candidates of ours beside own_.
  bool must_settle_ = true;

  mutable absl::Mutex mutex_;
  std::optional<LockLeader> leader_ ABSL_GUARDED_BY(mutex_);
  std::optional<Candidate> own_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace metarec
