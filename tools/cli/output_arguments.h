#pragma once

#include <string>

#include <CLI/CLI.hpp>
#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include "base/text/text_sink.h"

namespace metarec::tools {

// --format and -o.
class OutputArguments {
 public:
  void AddTo(CLI::App& verb);

  bool json() const { return format_ == "json"; }
  const std::string& file() const { return file_; }

  // To the file, which is replaced, or to stdout.
  absl::Status Print(absl::string_view text) const;
  // The same for what `print` gives, piece by piece; its error, if it fails before anything is
  // printed, leaves the file as it was. kCancelled after a signal.
  absl::Status PrintPieces(absl::FunctionRef<absl::Status(TextSink sink)> print) const;

 private:
  std::string format_ = "text";
  std::string file_;
};

// An object of strings, numbers and booleans for --format json.
class JsonObject {
 public:
  JsonObject& Set(absl::string_view name, absl::string_view value);
  JsonObject& Set(absl::string_view name, const char* value);
  JsonObject& Set(absl::string_view name, int64_t value);
  JsonObject& Set(absl::string_view name, bool value);
  // A text of ours, whose line breaks stay. In any other they become \x0a.
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

}  // namespace metarec::tools
