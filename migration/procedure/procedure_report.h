// Where a procedure stands, and what it would do, for people and for programs.

#pragma once

#include <string>
#include <vector>

#include <absl/strings/string_view.h>

#include "migration/procedure/procedure_state.h"
#include "migration/procedure/step.h"

namespace metarec {

enum class ProcedurePhase {
  kPlanned,   // nothing was begun
  kUnderWay,  // `run` goes on
  kStable,    // `run` is done: the cluster may stay as it is for as long as one likes
  kFinishing,
  kFinished,
  kAborting,
  kAborted,
};

// "planned", "under_way", "stable", ...
absl::string_view ProcedurePhaseName(ProcedurePhase phase);

struct StepStatus {
  std::string name;
  std::string title;
  StepState state = StepState::kPending;
  bool has_failed = false;  // the last event of it says so
  std::string at;           // of the last event; empty: none
  std::string text;         // likewise
  bool can_be_undone = true;
  std::string why_not;  // if it cannot
};

struct ProcedureStatus {
  ProcedureHead head;
  ProcedurePhase phase = ProcedurePhase::kPlanned;
  bool is_running = false;  // a process works with it at the moment
  std::vector<StepStatus> steps;
  std::string next_step;  // that `run`, `finish` or `abort` begins with; empty: none
  // What `abort` would undo, in its order; empty also if there is no way back.
  std::vector<std::string> to_undo;
  std::string no_way_back;  // why; empty: there is one
};

ProcedureStatus StatusOf(const ProcedureState& state, const std::vector<Step>& steps,
                         bool is_running);

// Lines with their ends. `path` is that of the state file.
std::string StatusText(const ProcedureStatus& status, absl::string_view path);
// An object, indented.
std::string StatusJson(const ProcedureStatus& status);

// The whole procedure as a runbook, with the real names in it: what is done at each step, what is
// looked at before and after it, how it is done by hand, and how it is undone.
std::string RunbookText(const std::vector<Step>& steps);

}  // namespace metarec
