#include "replica_collector/json_field.h"

#include <absl/strings/escaping.h>

namespace metarec {

const rapidjson::Value* FindField(const rapidjson::Value& json, const char* key) {
  if (!json.IsObject()) return nullptr;
  const auto found = json.FindMember(key);
  return found == json.MemberEnd() ? nullptr : &found->value;
}

bool ReadField(const rapidjson::Value& json, const char* key, int32_t* out) {
  const rapidjson::Value* value = FindField(json, key);
  if (value == nullptr || !value->IsInt()) return false;
  *out = value->GetInt();
  return true;
}

bool ReadField(const rapidjson::Value& json, const char* key, int64_t* out) {
  const rapidjson::Value* value = FindField(json, key);
  if (value == nullptr || !value->IsInt64()) return false;
  *out = value->GetInt64();
  return true;
}

bool ReadField(const rapidjson::Value& json, const char* key, bool* out) {
  const rapidjson::Value* value = FindField(json, key);
  if (value == nullptr || !value->IsBool()) return false;
  *out = value->GetBool();
  return true;
}

bool ReadField(const rapidjson::Value& json, const char* key, std::string* out) {
  const rapidjson::Value* value = FindField(json, key);
  return value != nullptr && ReadText(*value, out);
}

bool ReadText(const rapidjson::Value& json, std::string* out) {
  if (json.IsString()) {
    out->assign(json.GetString(), json.GetStringLength());
    return true;
  }
  const rapidjson::Value* hex = FindField(json, "hex");
  if (hex == nullptr || !hex->IsString()) return false;
  *out = absl::HexStringToBytes(hex->GetString());
  return true;
}

}  // namespace metarec
