// Look, collect, plan, wait, write.
//
// The root is looked at first, so that a wrong one is refused before any server is asked. The
// writer looks again. Replicas that are still served mean that the nodes hold a lease of some meta
// server, and stock replica servers abort if a tree appears before that lease has run out. So the
// job asks again until every replica is inactive, and plans from the last answers. A node that
// served and then falls silent may still serve: the job waits until its lease must be over. A plan
// that cannot be applied anyway (a node is down, a conflict) ends the job at once, since waiting
// does not mend it.
//
// The time limit covers everything up to there. It does not end a write that has begun: half a tree
// is of no use to anybody, and the writer has bounds of its own.

#include "meta_recovery/job/recovery_job.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <absl/container/flat_hash_set.h>
#include <absl/strings/cord.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include "base/runtime/rare_branch.h"
#include "base/runtime/status_macros.h"
#include "base/runtime/task_group.h"
#include "base/text/wording.h"
#include "idl/error_names.h"
#include "meta_recovery/planner/planner.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "meta_recovery/report/finding_text.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_error.h"
#include "zk_store/client/store_reader.h"

namespace metarec {
namespace {

constexpr absl::Duration kTimeForTheLastRound = absl::Milliseconds(500);
constexpr size_t kSilentNodesNamedMax = 10;

// An empty error name follows from the error itself.
struct OutcomeNames {
  RecoveryOutcome outcome;
  const char* name;
  const char* error_name;
};
constexpr OutcomeNames kOutcomes[] = {
    {RecoveryOutcome::kRecovered, "recovered", idl::kErrOk},
    {RecoveryOutcome::kTryAgain, "try_again", idl::kErrTryAgain},
    {RecoveryOutcome::kConflict, "conflict", idl::kErrInvalidState},
    {RecoveryOutcome::kStillServed, "still_served", idl::kErrTimeout},
    {RecoveryOutcome::kRootRefused, "root_refused", idl::kErrNodeAlreadyExist},
    {RecoveryOutcome::kRootDiffers, "root_differs", idl::kErrInconsistentState},
    {RecoveryOutcome::kPlanOutdated, "plan_outdated", idl::kErrInvalidState},
    {RecoveryOutcome::kTimedOut, "timed_out", idl::kErrTimeout},
    {RecoveryOutcome::kCancelled, "cancelled", idl::kErrUnknown},
    {RecoveryOutcome::kFailed, "failed", ""},
};

constexpr bool AreInOrder() {
  for (size_t i = 0; i < std::size(kOutcomes); ++i) {
    if (static_cast<size_t>(kOutcomes[i].outcome) != i) return false;
  }
  return std::size(kOutcomes) == kRecoveryOutcomes;
}
static_assert(AreInOrder(), "a row for each outcome, in the order of the enumerators");

const OutcomeNames& NamesOf(RecoveryOutcome outcome) {
  return kOutcomes[static_cast<size_t>(outcome)];
}

// The step that fails puts the job's outcome into its error, as a payload: its number. Run reads
// it.
constexpr char kOutcomePayload[] = "metarec/recovery_outcome";

absl::Status Ending(RecoveryOutcome outcome, absl::Status error) {
  error.SetPayload(kOutcomePayload, absl::Cord(absl::StrCat(static_cast<int>(outcome))));
  return error;
}

RecoveryOutcome OutcomeOf(const absl::Status& status) {
  if (status.ok()) return RecoveryOutcome::kRecovered;
  size_t number = 0;
  if (const auto payload = status.GetPayload(kOutcomePayload);
      payload.has_value() && absl::SimpleAtoi(std::string(*payload), &number) &&
      number < kRecoveryOutcomes) {
    return static_cast<RecoveryOutcome>(number);
  }
  if (absl::IsCancelled(status)) return RecoveryOutcome::kCancelled;
  if (HasMark(status, ErrorMark::kDiffers)) return RecoveryOutcome::kRootDiffers;
  return HasMark(status, ErrorMark::kRefused) ? RecoveryOutcome::kRootRefused
                                              : RecoveryOutcome::kFailed;
}

std::string HintText(const RecoveryPlan& plan, const NodeList& nodes) {
  std::vector<std::string> order;
  for (const NodeListEntry& entry : nodes.entries) order.push_back(entry.text);
  std::string text;
  for (const std::string& line : HintLines(plan, order)) absl::StrAppend(&text, line, "\n");
  return text;
}

}  // namespace

absl::string_view RecoveryOutcomeName(RecoveryOutcome outcome) { return NamesOf(outcome).name; }

absl::string_view RecoveryErrorName(const absl::Status& error) {
  switch (StoreErrorOf(error)) {
    case StoreError::kNone:
      if (absl::IsDeadlineExceeded(error)) return idl::kErrTimeout;
      return absl::IsInvalidArgument(error) ? idl::kErrInvalidParameters : idl::kErrUnknown;
    case StoreError::kConnectionLoss:
    case StoreError::kOperationTimeout:
    case StoreError::kSessionExpired:
      return idl::kErrTimeout;
    case StoreError::kNoNode:
      return idl::kErrObjectNotFound;
    case StoreError::kNodeExists:
      return idl::kErrNodeAlreadyExist;
    default:
      return idl::kErrZookeeperOperation;
  }
}

HeadlineMoment HeadlineMomentOf(RecoveryOutcome outcome) {
  switch (outcome) {
    case RecoveryOutcome::kRecovered:
      return HeadlineMoment::kWritten;
    case RecoveryOutcome::kTryAgain:
    case RecoveryOutcome::kConflict:
      return HeadlineMoment::kPlanned;
    case RecoveryOutcome::kStillServed:
      return HeadlineMoment::kStillServed;
    case RecoveryOutcome::kRootDiffers:
      return HeadlineMoment::kDiffers;
    case RecoveryOutcome::kRootRefused:
    case RecoveryOutcome::kPlanOutdated:
    case RecoveryOutcome::kTimedOut:
      return HeadlineMoment::kNotWritten;
    case RecoveryOutcome::kCancelled:
    case RecoveryOutcome::kFailed:
      break;
  }
  return HeadlineMoment::kNotFinished;
}

RecoveryResult WithoutStore(absl::Status why) {
  RecoveryResult result;
  result.outcome = RecoveryOutcome::kFailed;
  result.error_name = std::string(RecoveryErrorName(why));
  result.status = std::move(why);
  return result;
}

void ServingNodes::Note(const Evidence& evidence, absl::Time now) {
  absl::flat_hash_set<std::string> answered;
  std::vector<Node> serving_nodes;
  for (const NodeEvidence& node : evidence.nodes) {
    if (!node.complete()) continue;
    answered.insert(node.listed_as.begin(), node.listed_as.end());
    const int64_t serving = CountServing(node);
    if (serving == 0) continue;
    serving_nodes.push_back({.listed_as = node.listed_as,
                             .serving = serving,
                             .replicas = static_cast<int64_t>(node.replicas.size()),
                             .lease_over = now + lease_max_});
  }
  count_ = CountServing(evidence);
  has_lost_sight_ = false;
  for (Node& node : nodes_) {
    if (std::any_of(node.listed_as.begin(), node.listed_as.end(),
                    [&](const std::string& text) { return answered.contains(text); })) {
      continue;
    }
    has_lost_sight_ = true;
    if (now >= node.lease_over) continue;
    node.is_silent = true;
    count_.serving += node.serving;
    count_.replicas += node.replicas;
    ++count_.nodes_serving;
    serving_nodes.push_back(std::move(node));
  }
  nodes_ = std::move(serving_nodes);
}

std::vector<std::string> ServingNodes::Silent() const {
  std::vector<std::string> silent;
  for (const Node& node : nodes_) {
    if (node.is_silent) silent.push_back(node.listed_as.front());
  }
  return silent;
}

void RecoveryJob::LatestProgress::OnProgress(const Progress& progress) {
  {
    absl::MutexLock lock(&mutex_);
    latest_ = progress;
  }
  next_->OnProgress(progress);
}

Progress RecoveryJob::LatestProgress::Get() const {
  absl::MutexLock lock(&mutex_);
  return latest_;
}

RecoveryJob::RecoveryJob(RecoveryRequest request, Surroundings surroundings, MetaStore* store,
                         ProgressListener* progress)
    : request_(std::move(request)),
      surroundings_(std::move(surroundings)),
      store_(store),
      progress_(progress),
      serving_(request_.lease_max) {}

asio::awaitable<RecoveryResult> RecoveryJob::Run() {
  deadline_ = surroundings_.clock->Now() + request_.time_limit;
  result_.status = co_await TakeSteps();
  result_.outcome = OutcomeOf(result_.status);
  const absl::string_view error_name = NamesOf(result_.outcome).error_name;
  result_.error_name =
      std::string(error_name.empty() ? RecoveryErrorName(result_.status) : error_name);
  result_.status.ErasePayload(kOutcomePayload);
  co_return std::move(result_);
}

asio::awaitable<absl::Status> RecoveryJob::TakeSteps() {
  METAREC_CO_RETURN_IF_ERROR(co_await LookAtRoot());
  METAREC_CO_RETURN_IF_ERROR(co_await ReadOldTrees());
  METAREC_CO_RETURN_IF_ERROR(co_await PlanOnceInactive());
  METAREC_CO_ASSIGN_OR_RETURN(std::string digest, DigestOfReviewed());
  if (request_.before_writing) METAREC_CO_RETURN_IF_ERROR(request_.before_writing(*result_.plan));
  co_return co_await Write(std::move(digest));
}

asio::awaitable<absl::Status> RecoveryJob::LookAtRoot() {
  RetryBudget budget(surroundings_.clock, request_.writer.retry);
  StoreReader reader(store_, &budget);
  METAREC_CO_ASSIGN_OR_RETURN(
      const RootInspection root,
      co_await InspectRoot(&reader, request_.root, request_.writer.inspection));
  // Only the plan's digest tells whose run an unfinished or finished one is: the writer sees.
  if (root.root_case != RootCase::kForeign || root.WasRun()) co_return absl::OkStatus();
  co_return MarkedError(
      ErrorMark::kRefused,
      absl::StrCat(root.Describe(), ". Nothing was written; give a root that is empty or new"));
}

asio::awaitable<absl::Status> RecoveryJob::ReadOldTrees() {
  if (!request_.read_old_trees) co_return absl::OkStatus();
  METAREC_CO_ASSIGN_OR_RETURN(old_trees_, co_await request_.read_old_trees());
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> RecoveryJob::PlanOnceInactive() {
  for (;;) {
    METAREC_CO_ASSIGN_OR_RETURN(Evidence evidence, co_await Collect());
    const bool was_serving = serving_.IsAnyServing();
    serving_.Note(evidence, surroundings_.clock->Now());
    if (was_serving && !serving_.IsAnyServing() && !serving_.HasLostSight()) TellOfServing();
    const bool must_wait = serving_.IsAnyServing() && !request_.plan.accept_still_served;
    if (!must_wait || MustPlanNow()) METAREC_CO_RETURN_IF_ERROR(Plan(std::move(evidence)));
    if (!must_wait) co_return absl::OkStatus();
    METAREC_CO_RETURN_IF_ERROR(co_await AwaitNextRound());
  }
}

asio::awaitable<absl::StatusOr<Evidence>> RecoveryJob::Collect() {
  Collector collector(request_.collector, surroundings_.source, surroundings_.clock, &progress_,
                      surroundings_.random);
  absl::StatusOr<Evidence> evidence = absl::UnknownError("not collected");
  const absl::Status in_time = co_await RunUntil(
      deadline_, surroundings_.clock,
      [&]() -> asio::awaitable<void> { evidence = co_await collector.Collect(request_.nodes); });
  if (evidence.ok() || in_time.ok()) co_return evidence;
  if (!absl::IsDeadlineExceeded(in_time)) co_return in_time;
  if (serving_.IsAnyServing()) co_return StillServed();
  METAREC_RARE_BRANCH("the time is over before all nodes have answered");
  co_return Ending(RecoveryOutcome::kTimedOut,
                   absl::DeadlineExceededError(
                       absl::StrCat(idl::kErrTimeout, ": no answer from ",
                                    CutList(collector.unanswered(), kSilentNodesNamedMax),
                                    " within --wait_seconds. Nothing was written; give more time, "
                                    "or find out why they do not answer")));
}

// While replicas are served: one plan is enough to know whether waiting is worth it, unless the
// plan needs a node that has fallen silent.
bool RecoveryJob::MustPlanNow() const {
  if (!result_.plan.has_value()) return true;
  return serving_.HasLostSight() && !request_.plan.skip_bad_nodes;
}

absl::Status RecoveryJob::Plan(Evidence evidence) {
  result_.plan.reset();  // two at once would need twice the memory
  Progress progress;
  progress.phase = Phase::kPlan;
  progress_.OnProgress(progress);
  METAREC_ASSIGN_OR_RETURN(result_.plan, MakePlan(std::move(evidence), request_.plan, old_trees_));
  progress.done = progress.total = static_cast<int64_t>(result_.plan->partitions.size());
  progress_.OnProgress(progress);
  result_.hints = HintText(*result_.plan, request_.nodes);
  if (request_.on_plan) request_.on_plan(*result_.plan);
  switch (result_.plan->outcome) {
    case PlanOutcome::kReady:
      return absl::OkStatus();
    case PlanOutcome::kTryAgain:
      return Ending(RecoveryOutcome::kTryAgain,
                    absl::FailedPreconditionError("the plan has errors; nothing was written"));
    case PlanOutcome::kConflict:
      return Ending(RecoveryOutcome::kConflict,
                    absl::FailedPreconditionError("the plan needs decisions; nothing was written"));
  }
  return absl::InternalError("a plan without outcome");
}

asio::awaitable<absl::Status> RecoveryJob::AwaitNextRound() {
  TellOfServing();
  // The last round comes earlier than the others rather than not at all.
  const absl::Duration last_round = std::min(request_.ask_again_after, kTimeForTheLastRound);
  const absl::Duration left = deadline_ - surroundings_.clock->Now() - last_round;
  const absl::Duration pause = std::min(request_.ask_again_after, left);
  if (pause <= absl::ZeroDuration()) {
    METAREC_RARE_BRANCH("leases outlive the time limit");
    co_return StillServed();
  }
  co_return co_await surroundings_.clock->SleepFor(pause);
}

void RecoveryJob::TellOfServing() {
  const ServingCount& count = serving_.count();
  progress_.OnProgress(
      {.phase = Phase::kAwaitInactive,
       .done = count.replicas - count.serving,
       .total = count.replicas,
       .note = count.serving == 0
                   ? ""
                   : absl::StrCat(Counted(count.nodes_serving, "node"), " still serving")});
}

absl::Status RecoveryJob::StillServed() const {
  const ServingCount& count = serving_.count();
  const std::vector<std::string> silent = serving_.Silent();
  const std::string of_silent =
      silent.empty()
          ? ""
          : absl::StrCat("These nodes no longer answer: ", CutList(silent, kSilentNodesNamedMax),
                         ". ");
  return Ending(RecoveryOutcome::kStillServed,
                MarkedError(ErrorMark::kRefused,
                            absl::StrCat(count.serving, " of ", Counted(count.replicas, "replica"),
                                         " on ", Counted(count.nodes_serving, "node"),
                                         count.serving == 1 ? " is" : " are",
                                         " still served, so some meta server gave ",
                                         count.serving == 1 ? "it" : "them",
                                         " a lease that has not run out. ", of_silent,
                                         "Nothing was written; stop every meta server, wait half a "
                                         "minute and run the same command again")));
}

// Of what is to be written, if that is what was reviewed.
absl::StatusOr<std::string> RecoveryJob::DigestOfReviewed() const {
  METAREC_ASSIGN_OR_RETURN(std::string digest, TopologyDigest(result_.plan->topology));
  if (request_.reviewed == nullptr) return digest;
  METAREC_ASSIGN_OR_RETURN(const std::string reviewed, TopologyDigest(request_.reviewed->topology));
  if (reviewed == digest) return digest;
  return Ending(RecoveryOutcome::kPlanOutdated,
                MarkedError(ErrorMark::kRefused,
                            "the cluster changed since the plan was made, so that what was "
                            "reviewed is no longer what would be written. Nothing was written; "
                            "plan again"));
}

asio::awaitable<absl::Status> RecoveryJob::Write(std::string digest) {
  // From now on something may have been written.
  progress_.OnProgress({.phase = Phase::kWrite, .note = ""});
  TopologyWriter writer(request_.writer, store_, surroundings_.clock, &progress_);
  METAREC_CO_ASSIGN_OR_RETURN(
      result_.written,
      co_await writer.Write(result_.plan->topology, request_.root, std::move(digest)));
  co_return absl::OkStatus();
}

}  // namespace metarec
