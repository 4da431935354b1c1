// Runs the recoveries that start_recovery asks for, one at a time, and notes how far each one got.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "base/runtime/progress.h"
#include "base/runtime/progress_rate.h"
#include "base/runtime/task_group.h"
#include "idl/ipv4_endpoint.h"
#include "idl/meta_server_types.h"
#include "meta_recovery/job/recovery_job.h"
#include "meta_recovery/planner/plan_options.h"
#include "recovery_service/plan_glance.h"
#include "recovery_service/recovery_gate.h"
#include "replica_collector/node_list.h"
#include "replica_collector/replica_source.h"

namespace metarec {

struct RecoveryRunnerOptions {
  std::string root;
  PlanOptions plan;  // the skip flags come with each request
  // See RecoveryRequest; called where recoveries run.
  std::function<asio::awaitable<absl::StatusOr<std::vector<OldTree>>>()> read_old_trees;
  CollectorOptions collector;
  TopologyWriterOptions writer;
  absl::Duration ask_again_after = absl::Seconds(3);
  size_t nodes_max = 10'000;
  DecisionPlace decisions;  // what is said of it after a conflict; RecoveryService fills it in
};

// What is asked for. Two that are the same are one: a client's retry, or a second operator.
struct RecoveryOrder {
  NodeList nodes;
  bool skip_bad_nodes = false;
  bool skip_lost_partitions = false;
  Ipv4Endpoint sender;  // who asked; does not count in SameAs

  bool SameAs(const RecoveryOrder& other) const;
};

// kInvalidArgument if the request names no node, too many, or one that cannot be.
absl::StatusOr<RecoveryOrder> OrderOf(const idl::configuration_recovery_request& request,
                                      size_t nodes_max);

// A thread (or a strand) for recoveries, so that callers of the service do not wait for them. It
// must have ended before the context of the service's executor is destroyed, and not before the
// service's Stop has.
struct RecoveryThread {
  asio::any_io_executor executor;
  ReplicaSource* source = nullptr;  // used there, in place of Surroundings::source
};

// A server of the node list, as far as it was asked.
struct AskedNode {
  enum class Answer { kNone, kDue, kGiven, kRefused };
  std::string listed_as;
  std::optional<Ipv4Endpoint> address;  // once it was looked up
  Ipv4Endpoint own_address;             // as it gives it in its answers; {}: it did not yet
  bool is_duplicate = false;            // another entry is the same server, and stands for it

  int tries = 0;
  // Of the latest try, as they arrive.
  Answer tables_answer = Answer::kNone;
  Answer replicas_answer = Answer::kNone;
  int64_t tables = 0;
  int64_t replicas = 0;
  int64_t replicas_serving = 0;  // of these, PS_PRIMARY or PS_SECONDARY
  std::string error;             // name of the last one, also if an earlier try ended with it

  enum class State {
    kWaiting,  // to be looked up, or to be asked
    kAsking,
    kAnswered,
    kFailed,  // a few more tries may follow
  };
  State state() const;
};

// A phase of a run, as far as it came.
struct WatchedPhase {
  Progress latest;
  ProgressRate rate;

  // How long the rest of it will take; nullopt: that cannot be told.
  std::optional<absl::Duration> TimeLeft(absl::Time now) const;
};

// Stands between a recovery and the servers that it asks, and notes for people how far it got: the
// status page shows which servers a recovery waits for. `source` and `clock` must outlive it.
// `source` is used where the recovery runs. The rest is thread-safe.
class RunWatch final : public ReplicaSource, public ProgressListener {
 public:
  RunWatch(ReplicaSource* source, Clock* clock) : source_(source), clock_(clock) {}

  // Forgets what was before. From now on a recovery of these nodes runs.
  void Begin(const NodeList& nodes);

  // In the order of the list.
  std::vector<AskedNode> nodes() const;
  // The latest of each phase that there was, in the order in which they began.
  std::vector<WatchedPhase> phases() const;
  // Of the latest plan; nullptr: none was made yet.
  std::shared_ptr<const PlanGlance> glance() const;
  void NotePlan(const RecoveryPlan& plan);

  asio::awaitable<absl::StatusOr<NodeIdentity>> Identify(NodeListEntry entry,
                                                         absl::Time deadline) override;
  asio::awaitable<absl::StatusOr<NodeTables>> QueryTables(Ipv4Endpoint address,
                                                          absl::Time deadline) override;
  asio::awaitable<absl::Status> QueryReplicas(Ipv4Endpoint address, absl::Time deadline,
                                              ReplicaSink sink) override;
  void OnProgress(const Progress& progress) override;

