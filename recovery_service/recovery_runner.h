// Runs the recoveries that start_recovery asks for, one at a time.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "base/runtime/event.h"
#include "base/runtime/task_group.h"
#include "idl/ipv4_endpoint.h"
#include "idl/meta_server_types.h"
#include "meta_recovery/job/recovery_job.h"
#include "meta_recovery/planner/plan_options.h"
#include "recovery_service/recovery_gate.h"
#include "replica_collector/node_list.h"

namespace metarec {

struct RecoveryRunnerOptions {
  std::string root;
  PlanOptions plan;  // the skip flags come with each request
  CollectorOptions collector;
  TopologyWriterOptions writer;
  absl::Duration ask_again_after = absl::Seconds(3);
  size_t nodes_max = 10'000;
};

// What is asked for. Two that are equal are one: a client's retry, or a second operator.
struct RecoveryOrder {
  NodeList nodes;
  bool skip_bad_nodes = false;
  bool skip_lost_partitions = false;

  bool SameAs(const RecoveryOrder& other) const;
};

// kInvalidArgument when the request names no node, too many, or one that cannot be.
absl::StatusOr<RecoveryOrder> OrderOf(const idl::configuration_recovery_request& request,
                                      size_t nodes_max);

// Not thread-safe: used on `executor` (a single thread or a strand), where recoveries run, too,
// unless they have another. Abandon must have ended before it is destroyed.
class RecoveryRunner {
 public:
  // All must outlive the runner.
  struct Surroundings {
    ReplicaSource* source = nullptr;
    Clock* clock = nullptr;
    ProgressListener* listener = nullptr;
    Collector::Random random;
    // What the nodes call themselves in their beacons.
    std::function<std::map<Ipv4Endpoint, std::string>()> beacon_names;
    // Called when a run has begun.
    std::function<void()> on_begun;
    // Called when a run has ended, before those who wait for it get their answers.
    std::function<void(const RecoveryResult&)> on_ended;
    // Where recoveries run; empty: on the runner's executor. All of the above but the functions is
    // used there, and so is the store.
    asio::any_io_executor recovery_executor = {};
  };

  RecoveryRunner(asio::any_io_executor executor, RecoveryRunnerOptions options,
                 Surroundings surroundings);
  ~RecoveryRunner();
  RecoveryRunner(const RecoveryRunner&) = delete;
  RecoveryRunner& operator=(const RecoveryRunner&) = delete;

  // Where further runs write, with what only the leader may write (LeaderLock::Fence). Must come
  // before Start; `store` must outlive what runs, that is, the end of Abandon.
  void UseStore(MetaStore* store, std::vector<StoreOp> fence);

  // Answers at `deadline` at the latest:
  // - with the result, of a new run or of the one that does the same and runs, or has succeeded;
  // - ERR_BUSY while one runs that does something else;
  // - ERR_SERVICE_ALREADY_RUNNING when something else has succeeded, as stock meta servers do;
  // - ERR_FORWARD_TO_OTHERS when it ended because we lead no more;
  // - ERR_TIMEOUT when it takes longer. It goes on; the same order again attaches to it.
  // A caller that goes away, or is cancelled, ends nothing.
  asio::awaitable<idl::configuration_recovery_response> Start(RecoveryOrder order,
                                                              absl::Time deadline);

  // Cancels what runs, awaits its end, and forgets what was done: for who leads no longer.
  asio::awaitable<void> Abandon();

  RecoveryState state() const { return state_; }
  // Of the run that runs or ran last; nullptr: there was none.
  const RecoveryOrder* order() const;
  // Of the last run that has ended; nullptr: none has.
  const RecoveryResult* result() const;
  Progress progress() const;

 private:
  struct Run;

  void Begin(RecoveryOrder order, absl::Time deadline);
  asio::awaitable<void> Execute(std::shared_ptr<Run> run);
  RecoveryRequest RequestOf(const RecoveryOrder& order, absl::Duration time_limit) const;

  const asio::any_io_executor executor_;
  const RecoveryRunnerOptions options_;
  const Surroundings surroundings_;
  MetaStore* store_ = nullptr;
  std::vector<StoreOp> fence_;
  RecoveryState state_ = RecoveryState::kWaiting;
  std::shared_ptr<Run> latest_;
  std::unique_ptr<TaskGroup> tasks_;
};

}  // namespace metarec
