// The whole way from a node list to a written ZooKeeper root, as one coroutine.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "base/runtime/progress.h"
#include "meta_recovery/old_tree/old_tree.h"
#include "meta_recovery/planner/plan_options.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "meta_recovery/report/headline.h"
#include "replica_collector/collector.h"
#include "replica_collector/evidence.h"
#include "replica_collector/node_list.h"
#include "replica_collector/replica_source.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/topology/root_inspection.h"
#include "zk_store/topology/topology_writer.h"

namespace metarec {

// What every recovery gets from the program around it, whether it runs alone, in a service or in a
// server. What the pointers name must outlive whoever is given them.
struct Surroundings {
  ReplicaSource* source = nullptr;
  Clock* clock = nullptr;
  // A number in [0, 1), different at every call: spreads the retries of many nodes.
  std::function<double()> random;
};

struct RecoveryRequest {
  NodeList nodes;
  std::string root;
  PlanOptions plan;
  // If set, called once, before any node is asked: old copies of ZooKeeper's tree, for the planner.
  // An error ends the run with it.
  std::function<asio::awaitable<absl::StatusOr<std::vector<OldTree>>>()> read_old_trees;
  CollectorOptions collector;
  TopologyWriterOptions writer;

  // For everything before the writing. Waiting for leases to run out takes most of it. What has
  // begun to be written is written to the end.
  absl::Duration time_limit = absl::Seconds(100);
  // Between two rounds of asking while replicas are still served.
  absl::Duration ask_again_after = absl::Seconds(3);
  // A node that served when it last answered, and does not answer any more, counts as serving for
  // this long. A lease that nobody renews ends after fd_lease_seconds and
  // fd_check_interval_seconds, which are 20 and 2 with stock servers.
  absl::Duration lease_max = absl::Seconds(30);

  // If set, only what this plan writes is written: if the nodes' answers now lead to something
  // else, the outcome is kPlanOutdated. Must outlive the job.
  const RecoveryPlan* reviewed = nullptr;

  // If set, called with each plan that is made, on the job's executor. While leases are waited for,
  // there may be several.
  std::function<void(const RecoveryPlan&)> on_plan;

  // If set, called once with the plan that is about to be written. An error ends the run with it,
  // and nothing is written.
  std::function<absl::Status(const RecoveryPlan&)> before_writing;
};

enum class RecoveryOutcome {
  kRecovered,
  kTryAgain,      // the plan has errors that a skip flag could accept
  kConflict,      // the plan needs decisions
  kStillServed,   // the time was over before all replicas were inactive
  kRootRefused,   // the root holds what is not an unfinished run that would write the same
  kRootDiffers,   // an earlier run wrote the same there, and it is not there any more as it was
  kPlanOutdated,  // see RecoveryRequest::reviewed
  kTimedOut,      // the time was over before the nodes had answered
  kCancelled,
  kFailed,
};
inline constexpr size_t kRecoveryOutcomes = 10;

// "recovered", "try_again", ...
absl::string_view RecoveryOutcomeName(RecoveryOutcome outcome);

struct RecoveryResult {
  RecoveryOutcome outcome = RecoveryOutcome::kFailed;
  // The name that operators know: ERR_OK, ERR_TRY_AGAIN, ... (INTEROP.md section 4.3).
  std::string error_name;
  // For people. OK only with kRecovered.
  absl::Status status;

  std::optional<RecoveryPlan> plan;  // if it came to a plan
  // Pegasus's hints about the plan, one per line, each with its newline.
  std::string hints;
  std::optional<WriteResult> written;
};

// How a recovery ends whose store cannot be reached, for `why`: nothing was asked or written.
RecoveryResult WithoutStore(absl::Status why);

// The name that operators know of an error in ZooKeeper or in what was asked for.
absl::string_view RecoveryErrorName(const absl::Status& error);

// What became of the plan of a run that ended so, if it came to one.
HeadlineMoment HeadlineMomentOf(RecoveryOutcome outcome);

// Which nodes hold a lease of some meta server, over several rounds of asking. A node that served
// when it last answered, and does not answer any more, may still serve: it counts until its lease
// must be over. Not thread-safe.
class ServingNodes {
 public:
  explicit ServingNodes(absl::Duration lease_max) : lease_max_(lease_max) {}

  // After each round. `now`: not before the answers came.
  void Note(const Evidence& evidence, absl::Time now);

  // The replicas of the nodes that answered, and of the silent ones that count as serving.
  const ServingCount& count() const { return count_; }
  bool IsAnyServing() const { return count_.serving > 0; }
  // True if a node that was serving did not answer the last round.
  bool HasLostSight() const { return has_lost_sight_; }
  // Those that count as serving without an answer in the last round, as they are listed.
  std::vector<std::string> Silent() const;

 private:
  struct Node {
    std::vector<std::string> listed_as;
    int64_t serving = 0;
    int64_t replicas = 0;
    absl::Time lease_over;
    bool is_silent = false;
  };

  const absl::Duration lease_max_;
  ServingCount count_;
  std::vector<Node> nodes_;
  bool has_lost_sight_ = false;
};

// Runs once. Everything happens on the executor of the coroutine that awaits Run (a single thread
// or a strand).
class RecoveryJob {
 public:
  // `store` and `progress` must outlive the job.
  RecoveryJob(RecoveryRequest request, Surroundings surroundings, MetaStore* store,
              ProgressListener* progress);

  // Collects, plans, waits until no replica is served any more, and writes. The writer checks that
  // everything is there as written before it unlocks the tree. Planning, computing the digest of
  // what is written and checking its sizes are plain computation on the executor, which does
  // nothing else meanwhile: docs/embedding.md says how long. Cancelling the awaiting coroutine ends
  // it at the next step with kCancelled. What was written by then is resumed by the next run.
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

  // The steps, in their order. The first error ends the job. It may bear an outcome (see
  // Ending in the source), which otherwise follows from its kind.
  asio::awaitable<absl::Status> TakeSteps();
  asio::awaitable<absl::Status> LookAtRoot();
  asio::awaitable<absl::Status> PlanOnceInactive();
  absl::StatusOr<std::string> DigestOfReviewed() const;
  asio::awaitable<absl::Status> Write(std::string digest);

  asio::awaitable<absl::Status> ReadOldTrees();

  // The parts of PlanOnceInactive.
  asio::awaitable<absl::StatusOr<Evidence>> Collect();
  bool MustPlanNow() const;
  absl::Status Plan(Evidence evidence);
  asio::awaitable<absl::Status> AwaitNextRound();
  void TellOfServing();
  absl::Status StillServed() const;

  const RecoveryRequest request_;
  const Surroundings surroundings_;
  MetaStore* const store_;
  LatestProgress progress_;
  std::vector<OldTree> old_trees_;
  absl::Time deadline_;
  ServingNodes serving_;   // as the nodes last said
  RecoveryResult result_;  // the plan and what was written, as far as it came
};

}  // namespace metarec
