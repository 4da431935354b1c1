// The machine behind every migration: it takes the steps of a procedure in their order, keeps where
// it stands, goes on after a kill at any moment, and undoes what was done.
//
// A step is done when its result is seen, not when its act has returned. Before each act and after
// it the state is saved. A step that was begun when the process died is looked at first. Only if
// the look shows that its result is not there is it taken again; while nothing can be seen, nothing
// is done. Nothing waits for a fixed time: it waits for what is to become true, says what it still
// waits for, and gives up at a bound.

#pragma once

#include <functional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "migration/procedure/procedure_state.h"
#include "migration/procedure/step.h"

namespace metarec {

// Called on the procedure's executor, in the order of what happens. Must return quickly.
class ProcedureListener {
 public:
  virtual ~ProcedureListener() = default;
  virtual void OnBegin(const Step& step, const Deed& deed) = 0;
  // The operator is to do something.
  virtual void OnRequest(const std::string& request) = 0;
  // What is still waited for; called when that changes and now and then, and with how long it may
  // still take.
  virtual void OnWait(const std::string& seen, absl::Duration left) = 0;
  // Now and then: an act is still under way.
  virtual void OnActing(const Step& step, absl::Duration for_so_long) = 0;
  // Before anything is undone: what speaks for the way back of a step that was asked for it.
  virtual void OnWayBack(const Step& step, const std::string& seen) = 0;
  virtual void OnEnd(const Step& step, const std::string& seen) = 0;
};

struct ProcedureOptions {
  absl::Duration look_again_after = absl::Seconds(1);
  // The listener hears at least this often that something still goes on.
  absl::Duration tell_again_after = absl::Seconds(30);
};

// Not thread-safe: used on one executor (a single thread or a strand), one call at a time. All
// pointers must outlive it.
class Procedure {
 public:
  // An error of it ends everything at once.
  using Save = std::function<absl::Status(const ProcedureState&)>;

  // kFailedPrecondition unless the steps are those that the state was made with.
  static absl::Status CheckSteps(const std::vector<Step>& steps, const ProcedureState& state);

  // `steps` must be those of the state (CheckSteps).
  Procedure(std::vector<Step> steps, ProcedureState* state, Save save, Clock* clock,
            ProcedureListener* listener, ProcedureOptions options = {});

  // Takes all steps that are not done yet, up to and including those of `through`. OK when they are
  // done. kFailedPrecondition: a guard did not hold, and the step was not begun. kDeadlineExceeded:
  // what was waited for did not come true. kCancelled. Anything else is what an act failed with. In
  // every case it may be called again, later or by another process.
  asio::awaitable<absl::Status> Run(Stage through);

  // Undoes all that was begun, the last step first. kFailedPrecondition, and nothing is undone, if
  // some step has no way back (any more); else as Run. Once begun, it can only be gone on with.
  asio::awaitable<absl::Status> Abort();

 private:
  // The words for a step's own deed, or for undoing it.
  struct Direction {
    EventKind refused;
    EventKind begun;
    EventKind failed;
    EventKind done;
    StepState begun_state;
  };
  static constexpr Direction kForward = {EventKind::kRefused, EventKind::kBegun, EventKind::kFailed,
                                         EventKind::kDone, StepState::kBegun};
  static constexpr Direction kBack = {EventKind::kUndoRefused, EventKind::kUndoBegun,
                                      EventKind::kUndoFailed, EventKind::kUndone,
                                      StepState::kUndoBegun};

  asio::awaitable<absl::Status> Perform(const Step& step, const Deed& deed, Direction direction);
  asio::awaitable<absl::Status> CheckGuard(const Step& step, const Deed& deed, Direction direction);
  asio::awaitable<absl::Status> CheckWayBack(const std::vector<const Step*>& begun);
  // The act, as long as `meanwhile` holds.
  asio::awaitable<absl::Status> Execute(const Step& step, const Deed& deed);
  // Looks until `after` holds. If `was_begun`, anything that is seen is an answer, once the act
  // that was cut off has had its time, `settles_in`.
  asio::awaitable<absl::StatusOr<Sight>> AwaitSight(const Deed& deed, bool was_begun,
                                                    absl::Duration settles_in);
  absl::Status End(const Step& step, Direction direction, const std::string& seen);
  absl::Status Record(EventKind kind, const Step* step, std::string text);

  const std::vector<Step> steps_;
  ProcedureState* const state_;
  const Save save_;
  Clock* const clock_;
  ProcedureListener* const listener_;
  const ProcedureOptions options_;
};

}  // namespace metarec
