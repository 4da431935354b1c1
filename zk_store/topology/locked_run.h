// The two transactions that enclose a run: the first one creates `/apps` as locked, the last one
// unlocks it. Either may be sent, not answered, and have been executed or not.

#pragma once

#include <cstdint>
#include <optional>
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
#include "zk_store/topology/root_inspection.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {

// The first transaction: it creates what is missing of the root, the journal, and /apps.
//
// Used on one executor (a single thread or a strand). The reader must outlive it.
class FirstTransaction {
 public:
  FirstTransaction(const ClusterPaths& paths, StoreReader* reader)
      : paths_(paths), reader_(reader) {}

  // Its operations, behind those of `fence`. Reads what there is of the root.
  asio::awaitable<absl::StatusOr<std::vector<StoreOp>>> Ops(std::vector<StoreOp> fence,
                                                            const Journal& journal);

  // To be asked when one was sent and not answered, and a root that was read since (after a sync
  // by the same session, so that it cannot be executed any more) does not hold its journal.
  // True: it was not executed. False: it may have been, and somebody has deleted the journal.
  asio::awaitable<absl::StatusOr<bool>> NeverTookPlace();

 private:
  // The lowest node on the way to the root that was there when Ops was first called.
  struct Ground {
    std::string path;
    NodeStat stat;
  };

  // All nodes on the way to the root, and the root itself.
  std::vector<std::string> Way() const;

  const ClusterPaths paths_;
  StoreReader* const reader_;
  std::optional<Ground> ground_;
};

struct LockedRunOptions {
  std::vector<StoreOp> fence;  // put in front of the transaction
  RootInspectionOptions inspection;
};

// A run that has begun, up to its last transaction.
//
// Used on one executor (a single thread or a strand). All pointers must outlive it.
class LockedRun {
 public:
  LockedRun(LockedRunOptions options, const ClusterPaths& paths, MetaStore* store, Clock* clock,
            RetryBudget* budget);

  // To be called first, with what the root holds: an unfinished run.
  void Begin(Journal journal, int32_t apps_version, int32_t journal_version);

  // Holds as long as nobody has unlocked, written into or replaced /apps since Begin.
  CheckOp StillLocked() const { return CheckOp{paths_.apps(), apps_version_}; }

  // Looks whether somebody else has touched what is the run's own, or put anything of theirs into
  // the root, and if not unlocks it. Returns when the run is finished: by us, by a transaction of
  // ours whose answer was lost, or by another process that applies the same plan.
  //
  // Errors are marked kDisturbed, kFenced or kMayBeFinished, or as usual. A cancellation that comes
  // while the transaction is under way is put off: the answer is awaited for a few seconds.
  asio::awaitable<absl::Status> LookAgainAndUnlock();

  // What becomes of the run's `status` if that says that somebody else writes here. OK if that is
  // another process which has finished the same plan by now. Otherwise the error, to which
  // kDisturbed adds what /apps says now and how to go on. Any other status is returned as it is.
  asio::awaitable<absl::Status> JudgeDisturbance(absl::Status status);

  const Journal& journal() const { return journal_; }     // as it is in the root
  int64_t transactions() const { return transactions_; }  // sent by LookAgainAndUnlock

 private:
  asio::awaitable<absl::StatusOr<RootInspection>> Look();
  asio::awaitable<absl::Status> TryToUnlock();
  bool HasOurJournal(const RootInspection& found) const;
  bool IsUntouched(const RootInspection& found) const;
  absl::Status Disturbed(const RootInspection& found);
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
  Journal finished_;  // what the last transaction makes of journal_
  int64_t transactions_ = 0;
  bool may_be_finished_ = false;  // the last transaction was sent, and its answer was lost
  bool was_untouched_ = false;    // when others were found in the root: the run can be resumed
};

}  // namespace metarec
