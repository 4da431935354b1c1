#include "zk_store/topology/znode_difference.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <rapidjson/document.h>

#include "zk_store/topology/json_stream.h"
#include "zk_store/topology/znode_json.h"

namespace metarec {
namespace {

constexpr size_t kValueBytesMax = 200;

std::string Cut(std::string text) {
  if (text.size() <= kValueBytesMax) return text;
  text.resize(kValueBytesMax);
  return text + "...";
}

std::string ToText(const rapidjson::Value& value) {
  std::string text;
  StringAppender stream(&text);
  rapidjson::Writer<StringAppender> writer(stream);
  value.Accept(writer);
  return Cut(std::move(text));
}

std::string NameOf(absl::string_view prefix, const rapidjson::Value& name) {
  return absl::StrCat(prefix, absl::string_view(name.GetString(), name.GetStringLength()));
}

void DiffObjects(absl::string_view prefix, const rapidjson::Value& expected,
                 const rapidjson::Value& found, std::vector<FieldDifference>* differences) {
  for (const auto& [name, value] : expected.GetObject()) {
    const auto member = found.FindMember(name);
    if (member == found.MemberEnd()) {
      differences->push_back({NameOf(prefix, name), ToText(value), ""});
    } else if (value.IsObject() && member->value.IsObject()) {
      DiffObjects(absl::StrCat(NameOf(prefix, name), "."), value, member->value, differences);
    } else if (value != member->value) {
      differences->push_back({NameOf(prefix, name), ToText(value), ToText(member->value)});
    }
  }
  for (const auto& [name, value] : found.GetObject()) {
    if (!expected.HasMember(name)) {
      differences->push_back({NameOf(prefix, name), "", ToText(value)});
    }
  }
}

// `readable`: whether `found` decodes, which also bounds its depth.
std::vector<FieldDifference> DiffJson(absl::string_view expected, absl::string_view found,
                                      const absl::Status& readable) {
  if (expected == found) return {};
  if (!readable.ok()) return {{"(json)", "", std::string(readable.message())}};
  rapidjson::Document expected_json;
  rapidjson::Document found_json;
  expected_json.Parse(expected.data(), expected.size());
  found_json.Parse(found.data(), found.size());
  std::vector<FieldDifference> differences;
  if (expected_json.IsObject() && found_json.IsObject()) {
    DiffObjects("", expected_json, found_json, &differences);
  }
  if (differences.empty()) {
    differences.push_back({"(bytes)", Cut(std::string(expected)), Cut(std::string(found))});
  }
  return differences;
}

}  // namespace

std::vector<FieldDifference> DiffAppJson(absl::string_view path, absl::string_view expected,
                                         absl::string_view found) {
  return DiffJson(expected, found, DecodeApp(path, found).status());
}

std::vector<FieldDifference> DiffPartitionJson(absl::string_view path, absl::string_view expected,
                                               absl::string_view found) {
  return DiffJson(expected, found, DecodePartition(path, found).status());
}

}  // namespace metarec
