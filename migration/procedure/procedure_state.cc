#include "migration/procedure/procedure_state.h"

#include <optional>
#include <utility>

#include <absl/strings/escaping.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "base/json/json_reader.h"
#include "base/line_file/json_lines.h"
#include "base/runtime/status_macros.h"
#include "base/text/wording.h"

namespace metarec {
namespace {

constexpr int64_t kFormatVersion = 1;
constexpr char kRemedy[] =
    "restore the file from a backup, or look at the cluster yourself: docs/migration.md says what "
    "each step leaves behind";

constexpr EventKind kEventKinds[] = {
    EventKind::kRefused,    EventKind::kBegun,       EventKind::kFailed,    EventKind::kDone,
    EventKind::kAbortBegun, EventKind::kUndoRefused, EventKind::kUndoBegun, EventKind::kUndoFailed,
    EventKind::kUndone,     EventKind::kAborted,
};

std::optional<EventKind> EventKindOf(absl::string_view name) {
  for (const EventKind kind : kEventKinds) {
    if (EventKindName(kind) == name) return kind;
  }
  return std::nullopt;
}

// What an event makes of the state of its step.
StepState After(EventKind kind, StepState before) {
  switch (kind) {
    case EventKind::kBegun:
      return StepState::kBegun;
    case EventKind::kDone:
      return StepState::kDone;
    case EventKind::kUndoBegun:
      return StepState::kUndoBegun;
    case EventKind::kUndone:
      return StepState::kUndone;
    case EventKind::kRefused:
    case EventKind::kFailed:
    case EventKind::kAbortBegun:
    case EventKind::kUndoRefused:
    case EventKind::kUndoFailed:
    case EventKind::kAborted:
      return before;
  }
  return before;
}

void WriteFactValue(const FactValue& value, JsonLineWriter& out) {
  if (const auto* const text = std::get_if<std::string>(&value)) {
    out.String("value", *text);
  } else if (const auto* const number = std::get_if<int64_t>(&value)) {
    out.Int("value", *number);
  } else {
    out.Strings("value", std::get<std::vector<std::string>>(value));
  }
}

FactValue ReadFactValue(JsonFieldReader& fields) {
  const JsonValue value = fields.Find("value");
  if (const std::optional<int64_t> number = value.Int()) return *number;
  if (value.IsArray()) return fields.Strings("value");
  return fields.String("value");
}

ProcedureHead ReadHead(JsonFieldReader& fields) {
  ProcedureHead head;
  head.kind = fields.String("kind");
  head.title = fields.String("title");
  head.run_id = fields.String("run_id");
  head.created_at = fields.String("created_at");
  head.tool_version = fields.String("tool_version");
  head.steps = fields.Strings("steps");
  const JsonValue request = fields.Find("request");
  if (request.IsObject()) {
    head.request = request.ToText();
  } else {
    fields.Fail("'request' is no object");
  }
  return head;
}

// Whether it is a state at all, be it a damaged one. Of another file nothing is to be restored.
absl::Status CheckIsState(absl::string_view name, absl::string_view line, const JsonValue& first) {
  if (absl::StartsWith(line, R"({"procedure":)")) return absl::OkStatus();
  std::string why = "its first line is no JSON";
  if (first.IsObject()) {
    const std::optional<absl::string_view> format = first.Find("format").String();
    why = format.has_value()
              ? absl::StrCat("its format is '", absl::CHexEscape(Shortened(*format)), "'")
              : "it does not begin with a procedure";
  }
  return absl::InvalidArgumentError(
      absl::StrCat(name, ":1: not the state of a move: ", why,
                   "; give the file that `metarec migrate plan --state` wrote"));
}

}  // namespace

absl::string_view EventKindName(EventKind kind) {
  switch (kind) {
    case EventKind::kRefused:
      return "refused";
    case EventKind::kBegun:
      return "begun";
    case EventKind::kFailed:
      return "failed";
    case EventKind::kDone:
      return "done";
    case EventKind::kAbortBegun:
      return "abort_begun";
    case EventKind::kUndoRefused:
      return "undo_refused";
    case EventKind::kUndoBegun:
      return "undo_begun";
    case EventKind::kUndoFailed:
      return "undo_failed";
    case EventKind::kUndone:
      return "undone";
    case EventKind::kAborted:
      return "aborted";
  }
  return "unknown";
}

absl::string_view StepStateName(StepState state) {
  switch (state) {
    case StepState::kPending:
      return "pending";
    case StepState::kBegun:
      return "begun";
    case StepState::kDone:
      return "done";
    case StepState::kUndoBegun:
      return "undo_begun";
    case StepState::kUndone:
      return "undone";
  }
  return "unknown";
}

StepState ProcedureState::StateOf(absl::string_view step) const {
  StepState state = StepState::kPending;
  for (const ProcedureEvent& event : events_) {
    if (event.step == step) state = After(event.kind, state);
  }
  return state;
}

const ProcedureEvent* ProcedureState::LastOf(absl::string_view step) const {
  for (auto event = events_.rbegin(); event != events_.rend(); ++event) {
    if (event->step == step) return &*event;
  }
  return nullptr;
}

bool ProcedureState::is_aborting() const {
  for (const ProcedureEvent& event : events_) {
    if (event.kind == EventKind::kAbortBegun) return true;
  }
  return false;
}

bool ProcedureState::is_aborted() const {
  return !events_.empty() && events_.back().kind == EventKind::kAborted;
}

std::string ProcedureState::Fact(const std::string& name) const {
  const auto found = facts_.find(name);
  const auto* const text =
      found == facts_.end() ? nullptr : std::get_if<std::string>(&found->second);
  return text == nullptr ? "" : *text;
}

std::optional<int64_t> ProcedureState::FactNumber(const std::string& name) const {
  const auto found = facts_.find(name);
  const auto* const number = found == facts_.end() ? nullptr : std::get_if<int64_t>(&found->second);
  return number == nullptr ? std::nullopt : std::optional<int64_t>(*number);
}

std::vector<std::string> ProcedureState::FactList(const std::string& name) const {
  const auto found = facts_.find(name);
  const auto* const list =
      found == facts_.end() ? nullptr : std::get_if<std::vector<std::string>>(&found->second);
  return list == nullptr ? std::vector<std::string>() : *list;
}

void ProcedureState::Note(const std::string& name, FactValue value) {
  if (keeps_facts_ && facts_.contains(name)) return;
  facts_[name] = std::move(value);
}

absl::Status EncodeProcedureState(const ProcedureState& state,
                                  absl::FunctionRef<absl::Status(absl::string_view line)> sink) {
  JsonLineWriter out(sink);
  const ProcedureHead& head = state.head();
  out.Open("procedure");
  out.Int("version", kFormatVersion);
  out.String("kind", head.kind);
  out.String("title", head.title);
  out.String("run_id", head.run_id);
  out.String("created_at", head.created_at);
  out.String("tool_version", head.tool_version);
  out.Strings("steps", head.steps);
  out.Json("request", head.request);
  METAREC_RETURN_IF_ERROR(out.Close());
  for (const auto& [name, value] : state.facts()) {
    out.Open("fact");
    out.String("name", name);
    WriteFactValue(value, out);
    METAREC_RETURN_IF_ERROR(out.Close());
  }
  for (const ProcedureEvent& event : state.events()) {
    out.Open("event");
    out.String("kind", EventKindName(event.kind));
    out.String("step", event.step);
    out.String("at", event.at);
    out.String("text", event.text);
    METAREC_RETURN_IF_ERROR(out.Close());
  }
  out.StartObject();
  return out.EndFile();
}

absl::StatusOr<ProcedureState> DecodeProcedureState(absl::string_view name,
                                                    const std::vector<std::string>& lines) {
  JsonLineParser parser(name, kRemedy);
  std::optional<ProcedureState> state;
  for (size_t i = 0; i < lines.size(); ++i) {
    parser.Parse(lines[i], /*terminated=*/true);
    if (i == 0) METAREC_RETURN_IF_ERROR(CheckIsState(name, lines[i], parser.root()));
    if (!parser.has_object()) return parser.NotParsed("not a JSON object");
    JsonFieldReader line(parser.root());
    if (const JsonValue digest = line.Find("digest")) {
      if (!digest.String().has_value()) return parser.Damaged("the digest is no text");
      METAREC_RETURN_IF_ERROR(parser.CheckDigest(*digest.String()));
      if (i + 1 != lines.size()) return parser.Damaged("there are lines behind the end");
      if (!state.has_value()) return parser.Damaged("there is no procedure in it");
      return *std::move(state);
    }
    parser.AddToDigest(lines[i]);
    if (const JsonValue head = line.Find("procedure")) {
      JsonFieldReader fields(head);
      if (fields.Int("version") != kFormatVersion && fields.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat(name, " was written by another version of metarec, whose format is not ",
                         "known here; use that version"));
      }
      ProcedureHead read = ReadHead(fields);
      if (!fields.ok()) return parser.Damaged(fields.error());
      if (state.has_value()) return parser.Damaged("it begins twice");
      state.emplace(std::move(read));
    } else if (!state.has_value()) {
      return parser.Damaged("it does not begin with a procedure");
    } else if (const JsonValue fact = line.Find("fact")) {
      JsonFieldReader fields(fact);
      const std::string key = fields.String("name");
      FactValue value = ReadFactValue(fields);
      if (!fields.ok()) return parser.Damaged(fields.error());
      state->Note(key, std::move(value));
    } else if (const JsonValue event = line.Find("event")) {
      JsonFieldReader fields(event);
      const std::optional<EventKind> kind = EventKindOf(fields.String("kind"));
      ProcedureEvent read;
      read.step = fields.String("step");
      read.at = fields.String("at");
      read.text = fields.String("text");
      if (!kind.has_value()) fields.Fail("'kind' is not one of the known ones");
      if (!fields.ok()) return parser.Damaged(fields.error());
      read.kind = *kind;
      state->Add(std::move(read));
    } else {
      return parser.Damaged("neither a procedure, a fact, an event nor the end");
    }
  }
  return parser.Truncated();
}

}  // namespace metarec
