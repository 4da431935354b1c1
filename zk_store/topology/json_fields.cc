#include "zk_store/topology/json_fields.h"

#include <limits>
#include <utility>

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

namespace metarec {
namespace {

// Bounds the recursion of RapidJSON's reader on what a stranger wrote.
constexpr int kDepthMax = 32;
constexpr size_t kShownBytesMax = 60;

std::string Shown(absl::string_view text) {
  const bool cut = text.size() > kShownBytesMax;
  return absl::StrCat("\"", absl::CHexEscape(text.substr(0, kShownBytesMax)), cut ? "..." : "",
                      "\"");
}

absl::string_view Expectation(const JsonField::Target& target) {
  constexpr absl::string_view kNames[] = {
      "a string",     "a 32-bit integer",    "a 64-bit integer",
      "0, 1 or bool", "an array of strings", "an object of strings"};
  static_assert(std::variant_size_v<JsonField::Target> == std::size(kNames));
  return kNames[target.index()];
}

// RapidJSON's handler concept. Returning false stops the reader at that byte.
class FieldHandler {
 public:
  explicit FieldHandler(absl::Span<JsonField> fields) : fields_(fields) {}

  const std::string& error() const { return error_; }
  const std::string& unknown_key() const { return unknown_key_; }

  bool Null() { return OnScalar() || Unexpected("null"); }
  bool Double(double) { return OnScalar() || Unexpected("a number with a fraction"); }
  bool RawNumber(const char*, rapidjson::SizeType, bool) { return Unexpected("a number"); }
  bool Int(int value) { return Int64(value); }
  bool Uint(unsigned value) { return Int64(value); }
  bool Int64(int64_t value);
  bool Uint64(uint64_t value) {
    if (value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return Int64(static_cast<int64_t>(value));
    }
    return OnScalar() || Unexpected("an integer beyond 64 bits");
  }
  bool Bool(bool value);
  bool String(const char* text, rapidjson::SizeType size, bool);
  bool Key(const char* text, rapidjson::SizeType size, bool);
  bool StartObject();
  bool EndObject(rapidjson::SizeType) { return End(); }
  bool StartArray();
  bool EndArray(rapidjson::SizeType) { return End(); }

 private:
  // Whether a value at this place is skipped.
  bool OnScalar() const { return depth_ > 0 && field_ == nullptr; }
  bool Unexpected(absl::string_view found);
  bool Deeper();
  bool End();

  const absl::Span<JsonField> fields_;
  JsonField* field_ = nullptr;  // whose value comes or goes on; null: an unknown one
  int depth_ = 0;               // 1: in the object itself
  std::string map_key_;
  std::string unknown_key_;  // the first one
  std::string error_;
};

bool FieldHandler::Unexpected(absl::string_view found) {
  error_ = depth_ == 0 ? absl::StrCat("expected an object, found ", found)
                       : absl::StrCat("field \"", field_->key, "\" must be ",
                                      Expectation(field_->target), ", found ", found);
  return false;
}

bool FieldHandler::Deeper() {
  if (++depth_ <= kDepthMax) return true;
  error_ = absl::StrCat("nested more than ", kDepthMax, " deep");
  return false;
}

bool FieldHandler::End() {
  if (--depth_ == 1) field_ = nullptr;
  return true;
}

bool FieldHandler::Int64(int64_t value) {
  if (OnScalar()) return true;
  if (depth_ != 1) return Unexpected(absl::StrCat("the number ", value));
  if (auto* wide = std::get_if<int64_t*>(&field_->target)) {
    **wide = value;
    return true;
  }
  if (auto* narrow = std::get_if<int32_t*>(&field_->target);
      narrow != nullptr && value >= std::numeric_limits<int32_t>::min() &&
      value <= std::numeric_limits<int32_t>::max()) {
    **narrow = static_cast<int32_t>(value);
    return true;
  }
  if (auto* flag = std::get_if<bool*>(&field_->target);
      flag != nullptr && (value == 0 || value == 1)) {
    **flag = value == 1;
    return true;
  }
  return Unexpected(absl::StrCat("the number ", value));
}

bool FieldHandler::Bool(bool value) {
  if (OnScalar()) return true;
  auto* flag = depth_ == 1 ? std::get_if<bool*>(&field_->target) : nullptr;
  if (flag == nullptr) return Unexpected(value ? "true" : "false");
  **flag = value;
  return true;
}

bool FieldHandler::String(const char* text, rapidjson::SizeType size, bool) {
  if (OnScalar()) return true;
  const absl::string_view value(text, size);
  if (depth_ == 2) {
    if (auto* list = std::get_if<std::vector<std::string>*>(&field_->target)) {
      (*list)->emplace_back(value);
      return true;
    }
    (*std::get<std::map<std::string, std::string>*>(field_->target))[map_key_] = std::string(value);
    return true;
  }
  auto* string = depth_ == 1 ? std::get_if<std::string*>(&field_->target) : nullptr;
  if (string == nullptr) return Unexpected(absl::StrCat("the string ", Shown(value)));
  (*string)->assign(text, size);
  return true;
}

bool FieldHandler::Key(const char* text, rapidjson::SizeType size, bool) {
  const absl::string_view key(text, size);
  if (depth_ > 1) {
    if (field_ != nullptr) map_key_ = std::string(key);
    return true;
  }
  field_ = nullptr;
  for (JsonField& field : fields_) {
    if (field.key == key) field_ = &field;
  }
  if (field_ == nullptr) {
    if (unknown_key_.empty()) unknown_key_ = Shown(key);
    return true;
  }
  if (field_->found) {
    error_ = absl::StrCat("field \"", field_->key, "\" comes twice");
    return false;
  }
  return field_->found = true;
}

bool FieldHandler::StartObject() {
  if (depth_ > 0 && field_ != nullptr &&
      (depth_ != 1 ||
       !std::holds_alternative<std::map<std::string, std::string>*>(field_->target))) {
    return Unexpected("an object");
  }
  return Deeper();
}

bool FieldHandler::StartArray() {
  if (depth_ == 0) return Unexpected("an array");
  if (field_ != nullptr &&
      (depth_ != 1 || !std::holds_alternative<std::vector<std::string>*>(field_->target))) {
    return Unexpected("an array");
  }
  return Deeper();
}

absl::Status MakeError(absl::string_view path, size_t offset, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": byte ", offset, ": ", what));
}

}  // namespace

absl::Status ReadJsonFields(absl::string_view path, absl::string_view json,
                            absl::Span<JsonField> fields) {
  if (json.empty()) return MakeError(path, 0, "expected a JSON object, found no data at all");
  for (JsonField& field : fields) field.found = false;
  rapidjson::MemoryStream stream(json.data(), json.size());
  FieldHandler handler(fields);
  rapidjson::Reader reader;
  if (const rapidjson::ParseResult result = reader.Parse(stream, handler); result.IsError()) {
    return MakeError(path, result.Offset(),
                     handler.error().empty()
                         ? absl::StrCat("not JSON: ", rapidjson::GetParseError_En(result.Code()))
                         : handler.error());
  }
  // RapidJSON takes a NUL for the end.
  if (stream.Tell() < json.size()) return MakeError(path, stream.Tell(), "data after the object");
  if (handler.unknown_key().empty()) return absl::OkStatus();
  for (const JsonField& field : fields) {
    if (field.found) continue;
    return MakeError(path, json.size(),
                     absl::StrCat("field \"", field.key, "\" is missing while an unknown field ",
                                  handler.unknown_key(), " is there"));
  }
  return absl::OkStatus();
}

}  // namespace metarec
