// Look, collect, plan, wait, write.
//
// The root is looked at first, so that a wrong one is refused before any server is asked; the
// writer looks again. Replicas that are still served mean that the nodes hold a lease of some meta
// server, and a tree that appears before it has run out makes stock replica servers abort. So the
// job asks again until every replica is inactive, and plans from the last answers. A node that
// served and then falls silent may go on serving: it is waited for until its lease must be over. A
// plan that cannot be applied anyway (a node is down, a conflict) ends the job at once: waiting
// does not mend it.
//
// The time limit covers everything up to there. A write that has begun is not given up for it: half
// a tree is of use to nobody, and the writer has bounds of its own.

#include "meta_recovery/job/recovery_job.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>

#include "base/runtime/cancellation.h"
#include "base/runtime/rare_branch.h"
#include "base/runtime/run_until.h"
#include "base/text/wording.h"
#include "idl/error_names.h"
#include "meta_recovery/planner/planner.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "meta_recovery/report/finding_text.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_error.h"
#include "zk_store/client/store_reader.h"

namespace metarec {
namespace {

constexpr absl::Duration kTimeForTheLastRound = absl::Milliseconds(500);
constexpr size_t kSilentNodesNamedMax = 10;

std::string HintText(const RecoveryPlan& plan, const NodeList& nodes) {
  std::vector<std::string> order;
  for (const NodeListEntry& entry : nodes.entries) order.push_back(entry.text);
  std::string text;
  for (const std::string& line : HintLines(plan, order)) absl::StrAppend(&text, line, "\n");
  return text;
}

absl::string_view ErrorNameOf(const absl::Status& error) {
  switch (StoreErrorOf(error)) {
    case StoreError::kNone:
      return absl::IsInvalidArgument(error) ? idl::kErrInvalidParameters : idl::kErrUnknown;
    case StoreError::kConnectionLoss:
    case StoreError::kOperationTimeout:
    case StoreError::kSessionExpired:
      return idl::kErrTimeout;
    case StoreError::kNoNode:
      return idl::kErrObjectNotFound;
    case StoreError::kNodeExists:
      return idl::kErrNodeAlreadyExist;
    case StoreError::kRuntimeInconsistency:
      return idl::kErrInconsistentState;
    default:
      return idl::kErrZookeeperOperation;
  }
}

}  // namespace

absl::string_view RecoveryOutcomeName(RecoveryOutcome outcome) {
  switch (outcome) {
    case RecoveryOutcome::kRecovered:
      return "recovered";
    case RecoveryOutcome::kTryAgain:
      return "try_again";
    case RecoveryOutcome::kConflict:
      return "conflict";
    case RecoveryOutcome::kStillServed:
      return "still_served";
    case RecoveryOutcome::kRootRefused:
      return "root_refused";
    case RecoveryOutcome::kPlanOutdated:
      return "plan_outdated";
    case RecoveryOutcome::kTimedOut:
      return "timed_out";
    case RecoveryOutcome::kCancelled:
      return "cancelled";
    case RecoveryOutcome::kFailed:
      return "failed";
  }
  return "unknown";
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

RecoveryJob::RecoveryJob(RecoveryRequest request, Surroundings surroundings)
    : request_(std::move(request)),
      surroundings_(std::move(surroundings)),
      progress_(surroundings_.listener),
      serving_(request_.lease_max) {}

asio::awaitable<RecoveryResult> RecoveryJob::Run() {
  deadline_ = surroundings_.clock->Now() + request_.time_limit;
  // One after the other; each may end the job.
  bool go_on = co_await LookAtRoot();
  if (go_on) go_on = co_await CollectAndPlan();
  if (go_on) go_on = co_await Write();
  co_return std::move(result_);
}

bool RecoveryJob::End(RecoveryOutcome outcome, absl::string_view error_name, absl::Status status) {
  result_.outcome = outcome;
  result_.error_name = std::string(error_name);
  result_.status = std::move(status);
  return false;
}

bool RecoveryJob::EndWith(const absl::Status& error) {
  if (absl::IsCancelled(error)) {
    return End(RecoveryOutcome::kCancelled, idl::kErrUnknown, error);
  }
  if (IsRefused(error)) {
    return End(RecoveryOutcome::kRootRefused, idl::kErrNodeAlreadyExist, error);
  }
  return End(RecoveryOutcome::kFailed, ErrorNameOf(error), error);
}

asio::awaitable<bool> RecoveryJob::LookAtRoot() {
  RetryBudget budget(surroundings_.clock, request_.writer.retry);
  StoreReader reader(surroundings_.store, &budget);
  const absl::StatusOr<RootInspection> root =
      co_await InspectRoot(&reader, request_.root, request_.writer.inspection);
  if (!root.ok()) co_return EndWith(root.status());
  // Whose run an unfinished or finished one is, only the plan's digest tells: the writer sees.
  if (root->root_case != RootCase::kForeign) co_return true;
  co_return EndWith(RefusedError(
      absl::StrCat(root->Describe(), ". Nothing was written; give a root that is empty or new")));
}

asio::awaitable<absl::StatusOr<Evidence>> RecoveryJob::Collect() {
  Collector collector(request_.collector, surroundings_.source, surroundings_.clock, &progress_,
                      surroundings_.random);
  absl::StatusOr<Evidence> evidence = absl::UnknownError("not collected");
  const absl::Status in_time = co_await RunUntil(
      deadline_, surroundings_.clock,
      [&]() -> asio::awaitable<void> { evidence = co_await collector.Collect(request_.nodes); });
  if (absl::IsDeadlineExceeded(in_time) && !evidence.ok()) {
    const std::string silent = CutList(collector.unanswered(), kSilentNodesNamedMax);
    co_return absl::DeadlineExceededError(absl::StrCat(
        idl::kErrTimeout, ": no answer from ", silent,
        " in the time that was given (--wait_seconds). Nothing was written; give it more, or see "
        "what is wrong there"));
  }
  if (!in_time.ok() && !evidence.ok()) co_return in_time;
  co_return evidence;
}

asio::awaitable<bool> RecoveryJob::CollectAndPlan() {
  while (true) {
    absl::StatusOr<Evidence> evidence = co_await Collect();
    if (absl::IsDeadlineExceeded(evidence.status())) {
      if (serving_.count().serving > 0) co_return EndStillServed();
      METAREC_RARE_BRANCH("the time is over before all nodes have answered");
      co_return End(RecoveryOutcome::kTimedOut, idl::kErrTimeout, evidence.status());
    }
    if (!evidence.ok()) co_return EndWith(evidence.status());

    const bool has_waited = serving_.count().serving > 0;
    serving_.Note(*evidence, surroundings_.clock->Now());
    const bool serving = serving_.count().serving > 0;
    if (has_waited && !serving && !serving_.HasLostSight()) TellOfServing();
    const bool wait = serving && !request_.plan.accept_still_served;
    // While waiting, one plan is enough to know whether it is worth it, unless there may be none
    // without a node that has fallen silent.
    const bool may_be_worth_it =
        result_.plan.has_value() && (request_.plan.skip_bad_nodes || !serving_.HasLostSight());
    if (!wait || !may_be_worth_it) {
      if (!Plan(*std::move(evidence))) co_return false;
    }
    if (!wait) co_return NameWhatIsWritten() && CheckAgainstReviewed();
    if (!co_await AwaitNextRound()) co_return false;
  }
}

bool RecoveryJob::Plan(Evidence evidence) {
  result_.plan.reset();  // two at once would need twice the memory
  Progress progress;
  progress.phase = Phase::kPlan;
  progress_.OnProgress(progress);
  absl::StatusOr<RecoveryPlan> plan = MakePlan(std::move(evidence), request_.plan);
  if (!plan.ok()) return EndWith(plan.status());
  result_.plan = *std::move(plan);
  progress.done = progress.total = static_cast<int64_t>(result_.plan->partitions.size());
  progress_.OnProgress(progress);
  result_.hints = HintText(*result_.plan, request_.nodes);
  switch (result_.plan->outcome) {
    case PlanOutcome::kReady:
      return true;
    case PlanOutcome::kTryAgain:
      return End(RecoveryOutcome::kTryAgain, idl::kErrTryAgain,
                 absl::FailedPreconditionError("the plan has errors; nothing was written"));
    case PlanOutcome::kConflict:
      return End(RecoveryOutcome::kConflict, idl::kErrInvalidState,
                 absl::FailedPreconditionError("the plan needs decisions; nothing was written"));
  }
  return EndWith(absl::InternalError("a plan without outcome"));
}

bool RecoveryJob::NameWhatIsWritten() {
  absl::StatusOr<std::string> digest = TopologyDigest(result_.plan->topology);
  if (!digest.ok()) return EndWith(digest.status());
  digest_ = *std::move(digest);
  return true;
}

bool RecoveryJob::CheckAgainstReviewed() {
  if (request_.reviewed == nullptr) return true;
  const absl::StatusOr<std::string> reviewed = TopologyDigest(request_.reviewed->topology);
  if (!reviewed.ok()) return EndWith(reviewed.status());
  if (*reviewed == digest_) return true;
  return End(RecoveryOutcome::kPlanOutdated, idl::kErrInvalidState,
             RefusedError("the cluster changed since the plan was made, so that what was reviewed "
                          "is no longer what would be written. Nothing was written; plan again"));
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

asio::awaitable<bool> RecoveryJob::AwaitNextRound() {
  Clock* const clock = surroundings_.clock;
  TellOfServing();
  // The last round comes earlier than the others rather than not at all.
  const absl::Duration last_round = std::min(request_.ask_again_after, kTimeForTheLastRound);
  const absl::Duration pause =
      std::min(request_.ask_again_after, deadline_ - clock->Now() - last_round);
  if (pause <= absl::ZeroDuration()) {
    METAREC_RARE_BRANCH("leases outlive the time limit");
    co_return EndStillServed();
  }
  const absl::Status slept = co_await clock->SleepFor(pause);
  co_return slept.ok() ? true : EndWith(slept);
}

bool RecoveryJob::EndStillServed() {
  const ServingCount& count = serving_.count();
  const std::vector<std::string> silent = serving_.Silent();
  return End(RecoveryOutcome::kStillServed, idl::kErrTimeout,
             RefusedError(absl::StrCat(
                 count.serving, " of ", Counted(count.replicas, "replica"), " on ",
                 Counted(count.nodes_serving, "node"), count.serving == 1 ? " is" : " are",
                 " still served, so some meta server gave ", count.serving == 1 ? "it" : "them",
                 " a lease that has not run out. ",
                 silent.empty() ? ""
                                : absl::StrCat("Of these nodes do not answer any more: ",
                                               CutList(silent, kSilentNodesNamedMax), ". "),
                 "Nothing was written; stop every meta server, wait half a minute and run it "
                 "again")));
}

asio::awaitable<bool> RecoveryJob::Write() {
  progress_.OnProgress(
      {.phase = Phase::kWrite, .note = ""});  // from now on something may have been written
  TopologyWriter writer(request_.writer, surroundings_.store, surroundings_.clock, &progress_);
  absl::StatusOr<WriteResult> written =
      co_await writer.Write(result_.plan->topology, request_.root, digest_);
  if (!written.ok()) co_return EndWith(written.status());
  result_.written = *std::move(written);
  End(RecoveryOutcome::kRecovered, idl::kErrOk, absl::OkStatus());
  co_return true;
}

}  // namespace metarec
