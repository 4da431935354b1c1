#include "migration/procedure/procedure_report.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/json/json_writer.h"
#include "base/text/printable.h"
#include "base/text/wording.h"

namespace metarec {
namespace {

constexpr size_t kIndent = 4;

bool IsFailure(EventKind kind) {
  return kind == EventKind::kRefused || kind == EventKind::kFailed ||
         kind == EventKind::kUndoRefused || kind == EventKind::kUndoFailed;
}

ProcedurePhase PhaseOf(const ProcedureState& state, const std::vector<Step>& steps) {
  if (state.is_aborted()) return ProcedurePhase::kAborted;
  if (state.is_aborting()) return ProcedurePhase::kAborting;
  bool any_begun = false;
  bool run_done = true;
  bool finish_begun = false;
  bool all_done = true;
  for (const Step& step : steps) {
    const StepState at = state.StateOf(step.name);
    any_begun |= at != StepState::kPending;
    all_done &= at == StepState::kDone;
    if (step.stage == Stage::kRun) run_done &= at == StepState::kDone;
    if (step.stage == Stage::kFinish) finish_begun |= at != StepState::kPending;
  }
  if (all_done) return ProcedurePhase::kFinished;
  if (finish_begun) return ProcedurePhase::kFinishing;
  if (run_done) return ProcedurePhase::kStable;
  return any_begun ? ProcedurePhase::kUnderWay : ProcedurePhase::kPlanned;
}

std::string Line(absl::string_view label, absl::string_view text) {
  if (text.empty()) return "";
  const std::string head = absl::StrCat(std::string(kIndent, ' '), label, " ");
  return absl::StrCat(head, Wrapped(text, head.size(), head.size()), "\n");
}

// Commands are not broken.
void AppendCommands(const char* label, const std::vector<std::string>& commands,
                    std::string* text) {
  for (const std::string& command : commands) {
    absl::StrAppend(text, std::string(kIndent, ' '), label, command, "\n");
    label = "         ";
  }
}

std::string DeedText(const Deed& deed) {
  std::string text = Line("before: ", deed.guard);
  absl::StrAppend(&text, Line("after:  ", deed.result));
  AppendCommands(deed.act == nullptr ? "you do:  " : "by hand: ", deed.by_hand, &text);
  return text;
}

const char* VerbOf(ProcedurePhase phase) {
  switch (phase) {
    case ProcedurePhase::kPlanned:
    case ProcedurePhase::kUnderWay:
      return "run";
    case ProcedurePhase::kStable:
    case ProcedurePhase::kFinishing:
      return "finish";
    case ProcedurePhase::kAborting:
      return "abort";
    case ProcedurePhase::kFinished:
    case ProcedurePhase::kAborted:
      return "";
  }
  return "";
}

}  // namespace

absl::string_view ProcedurePhaseName(ProcedurePhase phase) {
  switch (phase) {
    case ProcedurePhase::kPlanned:
      return "planned";
    case ProcedurePhase::kUnderWay:
      return "under_way";
    case ProcedurePhase::kStable:
      return "stable";
    case ProcedurePhase::kFinishing:
      return "finishing";
    case ProcedurePhase::kFinished:
      return "finished";
    case ProcedurePhase::kAborting:
      return "aborting";
    case ProcedurePhase::kAborted:
      return "aborted";
  }
  return "unknown";
}

ProcedureStatus StatusOf(const ProcedureState& state, const std::vector<Step>& steps,
                         bool is_running) {
  ProcedureStatus status;
  status.head = state.head();
  status.phase = PhaseOf(state, steps);
  status.is_running = is_running;
  const bool goes_back = state.is_aborting();
  for (const Step& step : steps) {
    StepStatus& row = status.steps.emplace_back();
    row.name = step.name;
    row.title = step.deed.title;
    row.state = state.StateOf(step.name);
    if (const ProcedureEvent* const last = state.LastOf(step.name); last != nullptr) {
      row.has_failed = IsFailure(last->kind);
      row.at = last->at;
      row.text = last->text;
    }
    row.can_be_undone = step.back.kind != WayBack::Kind::kNone;
    row.why_not = step.back.why_none;
    const bool is_begun = row.state != StepState::kPending && row.state != StepState::kUndone;
    if (!goes_back && status.next_step.empty() && row.state != StepState::kDone) {
      status.next_step = step.name;
    }
    if (!is_begun) continue;
    if (goes_back) status.next_step = step.name;
    if (step.back.kind == WayBack::Kind::kDeed) {
      status.to_undo.insert(status.to_undo.begin(), step.name);
    }
    if (!row.can_be_undone && status.no_way_back.empty()) {
      status.no_way_back = absl::StrCat(step.name, ": ", step.back.why_none);
    }
  }
  if (status.phase == ProcedurePhase::kFinished || status.phase == ProcedurePhase::kAborted) {
    status.next_step.clear();
  }
  // Then nothing is undone, not even what comes before it.
  if (!status.no_way_back.empty()) {
    status.to_undo.clear();
    for (StepStatus& row : status.steps) row.can_be_undone = false;
  }
  return status;
}

std::string StatusText(const ProcedureStatus& status, absl::string_view path) {
  std::string text = absl::StrCat(
      Printable(status.head.title), "\nrun ", Printable(status.head.run_id), ", planned ",
      Printable(status.head.created_at), ", ", ProcedurePhaseName(status.phase),
      status.is_running ? "; a process is at work" : "", "\n\n");
  std::vector<std::vector<std::string>> rows;
  for (const StepStatus& step : status.steps) {
    const std::string state = step.has_failed ? absl::StrCat(StepStateName(step.state), ", failed")
                                              : std::string(StepStateName(step.state));
    rows.push_back({absl::StrCat(rows.size() + 1), step.name, state, step.at,
                    Printable(Shortened(step.text, 200))});
  }
  absl::StrAppend(&text, AlignedRows(rows, 2), "\n");
  const std::string file = ShellWord(path);
  const std::string verb = VerbOf(status.phase);
  if (!verb.empty() && !status.next_step.empty()) {
    absl::StrAppend(&text, "next: metarec migrate ", verb, " --state ", file, "   (",
                    verb == "abort" ? "undoes " : "", status.next_step, ")\n");
  }
  if (status.phase == ProcedurePhase::kFinished || status.phase == ProcedurePhase::kAborted) {
    return text;
  }
  if (!status.no_way_back.empty()) {
    absl::StrAppend(&text, "way back: none. ", status.no_way_back, "\n");
  } else if (status.to_undo.empty()) {
    absl::StrAppend(&text, "way back: nothing is to be undone so far\n");
  } else {
    absl::StrAppend(&text, "way back: metarec migrate abort --state ", file, "   (undoes ",
                    absl::StrJoin(status.to_undo, ", "), ")\n");
  }
  return text;
}

std::string StatusJson(const ProcedureStatus& status) {
  std::string text;
  JsonStyle style;
  style.text = JsonText::kPrintable;
  style.indent = 2;
  JsonWriter out(&text, style);
  out.StartObject();
  out.String("kind", status.head.kind);
  out.String("title", status.head.title);
  out.String("run_id", status.head.run_id);
  out.String("planned_at", status.head.created_at);
  out.String("tool_version", status.head.tool_version);
  out.String("phase", ProcedurePhaseName(status.phase));
  out.Bool("is_running", status.is_running);
  out.StartArray("steps");
  for (const StepStatus& step : status.steps) {
    out.StartObject();
    out.String("name", step.name);
    out.String("title", step.title);
    out.String("state", StepStateName(step.state));
    out.Bool("has_failed", step.has_failed);
    out.String("at", step.at);
    out.String("text", step.text);
    out.Bool("can_be_undone", step.can_be_undone);
    out.EndObject();
  }
  out.EndArray();
  out.String("next_verb", VerbOf(status.phase));
  out.String("next_step", status.next_step);
  out.Strings("to_undo", status.to_undo);
  out.String("no_way_back", status.no_way_back);
  out.EndObject();
  out.Newline();
  return text;
}

std::string RunbookText(const std::vector<Step>& steps) {
  std::string text;
  size_t number = 0;
  for (const Step& step : steps) {
    if (step.stage == Stage::kFinish && (number == 0 || steps[number - 1].stage == Stage::kRun)) {
      absl::StrAppend(&text, "\nWhenever you like after that, with metarec migrate finish:\n");
    }
    absl::StrAppend(&text, "\n", ++number, ". ", step.name, ": ", step.deed.title, "\n",
                    DeedText(step.deed));
    switch (step.back.kind) {
      case WayBack::Kind::kNothingToUndo:
        break;
      case WayBack::Kind::kDeed:
        absl::StrAppend(&text, Line("back:   ", step.back.deed.title));
        AppendCommands("         ", step.back.deed.by_hand, &text);
        break;
      case WayBack::Kind::kNone:
        absl::StrAppend(&text, Line("back:   ", absl::StrCat("none. ", step.back.why_none)));
        break;
    }
  }
  return text;
}

}  // namespace metarec
