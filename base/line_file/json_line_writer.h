#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include "base/json/json_writer.h"
#include "base/line_file/line_digest.h"

namespace metarec {

// Writes a file of JSON lines: one object a line, the last one with a digest of those before. Bytes
// that are no UTF-8, which a peer may have sent, become {"hex": ...}.
class JsonLineWriter : public JsonWriter {
 public:
  using Sink = absl::FunctionRef<absl::Status(absl::string_view line)>;

  // `sink` gets every line without its newline; it must outlive this.
  explicit JsonLineWriter(Sink sink) : JsonWriter(&line_, {.text = JsonText::kHex}), sink_(sink) {}

  JsonWriter& json() { return *this; }

  void Text(absl::string_view key, absl::string_view text) { String(key, text); }
  void Number(absl::string_view key, int64_t number) { Int(key, number); }
  void Count(absl::string_view key, size_t count) { Int(key, static_cast<int64_t>(count)); }

  // A line with one key, which says what it is about, and an object.
  void Open(absl::string_view key) { StartObject().StartObject(key); }
  absl::Status Close();

  // Gives the line to the sink.
  absl::Status EndLine();

  // Adds the digest to the object that is open, and gives the last line to the sink.
  absl::Status EndFile();

 private:
  const Sink sink_;
  LineDigest digest_;
  std::string line_;
};

}  // namespace metarec
