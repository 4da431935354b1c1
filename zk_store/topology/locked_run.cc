#include "zk_store/topology/locked_run.h"

#include <utility>

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <absl/time/time.h>
#include <asio/this_coro.hpp>

#include "base/runtime/cancellation.h"
#include "base/runtime/event.h"
#include "base/runtime/rare_branch.h"
#include "base/runtime/status_macros.h"
#include "base/runtime/task_group.h"
#include "zk_store/client/store_error.h"
#include "zk_store/topology/refusal.h"
#include "zk_store/topology/znode_creator.h"

namespace metarec {
namespace {

// How long the answer to the last transaction is awaited in spite of a cancellation.
constexpr absl::Duration kTimeForTheLastAnswer = absl::Seconds(5);

// The last transaction under way.
struct Sent {
  explicit Sent(const asio::any_io_executor& executor) : over(executor) {}
  Event over;
  absl::Status status = absl::CancelledError("cancelled while its answer was awaited");
};

asio::awaitable<void> SendNow(MetaStore* store, std::vector<StoreOp> ops, Sent* sent) {
  const auto answer = co_await store->Multi(std::move(ops));
  sent->status = answer.status();
  sent->over.Set();
}

asio::awaitable<void> GiveUpLater(Clock* clock, Sent* sent) {
  const absl::Status slept = co_await clock->SleepFor(kTimeForTheLastAnswer);
  if (slept.ok()) sent->over.Set();
}

std::string Quoted(absl::string_view data) {
  return absl::StrCat("\"", absl::CHexEscape(data), "\"");
}

}  // namespace

LockedRun::LockedRun(LockedRunOptions options, const ClusterPaths& paths, MetaStore* store,
                     Clock* clock, RetryBudget* budget)
    : options_(std::move(options)),
      paths_(paths),
      store_(store),
      clock_(clock),
      budget_(budget),
      reader_(store, budget) {}

void LockedRun::Begin(Journal journal, int32_t apps_version, int32_t journal_version) {
  journal_ = std::move(journal);
  apps_version_ = apps_version;
  journal_version_ = journal_version;
}

asio::awaitable<absl::StatusOr<RootInspection>> LockedRun::Look() {
  METAREC_CO_ASSIGN_OR_RETURN(RootInspection found,
                              co_await InspectRoot(&reader_, paths_.root(), options_.inspection));
  if (found.root_case == RootCase::kFinishedRun && found.IsRunOf(journal_.plan_digest)) {
    journal_ = *found.journal;
  }
  co_return found;
}

bool LockedRun::HasOurJournal(const RootInspection& found) const {
  return found.journal == journal_ && found.journal_version == journal_version_;
}

bool LockedRun::IsUntouched(const RootInspection& found) const {
  return HasOurJournal(found) && found.apps_data == kAppsLocked &&
         found.apps_version == apps_version_;
}

std::vector<StoreOp> LockedRun::Ops(const Journal& finished) const {
  std::vector<StoreOp> ops = options_.fence;
  ops.push_back(StillLocked());
  ops.push_back(CheckOp{paths_.journal(), journal_version_});
  ops.push_back(SetOp{paths_.journal(), EncodeJournal(finished), journal_version_});
  ops.push_back(SetOp{paths_.apps(), std::string(kAppsUnlocked), apps_version_});
  return ops;
}

asio::awaitable<absl::Status> LockedRun::Send(std::vector<StoreOp> ops) {
  const auto executor = co_await asio::this_coro::executor;
  Sent sent(executor);
  TaskGroup tasks(executor);
  tasks.Spawn(SendNow(store_, std::move(ops), &sent));
  const absl::Status waited = co_await sent.over.Wait();
  if (!waited.ok()) {
    METAREC_RARE_BRANCH("cancelled while the last transaction is under way");
    tasks.Spawn(GiveUpLater(clock_, &sent));
    co_await sent.over.WaitRegardless();
  }
  tasks.Cancel();
  co_await tasks.Join();
  co_return sent.status;
}

asio::awaitable<absl::Status> LockedRun::Unlock() {
  Journal finished = journal_;
  finished.finished = true;
  finished.finished_at = JournalTime(clock_->Now());
  bool may_be_finished = false;
  const auto judged = [&](const absl::Status& error) {
    if (!may_be_finished) return error;
    METAREC_RARE_BRANCH("a run ends without knowing whether it is finished");
    return MayBeFinishedError(Annotate(
        error, absl::StrCat(". The last transaction, which unlocks ", paths_.apps(),
                            ", was sent and not answered, so the run may be finished and a meta "
                            "server may start from it. Verifying the root tells, or running the "
                            "same plan again, which finishes it if need be")));
  };
  for (;;) {
    const uint64_t incident = budget_->incident();
    const absl::StatusOr<RootInspection> found = co_await Look();
    if (!found.ok()) co_return judged(found.status());
    if (journal_.finished) {
      if (may_be_finished) METAREC_RARE_BRANCH("the tree was unlocked, and the answer was lost");
      if (!may_be_finished) METAREC_RARE_BRANCH("another process unlocks the same tree first");
      co_return absl::OkStatus();
    }
    was_untouched_ = IsUntouched(*found);
    if (!was_untouched_ || found->root_case != RootCase::kUnfinishedRun) {
      METAREC_RARE_BRANCH("somebody has come to the root before it is unlocked");
      // What was sent cannot be executed any more once a version has changed, but it may have been
      // before that, unless the journal is as it was.
      may_be_finished &= was_untouched_ || !HasOurJournal(*found);
      co_return judged(DisturbedError(
          absl::StrCat("this run ends without ",
                       may_be_finished ? "knowing that it has unlocked " : "unlocking ",
                       paths_.apps(), ": meanwhile ", WhatChanged(*found))));
    }
    const bool cancelled = co_await IsCancelled();
    if (cancelled) co_return judged(absl::CancelledError("writing was cancelled"));
    ++transactions_;
    const absl::Status sent = co_await Send(Ops(finished));
    if (sent.ok()) {
      journal_ = finished;
      co_return absl::OkStatus();
    }
    const absl::Status fenced = FenceError(sent, options_.fence.size());
    if (!fenced.ok()) co_return judged(fenced);
    may_be_finished |= OutcomeUnknown(sent);
    // Changed or deleted by somebody else since we looked.
    const StoreError error = StoreErrorOf(sent);
    const bool lost_race = error == StoreError::kBadVersion || error == StoreError::kNoNode;
    if (lost_race) METAREC_RARE_BRANCH("the root changes between the last look and the unlocking");
    if (!RetryBudget::IsRetryable(sent) && !lost_race) co_return judged(sent);
    const absl::Status spent = co_await budget_->Spend(incident, sent);
    if (absl::IsCancelled(spent)) co_return judged(absl::CancelledError("writing was cancelled"));
    if (!spent.ok()) co_return judged(spent);
  }
}

std::string LockedRun::WhatChanged(const RootInspection& found) const {
  if (IsUntouched(found)) {
    std::string text =
        absl::StrCat("somebody else has come to ", paths_.root(), ": ", found.reason);
    for (const LockCandidate& candidate : found.candidates) {
      if (candidate.ours || candidate.waits_for_us) continue;
      absl::StrAppend(&text, "; ", candidate.path, " is ", Quoted(candidate.name.substr(0, 60)));
    }
    return text;
  }
  const bool has_apps = found.apps_data.has_value();
  if (!has_apps && !found.journal.has_value()) {
    return absl::StrCat("somebody else deleted ", paths_.apps(), " and ", paths_.journal());
  }
  if (!has_apps) return absl::StrCat("somebody else deleted ", paths_.apps());
  if (found.apps_data == kAppsLocked && !found.journal.has_value()) {
    return absl::StrCat("somebody else deleted or replaced ", paths_.journal(),
                        ", by which a run knows its own work");
  }
  return absl::StrCat("somebody else wrote into ",
                      found.apps_version != apps_version_ ? paths_.apps() : paths_.journal());
}

std::string LockedRun::Advice(const absl::StatusOr<RootInspection>& found) const {
  const std::string anew =
      absl::StrCat("give another root, or delete this one (deleteall ", paths_.root(),
                   " in ZooKeeper's shell) and run the same plan again");
  const std::string stop_them = "Find out who else writes there and stop it; then ";
  if (!found.ok()) {
    return absl::StrCat(
        "This run did not unlock ", paths_.apps(), ", and what is there now could not be read (",
        found.status().message(),
        "). Another run of the same plan may have finished it, so delete nothing: run the same "
        "plan again, which finds out");
  }
  if (found->apps_data == kAppsLocked) {
    return absl::StrCat(
        paths_.apps(), " stays locked, so that no meta server starts from it. ",
        was_untouched_ ? "Stop that meta server, or remove what is not of this run; then run the "
                         "same plan again, which resumes it, or give another root"
                       : absl::StrCat(stop_them, anew));
  }
  if (!found->apps_data.has_value()) {
    return absl::StrCat(paths_.apps(), " is gone: a meta server that starts now finds no table. ",
                        "Make sure that none does. ", stop_them, anew);
  }
  const bool may_start = found->apps_data == kAppsUnlocked || found->apps_data->empty();
  return absl::StrCat(paths_.apps(), " says ", Quoted(*found->apps_data),
                      ", which is not of this run",
                      may_start ? ": a meta server may start from it, although it need not be "
                                  "complete or as planned. Make sure that none does. "
                                : ". ",
                      stop_them, anew);
}

asio::awaitable<absl::Status> LockedRun::JudgeDisturbance(absl::Status error) {
  const absl::StatusOr<RootInspection> found = co_await Look();
  if (journal_.finished) co_return absl::OkStatus();
  if (IsRefused(error) && found.ok()) co_return error;
  co_return Annotate(error, absl::StrCat(". ", Advice(found)));
}

}  // namespace metarec
