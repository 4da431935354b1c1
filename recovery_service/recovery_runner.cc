#include "recovery_service/recovery_runner.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include <absl/strings/str_cat.h>

#include "base/runtime/event.h"
#include "base/runtime/rare_branch.h"
#include "base/runtime/status_macros.h"
#include "base/runtime/task_group.h"
#include "idl/error_names.h"
#include "rpc/pegasus_status.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_error.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/topology/finished_tree.h"
#include "zk_store/topology/znode_creator.h"

namespace metarec {
namespace {

constexpr absl::Duration kTimeForAnswering = absl::Milliseconds(500);

idl::configuration_recovery_response Response(absl::string_view error_name, std::string hint) {
  idl::configuration_recovery_response response;
  response.err = idl::error_code(error_name);
  response.hint_message = std::move(hint);
  return response;
}

// Whether it ended because we lead no more. The answer of the next leader is the one that counts.
bool EndedWithLeadership(const RecoveryResult& result) {
  const StoreError error = StoreErrorOf(result.status);
  return result.outcome == RecoveryOutcome::kCancelled ||
         HasMark(result.status, ErrorMark::kFenced) || error == StoreError::kSessionExpired ||
         error == StoreError::kClosed;
}

idl::configuration_recovery_response NotLeading() {
  return Response(idl::kErrForwardToOthers,
                  "WARNING: this meta server does not lead; send the same request to the one that "
                  "leads\n");
}

idl::configuration_recovery_response ResponseOf(const RecoveryResult& result,
                                                const DecisionPlace& decisions) {
  if (EndedWithLeadership(result)) {
    METAREC_RARE_BRANCH("leadership is lost in the middle of a recovery");
    return Response(idl::kErrForwardToOthers,
                    "WARNING: this meta server lost its leadership in the middle of it; send the "
                    "same request to the one that leads now, and it goes on\n");
  }
  std::string hint = result.hints;
  // Hints are about the plan; other reasons have none of their own.
  if (result.outcome != RecoveryOutcome::kRecovered &&
      result.outcome != RecoveryOutcome::kTryAgain) {
    absl::StrAppend(&hint, "ERROR: ", result.status.message(), "\n");
  }
  if (result.outcome == RecoveryOutcome::kConflict) {
    for (const std::string& line : DecisionLines(*result.plan, decisions)) {
      absl::StrAppend(&hint, "ERROR: ", line, "\n");
    }
  }
  return Response(result.error_name, std::move(hint));
}

}  // namespace

struct RecoveryRunner::Run {
  Run(const asio::any_io_executor& executor, RecoveryOrder order_in, RecoveryRequest request,
      const Surroundings& surroundings, MetaStore* store, ProgressListener* progress)
      : order(std::move(order_in)),
        job(std::move(request), surroundings, store, progress),
        ended(executor) {}

  const RecoveryOrder order;
  absl::Time deadline;
  RecoveryJob job;
  std::optional<RecoveryResult> result;
  Event ended;
};

// At the tree that a run has written, for who asks for the result again.
struct RecoveryRunner::Look {
  explicit Look(const asio::any_io_executor& executor) : over(executor) {}

