#include <cerrno>
#include <fstream>
#include <iterator>
#include <set>
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

absl::Status ReadRecord(const JsonValue& json, const std::string& place, TableRecord* table) {
  table->status = 1;  // AS_AVAILABLE
  table->app_type = "pegasus";
  table->is_stateful = true;
  table->max_replica_count = 3;
  JsonFieldReader object(json, place);
  object.Read("status", &table->status);
  object.Read("app_type", &table->app_type);
  object.Read("app_name", &table->app_name);
  object.Read("app_id", &table->app_id);
  object.Read("partition_count", &table->partition_count);
  table->init_partition_count = table->partition_count;
  object.Read("is_stateful", &table->is_stateful);
  object.Read("max_replica_count", &table->max_replica_count);
  object.Read("expire_second", &table->expire_second);
  object.Read("create_second", &table->create_second);
  object.Read("drop_second", &table->drop_second);
  object.Read("duplicating", &table->duplicating);
  object.Read("init_partition_count", &table->init_partition_count);
  object.Read("is_bulk_loading", &table->is_bulk_loading);
  object.Read("atomic_idempotent", &table->atomic_idempotent);
  if (const JsonValue envs = object.Find("envs")) {
    if (!envs.IsObject()) object.FailAt("envs", "is not an object");
    for (const auto& [name, value] : envs.Members()) {
      if (!value.String()) object.FailAt("envs", "has a value that is not a string");
      table->envs[std::string(name)] = std::string(value.String().value_or(""));
    }
  }
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
