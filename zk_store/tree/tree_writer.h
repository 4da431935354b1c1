// Changes a tree in a running ZooKeeper: fast, in order, and with a known outcome.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include <absl/status/status.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/client/retry_budget.h"

namespace metarec {

inline constexpr absl::Duration kGuardFreshMax = absl::Milliseconds(100);

struct TreeWriterOptions {
  size_t request_bytes_max = 512 << 10;  // of one transaction; never above the store's own
  size_t ops_max = 1000;                 // in one transaction
  size_t in_flight_max = 8;              // transactions at once
  RetryLimits retry;
  // Comes first in every transaction: while it holds, nobody else has taken this tree over. What a
  // transaction cannot carry is sent at most kGuardFreshMax after it was seen that the guard held.
  // Until it arrives somebody may take over nevertheless. Even then it overwrites nothing that was
  // changed since: a SetAclOp names the ACL's version, and a creation fails if there is anything.
  std::optional<CheckOp> guard;
  // Created in every transaction, beside the operations: a sequential znode that tells later which
  // transactions were this writer's (TreeJournalZnode::mark).
  std::optional<CreateOp> mark;
};

struct TreeWriterStats {
  int64_t created = 0;
  int64_t set = 0;
  int64_t deleted = 0;
  int64_t acls_set = 0;
  int64_t requests = 0;  // sent, in whatever number of attempts
  int64_t found = 0;     // of all operations: their answer was lost, and they had taken place
};

// Executes operations in the order in which they are added: parents before their children, or the
// other way round. They gather into transactions, several of which are in flight. Operations that a
// transaction cannot carry go alone, in their place.
//
// When the answer to one is lost, everything that is in flight is awaited. Then what is there is
// read back, one transaction after the other: what has taken place is accepted, the rest is sent
// again, in shorter transactions if the server may have found it too long. That needs operations
// whose outcome shows: a SetOp, DeleteOp or SetAclOp must name the version that it expects. What is
// there and should not be so ends it with an error marked kDisturbed (error_mark.h): somebody else
// writes. An operation that loses its connection again and again, all alone, ends it with
// kResourceExhausted.
//
// Used on one executor (a single thread or a strand), where it works in the background. It may be
// destroyed at any time; what is in flight then may be executed or not. Store and clock must
// outlive it, and the clock the executor's context, too, unless Flush has returned last.
class TreeWriter {
 public:
  TreeWriter(MetaStore* store, Clock* clock, TreeWriterOptions options);
  ~TreeWriter();
  TreeWriter(const TreeWriter&) = delete;
  TreeWriter& operator=(const TreeWriter&) = delete;

  // Waits while too much is in flight. Every error is final, and may be that of an earlier
  // operation; kCancelled.
  asio::awaitable<absl::Status> Add(StoreOp op);
  // Once all that was added has taken place.
  asio::awaitable<absl::Status> Flush();

  const TreeWriterStats& stats() const;

 private:
  class State;
  const std::shared_ptr<State> state_;
};

}  // namespace metarec
