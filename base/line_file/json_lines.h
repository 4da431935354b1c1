// Files of JSON lines, such as evidence and plan files: one object a line, the last one with a
// digest of those before. Written by JsonLineWriter, read by JsonLineParser.

#pragma once

#include <cstdint>
#include <string>

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include "base/json/json_reader.h"
#include "base/json/json_writer.h"
#include "base/line_file/sha256.h"

namespace metarec {

// SHA-256 over lines, each with its newline: what the last line of an evidence or plan file says
// about those before it.
class LineDigest {
 public:
  void Add(absl::string_view line);  // without its newline

  // "sha256:<64 hexadecimal digits>". Must be the last call.
  std::string Finish() { return sha256_.FinishAsText(); }

 private:
  Sha256 sha256_;
};

// Writes a file of JSON lines: one object a line, the last one with a digest of those before. Bytes
// that are no UTF-8, which a peer may have sent, become {"hex": ...}.
class JsonLineWriter : public JsonWriter {
 public:
  using Sink = absl::FunctionRef<absl::Status(absl::string_view line)>;

  // `sink` gets every line without its newline; it must outlive this.
  explicit JsonLineWriter(Sink sink) : JsonWriter(&line_, {.text = JsonText::kHex}), sink_(sink) {}

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

// Parses a file of JSON lines (JsonLineWriter), one line after the other, and words what may be
// wrong with any such file. Not thread-safe.
class JsonLineParser {
 public:
  // `name` is the file's. `remedy` is how every error of damage ends: "make the plan again, or
  // ...".
  JsonLineParser(absl::string_view name, absl::string_view remedy);

  // The next line, without its newline. `terminated`: whether it had one.
  void Parse(absl::string_view line, bool terminated);

  // Of the line parsed last; anything if has_object() is false.
  JsonValue root() const { return json_.root(); }
  bool has_object() const { return root().IsObject(); }
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
  JsonDocument json_;
  int64_t line_number_ = 0;
  bool terminated_ = true;
};

}  // namespace metarec