  absl::Status found = absl::CancelledError("cancelled");
  bool is_over = false;
  Event over;
};

bool RecoveryOrder::SameAs(const RecoveryOrder& other) const {
  if (skip_bad_nodes != other.skip_bad_nodes ||
      skip_lost_partitions != other.skip_lost_partitions) {
    return false;
  }
  return std::equal(nodes.entries.begin(), nodes.entries.end(), other.nodes.entries.begin(),
                    other.nodes.entries.end(), [](const NodeListEntry& a, const NodeListEntry& b) {
                      return a.host == b.host && a.port == b.port;
                    });
}

absl::StatusOr<RecoveryOrder> OrderOf(const idl::configuration_recovery_request& request,
                                      size_t nodes_max) {
  RecoveryOrder order;
  order.skip_bad_nodes = request.skip_bad_nodes;
  order.skip_lost_partitions = request.skip_lost_partitions;
  std::string list;
  // Where the names are given, the addresses do not count.
  if (request.__isset.hp_recovery_nodes) {
    for (const idl::host_port& node : request.hp_recovery_nodes) {
      absl::StrAppend(&list, list.empty() ? "" : ",", node.ToString());
    }
  } else {
    for (const idl::rpc_address& node : request.recovery_nodes) {
      absl::StrAppend(&list, list.empty() ? "" : ",", node.ToString());
    }
  }
  if (list.empty()) return absl::InvalidArgumentError("the request names no replica server");
  NodeListOptions options;
  options.nodes_max = nodes_max;
  METAREC_ASSIGN_OR_RETURN(order.nodes, ParseNodeListString(list, options));
  return order;
}

std::optional<absl::Duration> WatchedPhase::TimeLeft(absl::Time now) const {
  // When the next node answers, or the next lease runs out, does not follow from the others.
  if (latest.phase == Phase::kCollect || latest.phase == Phase::kAwaitInactive) return std::nullopt;
  if (latest.done >= latest.total) return std::nullopt;
  ProgressRate until_now = rate;
  until_now.Add(now, latest.done);
  return until_now.TimeLeft(latest.total);
}

AskedNode::State AskedNode::state() const {
  const auto is_any = [this](Answer answer) {
    return tables_answer == answer || replicas_answer == answer;
  };
  if (is_any(Answer::kDue)) return State::kAsking;
  if (is_any(Answer::kRefused)) return State::kFailed;
  return is_any(Answer::kNone) ? State::kWaiting : State::kAnswered;
}

void RunWatch::Begin(const NodeList& nodes) {
  absl::MutexLock lock(&mutex_);
  nodes_.clear();
  by_text_.clear();
  by_address_.clear();
  phases_.clear();
  glance_.reset();
  for (const NodeListEntry& entry : nodes.entries) {
    if (!by_text_.try_emplace(entry.text, nodes_.size()).second) continue;
    nodes_.emplace_back().listed_as = entry.text;
  }
}

std::vector<AskedNode> RunWatch::nodes() const {
  absl::MutexLock lock(&mutex_);
  return nodes_;
}

std::vector<WatchedPhase> RunWatch::phases() const {
  absl::MutexLock lock(&mutex_);
  return phases_;
}

std::shared_ptr<const PlanGlance> RunWatch::glance() const {
  absl::MutexLock lock(&mutex_);
  return glance_;
}

void RunWatch::NotePlan(const RecoveryPlan& plan) {
  auto glance = std::make_shared<const PlanGlance>(GlanceAt(plan));
  absl::MutexLock lock(&mutex_);
  glance_ = std::move(glance);
}

AskedNode* RunWatch::FindListed(const std::string& text) {
  const auto found = by_text_.find(text);
  return found == by_text_.end() ? nullptr : &nodes_[found->second];
}

AskedNode* RunWatch::FindAt(Ipv4Endpoint address) {
  const auto found = by_address_.find(address);
  return found == by_address_.end() ? nullptr : &nodes_[found->second];
}

asio::awaitable<absl::StatusOr<NodeIdentity>> RunWatch::Identify(NodeListEntry entry,
                                                                 absl::Time deadline) {
  const std::string text = entry.text;
  absl::StatusOr<NodeIdentity> identity = co_await source_->Identify(std::move(entry), deadline);
  NoteIdentity(text, identity);
  co_return identity;
}

void RunWatch::NoteIdentity(const std::string& text, const absl::StatusOr<NodeIdentity>& identity) {
  absl::MutexLock lock(&mutex_);
  AskedNode* const node = FindListed(text);
  if (node == nullptr) return;
  if (identity.ok()) {
    node->address = identity->address;
    const size_t index = by_text_.at(text);
    node->is_duplicate = by_address_.try_emplace(identity->address, index).first->second != index;
  } else if (!absl::IsCancelled(identity.status())) {
    node->tables_answer = AskedNode::Answer::kRefused;
    node->error = rpc::PegasusErrorName(identity.status());
  }
}

asio::awaitable<absl::StatusOr<NodeTables>> RunWatch::QueryTables(Ipv4Endpoint address,
                                                                  absl::Time deadline) {
  {
    absl::MutexLock lock(&mutex_);
    if (AskedNode* const node = FindAt(address); node != nullptr) {
      ++node->tries;
      node->tables_answer = AskedNode::Answer::kDue;
      node->tables = 0;
    }
  }
  absl::StatusOr<NodeTables> answer = co_await source_->QueryTables(address, deadline);
  {
    absl::MutexLock lock(&mutex_);
    if (AskedNode* const node = FindAt(address); node != nullptr && answer.ok()) {
      node->tables = static_cast<int64_t>(answer->tables.size());
      node->own_address = answer->own_address;
    }
  }
  EndAnswer(&AskedNode::tables_answer, address, answer.status());
  co_return answer;
}

asio::awaitable<absl::Status> RunWatch::QueryReplicas(Ipv4Endpoint address, absl::Time deadline,
                                                      ReplicaSink sink) {
  {
    absl::MutexLock lock(&mutex_);
    if (AskedNode* const node = FindAt(address); node != nullptr) {
      node->replicas_answer = AskedNode::Answer::kDue;
      node->replicas = 0;
      node->replicas_serving = 0;
    }
  }
  const ReplicaSink counting = [this, address, &sink](const ReplicaRecord& replica) {
    absl::MutexLock lock(&mutex_);
    if (AskedNode* const node = FindAt(address); node != nullptr) {
      ++node->replicas;
      const bool serves =
          replica.status == ReplicaStatus::kPrimary || replica.status == ReplicaStatus::kSecondary;
      if (serves) ++node->replicas_serving;
    }
    return sink(replica);
  };
  const absl::Status status = co_await source_->QueryReplicas(address, deadline, counting);
  EndAnswer(&AskedNode::replicas_answer, address, status);
  co_return status;
}

void RunWatch::EndAnswer(AskedNode::Answer AskedNode::*answer, Ipv4Endpoint address,
                         const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  AskedNode* const node = FindAt(address);
  // A node that a cancelled run had asked has not refused: its answer stays due.
  if (node == nullptr || absl::IsCancelled(status)) return;
  node->*answer = status.ok() ? AskedNode::Answer::kGiven : AskedNode::Answer::kRefused;
  if (!status.ok()) node->error = rpc::PegasusErrorName(status);
}

void RunWatch::OnProgress(const Progress& progress) {
  if (progress.phase == Phase::kPlan) return;  // over before anybody can see it
  const absl::Time now = clock_->Now();
  absl::MutexLock lock(&mutex_);
  auto same = std::find_if(phases_.begin(), phases_.end(), [&progress](const WatchedPhase& known) {
    return known.latest.phase == progress.phase;
  });
  if (same == phases_.end()) same = phases_.emplace(phases_.end());
  same->latest = progress;
  same->rate.Add(now, progress.done);
}

RecoveryRunner::RecoveryRunner(asio::any_io_executor executor, RecoveryRunnerOptions options,
                               Surroundings surroundings, std::optional<RecoveryThread> thread,
                               std::function<void()> on_change)
    : executor_(std::move(executor)),
      options_(std::move(options)),
      surroundings_(std::move(surroundings)),
      thread_(std::move(thread)),
      on_change_(std::move(on_change)),
      watch_(thread_ ? thread_->source : surroundings_.source, surroundings_.clock),
      tasks_(std::make_unique<TaskGroup>(executor_)) {
  surroundings_.source = &watch_;
}

RecoveryRunner::~RecoveryRunner() = default;

void RecoveryRunner::UseStore(MetaStore* store, std::vector<StoreOp> fence) {
  store_ = store;
  fence_ = std::move(fence);
}

asio::awaitable<idl::configuration_recovery_response> RecoveryRunner::Start(RecoveryOrder order,
                                                                            absl::Time deadline) {
  if (store_ == nullptr || abandons_ > 0) co_return NotLeading();
  const bool is_same = latest_ && latest_->order.SameAs(order);
  if (state_ == RecoveryState::kRecovering && !is_same) {
    co_return Response(
        idl::kErrBusy,
        absl::StrCat("ERROR: another recovery is running, of ", latest_->order.nodes.entries.size(),
                     " nodes or with other flags; wait for it to end\n"));
  }
  if (state_ == RecoveryState::kRecovered && !is_same) {
    co_return Response(idl::kErrServiceAlreadyRunning, "");
  }
  if (state_ == RecoveryState::kRecovered) co_return co_await AnswerAgain(latest_, deadline);
  if (WouldBegin()) {
    Begin(std::move(order), deadline);
  }
  if (is_same) METAREC_RARE_BRANCH("a request attaches to a recovery that runs or ran");
  const std::shared_ptr<Run> run = latest_;
  // Named: see cancellation.h on temporaries beside a co_await.
  const std::function<asio::awaitable<void>()> until_ended = [run]() -> asio::awaitable<void> {
    const absl::Status ignored = co_await run->ended.Wait();
    static_cast<void>(ignored);
  };
  const absl::Status ignored = co_await RunUntil(deadline, surroundings_.clock, until_ended);
  static_cast<void>(ignored);
  if (run->result) co_return ResponseOf(*run->result, options_.decisions);
  METAREC_RARE_BRANCH("a recovery takes longer than who waits for it");
  co_return Response(idl::kErrTimeout,
                     "WARNING: the recovery goes on; send the same request again for its result\n");
}

bool RecoveryRunner::WouldBegin() const {
  return store_ != nullptr && abandons_ == 0 &&
         (state_ == RecoveryState::kWaiting || state_ == RecoveryState::kFailed);
}

asio::awaitable<idl::configuration_recovery_response> RecoveryRunner::AnswerAgain(
    std::shared_ptr<Run> run, absl::Time deadline) {
  METAREC_RARE_BRANCH("the result of a recovery is asked for again");
  if (look_ == nullptr) {
    look_ = std::make_shared<Look>(executor_);
    tasks_->Spawn(LookAgain(run, look_));
  }
  const std::shared_ptr<Look> look = look_;
  const std::function<asio::awaitable<void>()> until_over = [look]() -> asio::awaitable<void> {
    const absl::Status ignored = co_await look->over.Wait();
    static_cast<void>(ignored);
  };
  const absl::Status ignored = co_await RunUntil(deadline, surroundings_.clock, until_over);
  static_cast<void>(ignored);
  if (!look->is_over) {
    co_return Response(idl::kErrTimeout,
                       "WARNING: it is recovered, and is being looked at once more; send the same "
                       "request again for the result\n");
  }
  if (absl::IsCancelled(look->found)) co_return NotLeading();
  if (look->found.ok() || HasMark(look->found, ErrorMark::kDiffers)) {
    co_return ResponseOf(*run->result, options_.decisions);
  }
  co_return Response(RecoveryErrorName(look->found),
                     absl::StrCat(run->result->hints,
                                  "ERROR: it was recovered, but could not be looked at again: ",
                                  look->found.message(), "\n"));
}

asio::awaitable<void> RecoveryRunner::LookAgain(std::shared_ptr<Run> run,
                                                std::shared_ptr<Look> look) {
  MetaStore* const store = store_;
  absl::Status found = absl::CancelledError("cancelled");
  const std::function<asio::awaitable<void>()> look_at_tree = [&]() -> asio::awaitable<void> {
    RetryBudget budget(surroundings_.clock, options_.writer.retry);
    StoreReader reader(store, &budget);
    SilentProgress silent;
    // Named: see cancellation.h on temporaries beside a co_await.
    const TopologyVerifierOptions options;
    const absl::StatusOr<int64_t> gone_on = co_await CheckFinishedTree(
        run->result->plan->topology, options_.root, &reader, options, &silent);
    found = gone_on.status();
  };
  if (thread_) {
    co_await RunOn(thread_->executor, look_at_tree);
  } else {
    co_await look_at_tree();
  }
  // From now on this is what everybody is told of that run.
  const bool differs = HasMark(found, ErrorMark::kDiffers);
  if (found.ok() || differs) {
    run->result->outcome = differs ? RecoveryOutcome::kRootDiffers : RecoveryOutcome::kRecovered;
    run->result->error_name = differs ? idl::kErrInconsistentState : idl::kErrOk;
    run->result->status = found;
  }
  look->found = std::move(found);
  look->is_over = true;
  look_.reset();
  look->over.Set();
}

void RecoveryRunner::Begin(RecoveryOrder order, absl::Time deadline) {
  // The job ends a little earlier than the caller's time, so that its result is told in time.
  const absl::Duration time = deadline - surroundings_.clock->Now();
  const absl::Duration time_limit = time - std::min(kTimeForAnswering, time / 20);
  RecoveryRequest request = RequestOf(order, time_limit);
  request.on_plan = [this](const RecoveryPlan& plan) { watch_.NotePlan(plan); };
  watch_.Begin(order.nodes);
  latest_ = std::make_shared<Run>(executor_, std::move(order), std::move(request), surroundings_,
                                  store_, &watch_);
  latest_->deadline = surroundings_.clock->Now() + time_limit;
  shown_ = latest_;
  state_ = shown_state_ = RecoveryState::kRecovering;
  tasks_->Spawn(Execute(latest_));
  on_change_();
}

RecoveryRequest RecoveryRunner::RequestOf(const RecoveryOrder& order,
                                          absl::Duration time_limit) const {
  RecoveryRequest request;
  request.nodes = order.nodes;
  request.root = options_.root;
  request.plan = options_.plan;
  request.read_old_trees = options_.read_old_trees;
  // What a request accepts is accepted beyond what the options name.
  request.plan.skip_bad_nodes |= order.skip_bad_nodes;
  request.plan.skip_lost_partitions |= order.skip_lost_partitions;
  if (request.plan.skip_bad_nodes) request.plan.bad_nodes_skipped.clear();
  if (request.plan.skip_lost_partitions) request.plan.lost_partitions_skipped.clear();
  request.collector = options_.collector;
  // A node that never answers is known to be bad while there is time to go on without it.
  request.collector.node_timeout = std::min(request.collector.node_timeout, time_limit / 2);
  request.writer = options_.writer;
  request.writer.fence = fence_;
  request.ask_again_after = options_.ask_again_after;
  request.time_limit = time_limit;
  return request;
}

asio::awaitable<void> RecoveryRunner::Execute(std::shared_ptr<Run> run) {
  RecoveryResult result;
  const std::function<asio::awaitable<void>()> recover = [&]() -> asio::awaitable<void> {
    result = co_await run->job.Run();
  };
  if (thread_) {
    co_await RunOn(thread_->executor, recover);
  } else {
    co_await recover();
  }
  run->result = std::move(result);
  if (abandons_ == 0) {
    const bool is_recovered = run->result->outcome == RecoveryOutcome::kRecovered;
    state_ = shown_state_ = is_recovered ? RecoveryState::kRecovered : RecoveryState::kFailed;
    on_change_();
  }
  run->ended.Set();
}

asio::awaitable<void> RecoveryRunner::Abandon() {
  UseStore(nullptr, {});
  ++abandons_;
  tasks_->Cancel();
  co_await tasks_->Join();
  --abandons_;
  tasks_ = std::make_unique<TaskGroup>(executor_);
  latest_.reset();
  state_ = RecoveryState::kWaiting;
  // One that was cut off has nothing to show: whoever leads next goes on with it.
  const RecoveryResult* const shown = result();
  if (shown_state_ == RecoveryState::kRecovering ||
      (shown != nullptr && EndedWithLeadership(*shown))) {
    shown_.reset();
    shown_state_ = RecoveryState::kWaiting;
  }
}

const RecoveryOrder* RecoveryRunner::order() const { return shown_ ? &shown_->order : nullptr; }

const RecoveryResult* RecoveryRunner::result() const {
  return shown_ && shown_->result ? &*shown_->result : nullptr;
}

absl::Time RecoveryRunner::deadline() const {
  return shown_ ? shown_->deadline : absl::InfiniteFuture();
}

Progress RecoveryRunner::progress() const { return shown_ ? shown_->job.progress() : Progress(); }

}  // namespace metarec
