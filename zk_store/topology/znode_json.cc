#include "zk_store/topology/znode_json.h"

#include <algorithm>
#include <array>
#include <type_traits>

#include <absl/status/status.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/types/span.h>

#include "base/json/json_reader.h"
#include "base/json/json_writer.h"

namespace metarec {
namespace {

constexpr absl::string_view kAvailable = "app_status::AS_AVAILABLE";
constexpr absl::string_view kDropped = "app_status::AS_DROPPED";
constexpr absl::string_view kNoAddress = "invalid address";
constexpr absl::string_view kNoHostPort = "invalid host_port";

// Of a partition's JSON: its keys (some 200 bytes), five numbers of 20 digits, and what stands for
// an absent node; what JSON makes of one character; quotes and commas around an address and a name.
constexpr size_t kBytesWithoutNodesMax = 400;
constexpr size_t kBytesPerCharacterMax = 6;
constexpr size_t kPunctuationOfNode = 6;

// The one place that knows the order of a partition znode's keys.
template <typename Strings>
void WritePartition(int32_t app_id, int32_t index, int64_t ballot, int32_t max_replica_count,
                    absl::string_view primary, const Strings& secondaries,
                    const Strings& last_drops, int64_t last_committed_decree,
                    int32_t partition_flags, bool has_host_ports, absl::string_view hp_primary,
                    const Strings& hp_secondaries, const Strings& hp_last_drops, std::string* out) {
  JsonWriter json(out);
  json.StartObject();
  const absl::AlphaNum app_text(app_id);
  const absl::AlphaNum index_text(index);
  char pid[24];
  char* end = std::copy_n(app_text.data(), app_text.size(), pid);
  *end++ = '.';
  end = std::copy_n(index_text.data(), index_text.size(), end);
  json.String("pid", absl::string_view(pid, static_cast<size_t>(end - pid)));
  json.Int("ballot", ballot);
  json.Int("max_replica_count", max_replica_count);
  json.String("primary", primary.empty() ? kNoAddress : primary);
  json.Strings("secondaries", secondaries);
  json.Strings("last_drops", last_drops);
  json.Int("last_committed_decree", last_committed_decree);
  json.Int("partition_flags", partition_flags);
  if (has_host_ports) {
    json.String("hp_primary", hp_primary.empty() ? kNoHostPort : hp_primary);
    json.Strings("hp_secondaries", hp_secondaries);
    json.Strings("hp_last_drops", hp_last_drops);
  }
  json.EndObject();
}

template <typename Value>
void EncodeField(absl::string_view key, const Value& value, JsonWriter& json) {
  if constexpr (std::is_same_v<Value, TableStatus>) {
    json.String(key, value == TableStatus::kAvailable ? kAvailable : kDropped);
  } else if constexpr (std::is_integral_v<Value>) {
    json.Int(key, value);  // flags are 0 or 1
  } else if constexpr (std::is_same_v<Value, std::string>) {
    json.String(key, value);
  } else {
    json.Object(key, value);
  }
}

bool ParsePid(absl::string_view pid, int32_t* app_id, int32_t* index) {
  const size_t dot = pid.find('.');
  if (dot == absl::string_view::npos) return false;
  // SimpleAtoi takes blanks and signs too, hence the comparison.
  return absl::SimpleAtoi(pid.substr(0, dot), app_id) &&
         absl::SimpleAtoi(pid.substr(dot + 1), index) && absl::StrCat(*app_id, ".", *index) == pid;
}

}  // namespace

void EncodeApp(const AppZnode& app, std::string* out) {
  JsonWriter json(out);
  json.StartObject();
  VisitTableFields([&](auto field) { EncodeField(field.name, field.of(app), json); });
  json.EndObject();
}

void EncodePartition(const PartitionZnode& partition, std::string* out) {
  WritePartition(partition.app_id, partition.index, partition.ballot, partition.max_replica_count,
                 partition.primary, partition.secondaries, partition.last_drops,
                 partition.last_committed_decree, partition.partition_flags,
                 partition.has_host_ports, partition.hp_primary, partition.hp_secondaries,
                 partition.hp_last_drops, out);
}

PartitionEncoder::PartitionEncoder(const Topology& topology) : topology_(topology) {
  addresses_.reserve(topology.nodes.size());
  for (const TopologyNode& node : topology.nodes) {
    addresses_.push_back(node.address.ToString());
    node_bytes_max_ = std::max(
        node_bytes_max_,
        addresses_.back().size() + kBytesPerCharacterMax * node.name.size() + kPunctuationOfNode);
  }
}

size_t PartitionEncoder::BytesMax(size_t members) const {
  return kBytesWithoutNodesMax + (1 + members) * node_bytes_max_;
}

void PartitionEncoder::Fill(absl::Span<const NodeIndex> nodes, Texts* texts) const {
  texts->addresses.clear();
  texts->names.clear();
  for (const NodeIndex node : nodes) {
    texts->addresses.push_back(addresses_[node]);
    texts->names.push_back(topology_.nodes[node].name);
  }
}

void PartitionEncoder::Encode(const TopologyTable& table, const TopologyPartition& partition,
                              std::string* out) {
  Fill(topology_.LastDropsOf(partition), &last_drops_);
  Fill(topology_.SecondariesOf(partition), &secondaries_);
  absl::string_view primary;
  absl::string_view hp_primary;
  if (partition.primary != kNoNode) {
    primary = addresses_[partition.primary];
    hp_primary = topology_.nodes[partition.primary].name;
  }
  WritePartition(table.app_id, partition.index, partition.ballot, table.max_replica_count, primary,
                 secondaries_.addresses, last_drops_.addresses, partition.last_committed_decree,
                 partition.partition_flags, /*has_host_ports=*/true, hp_primary, secondaries_.names,
                 last_drops_.names, out);
}

absl::StatusOr<AppZnode> DecodeApp(absl::string_view path, absl::string_view json) {
  AppZnode app;
  std::string status(kAvailable);
  std::array<JsonField, kTableFieldCount> fields;
  JsonField* next = fields.data();
  const JsonField* status_field = nullptr;
  VisitTableFields([&](auto field) {
    if constexpr (std::is_same_v<decltype(field.of(app)), TableStatus&>) {
      status_field = next;
      *next++ = {field.name, &status};
    } else {
      *next++ = {field.name, &field.of(app)};
    }
  });
  if (absl::Status read = ReadJsonFields(path, json, absl::MakeSpan(fields)); !read.ok()) {
    return read;
  }
  if (!status_field->found || (status != kAvailable && status != kDropped)) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": byte ", json.find("\"status\"") == json.npos ? 0 : json.find("\"status\""),
        ": field \"status\" must be ", kAvailable, " or ", kDropped, ", found ",
        status_field->found ? absl::StrCat("\"", status, "\"") : "none",
        ": a meta server does not start from it"));
  }
  app.status = status == kAvailable ? TableStatus::kAvailable : TableStatus::kDropped;
  return app;
}

