#include "testing/simulated_cluster.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <type_traits>
#include <utility>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>

#include "base/json/json_reader.h"
#include "base/runtime/status_macros.h"
#include "idl/enum_names.h"
#include "idl/error_names.h"

namespace metarec::testing {

namespace {

using Kind = SimulatedFault::Kind;

enum class Argument { kNone, kError, kMilliseconds, kTimes };

struct Known {
  const char* name;
  Kind kind;
  Argument argument;
  const char* default_argument;  // empty: one must be given, if there is any
  const char* form;
  const char* help;
};

constexpr int64_t kMillisecondsMax = int64_t{24} * 3600 * 1000;
constexpr int64_t kTimesMax = 1'000'000;
constexpr char kForEver[] = "86400000";

constexpr Known kFaults[] = {
    {"none", Kind::kNone, Argument::kNone, "", "none", "no fault"},
    {"refuse", Kind::kRefuse, Argument::kNone, "", "refuse", "nobody listens on its port"},
    {"hang", Kind::kHang, Argument::kNone, "", "hang", "takes requests and never answers"},
    {"late", Kind::kLate, Argument::kMilliseconds, "", "late:MS", "answers after MS milliseconds"},
    {"error", Kind::kError, Argument::kError, "", "error:ERR_X",
     "its RPC layer answers ERR_X, with an empty body"},
    {"response_error", Kind::kResponseError, Argument::kError, "", "response_error:ERR_X",
     "both its answers say ERR_X"},
    {"close", Kind::kClose, Argument::kNone, "", "close",
     "closes the connection in the middle of an answer"},
    {"garbage", Kind::kGarbage, Argument::kNone, "", "garbage",
     "answers with bytes that are no message"},
    {"wrong_crc", Kind::kWrongCrc, Argument::kNone, "", "wrong_crc",
     "answers with a message whose checksum is wrong"},
    {"two_gigabytes", Kind::kTwoGigabytes, Argument::kNone, "", "two_gigabytes",
     "answers with a message that announces two gigabytes"},
    {"tables_only", Kind::kTablesOnly, Argument::kError, idl::kErrInvalidState,
     "tables_only[:ERR_X]", "answers its tables, but ERR_X when asked for its replicas"},
    {"replicas_only", Kind::kReplicasOnly, Argument::kError, idl::kErrInvalidState,
     "replicas_only[:ERR_X]", "answers its replicas, but ERR_X when asked for its tables"},
    {"loading", Kind::kLoading, Argument::kTimes, "", "loading:N",
     "answers ERR_HANDLER_NOT_FOUND to the first N requests of each kind"},
    {"serving", Kind::kServing, Argument::kMilliseconds, kForEver, "serving[:MS]",
     "its inactive replicas are primaries and secondaries, for MS milliseconds"},
};

std::string FaultLines() {
  std::string lines;
  for (const Known& fault : kFaults) {
    absl::StrAppend(&lines, absl::StrFormat("  %-22s %s\n", fault.form, fault.help));
  }
  return lines;
}

absl::Status Misunderstood(absl::string_view text, const std::string& why) {
  return absl::InvalidArgumentError(
      absl::StrCat("cannot understand the fault '", text, "': ", why));
}

absl::StatusOr<int64_t> ParseCount(absl::string_view text, absl::string_view argument,
                                   int64_t max) {
  int64_t count = 0;
  if (!absl::SimpleAtoi(argument, &count) || count < 0 || count > max) {
    return Misunderstood(text, absl::StrCat("'", argument, "' is not a number from 0 to ", max));
  }
  return count;
}

}  // namespace

absl::StatusOr<SimulatedFault> ParseFault(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  if (text.empty()) return SimulatedFault{};
  const size_t separator = text.find_first_of(": ");
  const absl::string_view name = text.substr(0, separator);
  const Known* known = std::find_if(std::begin(kFaults), std::end(kFaults),
                                    [name](const Known& fault) { return fault.name == name; });
  if (known == std::end(kFaults)) {
    return Misunderstood(text, absl::StrCat("there are\n", FaultLines()));
  }
  absl::string_view argument =
      separator == absl::string_view::npos ? "" : text.substr(separator + 1);
  argument = absl::StripAsciiWhitespace(argument);
  if (known->argument == Argument::kNone) {
    if (!argument.empty()) return Misunderstood(text, absl::StrCat(name, " takes no argument"));
  } else if (argument.empty()) {
    argument = known->default_argument;
    if (argument.empty()) return Misunderstood(text, absl::StrCat("write ", known->form));
  }

  SimulatedFault fault;
  fault.kind = known->kind;
  if (known->argument == Argument::kError) {
    if (!absl::StartsWith(argument, "ERR_")) {
      return Misunderstood(text, "the name of an error begins with ERR_");
    }
    fault.error = std::string(argument);
  } else if (known->argument == Argument::kMilliseconds) {
    const absl::StatusOr<int64_t> delay = ParseCount(text, argument, kMillisecondsMax);
    if (!delay.ok()) return delay.status();
    fault.delay = absl::Milliseconds(*delay);
  } else if (known->argument == Argument::kTimes) {
    const absl::StatusOr<int64_t> times = ParseCount(text, argument, kTimesMax);
    if (!times.ok()) return times.status();
    fault.times = *times;
  }
  return fault;
}

std::vector<std::pair<std::string, std::string>> FaultForms() {
  std::vector<std::pair<std::string, std::string>> forms;
  for (const Known& fault : kFaults) forms.emplace_back(fault.form, fault.help);
  return forms;
}

namespace {

constexpr int32_t kPartitionsMax = 1 << 20;
constexpr int64_t kBallot = 3;
constexpr int64_t kCreateSecond = 1'700'000'000;

TableRecord RecordOf(const SimulatedTable& table) {
  TableRecord record;
  record.app_type = "pegasus";
  record.app_name = table.name;
  record.app_id = table.app_id;
  record.partition_count = table.partition_count;
  record.max_replica_count = table.max_replica_count;
  record.create_second = kCreateSecond + table.app_id;
  record.init_partition_count = table.partition_count;
  return record;
}

ReplicaRecord ReplicaOf(const SimulatedTable& table, int32_t partition_index, bool is_primary) {
  const int64_t prepared = 10 * (int64_t{partition_index} + 1);
  return {.app_id = table.app_id,
          .partition_index = partition_index,
          .ballot = kBallot,
          .last_committed_decree = is_primary ? prepared : prepared - 1,
          .last_prepared_decree = prepared,
          .last_durable_decree = prepared - 5,
          .status = ReplicaStatus::kInactive};
}

}  // namespace

absl::StatusOr<SimulatedTable> ParseSimulatedTable(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ':');
  SimulatedTable table;
  const bool understood =
      (parts.size() == 2 || parts.size() == 3) && !parts[0].empty() &&
      absl::SimpleAtoi(parts[1], &table.partition_count) &&
      (parts.size() == 2 || absl::SimpleAtoi(parts[2], &table.max_replica_count));
  if (!understood) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot understand the table '", text,
                     "': write NAME:PARTITIONS or NAME:PARTITIONS:REPLICAS, e.g. temp:8"));
  }
  table.name = std::string(parts[0]);
  return table;
}

