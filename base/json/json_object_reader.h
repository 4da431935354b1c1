#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/string_view.h>
#include <rapidjson/document.h>

namespace metarec {

// Reads the fields of one JSON object. The first one that is missing or wrong is remembered; then
// everything reads as empty, so that a caller may ask once, at the end.
class JsonObjectReader {
 public:
  // `json` must outlive this; it may be anything.
  explicit JsonObjectReader(const rapidjson::Value& json);

  bool ok() const { return error_.empty(); }
  const std::string& error() const { return error_; }
  // Remembers an error, unless there is one already.
  void Fail(absl::string_view error);

  // Null when missing.
  const rapidjson::Value* Find(const char* key) const;

  bool Bool(const char* key);
  int64_t Number(const char* key, int64_t least, int64_t most);
  int64_t Int64(const char* key) { return Number(key, INT64_MIN, INT64_MAX); }
  int32_t Int32(const char* key) { return static_cast<int32_t>(Number(key, INT32_MIN, INT32_MAX)); }
  std::string String(const char* key);
  std::vector<std::string> Strings(const char* key);
  std::vector<std::pair<std::string, std::string>> Pairs(const char* key);
  // Null, and an error, unless it is there and an array.
  const rapidjson::Value* Array(const char* key);

 private:
  void Wrong(const char* key);

  const rapidjson::Value& json_;
  std::string error_;
};

// A string, or {"hex": "..."} for bytes that are no UTF-8. False for anything else.
bool ReadJsonString(const rapidjson::Value& json, std::string* text);

}  // namespace metarec
