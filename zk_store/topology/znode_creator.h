// Creates the znodes of a topology.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <absl/status/status.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "base/runtime/event.h"
#include "zk_store/client/flow_control.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {

// Each at least 1. How much of it is used depends on the server (flow_control.h).
struct ZnodeCreatorLimits {
  size_t request_bytes_max = 512 << 10;  // of one transaction; never above the store's own
  size_t ops_max = 1000;                 // in one transaction
  size_t in_flight_max = 8;              // transactions at once
};

struct ZnodeCreatorStats {
  int64_t created = 0;   // by a transaction whose answer came
  int64_t found = 0;     // there already, with the right data
  int64_t requests = 0;  // transactions sent
};

// Creates znodes in transactions, several at once. Where the answer to one was lost, or some of it
// is there already, it reads back what is there, accepts what is as it should be, and creates the
// rest. What is not as it should be ends it with an error marked kDisturbed (error_mark.h).
//
// A transaction that loses its connection may be too long for the server: what of it is not there
// is sent again alone, in shorter ones if so long a one was never answered. A znode that loses the
// connection again and again, all alone, ends it with kResourceExhausted.
//
// Used on one executor (a single thread or a strand). Store, clock, budget and request size must
// outlive it.
class ZnodeCreator {
 public:
  // `fence`: checks that come first in every transaction. `on_progress` is called after each.
  ZnodeCreator(MetaStore* store, Clock* clock, RetryBudget* budget, RequestSize* request_size,
               ZnodeCreatorLimits limits, std::vector<StoreOp> fence,
               std::function<void()> on_progress);

  // From now on what every transaction checks last. One that fails on it ends it with an error
  // marked kDisturbed.
  void Guard(CheckOp check);

  // Creates those of [begin, end) that are not `present`; their parents must exist. Returns when
  // nothing of it is in flight any more (unless cancelled), with the first error if there was one.
  asio::awaitable<absl::Status> Create(TopologyZnodes* znodes, size_t begin, size_t end,
                                       const std::vector<bool>& present);

  const ZnodeCreatorStats& stats() const { return stats_; }

 private:
  struct Batch {
    std::vector<size_t> ordinals;    // of the znodes, ascending
    size_t bytes = 0;                // of the transaction
    std::vector<StoreOp> ops;        // the transaction; empty once it was sent
    bool was_lost = false;           // with the connection, at least once
    int lost_alone = 0;              // ... while nothing else was under way
    bool must_be_read_back = false;  // some of it may be there
    bool must_be_halved = false;
  };

  // Empty when there is nothing left, or the lane is cancelled. One lane at a time encodes, and
  // whatever else is to be done on the executor has its turns meanwhile.
  asio::awaitable<Batch> AwaitTurnAndTakeBatch();
  asio::awaitable<Batch> TakeBatch();
  asio::awaitable<void> RunLane(size_t lane);
  asio::awaitable<absl::Status> CreateBatch(Batch batch);
  // One attempt. OK also if the batch must be halved.
  asio::awaitable<absl::Status> TryToCreate(Batch* batch);
  // What follows from the `error` of the transaction of `sent` znodes.
  asio::awaitable<absl::Status> AfterFailure(Batch* batch, size_t sent, absl::Status error);
  asio::awaitable<absl::Status> AfterCollision(Batch* batch, size_t sent, absl::Status error);
  asio::awaitable<absl::Status> CreateHalves(Batch batch);
  // kCancelled, or what became of the transaction. Null if it must be divided first.
  asio::awaitable<std::optional<absl::Status>> Send(Batch* batch);
  asio::awaitable<absl::Status> DropWhatIsThere(Batch* batch);
  asio::awaitable<absl::Status> CompareWithStore(size_t ordinal, bool* is_there);

  // If the transaction of `sent` znodes failed on the guard: an error marked kDisturbed. Else OK.
  absl::Status GuardError(const absl::Status& status, size_t sent) const;
  StoreOp OpOf(size_t ordinal) const;
  void Encode(Batch* batch) const;
  absl::Status TooLarge(const Batch& batch) const;

  MetaStore* const store_;
  RetryBudget* const budget_;
  RequestSize* const request_size_;
  const ZnodeCreatorLimits limits_;
  const std::vector<StoreOp> fence_;
  std::optional<CheckOp> guard_;
  size_t checks_bytes_;  // of a transaction of fence and guard alone
  const std::function<void()> on_progress_;
  StoreReader reader_;
  SendWindow window_;
  ZnodeCreatorStats stats_;

  // The range in work.
  TopologyZnodes* znodes_ = nullptr;
  size_t next_ = 0;
  size_t end_ = 0;
  const std::vector<bool>* present_ = nullptr;
  std::shared_ptr<Event> turn_;  // set when the lane that takes a batch has it; null: none does
  absl::Status status_;          // the first error
};

// Whether each of `znodes` can be created in a transaction of its own, with `fence` in front:
// kResourceExhausted, naming the table, if one cannot. Encodes them all, and lets others on the
// executor have their turn meanwhile; kCancelled. All arguments must outlive it.
asio::awaitable<absl::Status> CheckZnodeSizes(TopologyZnodes* znodes, const MetaStore& store,
                                              const std::vector<StoreOp>& fence);

// If `status` is that of a transaction in which one of the `fence_size` checks before our own
// operations failed: an error marked kFenced. Else OK.
absl::Status FenceError(const absl::Status& status, size_t fence_size);

}  // namespace metarec
