// The guard of a run that has begun, from its first transaction, which locks `/apps`, to its last
// one, which unlocks it.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/topology/journal.h"
#include "zk_store/topology/root_inspection.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {

struct LockedRunOptions {
  std::vector<StoreOp> fence;  // put in front of the transaction
  RootInspectionOptions inspection;
};

// Used on one executor (a single thread or a strand). All pointers must outlive it.
class LockedRun {
 public:
  LockedRun(LockedRunOptions options, const ClusterPaths& paths, MetaStore* store, Clock* clock,
            RetryBudget* budget);

  // To be called first, with what the root holds: an unfinished run.
  void Begin(Journal journal, int32_t apps_version, int32_t journal_version);

  // Holds as long as nobody has unlocked, written into or replaced /apps since Begin.
  CheckOp StillLocked() const { return CheckOp{paths_.apps(), apps_version_}; }

  // Looks whether nobody else has touched what is the run's own, nor put anything of theirs into
  // the root, and then unlocks it. Returns when it is finished: by us, by a transaction of ours
  // whose answer was lost, or by another process that applies the same plan.
  //
  // Errors: IsDisturbed(), IsFenced(), MayBeFinished(), or as usual. A cancellation that comes
  // while the transaction is under way is not heeded: the answer is awaited for a few seconds.
  asio::awaitable<absl::Status> Unlock();

  // What becomes of `error` (IsRefused() or IsDisturbed()), which says that somebody else writes
  // here. OK if that is another process which has finished the same plan by now. Else the error,
  // with what `/apps` says now and how to go on if it is IsDisturbed().
  asio::awaitable<absl::Status> JudgeDisturbance(absl::Status error);

  const Journal& journal() const { return journal_; }     // as it is in the root
  int64_t transactions() const { return transactions_; }  // sent by Unlock

 private:
  asio::awaitable<absl::StatusOr<RootInspection>> Look();
  bool HasOurJournal(const RootInspection& found) const;
  bool IsUntouched(const RootInspection& found) const;
  std::string WhatChanged(const RootInspection& found) const;
  std::string Advice(const absl::StatusOr<RootInspection>& found) const;
  std::vector<StoreOp> Ops(const Journal& finished) const;
  asio::awaitable<absl::Status> Send(std::vector<StoreOp> ops);

  const LockedRunOptions options_;
  const ClusterPaths paths_;
  MetaStore* const store_;
  Clock* const clock_;
  RetryBudget* const budget_;
  StoreReader reader_;

  Journal journal_;
  int32_t apps_version_ = 0;
  int32_t journal_version_ = 0;
  int64_t transactions_ = 0;
  bool was_untouched_ = false;  // when Unlock found others in the root: it can be resumed
};

}  // namespace metarec
