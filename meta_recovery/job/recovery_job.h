// The whole way from a node list to a written ZooKeeper root, as one coroutine.

#pragma once

#include <optional>
#include <string>

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/strings/string_view.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "base/runtime/progress.h"
#include "meta_recovery/job/serving_nodes.h"
#include "meta_recovery/planner/plan_options.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "replica_collector/collector.h"
#include "replica_collector/node_list.h"
#include "replica_collector/replica_source.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/topology/root_inspection.h"
#include "zk_store/topology/topology_writer.h"

namespace metarec {

struct RecoveryRequest {
  NodeList nodes;
  std::string root;
  PlanOptions plan;
  CollectorOptions collector;
  TopologyWriterOptions writer;

  // For everything before the writing, in which waiting for leases to run out takes longest. What
  // has begun to be written is written to the end.
  absl::Duration time_limit = absl::Seconds(100);
  // Between two rounds of asking while replicas are still served.
  absl::Duration ask_again_after = absl::Seconds(3);
  // So long a node that served when it answered last, and does not answer any more, counts as
  // serving: a lease that nobody renews is over after fd_lease_seconds and
  // fd_check_interval_seconds, 20 and 2 with stock servers.
  absl::Duration lease_max = absl::Seconds(30);

  // If set, only what this plan writes is written: when the nodes' answers now lead to something
  // else, the outcome is kPlanOutdated. Must outlive the job.
  const RecoveryPlan* reviewed = nullptr;
};

enum class RecoveryOutcome {
  kRecovered,
  kTryAgain,      // the plan has errors that a skip flag could accept
  kConflict,      // the plan needs decisions
  kStillServed,   // the time was over before all replicas were inactive
  kRootRefused,   // the root holds what is not an unfinished run that would write the same
  kPlanOutdated,  // see RecoveryRequest::reviewed
  kTimedOut,      // the time was over before the nodes had answered
  kCancelled,
  kFailed,
};

// "recovered", "try_again", ...
absl::string_view RecoveryOutcomeName(RecoveryOutcome outcome);

struct RecoveryResult {
  RecoveryOutcome outcome = RecoveryOutcome::kFailed;
  // The name that operators know: ERR_OK, ERR_TRY_AGAIN, ... (INTEROP.md section 4.3).
  std::string error_name;
  // For people: OK only with kRecovered.
  absl::Status status;

  std::optional<RecoveryPlan> plan;  // as far as it came to a plan
  // Pegasus's hints about the plan, a line each, each with its newline.
  std::string hints;
  std::optional<WriteResult> written;
};

// Runs once. Everything happens on the executor of the coroutine that awaits Run (a single thread
// or a strand).
class RecoveryJob {
 public:
  // All must outlive the job. `random` spreads retries (collector.h).
  struct Surroundings {
    ReplicaSource* source = nullptr;
    MetaStore* store = nullptr;
    Clock* clock = nullptr;
    ProgressListener* listener = nullptr;
    Collector::Random random;
  };

  RecoveryJob(RecoveryRequest request, Surroundings surroundings);

  // Collects, plans, waits until no replica is served any more, and writes; the writer checks that
  // everything is there as written before it unlocks the tree. Planning, naming what is written and
  // checking its sizes are plain computation on the executor, which does nothing else meanwhile:
  // docs/embedding.md says how long. Cancelling the awaiting coroutine ends it at the
  // next step with kCancelled; what was written by then is resumed by the next run.
  asio::awaitable<RecoveryResult> Run();

  // The latest progress. Thread-safe.
  Progress progress() const { return progress_.Get(); }

 private:
  // Keeps the latest progress and passes it on.
  class LatestProgress final : public ProgressListener {
   public:
    explicit LatestProgress(ProgressListener* next) : next_(next) {}
    void OnProgress(const Progress& progress) override;
    Progress Get() const;

   private:
    ProgressListener* const next_;
    mutable absl::Mutex mutex_;
    Progress latest_ ABSL_GUARDED_BY(mutex_);
  };

  // The steps of Run. Each returns false when it has ended the job, with the reason in `result_`.
  asio::awaitable<bool> LookAtRoot();
  asio::awaitable<bool> CollectAndPlan();
  asio::awaitable<bool> Write();

  asio::awaitable<absl::StatusOr<Evidence>> Collect();
  bool Plan(Evidence evidence);
  bool NameWhatIsWritten();
  bool CheckAgainstReviewed();
  void TellOfServing();
  asio::awaitable<bool> AwaitNextRound();
  bool EndStillServed();
  bool End(RecoveryOutcome outcome, absl::string_view error_name, absl::Status status);
  bool EndWith(const absl::Status& error);

  const RecoveryRequest request_;
  const Surroundings surroundings_;
  LatestProgress progress_;
  absl::Time deadline_;
  ServingNodes serving_;  // as the nodes said last
  std::string digest_;    // of what is to be written
  RecoveryResult result_;
};

}  // namespace metarec