 private:
  // nullptr: there is none. Pointers must not be kept over a co_await: another run may begin.
  AskedNode* FindListed(const std::string& text) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  AskedNode* FindAt(Ipv4Endpoint address) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteIdentity(const std::string& text, const absl::StatusOr<NodeIdentity>& identity);
  // One of the two queries of a try has ended.
  void EndAnswer(AskedNode::Answer AskedNode::*answer, Ipv4Endpoint address,
                 const absl::Status& status);

  ReplicaSource* const source_;
  Clock* const clock_;
  mutable absl::Mutex mutex_;
  std::vector<AskedNode> nodes_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, size_t> by_text_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<Ipv4Endpoint, size_t> by_address_ ABSL_GUARDED_BY(mutex_);
  std::vector<WatchedPhase> phases_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const PlanGlance> glance_ ABSL_GUARDED_BY(mutex_);
};

// Not thread-safe: used on `executor` (a single thread or a strand), where recoveries run, too,
// unless they have a thread. Abandon must have ended before it is destroyed.
class RecoveryRunner {
 public:
  // `on_change` is called after a run has begun or ended, and before those who wait for the run get
  // their answers. It is not called of a run that Abandon ends, whatever that ends with.
  RecoveryRunner(asio::any_io_executor executor, RecoveryRunnerOptions options,
                 Surroundings surroundings, std::optional<RecoveryThread> thread,
                 std::function<void()> on_change);
  ~RecoveryRunner();
  RecoveryRunner(const RecoveryRunner&) = delete;
  RecoveryRunner& operator=(const RecoveryRunner&) = delete;

  // Where further runs write, with what only the leader may write (LeaderLock::Fence). `store` must
  // outlive the end of Abandon.
  void UseStore(MetaStore* store, std::vector<StoreOp> fence);

  // Answers at `deadline` at the latest:
  // - with the result, of a new run or of the one that does the same and runs, or has succeeded. Of
  //   one that has succeeded the tree is looked at again first (CheckFinishedTree): the answer is
  //   ERR_INCONSISTENT_STATE if it is not there any more as it was written, or the name of the
  //   error if that could not be found out;
  // - ERR_BUSY while one runs that does something else;
  // - ERR_SERVICE_ALREADY_RUNNING if something else has succeeded, as stock meta servers do;
  // - ERR_FORWARD_TO_OTHERS if we do not lead: before UseStore, from the beginning of Abandon on,
  //   and if the run ended because we lead no more;
  // - ERR_TIMEOUT if it takes longer. The run goes on; the same order again attaches to it.
  // A caller that goes away, or is cancelled, ends nothing.
  asio::awaitable<idl::configuration_recovery_response> Start(RecoveryOrder order,
                                                              absl::Time deadline);

  // Whether Start would begin a run.
  bool WouldBegin() const;

  // To be called when leadership is lost. Cancels what runs, awaits its end, and forgets what was
  // done. Nothing is started before this has ended and UseStore was called again.
  asio::awaitable<void> Abandon();

  RecoveryState state() const { return state_; }

  // What people are shown: the run that runs or ran last. One that had ended by itself is still
  // shown after Abandon.
  // The state in which it is or ended; kWaiting: there was none.
  RecoveryState shown_state() const { return shown_state_; }
  // nullptr: there was none.
  const RecoveryOrder* order() const;
  // If it has ended.
  const RecoveryResult* result() const;
  // Before this moment it must have begun to write, or it ends.
  absl::Time deadline() const;
  Progress progress() const;
  const RunWatch& watch() const { return watch_; }
  const DecisionPlace& decision_place() const { return options_.decisions; }

 private:
  struct Run;
  struct Look;

  void Begin(RecoveryOrder order, absl::Time deadline);
  asio::awaitable<void> Execute(std::shared_ptr<Run> run);
  asio::awaitable<idl::configuration_recovery_response> AnswerAgain(std::shared_ptr<Run> run,
                                                                    absl::Time deadline);
  asio::awaitable<void> LookAgain(std::shared_ptr<Run> run, std::shared_ptr<Look> look);
  RecoveryRequest RequestOf(const RecoveryOrder& order, absl::Duration time_limit) const;

  const asio::any_io_executor executor_;
  const RecoveryRunnerOptions options_;
  Surroundings surroundings_;  // of the runs: they ask through the watch
  const std::optional<RecoveryThread> thread_;
  const std::function<void()> on_change_;
  RunWatch watch_;
  MetaStore* store_ = nullptr;  // nullptr: nothing can be started
  std::vector<StoreOp> fence_;
  RecoveryState state_ = RecoveryState::kWaiting;
  std::shared_ptr<Run> latest_;
  RecoveryState shown_state_ = RecoveryState::kWaiting;
  std::shared_ptr<Run> shown_;
  std::shared_ptr<Look> look_;  // the one under way; nullptr: there is none
  std::unique_ptr<TaskGroup> tasks_;
  int abandons_ = 0;  // that have not ended
};

}  // namespace metarec
