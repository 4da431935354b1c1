#include "tests/meta_recovery/planner/golden_evidence.h"

#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <glog/logging.h>
#include <rapidjson/document.h>

namespace metarec {
namespace {

using Json = rapidjson::Value;

std::optional<std::string> ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// "PS_INACTIVE(1)"
int32_t EnumValue(const Json& json) {
  const absl::string_view text = json.GetString();
  const size_t open = text.find('(');
  int32_t value = 0;
  CHECK(open != absl::string_view::npos &&
        absl::SimpleAtoi(text.substr(open + 1, text.size() - open - 2), &value))
      << text;
  return value;
}

template <typename Value>
void ParseField(const Json& json, Value& value) {
  if constexpr (std::is_enum_v<Value>) {
    value = static_cast<Value>(EnumValue(json));
  } else if constexpr (std::is_same_v<Value, std::map<std::string, std::string>>) {
    for (const auto& env : json.GetObject()) value[env.name.GetString()] = env.value.GetString();
  } else if constexpr (std::is_same_v<Value, std::string>) {
    value = json.GetString();
  } else {
    value = json.Get<Value>();
  }
}

TableRecord ParseTable(const Json& json) {
  TableRecord table;
  VisitTableFields([&](auto field) { ParseField(json[field.name], field.of(table)); });
  return table;
}

ReplicaRecord ParseReplica(const Json& json) {
  ReplicaRecord replica;
  const std::pair<std::string, std::string> pid = absl::StrSplit(json["pid"].GetString(), '.');
  CHECK(absl::SimpleAtoi(pid.first, &replica.app_id) &&
        absl::SimpleAtoi(pid.second, &replica.partition_index));
  replica.ballot = json["ballot"].GetInt64();
  replica.last_committed_decree = json["last_committed_decree"].GetInt64();
  replica.last_prepared_decree = json["last_prepared_decree"].GetInt64();
  replica.last_durable_decree = json["last_durable_decree"].GetInt64();
  replica.status = static_cast<ReplicaStatus>(EnumValue(json["status"]));
  return replica;
}

NodeEvidence LoadNode(const std::string& folder, uint16_t port) {
  NodeEvidence node;
  node.address = {.ip = 0x7F000001, .port = port};
  node.name = absl::StrCat("localhost:", port);
  node.name_source = NodeNameSource::kReverseLookup;
  const std::string prefix =
      absl::StrCat(METAREC_GOLDEN_DIR, "/", folder, "/evidence/127.0.0.1_", port);
  const auto apps_text = ReadWhole(prefix + ".apps.json");
  const auto replicas_text = ReadWhole(prefix + ".replicas.json");
  if (!apps_text.has_value() || !replicas_text.has_value()) {
    node.error = "ERR_NETWORK_FAILURE";
    return node;
  }
  rapidjson::Document apps;
  rapidjson::Document replicas;
  apps.Parse(*apps_text);
  replicas.Parse(*replicas_text);
  for (const Json& app : apps["apps"].GetArray()) node.tables.push_back(ParseTable(app));
  for (const Json& replica : replicas["replicas"].GetArray()) {
    node.replicas.push_back(ParseReplica(replica));
  }
  return node;
}

}  // namespace

Evidence LoadGoldenEvidence(const std::string& folder, const std::vector<std::string>& node_list) {
  Evidence evidence;
  evidence.collected_at = absl::FromUnixSeconds(1'795'221'132);
  std::map<uint16_t, size_t> position_of;
  for (const std::string& entry : node_list) {
    uint32_t port = 0;
    CHECK(absl::SimpleAtoi(entry.substr(entry.find(':') + 1), &port)) << entry;
    const auto [it, is_new] = position_of.emplace(port, evidence.nodes.size());
    if (is_new) evidence.nodes.push_back(LoadNode(folder, static_cast<uint16_t>(port)));
    evidence.nodes[it->second].listed_as.push_back(entry);
  }
  return evidence;
}

std::map<std::string, GoldenZnode> LoadGoldenApps(const std::string& file, absl::string_view root) {
  std::ifstream lines(absl::StrCat(METAREC_GOLDEN_DIR, "/", file));
  CHECK(lines) << file;
  std::map<std::string, GoldenZnode> apps;
  const std::string prefix = absl::StrCat(root, "/apps/");
  for (std::string line; std::getline(lines, line);) {
    rapidjson::Document json;
    json.Parse(line);
    absl::string_view path = json["path"].GetString();
    if (!absl::ConsumePrefix(&path, prefix)) continue;
    if (path.find("duplication") != absl::string_view::npos) continue;
    apps[std::string(path)] = {json["data"].GetString(), json["version"].GetInt()};
  }
  return apps;
}

}  // namespace metarec
