#include "base/json/json_reader.h"

#include <iterator>
#include <limits>

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace metarec {
namespace {

const rapidjson::Value& Of(const void* value) {
  return *static_cast<const rapidjson::Value*>(value);
}

absl::string_view TextOf(const rapidjson::Value& string) {
  return {string.GetString(), string.GetStringLength()};
}

// Without full stop, since more may follow.
absl::string_view ParseErrorText(rapidjson::ParseErrorCode code) {
  return absl::StripSuffix(rapidjson::GetParseError_En(code), ".");
}

}  // namespace

bool JsonValue::IsObject() const { return value_ != nullptr && Of(value_).IsObject(); }
bool JsonValue::IsArray() const { return value_ != nullptr && Of(value_).IsArray(); }
bool JsonValue::IsNull() const { return value_ != nullptr && Of(value_).IsNull(); }

std::optional<bool> JsonValue::Bool() const {
  if (value_ == nullptr || !Of(value_).IsBool()) return std::nullopt;
  return Of(value_).GetBool();
}

std::optional<int64_t> JsonValue::Int(int64_t least, int64_t most) const {
  if (value_ == nullptr || !Of(value_).IsInt64()) return std::nullopt;
  const int64_t value = Of(value_).GetInt64();
  if (value < least || value > most) return std::nullopt;
  return value;
}

std::optional<int32_t> JsonValue::Int32() const {
  if (value_ == nullptr || !Of(value_).IsInt()) return std::nullopt;
  return Of(value_).GetInt();
}

std::optional<absl::string_view> JsonValue::String() const {
  if (value_ == nullptr || !Of(value_).IsString()) return std::nullopt;
  return TextOf(Of(value_));
}

std::optional<std::string> JsonValue::Bytes() const {
  if (const std::optional<absl::string_view> text = String()) return std::string(*text);
  if (const std::optional<absl::string_view> hex = Find("hex").String()) {
    return absl::HexStringToBytes(*hex);
  }
  return std::nullopt;
}

size_t JsonValue::size() const { return IsArray() ? Of(value_).Size() : 0; }

JsonValue JsonValue::operator[](size_t index) const {
  if (index >= size()) return JsonValue();
  return JsonValue(&Of(value_)[static_cast<rapidjson::SizeType>(index)]);
}

JsonValue JsonValue::Find(absl::string_view key) const {
  if (!IsObject()) return JsonValue();
  const auto found = Of(value_).FindMember(rapidjson::Value(
      rapidjson::StringRef(key.data(), static_cast<rapidjson::SizeType>(key.size()))));
  return found == Of(value_).MemberEnd() ? JsonValue() : JsonValue(&found->value);
}

std::vector<std::pair<absl::string_view, JsonValue>> JsonValue::Members() const {
  std::vector<std::pair<absl::string_view, JsonValue>> members;
  if (!IsObject()) return members;
  for (const auto& member : Of(value_).GetObject()) {
    members.emplace_back(TextOf(member.name), JsonValue(&member.value));
  }
  return members;
}

std::string JsonValue::ToText() const {
  if (value_ == nullptr) return "";
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  Of(value_).Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

bool operator==(const JsonValue& a, const JsonValue& b) { return Of(a.value_) == Of(b.value_); }

class JsonDocument::State {
 public:
  rapidjson::Document json;
};

JsonDocument::JsonDocument() : state_(std::make_unique<State>()) {}
JsonDocument::~JsonDocument() = default;

bool JsonDocument::Parse(absl::string_view text, Comments comments) {
  // Iteratively: nesting must not use up the stack.
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag;
  rapidjson::Document& json = state_->json;
  // It keeps the memory of every text that it parsed until told otherwise.
  json.SetNull();
  json.GetAllocator().Clear();
  if (comments == Comments::kRefused) {
    json.Parse<kFlags>(text.data(), text.size());
  } else {
    json.Parse<kFlags | rapidjson::kParseCommentsFlag>(text.data(), text.size());
  }
  return !json.HasParseError();
}

JsonValue JsonDocument::root() const {
  return state_->json.HasParseError()
             ? JsonValue()
             : JsonValue(static_cast<const rapidjson::Value*>(&state_->json));
}

std::string JsonDocument::error() const {
  return absl::StrCat("byte ", state_->json.GetErrorOffset(), ": ",
                      ParseErrorText(state_->json.GetParseError()));
}

JsonFieldReader::JsonFieldReader(JsonValue object, std::string place)
    : object_(object), place_(std::move(place)) {
  if (object_.IsObject()) return;
  if (place_.empty()) {
    Fail("not a JSON object");
  } else {
    FailAt("", "is not an object");
  }
}

void JsonFieldReader::Fail(absl::string_view error) {
  if (ok()) error_ = std::string(error);
}

void JsonFieldReader::FailAt(absl::string_view key, absl::string_view what) {
  Fail(absl::StrCat(place_, key.empty() ? "" : ".", key, " ", what));
}

void JsonFieldReader::Wrong(absl::string_view key) {
  Fail(absl::StrCat("'", key, "' is missing or cannot be"));
}

JsonValue JsonFieldReader::Find(absl::string_view key) {
  if (!place_.empty()) asked_for_.emplace(key);
  return ok() ? object_.Find(key) : JsonValue();
}

bool JsonFieldReader::Bool(absl::string_view key) {
  const std::optional<bool> value = Find(key).Bool();
  if (!value) Wrong(key);
  return value.value_or(false);
}

int64_t JsonFieldReader::Int(absl::string_view key, int64_t least, int64_t most) {
  const std::optional<int64_t> value = Find(key).Int(least, most);
  if (!value) Wrong(key);
  return value.value_or(0);
}

int32_t JsonFieldReader::Int32(absl::string_view key, int32_t least, int32_t most) {
  return static_cast<int32_t>(Int(key, least, most));
}

std::string JsonFieldReader::String(absl::string_view key) {
  std::optional<std::string> text = Find(key).Bytes();
  if (text) return *std::move(text);
  Wrong(key);
  return "";
}

std::vector<std::string> JsonFieldReader::Strings(absl::string_view key) {
  std::vector<std::string> strings;
  const JsonValue array = Array(key);
  for (size_t i = 0; i < array.size(); ++i) {
    std::optional<std::string> text = array[i].Bytes();
    if (!text) Wrong(key);
    strings.push_back(std::move(text).value_or(""));
  }
  return strings;
}

std::vector<std::pair<std::string, std::string>> JsonFieldReader::Pairs(absl::string_view key) {
  std::vector<std::pair<std::string, std::string>> pairs;
  const JsonValue array = Array(key);
  for (size_t i = 0; i < array.size(); ++i) {
    std::optional<std::string> first = array[i][0].Bytes();
    std::optional<std::string> second = array[i][1].Bytes();
    if (array[i].size() != 2 || !first || !second) Wrong(key);
    pairs.emplace_back(std::move(first).value_or(""), std::move(second).value_or(""));
  }
  return pairs;
}

JsonValue JsonFieldReader::Array(absl::string_view key) {
  const JsonValue value = Find(key);
  if (value.IsArray()) return value;
  Wrong(key);
  return JsonValue();
}

void JsonFieldReader::Read(absl::string_view key, bool* value) {
  const JsonValue found = Find(key);
  if (!found) return;
  if (!found.Bool()) return FailAt(key, "is neither true nor false");
  *value = *found.Bool();
}

void JsonFieldReader::Read(absl::string_view key, int32_t* value) {
  const JsonValue found = Find(key);
  if (!found) return;
  if (!found.Int32()) return FailAt(key, "is not an integer of 32 bits");
  *value = *found.Int32();
}

void JsonFieldReader::Read(absl::string_view key, int64_t* value) {
  const JsonValue found = Find(key);
  if (!found) return;
  if (!found.Int()) return FailAt(key, "is not an integer of 64 bits");
  *value = *found.Int();
}

void JsonFieldReader::Read(absl::string_view key, std::string* value) {
  const JsonValue found = Find(key);
  if (!found) return;
  if (!found.String()) return FailAt(key, "is not a string");
  *value = std::string(*found.String());
}

std::vector<JsonValue> JsonFieldReader::Elements(absl::string_view key) {
  std::vector<JsonValue> elements;
  const JsonValue found = Find(key);
  if (!found) return elements;
  if (!found.IsArray()) FailAt(key, "is not an array");
  for (size_t i = 0; i < found.size(); ++i) elements.push_back(found[i]);
  return elements;
}

void JsonFieldReader::RefuseOtherFields() {
  if (!ok()) return;
  for (const auto& [key, value] : object_.Members()) {
    if (!asked_for_.contains(key)) FailAt(key, "is not a key that is known here");
  }
}

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
                         ? absl::StrCat("not JSON: ", ParseErrorText(result.Code()))
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
