#include "zk_store/topology/znode_difference.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "base/json/json_reader.h"
#include "zk_store/topology/znode_json.h"

namespace metarec {
namespace {

constexpr size_t kValueBytesMax = 200;

std::string Cut(std::string text) {
  if (text.size() <= kValueBytesMax) return text;
  text.resize(kValueBytesMax);
  return text + "...";
}

std::string ToText(const JsonValue& value) { return Cut(value.ToText()); }

void DiffObjects(absl::string_view prefix, const JsonValue& expected, const JsonValue& found,
                 std::vector<FieldDifference>* differences) {
  for (const auto& [name, value] : expected.Members()) {
    const JsonValue other = found.Find(name);
    if (!other) {
      differences->push_back({absl::StrCat(prefix, name), ToText(value), ""});
    } else if (value.IsObject() && other.IsObject()) {
      DiffObjects(absl::StrCat(prefix, name, "."), value, other, differences);
    } else if (value != other) {
      differences->push_back({absl::StrCat(prefix, name), ToText(value), ToText(other)});
    }
  }
  for (const auto& [name, value] : found.Members()) {
    if (!expected.Find(name)) {
      differences->push_back({absl::StrCat(prefix, name), "", ToText(value)});
    }
  }
}

// `readable`: whether `found` decodes, which also bounds its depth.
std::vector<FieldDifference> DiffJson(absl::string_view expected, absl::string_view found,
                                      const absl::Status& readable) {
  if (expected == found) return {};
  if (!readable.ok()) return {{"(json)", "", std::string(readable.message())}};
  JsonDocument expected_json;
  JsonDocument found_json;
  expected_json.Parse(expected);
  found_json.Parse(found);
  std::vector<FieldDifference> differences;
  if (expected_json.root().IsObject() && found_json.root().IsObject()) {
    DiffObjects("", expected_json.root(), found_json.root(), &differences);
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
