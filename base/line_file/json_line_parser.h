#pragma once

#include <cstdint>
#include <string>

#include <absl/status/status.h>
#include <absl/strings/string_view.h>
#include <rapidjson/document.h>

#include "base/json/json_reader.h"
#include "base/line_file/line_digest.h"

namespace metarec {

// Parses a file of JSON lines (json_line_writer.h), one line after the other, and words what may be
// wrong with any such file. Not thread-safe.
class JsonLineParser {
 public:
  // `name` is the file's. `remedy` is how every error of damage ends: "make the plan again, or
  // ...".
  JsonLineParser(absl::string_view name, absl::string_view remedy);

  // The next line, without its newline. `terminated`: whether it had one.
  void Parse(absl::string_view line, bool terminated);

  // Of the line parsed last; anything if has_object() is false.
  const rapidjson::Value& json() const { return json_; }
  JsonValue root() const { return JsonValue(static_cast<const rapidjson::Value*>(&json_)); }
  bool has_object() const { return !json_.HasParseError() && json_.IsObject(); }
  // Counted from 1.
  int64_t line_number() const { return line_number_; }

  // Adds the line to what the digest is of: all but the last one.
  void AddToDigest(absl::string_view line) { digest_.Add(line); }
  // kDataLoss unless it is that of the lines added. Must be the last call.
  absl::Status CheckDigest(absl::string_view digest);

  // All kDataLoss, with file and line.
  absl::Status Damaged(absl::string_view what) const;
  absl::Status Truncated() const;
  // For a line that is not what it should be: truncated, if it is the last one and was cut short.
  absl::Status NotParsed(absl::string_view what) const;

 private:
  std::string Where() const;

  const std::string name_;
  const std::string remedy_;
  LineDigest digest_;
  rapidjson::Document json_;
  int64_t line_number_ = 0;
  bool terminated_ = true;
};

}  // namespace metarec
