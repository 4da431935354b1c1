// Reads JSON, in two ways: a document of any shape, value by value (JsonDocument, JsonFieldReader),
// and one flat object straight into variables (ReadJsonFields), which is faster and says at which
// byte something is wrong.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

namespace metarec {

// A value within a JsonDocument, which must outlive it; or none, which is what a missing field is.
// Asking for something that the value is not gives nothing.
class JsonValue {
 public:
  JsonValue() = default;

  explicit operator bool() const { return value_ != nullptr; }
  bool IsObject() const;
  bool IsArray() const;
  bool IsNull() const;

  std::optional<bool> Bool() const;
  // Of integers within these bounds.
  std::optional<int64_t> Int(int64_t least = INT64_MIN, int64_t most = INT64_MAX) const;
  std::optional<int32_t> Int32() const;
  std::optional<absl::string_view> String() const;
  // A string, or {"hex": "..."}, which stands for bytes that are no UTF-8 (JsonText::kHex).
  std::optional<std::string> Bytes() const;

  // Of an array; no elements for anything else.
  size_t size() const;
  JsonValue operator[](size_t index) const;

  // Of an object.
  JsonValue Find(absl::string_view key) const;
  std::vector<std::pair<absl::string_view, JsonValue>> Members() const;

  // In one line, without blanks.
  std::string ToText() const;

  // Whether both are the same JSON; the order of fields doesn't matter. Neither may be none.
  friend bool operator==(const JsonValue& a, const JsonValue& b);

 private:
  friend class JsonDocument;
  explicit JsonValue(const void* value) : value_(value) {}

  const void* value_ = nullptr;  // a rapidjson::Value
};

// One text of JSON. Not thread-safe.
class JsonDocument {
 public:
  enum class Comments { kRefused, kAllowed };

  JsonDocument();
  ~JsonDocument();
  JsonDocument(const JsonDocument&) = delete;
  JsonDocument& operator=(const JsonDocument&) = delete;

  // True if `text` is JSON, however deeply nested. The values of the text before are gone.
  bool Parse(absl::string_view text, Comments comments = Comments::kRefused);

  // What the last text held; none if it was no JSON.
  JsonValue root() const;
  // What is wrong with it: "byte 17: Missing a comma ...".
  std::string error() const;

 private:
  class State;
  const std::unique_ptr<State> state_;
};

// Reads an object field by field. The first error is remembered; then everything reads as empty, so
// that a caller may ask once, at the end.
class JsonFieldReader {
 public:
  // `object` may be anything. `place` is how the errors of Read begin: "nodes[3]".
  explicit JsonFieldReader(JsonValue object, std::string place = "");

  bool ok() const { return error_.empty(); }
  const std::string& error() const { return error_; }
  // Remembers an error, unless there is one already.
  void Fail(absl::string_view error);
  // "<place>.<key> <what>".
  void FailAt(absl::string_view key, absl::string_view what);

  // None when it is missing.
  JsonValue Find(absl::string_view key);

  // Fields that must be there: "'<key>' is missing or cannot be".
  bool Bool(absl::string_view key);
  int64_t Int(absl::string_view key, int64_t least = INT64_MIN, int64_t most = INT64_MAX);
  int32_t Int32(absl::string_view key, int32_t least = INT32_MIN, int32_t most = INT32_MAX);
  // JsonValue::Bytes, as the three that follow.
  std::string String(absl::string_view key);
  std::vector<std::string> Strings(absl::string_view key);
  std::vector<std::pair<std::string, std::string>> Pairs(absl::string_view key);
  JsonValue Array(absl::string_view key);

  // Fields that may be missing; then `value` stays as it is. "<place>.<key> is not a string".
  void Read(absl::string_view key, bool* value);
  void Read(absl::string_view key, int32_t* value);
  void Read(absl::string_view key, int64_t* value);
  void Read(absl::string_view key, std::string* value);
  // The elements of an array.
  std::vector<JsonValue> Elements(absl::string_view key);

  // An error for the first field that nobody has asked for, which may be a misspelt one.
  void RefuseOtherFields();

 private:
  void Wrong(absl::string_view key);

  const JsonValue object_;
  const std::string place_;
  std::string error_;
  std::set<std::string, std::less<>> asked_for_;  // only with a place
};

// A known field: its key and where its value goes, whose type says what is accepted. Integers must
// be in range; bools may be 0, 1, true or false.
struct JsonField {
  using Target = std::variant<std::string*, int32_t*, int64_t*, bool*, std::vector<std::string>*,
                              std::map<std::string, std::string>*>;
  absl::string_view key;
  Target target;
  bool found = false;  // set by the reader
};

// Reads `json`, one flat object such as znodes hold (INTEROP.md section 6.2), into `fields`.
// Unknown keys are skipped unless a known one is missing. Errors are kInvalidArgument: "<path>:
// byte <offset>: <what is wrong>".
absl::Status ReadJsonFields(absl::string_view path, absl::string_view json,
                            absl::Span<JsonField> fields);

}  // namespace metarec
