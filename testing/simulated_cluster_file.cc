#include <cerrno>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <rapidjson/document.h>
#include <rapidjson/error/en.h>

#include "base/runtime/status_macros.h"
#include "idl/enum_names.h"
#include "testing/simulated_cluster.h"

namespace metarec::testing {
namespace {

using Json = rapidjson::Value;

constexpr size_t kFileBytesMax = 64 << 20;
constexpr int kNodesMax = 10'000;

// One JSON object, read key by key. Remembers the first error, and that keys were read, so that a
// misspelt one is found.
class ObjectReader {
 public:
  ObjectReader(const Json& json, std::string place) : json_(json), place_(std::move(place)) {
    if (!json_.IsObject()) Fail("", "is not an object");
  }

  const Json* Find(const char* key) {
    known_.insert(key);
    if (!json_.IsObject()) return nullptr;
    const auto found = json_.FindMember(key);
    return found == json_.MemberEnd() ? nullptr : &found->value;
  }

  void Read(const char* key, int32_t* out) {
    const Json* value = Find(key);
    if (value == nullptr) return;
    if (!value->IsInt()) return Fail(key, "is not an integer of 32 bits");
    *out = value->GetInt();
  }
  void Read(const char* key, int64_t* out) {
    const Json* value = Find(key);
    if (value == nullptr) return;
    if (!value->IsInt64()) return Fail(key, "is not an integer of 64 bits");
    *out = value->GetInt64();
  }
  void Read(const char* key, bool* out) {
    const Json* value = Find(key);
    if (value == nullptr) return;
    if (!value->IsBool()) return Fail(key, "is neither true nor false");
    *out = value->GetBool();
  }
  void Read(const char* key, std::string* out) {
    const Json* value = Find(key);
    if (value == nullptr) return;
    if (!value->IsString()) return Fail(key, "is not a string");
    *out = value->GetString();
  }
  // The elements of an array; none when the key is absent.
  std::vector<const Json*> Elements(const char* key) {
    std::vector<const Json*> elements;
    const Json* value = Find(key);
    if (value == nullptr) return elements;
    if (!value->IsArray()) {
      Fail(key, "is not an array");
      return elements;
    }
    for (const Json& element : value->GetArray()) elements.push_back(&element);
    return elements;
  }

  void Fail(absl::string_view key, absl::string_view what) {
    if (!status_.ok()) return;
    status_ =
        absl::InvalidArgumentError(absl::StrCat(place_, key.empty() ? "" : ".", key, " ", what));
  }
  void Take(const absl::Status& status) {
    if (status_.ok()) status_ = status;
  }

  // The first error, keys that nobody asked for included.
  absl::Status Finish() {
    if (status_.ok() && json_.IsObject()) {
      for (const auto& member : json_.GetObject()) {
        if (!known_.contains(member.name.GetString())) {
          Fail(member.name.GetString(), "is not a key that is known here");
        }
      }
    }
    return status_;
  }