SimulatedCluster& SimulatedCluster::AddNodes(int count) {
  for (int i = 0; i < count; ++i) {
    std::string name = absl::StrCat("n", nodes.size() + 1);
    nodes.emplace_back().name = std::move(name);
  }
  return *this;
}

absl::Status SimulatedCluster::AddTable(SimulatedTable table) {
  int32_t highest_id = 0;
  for (const SimulatedNode& node : nodes) {
    for (const TableRecord& other : node.tables) {
      highest_id = std::max(highest_id, other.app_id);
      if (other.app_id == table.app_id || (table.app_id == 0 && other.app_name == table.name)) {
        return absl::InvalidArgumentError(
            absl::StrCat("table '", table.name, "': there is table '", other.app_name, "' with id ",
                         other.app_id, " already; give it another name, or an id of its own"));
      }
    }
  }
  if (table.app_id == 0) table.app_id = highest_id + 1;
  const auto node_count = static_cast<int32_t>(nodes.size());
  if (table.app_id < 0 || table.partition_count < 1 || table.partition_count > kPartitionsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("table '", table.name, "' needs from 1 to ", kPartitionsMax, " partitions"));
  }
  if (table.max_replica_count < 1 || table.max_replica_count > node_count) {
    return absl::InvalidArgumentError(absl::StrCat(
        "table '", table.name, "' needs from 1 to ", node_count,
        " replicas of each partition, as many as there are nodes at the most, and not ",
        table.max_replica_count));
  }
  for (int32_t p = 0; p < table.partition_count; ++p) {
    for (int32_t i = 0; i < table.max_replica_count; ++i) {
      SimulatedNode& node = nodes[static_cast<size_t>((p + i) % node_count)];
      if (node.tables.empty() || node.tables.back().app_id != table.app_id) {
        node.tables.push_back(RecordOf(table));
      }
      node.replicas.push_back(ReplicaOf(table, p, /*is_primary=*/i == 0));
    }
  }
  return absl::OkStatus();
}

SimulatedNode* SimulatedCluster::FindNode(absl::string_view name) {
  const auto found = std::find_if(nodes.begin(), nodes.end(),
                                  [name](const SimulatedNode& node) { return node.name == name; });
  return found == nodes.end() ? nullptr : &*found;
}

SimulatedCluster ClusterFromEvidence(const Evidence& evidence) {
  SimulatedCluster cluster;
  cluster.AddNodes(static_cast<int>(evidence.nodes.size()));
  for (size_t i = 0; i < evidence.nodes.size(); ++i) {
    SimulatedNode& node = cluster.nodes[i];
    node.tables.assign(evidence.nodes[i].tables.begin(), evidence.nodes[i].tables.end());
    node.replicas = evidence.nodes[i].replicas;
    const Ipv4Endpoint own_address = evidence.nodes[i].own_address;
    const bool differs = own_address != Ipv4Endpoint{} && own_address != evidence.nodes[i].address;
    if (differs) node.own_address = own_address;
    if (!evidence.nodes[i].complete()) node.fault.kind = SimulatedFault::Kind::kRefuse;
  }
  return cluster;
}

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
      if (!value->emplace(key, text.String().value_or("")).second) {
        object.FailAt(name, absl::StrCat("names '", key, "' twice"));
      }
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
  std::string own_address;
  object.Read("own_address", &own_address);
  if (!own_address.empty()) {
    const absl::StatusOr<Ipv4Endpoint> address = ParseIpv4Endpoint(own_address);
    if (address.ok()) {
      node->own_address = *address;
    } else {
      object.FailAt("own_address", address.status().message());
    }
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
