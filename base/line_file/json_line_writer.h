#pragma once

#include <cstddef>
#include <cstdint>

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/strings/string_view.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "base/line_file/line_digest.h"

namespace metarec {

// Writes a file of JSON lines: one object a line, the last one with a digest of those before. Calls
// that are not here are made on json().
class JsonLineWriter {
 public:
  using Sink = absl::FunctionRef<absl::Status(absl::string_view line)>;

  // `sink` gets every line without its newline; it must outlive this.
  explicit JsonLineWriter(Sink sink) : sink_(sink), json_(buffer_) {}

  rapidjson::Writer<rapidjson::StringBuffer>& json() { return json_; }

  // Bytes that are no UTF-8, which a peer may have sent, become {"hex": ...}.
  void String(absl::string_view text);

  // Fields of the object that is open.
  void Text(const char* key, absl::string_view text) {
    json_.Key(key);
    String(text);
  }
  void Number(const char* key, int64_t number) {
    json_.Key(key);
    json_.Int64(number);
  }
  void Count(const char* key, size_t count) { Number(key, static_cast<int64_t>(count)); }
  void Bool(const char* key, bool value) {
    json_.Key(key);
    json_.Bool(value);
  }
  template <typename Texts>
  void Strings(const char* key, const Texts& texts) {
    json_.Key(key);
    json_.StartArray();
    for (const auto& text : texts) String(text);
    json_.EndArray();
  }
  // Pairs instead of an object, because keys may repeat or be no valid text.
  template <typename Container>
  void Pairs(const char* key, const Container& pairs) {
    json_.Key(key);
    json_.StartArray();
    for (const auto& [first, second] : pairs) {
      json_.StartArray();
      String(first);
      String(second);
      json_.EndArray();
    }
    json_.EndArray();
  }

  // A line with one key, which says what it is about, and an object.
  void Open(const char* key);
  absl::Status Close();

  // Gives the line to the sink.
  absl::Status EndLine();

  // Adds the digest to the object that is open, and gives the last line to the sink.
  absl::Status EndFile();

 private:
  absl::string_view line() const { return {buffer_.GetString(), buffer_.GetSize()}; }

  const Sink sink_;
  LineDigest digest_;
  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> json_;
};

}  // namespace metarec
