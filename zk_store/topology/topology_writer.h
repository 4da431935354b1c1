// Writes a topology into an empty ZooKeeper root, all or nothing as far as any meta server sees.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "base/runtime/progress.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/topology/root_inspection.h"
#include "zk_store/topology/topology.h"
#include "zk_store/topology/znode_creator.h"

namespace metarec {

struct TopologyWriterOptions {
  ZnodeCreatorLimits limits;
  size_t reads_in_flight_max = 256;
  RetryLimits retry;  // one budget for the whole write
  RootInspectionOptions inspection;
  // Checks that come first in every transaction that writes: LeaderLock::Fence(). When one of them
  // fails, nothing more is written or tried again.
  std::vector<StoreOp> fence;
  std::string tool_version = "unknown";
};

struct WriteResult {
  bool resumed = false;           // an earlier, unfinished run of the same plan
  bool already_finished = false;  // by an earlier run of the same plan; nothing was written
  int64_t gone_on = 0;            // then: partitions that a meta server has gone on with since
  int64_t znodes_created = 0;     // under /apps, by this run
  int64_t znodes_found = 0;       // by an earlier run, or by a transaction whose answer was lost
  int64_t transactions = 0;
  Journal journal;
};

// Used on one executor (a single thread or a strand); one Write at a time. All pointers must
// outlive it.
class TopologyWriter {
 public:
  TopologyWriter(TopologyWriterOptions options, MetaStore* store, Clock* clock,
                 ProgressListener* listener);

  // Returns when `<root>/apps` is unlocked, after a check that everything is there and nobody has
  // written to it since (TopologyVerifierOptions::Contents). `plan_digest` (not empty) names the
  // plan that `topology` belongs to. Both must outlive the call and not change.
  //
  // Marks on errors (error_mark.h): kRefused when the root is somebody else's, or somebody else has
  // changed what an earlier run of the plan wrote; nothing was written. kDisturbed when somebody
  // else changes what this run writes, or comes to its root; this run does not unlock it, and the
  // message says what /apps says now. kMayBeFinished when the root may be unlocked nevertheless.
  // kFenced when the fence did not hold any more; the process that may write now resumes the run.
  // kDiffers when an earlier run of the plan finished, and what it wrote is not there any more.
  //
  // kInvalidArgument for an invalid root, topology or limit. Any other error leaves an unfinished
  // run, if anything, and the message says so: calling Write again with the same plan resumes it.
  // kCancelled likewise.
  asio::awaitable<absl::StatusOr<WriteResult>> Write(const Topology& topology, std::string root,
                                                     std::string plan_digest);

 private:
  const TopologyWriterOptions options_;
  MetaStore* const store_;
  Clock* const clock_;
  ProgressListener* const listener_;
};

}  // namespace metarec
