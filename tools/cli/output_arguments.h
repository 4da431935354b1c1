// How a verb prints its result: as text or JSON, to stdout or a file.

#pragma once

#include <optional>
#include <string>

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include "base/text/text_sink.h"
#include "tools/cli/output_file.h"
#include "tools/process/command.h"
#include "tools/process/exit_code.h"

namespace metarec::tools {

// --format and -o.
class OutputArguments {
 public:
  void AddTo(Command& verb);
  // -j, which Pegasus's shell has for verbs that list something.
  void AddShortFlagTo(Command& verb);

  bool json() const { return json_flag_ || format_ == "json"; }
  const std::string& file() const { return file_; }

  // To the file, which is replaced, or to stdout. kCancelled after a signal.
  absl::Status Print(absl::string_view text) const;
  // The same for what `print` gives, piece by piece. If `print` fails, a file that is there stays
  // as it was. kCancelled after a signal.
  absl::Status PrintPieces(absl::FunctionRef<absl::Status(TextSink sink)> print) const;

 private:
  std::string format_ = "text";
  bool json_flag_ = false;
  std::string file_;
};

// An object of strings, numbers and booleans for --format json.
class JsonObject {
 public:
  JsonObject& Set(absl::string_view name, absl::string_view value);
  JsonObject& Set(absl::string_view name, const char* value);
  JsonObject& Set(absl::string_view name, int64_t value);
  JsonObject& Set(absl::string_view name, bool value);
  // A text of ours, in which line breaks stay. In all others they become \x0a.
  JsonObject& SetLines(absl::string_view name, absl::string_view value);
  // `json` is a JSON text.
  JsonObject& SetJson(absl::string_view name, absl::string_view json);

  std::string ToText() const;  // one line, without a newline
  std::string ToLine() const { return ToText() + "\n"; }

 private:
  std::string fields_;
};

// The JSON array of JSON texts.
template <typename Strings>
std::string JsonArray(const Strings& items) {
  std::string text = "[";
  for (const std::string& item : items) {
    if (text.size() > 1) text += ",";
    text += item;
  }
  return text + "]";
}

// `text` as a JSON string, with quotes; control characters and what is not UTF-8 become \xNN.
std::string JsonString(absl::string_view text);

// What Pegasus's shell would print on stdout or, with -o, into the file. With --format json it is
// not printed at all: stdout gets one object in the end and nothing else.
class ShellOutput {
 public:
  explicit ShellOutput(const OutputArguments& arguments);

  void Print(absl::string_view text);
  // Does not wait for a reader: what a stdout that nobody reads does not take is printed before the
  // next text. For what is printed while something works.
  void PrintWithoutWaiting(absl::string_view text);

  bool to_file() const { return to_file_; }
  // What went wrong first.
  const absl::Status& status() const { return status_; }

 private:
  const bool silent_;
  const bool to_file_;
  std::optional<OutputFile> file_;  // none if it cannot be opened
  std::string not_taken_;
  absl::Status status_;
};

// Prints the shell's line on stdout (the shell prints it there even with -o), or an object with
// --format json, and on stderr what it means and what to do. Returns kRefused if the server refused
// (ERR_ACL_DENY, ERR_BUSY), else kFailed.
ExitCode PrintShellFailure(absl::string_view verb, const absl::Status& status, bool json);

}  // namespace metarec::tools