absl::StatusOr<PartitionZnode> DecodePartition(absl::string_view path, absl::string_view json) {
  PartitionZnode partition;
  std::string pid;
  // The last three are unknown to the versions before 2.6.
  JsonField fields[] = {{"pid", &pid},
                        {"ballot", &partition.ballot},
                        {"max_replica_count", &partition.max_replica_count},
                        {"primary", &partition.primary},
                        {"secondaries", &partition.secondaries},
                        {"last_drops", &partition.last_drops},
                        {"last_committed_decree", &partition.last_committed_decree},
                        {"partition_flags", &partition.partition_flags},
                        {"hp_primary", &partition.hp_primary},
                        {"hp_secondaries", &partition.hp_secondaries},
                        {"hp_last_drops", &partition.hp_last_drops}};
  if (absl::Status read = ReadJsonFields(path, json, absl::MakeSpan(fields)); !read.ok()) {
    return read;
  }
  if (!ParsePid(pid, &partition.app_id, &partition.index)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": byte ", json.find("\"pid\"") == json.npos ? 0 : json.find("\"pid\""),
                     ": field \"pid\" must be <app id>.<partition index>, found \"", pid, "\""));
  }
  if (partition.primary == kNoAddress) partition.primary.clear();
  if (partition.hp_primary == kNoHostPort) partition.hp_primary.clear();
  partition.has_host_ports = fields[8].found || fields[9].found || fields[10].found;
  return partition;
}

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
