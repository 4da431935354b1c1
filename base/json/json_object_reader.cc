#include "base/json/json_object_reader.h"

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>

namespace metarec {

JsonObjectReader::JsonObjectReader(const rapidjson::Value& json) : json_(json) {
  if (!json.IsObject()) Fail("not a JSON object");
}

void JsonObjectReader::Fail(absl::string_view error) {
  if (ok()) error_ = std::string(error);
}

void JsonObjectReader::Wrong(const char* key) {
  Fail(absl::StrCat("'", key, "' is missing or cannot be"));
}

const rapidjson::Value* JsonObjectReader::Find(const char* key) const {
  if (!ok()) return nullptr;
  const auto it = json_.FindMember(key);
  return it == json_.MemberEnd() ? nullptr : &it->value;
}

bool JsonObjectReader::Bool(const char* key) {
  const rapidjson::Value* value = Find(key);
  if (value != nullptr && value->IsBool()) return value->GetBool();
  Wrong(key);
  return false;
}

int64_t JsonObjectReader::Number(const char* key, int64_t least, int64_t most) {
  const rapidjson::Value* value = Find(key);
  if (value != nullptr && value->IsInt64() && value->GetInt64() >= least &&
      value->GetInt64() <= most) {
    return value->GetInt64();
  }
  Wrong(key);
  return 0;
}

std::string JsonObjectReader::String(const char* key) {
  const rapidjson::Value* value = Find(key);
  std::string text;
  if (value == nullptr || !ReadJsonString(*value, &text)) Wrong(key);
  return text;
}

const rapidjson::Value* JsonObjectReader::Array(const char* key) {
  const rapidjson::Value* value = Find(key);
  if (value != nullptr && value->IsArray()) return value;
  Wrong(key);
  return nullptr;
}

std::vector<std::string> JsonObjectReader::Strings(const char* key) {
  std::vector<std::string> strings;
  const rapidjson::Value* array = Array(key);
  if (array == nullptr) return strings;
  for (const rapidjson::Value& element : array->GetArray()) {
    if (!ReadJsonString(element, &strings.emplace_back())) Wrong(key);
  }
  return strings;
}

std::vector<std::pair<std::string, std::string>> JsonObjectReader::Pairs(const char* key) {
  std::vector<std::pair<std::string, std::string>> pairs;
  const rapidjson::Value* array = Array(key);
  if (array == nullptr) return pairs;
  for (const rapidjson::Value& pair : array->GetArray()) {
    auto& [first, second] = pairs.emplace_back();
    if (!pair.IsArray() || pair.Size() != 2 || !ReadJsonString(pair[0], &first) ||
        !ReadJsonString(pair[1], &second)) {
      Wrong(key);
    }
  }
  return pairs;
}

bool ReadJsonString(const rapidjson::Value& json, std::string* text) {
  if (json.IsString()) {
    text->assign(json.GetString(), json.GetStringLength());
    return true;
  }
  if (!json.IsObject()) return false;
  const auto hex = json.FindMember("hex");
  if (hex == json.MemberEnd() || !hex->value.IsString()) return false;
  *text = absl::HexStringToBytes(hex->value.GetString());
  return true;
}

}  // namespace metarec