 private:
  const Json& json_;
  const std::string place_;
  std::set<std::string> known_;
  absl::Status status_;
};

absl::Status ReadRecord(const Json& json, const std::string& place, TableRecord* table) {
  table->status = 1;  // AS_AVAILABLE
  table->app_type = "pegasus";
  table->is_stateful = true;
  table->max_replica_count = 3;
  ObjectReader object(json, place);
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
  if (const Json* envs = object.Find("envs"); envs != nullptr) {
    if (!envs->IsObject()) {
      object.Fail("envs", "is not an object");
    } else {
      for (const auto& env : envs->GetObject()) {
        if (!env.value.IsString())
          object.Fail("envs", "has a value that is not a string");
        else
          table->envs[env.name.GetString()] = env.value.GetString();
      }
    }
  }
  return object.Finish();
}

bool ParseGpid(absl::string_view text, ReplicaRecord* replica) {
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(text, '.');
  return absl::SimpleAtoi(parts.first, &replica->app_id) &&
         absl::SimpleAtoi(parts.second, &replica->partition_index);
}

absl::Status ReadReplica(const Json& json, const std::string& place, ReplicaRecord* replica) {
  *replica = {.ballot = 3, .status = ReplicaStatus::kInactive};
  ObjectReader object(json, place);
  std::string pid;
  object.Read("pid", &pid);
  if (!ParseGpid(pid, replica)) object.Fail("pid", "is not a partition such as \"2.7\"");
  object.Read("ballot", &replica->ballot);
  object.Read("last_committed_decree", &replica->last_committed_decree);
  replica->last_prepared_decree = replica->last_committed_decree;
  replica->last_durable_decree = replica->last_committed_decree;
  object.Read("last_prepared_decree", &replica->last_prepared_decree);
  object.Read("last_durable_decree", &replica->last_durable_decree);
  std::string status = "PS_INACTIVE";
  object.Read("status", &status);
  auto wire_status = idl::partition_status::PS_INVALID;
  if (!idl::FromName(status, &wire_status)) object.Fail("status", "is not a PS_... name");
  replica->status = static_cast<ReplicaStatus>(wire_status);
  return object.Finish();
}

absl::Status ReadNode(const Json& json, const std::string& place, SimulatedNode* node) {
  ObjectReader object(json, place);
  object.Read("name", &node->name);
  std::string fault;
  object.Read("fault", &fault);
  const absl::StatusOr<SimulatedFault> parsed = ParseFault(fault);
  if (parsed.ok()) {
    node->fault = *parsed;
  } else {
    object.Fail("fault", parsed.status().message());
  }
  for (const Json* element : object.Elements("tables")) {
    const std::string where = absl::StrCat(place, ".tables[", node->tables.size(), "]");
    object.Take(ReadRecord(*element, where, &node->tables.emplace_back()));
  }
  for (const Json* element : object.Elements("replicas")) {
    const std::string where = absl::StrCat(place, ".replicas[", node->replicas.size(), "]");
    object.Take(ReadReplica(*element, where, &node->replicas.emplace_back()));
  }
  return object.Finish();
}

absl::Status ReadTable(const Json& json, const std::string& place, SimulatedCluster* cluster) {
  ObjectReader object(json, place);
  SimulatedTable table;
  object.Read("name", &table.name);
  object.Read("partitions", &table.partition_count);
  object.Read("replicas", &table.max_replica_count);
  object.Read("app_id", &table.app_id);
  if (table.name.empty()) object.Fail("name", "is missing");
  METAREC_RETURN_IF_ERROR(object.Finish());
  const absl::Status added = cluster->AddTable(table);
  return added.ok() ? added
                    : absl::InvalidArgumentError(absl::StrCat(place, ": ", added.message()));
}

absl::Status ReadNodes(ObjectReader* object, SimulatedCluster* cluster) {
  const Json* nodes = object->Find("nodes");
  if (nodes != nullptr && nodes->IsInt()) {
    if (nodes->GetInt() < 1 || nodes->GetInt() > kNodesMax) {
      object->Fail("nodes", absl::StrCat("is not from 1 to ", kNodesMax));
    } else {
      cluster->AddNodes(nodes->GetInt());
    }
    return absl::OkStatus();
  }
  for (const Json* element : object->Elements("nodes")) {
    cluster->AddNodes(1);
    const std::string place = absl::StrCat("nodes[", cluster->nodes.size() - 1, "]");
    METAREC_RETURN_IF_ERROR(ReadNode(*element, place, &cluster->nodes.back()));
  }
  if (cluster->nodes.empty()) object->Fail("nodes", "is missing or empty");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SimulatedCluster> ParseSimulatedCluster(absl::string_view text) {
  rapidjson::Document json;
  json.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseCommentsFlag>(text.data(),
                                                                             text.size());
  if (json.HasParseError()) {
    return absl::InvalidArgumentError(
        absl::StrCat("no JSON: byte ", json.GetErrorOffset(), ": ",
                     rapidjson::GetParseError_En(json.GetParseError())));
  }
  SimulatedCluster cluster;
  ObjectReader object(json, "the cluster");
  METAREC_RETURN_IF_ERROR(ReadNodes(&object, &cluster));
  const std::vector<const Json*> tables = object.Elements("tables");
  METAREC_RETURN_IF_ERROR(object.Finish());
  for (size_t i = 0; i < tables.size(); ++i) {
    METAREC_RETURN_IF_ERROR(ReadTable(*tables[i], absl::StrCat("tables[", i, "]"), &cluster));
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
