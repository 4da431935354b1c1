// Where a procedure stands: a value, and the lines of JSON that it is kept in.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

namespace metarec {

struct ProcedureHead {
  std::string kind;          // "zookeeper copy"
  std::string title;         // "move /pegasus/demo from zk1:2181 to zk4:2181"
  std::string run_id;        // 16 hexadecimal digits
  std::string created_at;    // RFC 3339, UTC
  std::string tool_version;  //
  // What was asked for, as a JSON object. A run is bound to it: it is never changed.
  std::string request;
  std::vector<std::string> steps;  // names, in their order

  friend bool operator==(const ProcedureHead&, const ProcedureHead&) = default;
};

enum class EventKind {
  kRefused,  // a guard did not hold: the step was not begun
  kBegun,
  kFailed,
  kDone,
  kAbortBegun,  // of no step
  kUndoRefused,
  kUndoBegun,
  kUndoFailed,
  kUndone,
  kAborted,  // of no step
};

// "refused", "begun", ..., "undo_refused", ...
absl::string_view EventKindName(EventKind kind);

struct ProcedureEvent {
  EventKind kind = EventKind::kBegun;
  std::string step;
  std::string at;    // RFC 3339, UTC
  std::string text;  // what was seen, or what is wrong

  friend bool operator==(const ProcedureEvent&, const ProcedureEvent&) = default;
};

// What a step has found out.
using FactValue = std::variant<std::string, int64_t, std::vector<std::string>>;

enum class StepState { kPending, kBegun, kDone, kUndoBegun, kUndone };

// "pending", "begun", "done", "undo_begun", "undone".
absl::string_view StepStateName(StepState state);

// Not thread-safe.
class ProcedureState {
 public:
  ProcedureState() = default;
  explicit ProcedureState(ProcedureHead head) : head_(std::move(head)) {}

  const ProcedureHead& head() const { return head_; }
  const std::vector<ProcedureEvent>& events() const { return events_; }
  void Add(ProcedureEvent event) { events_.push_back(std::move(event)); }

  StepState StateOf(absl::string_view step) const;
  // The last event of a step; nullptr: there was none.
  const ProcedureEvent* LastOf(absl::string_view step) const;
  bool is_aborting() const;  // true also once it is aborted
  bool is_aborted() const;

  // What steps have found out for later ones. Kept with the next event. Empty: it is not known, or
  // is no such value.
  std::string Fact(const std::string& name) const;
  std::optional<int64_t> FactNumber(const std::string& name) const;
  std::vector<std::string> FactList(const std::string& name) const;
  const std::map<std::string, FactValue>& facts() const { return facts_; }
  void Note(const std::string& name, FactValue value);
  // While true, facts that are known stay as they are: a step that was begun must not take what it
  // has changed itself for what was there before.
  void set_keeps_facts(bool keeps) { keeps_facts_ = keeps; }

  friend bool operator==(const ProcedureState& a, const ProcedureState& b) {
    return a.head_ == b.head_ && a.events_ == b.events_ && a.facts_ == b.facts_;
  }

 private:
  ProcedureHead head_;
  std::vector<ProcedureEvent> events_;
  std::map<std::string, FactValue> facts_;
  bool keeps_facts_ = false;
};

// Gives every line, without its newline, to `sink`. The last one has a digest of those before
// (docs/file-formats.md).
absl::Status EncodeProcedureState(const ProcedureState& state,
                                  absl::FunctionRef<absl::Status(absl::string_view line)> sink);

// `name` is that of the file. kDataLoss, with the line, for what was damaged or cut.
absl::StatusOr<ProcedureState> DecodeProcedureState(absl::string_view name,
                                                    const std::vector<std::string>& lines);

}  // namespace metarec
