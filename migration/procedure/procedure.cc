#include "migration/procedure/procedure.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/time/time.h>
#include <asio/this_coro.hpp>

#include "base/runtime/cancellation.h"
#include "base/runtime/event.h"
#include "base/runtime/status_macros.h"
#include "base/text/time_text.h"

namespace metarec {
namespace {

absl::Status Of(const Step& step, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(step.name, ": ", status.message()));
}

absl::Status Refused(const Step& step, absl::string_view seen) {
  return absl::FailedPreconditionError(absl::StrCat(step.name, ": ", seen));
}

// One coroutine that runs an act, and one that looks meanwhile whether it may go on, and tells that
// it does.
class WatchedAct {
 public:
  WatchedAct(const asio::any_io_executor& executor, const Step& step, const Deed& deed,
             Clock* clock, ProcedureListener* listener, ProcedureOptions options)
      : executor_(executor),
        step_(step),
        deed_(deed),
        clock_(clock),
        listener_(listener),
        options_(options),
        act_ended_(executor),
        watch_ended_(executor) {}

  asio::awaitable<absl::Status> Run() {
    act_.Start(executor_, RunAct(), [this] { act_ended_.Set(); });
    watch_.Start(executor_, Watch(), [this] { watch_ended_.Set(); });
    const absl::Status waited = co_await act_ended_.Wait();
    if (!waited.ok()) {
      act_.Cancel();
      co_await act_ended_.WaitRegardless();
    }
    watch_.Cancel();
    co_await watch_ended_.WaitRegardless();
    co_return violation_.ok() ? status_ : violation_;
  }

 private:
  asio::awaitable<void> RunAct() { status_ = co_await deed_.act(); }

  asio::awaitable<void> Watch() {
    const absl::Time began = clock_->Now();
    absl::Time told = began;
    for (;;) {
      const absl::Status slept = co_await clock_->SleepFor(options_.look_again_after);
      if (!slept.ok()) co_return;
      if (clock_->Now() - told >= options_.tell_again_after) {
        told = clock_->Now();
        listener_->OnActing(step_, told - began);
      }
      if (deed_.meanwhile == nullptr) continue;
      const absl::StatusOr<Sight> sight = co_await deed_.meanwhile();
      // What cannot be seen at the moment is no violation: the act would fail by itself.
      if (!sight.ok() || sight->holds) continue;
      violation_ =
          absl::FailedPreconditionError(absl::StrCat("stopped in the middle: ", sight->seen));
      act_.Cancel();
      co_return;
    }
  }

  const asio::any_io_executor executor_;
  const Step& step_;
  const Deed& deed_;
  Clock* const clock_;
  ProcedureListener* const listener_;
  const ProcedureOptions options_;
  CancellableTask act_;
  CancellableTask watch_;
  Event act_ended_;
  Event watch_ended_;
  absl::Status status_;
  absl::Status violation_;
};

}  // namespace

absl::Status Procedure::CheckSteps(const std::vector<Step>& steps, const ProcedureState& state) {
  std::vector<std::string> names;
  names.reserve(steps.size());
  for (const Step& step : steps) names.push_back(step.name);
  if (names == state.head().steps) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "this run was planned by metarec ", state.head().tool_version, " with the steps ",
      absl::StrJoin(state.head().steps, ", "), "; this version would take ",
      absl::StrJoin(names, ", "), ". Go on with the version that planned it"));
}

Procedure::Procedure(std::vector<Step> steps, ProcedureState* state, Save save, Clock* clock,
                     ProcedureListener* listener, ProcedureOptions options)
    : steps_(std::move(steps)),
      state_(state),
      save_(std::move(save)),
      clock_(clock),
      listener_(listener),
      options_(options) {}

