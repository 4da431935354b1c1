#include <cerrno>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <type_traits>
#include <utility>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "base/json/json_reader.h"
#include "base/runtime/status_macros.h"
#include "idl/enum_names.h"
#include "testing/simulated_cluster.h"

namespace metarec::testing {
namespace {

constexpr size_t kFileBytesMax = 64 << 20;
constexpr int kNodesMax = 10'000;

absl::Status Finish(JsonFieldReader* object) {
  object->RefuseOtherFields();
  return object->ok() ? absl::OkStatus() : absl::InvalidArgumentError(object->error());
}

template <typename Value>
void ReadField(JsonFieldReader& object, const char* name, Value* value) {
  if constexpr (std::is_enum_v<Value>) {
    auto number = static_cast<int32_t>(*value);
    object.Read(name, &number);
    *value = static_cast<Value>(number);
  } else if constexpr (std::is_same_v<Value, std::map<std::string, std::string>>) {
    const JsonValue pairs = object.Find(name);
    if (pairs && !pairs.IsObject()) object.FailAt(name, "is not an object");
    for (const auto& [key, text] : pairs.Members()) {
      if (!text.String()) object.FailAt(name, "has a value that is not a string");
      (*value)[std::string(key)] = std::string(text.String().value_or(""));
    }
  } else {
    object.Read(name, value);
  }
}

absl::Status ReadRecord(const JsonValue& json, const std::string& place, TableRecord* table) {
  table->app_type = "pegasus";
  JsonFieldReader object(json, place);
  object.Read("partition_count", &table->partition_count);
  table->init_partition_count = table->partition_count;
  VisitTableFields([&](auto field) { ReadField(object, field.name, &field.of(*table)); });
  return Finish(&object);
}

bool ParseGpid(absl::string_view text, ReplicaRecord* replica) {
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(text, '.');
  return absl::SimpleAtoi(parts.first, &replica->app_id) &&
         absl::SimpleAtoi(parts.second, &replica->partition_index);
}

absl::Status ReadReplica(const JsonValue& json, const std::string& place, ReplicaRecord* replica) {
  *replica = {.ballot = 3, .status = ReplicaStatus::kInactive};
  JsonFieldReader object(json, place);
  std::string pid;
  object.Read("pid", &pid);
  if (!ParseGpid(pid, replica)) object.FailAt("pid", "is not a partition such as \"2.7\"");
  object.Read("ballot", &replica->ballot);
  object.Read("last_committed_decree", &replica->last_committed_decree);
  replica->last_prepared_decree = replica->last_committed_decree;
  replica->last_durable_decree = replica->last_committed_decree;
  object.Read("last_prepared_decree", &replica->last_prepared_decree);
  object.Read("last_durable_decree", &replica->last_durable_decree);
  std::string status = "PS_INACTIVE";
  object.Read("status", &status);
  auto wire_status = idl::partition_status::PS_INVALID;
  if (!idl::FromName(status, &wire_status)) object.FailAt("status", "is not a PS_... name");
  replica->status = static_cast<ReplicaStatus>(wire_status);
  return Finish(&object);
}

absl::Status ReadNode(const JsonValue& json, const std::string& place, SimulatedNode* node) {
  JsonFieldReader object(json, place);
  object.Read("name", &node->name);
  std::string fault;
  object.Read("fault", &fault);
  const absl::StatusOr<SimulatedFault> parsed = ParseFault(fault);
  if (parsed.ok()) {
    node->fault = *parsed;
  } else {
    object.FailAt("fault", parsed.status().message());
  }
  for (const JsonValue& element : object.Elements("tables")) {
    const std::string where = absl::StrCat(place, ".tables[", node->tables.size(), "]");
    object.Fail(ReadRecord(element, where, &node->tables.emplace_back()).message());
  }
  for (const JsonValue& element : object.Elements("replicas")) {
    const std::string where = absl::StrCat(place, ".replicas[", node->replicas.size(), "]");
    object.Fail(ReadReplica(element, where, &node->replicas.emplace_back()).message());
  }
  return Finish(&object);
}

absl::Status ReadTable(const JsonValue& json, const std::string& place, SimulatedCluster* cluster) {
  JsonFieldReader object(json, place);
  SimulatedTable table;
  object.Read("name", &table.name);
  object.Read("partitions", &table.partition_count);
  object.Read("replicas", &table.max_replica_count);
  object.Read("app_id", &table.app_id);
  if (table.name.empty()) object.FailAt("name", "is missing");
  METAREC_RETURN_IF_ERROR(Finish(&object));
  const absl::Status added = cluster->AddTable(table);
  return added.ok() ? added
                    : absl::InvalidArgumentError(absl::StrCat(place, ": ", added.message()));
}

absl::Status ReadNodes(JsonFieldReader* object, SimulatedCluster* cluster) {
  if (const std::optional<int32_t> count = object->Find("nodes").Int32()) {
    if (*count < 1 || *count > kNodesMax) {
      object->FailAt("nodes", absl::StrCat("is not from 1 to ", kNodesMax));
    } else {
      cluster->AddNodes(*count);
    }
    return absl::OkStatus();
  }
  for (const JsonValue& element : object->Elements("nodes")) {
    cluster->AddNodes(1);
    const std::string place = absl::StrCat("nodes[", cluster->nodes.size() - 1, "]");
    METAREC_RETURN_IF_ERROR(ReadNode(element, place, &cluster->nodes.back()));
  }
  if (cluster->nodes.empty()) object->FailAt("nodes", "is missing or empty");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SimulatedCluster> ParseSimulatedCluster(absl::string_view text) {
  JsonDocument json;
  if (!json.Parse(text, JsonDocument::Comments::kAllowed)) {
    return absl::InvalidArgumentError(absl::StrCat("no JSON: ", json.error()));
  }
  SimulatedCluster cluster;
  JsonFieldReader object(json.root(), "the cluster");
  METAREC_RETURN_IF_ERROR(ReadNodes(&object, &cluster));
  const std::vector<JsonValue> tables = object.Elements("tables");
  METAREC_RETURN_IF_ERROR(Finish(&object));
  for (size_t i = 0; i < tables.size(); ++i) {
    METAREC_RETURN_IF_ERROR(ReadTable(tables[i], absl::StrCat("tables[", i, "]"), &cluster));
  }
  std::set<std::string> names;
  for (const SimulatedNode& node : cluster.nodes) {
    if (!names.insert(node.name).second) {
      return absl::InvalidArgumentError(absl::StrCat("two nodes are named '", node.name, "'"));
    }
  }
  return cluster;
}

absl::StatusOr<SimulatedCluster> ReadSimulatedCluster(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  std::string text(kFileBytesMax + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(in.gcount()));
  if (text.size() > kFileBytesMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat(path, " is larger than ", kFileBytesMax, " bytes"));
  }
  absl::StatusOr<SimulatedCluster> cluster = ParseSimulatedCluster(text);
  if (cluster.ok()) return cluster;
  return absl::Status(cluster.status().code(),
                      absl::StrCat(path, ": ", cluster.status().message()));
}

}  // namespace metarec::testing
