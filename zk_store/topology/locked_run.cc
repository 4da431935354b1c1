#include "zk_store/topology/locked_run.h"

#include <utility>

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/time/time.h>
#include <asio/this_coro.hpp>

#include "base/runtime/cancellation.h"
#include "base/runtime/event.h"
#include "base/runtime/rare_branch.h"
#include "base/runtime/status_macros.h"
#include "base/runtime/task_group.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/store_error.h"
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

std::vector<std::string> FirstTransaction::Way() const {
  std::vector<std::string> way = {"/"};
  std::string path;
  for (const absl::string_view component : absl::StrSplit(paths_.root().substr(1), '/')) {
    absl::StrAppend(&path, "/", component);
    way.push_back(path);
  }
  return way;
}

asio::awaitable<absl::StatusOr<std::vector<StoreOp>>> FirstTransaction::Ops(
    std::vector<StoreOp> fence, const Journal& journal) {
  std::vector<StoreOp> ops = std::move(fence);
  const std::vector<std::string> way = Way();
  Ground ground;
  size_t next = 1;
  for (; next < way.size(); ++next) {
    METAREC_CO_ASSIGN_OR_RETURN(const auto stat, co_await reader_->Exists(way[next]));
    if (!stat.has_value()) break;
    ground = {way[next], *stat};
  }
  if (next == 1 && !ground_.has_value()) {
    METAREC_CO_ASSIGN_OR_RETURN(const auto stat, co_await reader_->Exists(way[0]));
    ground = {way[0], stat.value_or(NodeStat())};
  }
  if (!ground_.has_value()) ground_ = std::move(ground);
  for (; next < way.size(); ++next) ops.push_back(CreateOp{way[next], ""});
  ops.push_back(CreateOp{paths_.journal(), EncodeJournal(journal)});
  ops.push_back(CreateOp{paths_.apps(), std::string(kAppsLocked)});
  co_return ops;
}

// Had it been executed, the journal would have been deleted since, alone or with a node above it.
// So one of the nodes that are now on the way to the root would have lost a child: the journal, or
// the next node of the way. ZooKeeper counts that: a node's child_version is the number of children
// that were created plus that of those deleted. It grew exactly as the number of children did only
// if none was deleted.
asio::awaitable<absl::StatusOr<bool>> FirstTransaction::NeverTookPlace() {
  if (!ground_.has_value()) co_return true;  // none was made
  bool is_below_ground = false;
  for (const std::string& path : Way()) {
    if (!is_below_ground && path != ground_->path) continue;
    METAREC_CO_ASSIGN_OR_RETURN(const auto stat, co_await reader_->Exists(path));
    if (!stat.has_value()) co_return is_below_ground;
    const NodeStat before = is_below_ground ? NodeStat() : ground_->stat;
    if (!is_below_ground && stat->czxid != before.czxid) co_return false;
    if (stat->child_version - before.child_version != stat->num_children - before.num_children) {
      co_return false;
    }
    is_below_ground = true;
  }
  co_return true;
}

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

asio::awaitable<absl::Status> LockedRun::LookAgainAndUnlock() {
  finished_ = journal_;
  finished_.finished = true;
  finished_.finished_at = JournalTime(clock_->Now());
  absl::Status status = co_await Retry(budget_, [this] { return TryToUnlock(); });
  if (absl::IsCancelled(status)) status = absl::CancelledError("writing was cancelled");
  if (status.ok() || !may_be_finished_) co_return status;
  METAREC_RARE_BRANCH("a run ends without knowing whether it is finished");
  co_return WithMark(
      Annotate(status,
               absl::StrCat(". The last transaction, which unlocks ", paths_.apps(),
                            ", was sent, and the answer was lost, so the run may be finished and a "
                            "meta server may start from it. Run the same plan again, which "
                            "finishes it if necessary; or verify the root")),
      ErrorMark::kMayBeFinished);
}

asio::awaitable<absl::Status> LockedRun::TryToUnlock() {
  METAREC_CO_ASSIGN_OR_RETURN(const RootInspection found, co_await Look());
  if (journal_.finished) {
    if (may_be_finished_) METAREC_RARE_BRANCH("the tree was unlocked, and the answer was lost");
    if (!may_be_finished_) METAREC_RARE_BRANCH("another process unlocks the same tree first");
    co_return absl::OkStatus();
  }
  was_untouched_ = IsUntouched(found);
  if (!was_untouched_ || found.root_case != RootCase::kUnfinishedRun) co_return Disturbed(found);
  const bool cancelled = co_await IsCancelled();
  if (cancelled) co_return absl::CancelledError("writing was cancelled");
  ++transactions_;
  const absl::Status sent = co_await Send(Ops(finished_));
  if (sent.ok()) {
    journal_ = finished_;
    co_return absl::OkStatus();
  }
  METAREC_CO_RETURN_IF_ERROR(FenceError(sent, options_.fence.size()));
  may_be_finished_ |= OutcomeUnknown(sent);
  // Changed or deleted by somebody else since we looked.
  const StoreError error = StoreErrorOf(sent);
  const bool lost_race = error == StoreError::kBadVersion || error == StoreError::kNoNode;
  if (lost_race) METAREC_RARE_BRANCH("the root changes between the last look and the unlocking");
  co_return lost_race ? WithMark(sent, ErrorMark::kLostRace) : sent;
}

absl::Status LockedRun::Disturbed(const RootInspection& found) {
  METAREC_RARE_BRANCH("somebody has come to the root before it is unlocked");
  // What was sent cannot be executed any more once a version has changed, but it may have been
  // before that, unless the journal is as it was.
  may_be_finished_ &= was_untouched_ || !HasOurJournal(found);
  return MarkedError(ErrorMark::kDisturbed,
                     absl::StrCat("this run ends without ",
                                  may_be_finished_ ? "knowing that it has unlocked " : "unlocking ",
                                  paths_.apps(), ": meanwhile ", WhatChanged(found)));
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
    return absl::StrCat(paths_.apps(), " stays locked, so that no meta server starts from it. ",
                        was_untouched_
                            ? "Stop that meta server, or remove what does not belong to this run; "
                              "then run the same plan again, which resumes it, or give another root"
                            : absl::StrCat(stop_them, anew));
  }
  if (!found->apps_data.has_value()) {
    return absl::StrCat(paths_.apps(), " is gone: a meta server that starts now finds no table. ",
                        "Make sure that none does. ", stop_them, anew);
  }
  const bool may_start = found->apps_data == kAppsUnlocked || found->apps_data->empty();
  return absl::StrCat(paths_.apps(), " says ", Quoted(*found->apps_data),
                      ", which does not belong to this run",
                      may_start ? ": a meta server may start from it, although it may be "
                                  "incomplete. Make sure that none does. "
                                : ". ",
                      stop_them, anew);
}

asio::awaitable<absl::Status> LockedRun::JudgeDisturbance(absl::Status status) {
  const bool is_refused = HasMark(status, ErrorMark::kRefused);
  const bool is_disturbed = HasMark(status, ErrorMark::kDisturbed);
  if (!is_refused && !is_disturbed) co_return status;
  if (HasMark(status, ErrorMark::kMayBeFinished)) co_return status;
  const absl::StatusOr<RootInspection> found = co_await Look();
  if (journal_.finished) co_return absl::OkStatus();
  if (is_refused && found.ok()) co_return status;
  co_return Annotate(status, absl::StrCat(". ", Advice(found)));
}

}  // namespace metarec