asio::awaitable<absl::Status> Procedure::Run(Stage through) {
  if (state_->is_aborted()) {
    co_return absl::FailedPreconditionError(
        "this run was aborted, and everything is as it was before; plan a new one");
  }
  if (state_->is_aborting()) {
    co_return absl::FailedPreconditionError(
        "this run is being aborted: go on with metarec migrate abort");
  }
  for (const Step& step : steps_) {
    if (step.stage > through) break;
    if (state_->StateOf(step.name) == StepState::kDone) continue;
    METAREC_CO_RETURN_IF_ERROR(co_await Perform(step, step.deed, kForward));
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> Procedure::Abort() {
  if (state_->is_aborted()) co_return absl::OkStatus();
  std::vector<const Step*> begun;  // the last one first
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    const StepState state = state_->StateOf(step->name);
    if (state != StepState::kPending && state != StepState::kUndone) begun.push_back(&*step);
  }
  METAREC_CO_RETURN_IF_ERROR(co_await CheckWayBack(begun));
  if (!state_->is_aborting()) {
    METAREC_CO_RETURN_IF_ERROR(Record(EventKind::kAbortBegun, nullptr, ""));
  }
  for (const Step* const step : begun) {
    if (step->back.kind == WayBack::Kind::kNothingToUndo) {
      METAREC_CO_RETURN_IF_ERROR(Record(EventKind::kUndone, step, "there was nothing to undo"));
    } else {
      METAREC_CO_RETURN_IF_ERROR(co_await Perform(*step, step->back.deed, kBack));
    }
  }
  co_return Record(EventKind::kAborted, nullptr, "");
}

asio::awaitable<absl::Status> Procedure::CheckWayBack(const std::vector<const Step*>& begun) {
  for (const Step* const step : begun) {
    if (step->back.kind == WayBack::Kind::kNone) {
      co_return Refused(*step, absl::StrCat("there is no way back. ", step->back.why_none));
    }
  }
  for (const Step* const step : begun) {
    if (step->back.possible == nullptr) continue;
    const absl::StatusOr<Sight> sight = co_await step->back.possible();
    if (absl::IsCancelled(sight.status())) co_return sight.status();
    if (sight.ok() && sight->holds) {
      listener_->OnWayBack(*step, sight->seen);
      continue;
    }
    const std::string why =
        sight.ok() ? sight->seen : absl::StrCat("cannot see it: ", sight.status().message());
    METAREC_CO_RETURN_IF_ERROR(Record(EventKind::kUndoRefused, step, why));
    co_return Refused(*step, absl::StrCat("there is no way back any more: ", why));
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> Procedure::Perform(const Step& step, const Deed& deed,
                                                 Direction direction) {
  listener_->OnBegin(step, deed);
  const bool was_begun = state_->StateOf(step.name) == direction.begun_state;
  if (was_begun) {
    // Its outcome is unknown: nothing is done before something is seen.
    // An act that has failed has had its time.
    const bool has_ended = state_->LastOf(step.name)->kind == direction.failed;
    const absl::Duration settles_in = has_ended ? absl::ZeroDuration() : deed.settles_in;
    const absl::StatusOr<Sight> sight = co_await AwaitSight(deed, /*was_begun=*/true, settles_in);
    if (absl::IsCancelled(sight.status())) co_return sight.status();
    // That nothing could be seen says nothing of the act, which may still go on.
    if (!sight.ok()) co_return Of(step, sight.status());
    if (sight->holds) co_return End(step, direction, sight->seen);
  } else if (deed.looks_first || direction.begun == EventKind::kUndoBegun) {
    const absl::StatusOr<Sight> sight = co_await deed.after();
    if (absl::IsCancelled(sight.status())) co_return sight.status();
    if (sight.ok() && sight->holds) {
      co_return End(step, direction, absl::StrCat("it was so already: ", sight->seen));
    }
  }
  state_->set_keeps_facts(was_begun);
  const absl::Status guarded = co_await CheckGuard(step, deed, direction);
  state_->set_keeps_facts(false);
  METAREC_CO_RETURN_IF_ERROR(guarded);
  METAREC_CO_RETURN_IF_ERROR(Record(direction.begun, &step, ""));

  absl::Status acted;
  if (!deed.request.empty()) listener_->OnRequest(deed.request);
  if (deed.act != nullptr) {
    acted = co_await Execute(step, deed);
    if (absl::IsCancelled(acted)) co_return acted;
  }
  absl::StatusOr<Sight> sight = Sight();
  if (acted.ok()) {
    sight = co_await AwaitSight(deed, /*was_begun=*/false, absl::ZeroDuration());
  } else {
    // Its answer may have been lost. What must hold meanwhile did not, with kFailedPrecondition.
    if (!absl::IsFailedPrecondition(acted)) sight = co_await deed.after();
    if (!sight.ok() || !sight->holds) sight = acted;
  }
  if (absl::IsCancelled(sight.status())) co_return sight.status();
  if (sight.ok()) co_return End(step, direction, sight->seen);
  METAREC_CO_RETURN_IF_ERROR(
      Record(direction.failed, &step, std::string(sight.status().message())));
  co_return Of(step, sight.status());
}

asio::awaitable<absl::Status> Procedure::CheckGuard(const Step& step, const Deed& deed,
                                                    Direction direction) {
  if (deed.before == nullptr) co_return absl::OkStatus();
  const absl::StatusOr<Sight> sight = co_await deed.before();
  if (absl::IsCancelled(sight.status())) co_return sight.status();
  if (!sight.ok()) {
    METAREC_CO_RETURN_IF_ERROR(
        Record(direction.refused, &step, std::string(sight.status().message())));
    co_return Of(step, sight.status());
  }
  if (sight->holds) co_return absl::OkStatus();
  METAREC_CO_RETURN_IF_ERROR(Record(direction.refused, &step, sight->seen));
  co_return Refused(step, sight->seen);
}

asio::awaitable<absl::Status> Procedure::Execute(const Step& step, const Deed& deed) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  WatchedAct act(executor, step, deed, clock_, listener_, options_);
  co_return co_await act.Run();
}

asio::awaitable<absl::StatusOr<Sight>> Procedure::AwaitSight(const Deed& deed, bool was_begun,
                                                             absl::Duration settles_in) {
  const absl::Duration wait_max = std::max(deed.wait_max, settles_in);
  const absl::Time settled = clock_->Now() + settles_in;
  const absl::Time deadline = clock_->Now() + wait_max;
  std::string told;
  absl::Time told_at = absl::InfinitePast();
  for (;;) {
    absl::StatusOr<Sight> sight = co_await deed.after();
    if (absl::IsCancelled(sight.status())) co_return sight.status();
    if (sight.ok() && sight->holds) co_return sight;
    if (sight.ok() && was_begun && clock_->Now() >= settled) co_return sight;
    const std::string seen =
        sight.ok() ? sight->seen : absl::StrCat("cannot see it: ", sight.status().message());
    const absl::Duration left = deadline - clock_->Now();
    if (left <= absl::ZeroDuration()) {
      co_return absl::DeadlineExceededError(absl::StrCat(
          "gave up after ", absl::FormatDuration(wait_max), ", still waiting: ", seen));
    }
    if (seen != told || clock_->Now() - told_at >= options_.tell_again_after) {
      listener_->OnWait(seen, left);
      told = seen;
      told_at = clock_->Now();
    }
    const absl::Status slept = co_await clock_->SleepFor(std::min(options_.look_again_after, left));
    if (!slept.ok()) co_return slept;
  }
}

absl::Status Procedure::End(const Step& step, Direction direction, const std::string& seen) {
  METAREC_RETURN_IF_ERROR(Record(direction.done, &step, seen));
  listener_->OnEnd(step, seen);
  return absl::OkStatus();
}

absl::Status Procedure::Record(EventKind kind, const Step* step, std::string text) {
  ProcedureEvent event;
  event.kind = kind;
  if (step != nullptr) event.step = step->name;
  event.at = Rfc3339Text(clock_->Now());
  event.text = std::move(text);
  state_->Add(std::move(event));
  const absl::Status saved = save_(*state_);
  if (saved.ok()) return saved;
  return absl::Status(
      absl::IsCancelled(saved) ? absl::StatusCode::kCancelled : absl::StatusCode::kInternal,
      absl::StrCat("stopped, because the state cannot be kept: ", saved.message()));
}

}  // namespace metarec
