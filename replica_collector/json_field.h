// Private to replica_collector: fields of a JSON object, with their types and ranges checked.

#pragma once

#include <cstdint>
#include <string>

#include <rapidjson/document.h>

namespace metarec {

// Null when `json` is no object or has no such member.
const rapidjson::Value* FindField(const rapidjson::Value& json, const char* key);

// False, and `*out` unchanged, when the member is missing, of another type or out of range.
bool ReadField(const rapidjson::Value& json, const char* key, int32_t* out);
bool ReadField(const rapidjson::Value& json, const char* key, int64_t* out);
bool ReadField(const rapidjson::Value& json, const char* key, bool* out);
bool ReadField(const rapidjson::Value& json, const char* key, std::string* out);

// A string, or {"hex": ...} for bytes that are no UTF-8.
bool ReadText(const rapidjson::Value& json, std::string* out);

}  // namespace metarec
