#include "meta_recovery/plan_file/plan_line_fields.h"

#include <algorithm>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

#include <absl/strings/escaping.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include "meta_recovery/planner/planner.h"
#include "meta_recovery/planner/sane_values.h"
#include "meta_recovery/planner/table_names.h"

namespace metarec {
namespace {

constexpr size_t kFieldsOfReplica = 7;

// The value of an enum whose Name(value) is `text`; false when there is none. The values count from
// 0 to `last`.
template <typename Enum>
bool FromName(absl::string_view text, absl::string_view (*name)(Enum), Enum last, Enum* value) {
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    *value = static_cast<Enum>(i);
    if (name(*value) == text) return true;
  }
  return false;
}

template <typename Enum>
Enum ReadEnum(JsonObjectReader& json, const char* key, absl::string_view (*name)(Enum), Enum last) {
  Enum value{};
  const std::string text = json.String(key);
  if (json.ok() && !FromName(text, name, last, &value)) {
    json.Fail(absl::StrCat("'", key, "' is '", absl::CHexEscape(text), "', which has no meaning"));
  }
  return value;
}

bool ReadStatus(absl::string_view text, ReplicaStatus* status) {
  for (int32_t value = 0; value <= static_cast<int32_t>(ReplicaStatus::kPartitionSplit); ++value) {
    *status = static_cast<ReplicaStatus>(value);
    if (ReplicaStatusName(*status) == text) return true;
  }
  int32_t number = 0;
  if (!absl::SimpleAtoi(text.substr(std::min<size_t>(3, text.size())), &number)) return false;
  *status = static_cast<ReplicaStatus>(number);
  return ReplicaStatusName(*status) == text;
}

void ReadTableStatus(JsonObjectReader& json, const char* name, TableStatus& status) {
  const std::string word = json.String(name);
  status = word == TableStatusWord(TableStatus::kDropped) ? TableStatus::kDropped
                                                          : TableStatus::kAvailable;
  if (word != TableStatusWord(status)) json.Fail(absl::StrCat("'", name, "' cannot be"));
}

template <typename Value>
void ReadField(JsonObjectReader& json, const char* name, const NumberBounds& bounds, Value& value) {
  if constexpr (std::is_same_v<Value, TableStatus>) {
    ReadTableStatus(json, name, value);
  } else if constexpr (std::is_same_v<Value, bool>) {
    value = json.Bool(name);
  } else if constexpr (std::is_integral_v<Value>) {
    using Limits = std::numeric_limits<Value>;
    value = static_cast<Value>(json.Number(name, std::max<int64_t>(bounds.least, Limits::min()),
                                           std::min<int64_t>(bounds.most, Limits::max())));
  } else if constexpr (std::is_same_v<Value, std::string>) {
    value = json.String(name);
  } else {
    for (auto& [key, text] : json.Pairs(name)) value.emplace(key, text);
  }
}

// Renderings look the node up.
bool IsAboutANode(FindingKind kind) {
  return kind == FindingKind::kBadNode || kind == FindingKind::kSkippedNodeReturns ||
         kind == FindingKind::kNodeNameDiffers || kind == FindingKind::kNodeListedTwice ||
         kind == FindingKind::kNodeReportInvalid;
}

}  // namespace

PlanOutcome ReadOutcome(JsonObjectReader& json) {
  return ReadEnum(json, "outcome", PlanOutcomeName, PlanOutcome::kConflict);
}

void ReadOptionFields(JsonObjectReader& json, PlanOptions& options) {
  options.skip_bad_nodes = json.Bool("skip_bad_nodes");
  options.skip_lost_partitions = json.Bool("skip_lost_partitions");
  options.accept_still_served = json.Bool("accept_still_served");
  options.rename_separator = json.String("rename_separator");
  options.max_app_id = json.Int32("max_app_id");
  options.max_partition_count = json.Int32("max_partition_count");
  for (auto& [key, value] : json.Pairs("settlements")) {
    options.settlements.emplace(std::move(key), std::move(value));
  }
}

void ReadNodeFields(JsonObjectReader& json, TopologyNode& node, NodeDecision& decision) {
  const std::string address = json.String("address");
  if (address != Ipv4Endpoint{}.ToString()) {
    const absl::StatusOr<Ipv4Endpoint> endpoint = ParseIpv4Endpoint(address);
    if (endpoint.ok()) {
      node.address = *endpoint;
    } else {
      json.Fail(endpoint.status().message());
    }
  }
  node.name = json.String("name");
  decision.listed_as = json.Strings("listed_as");
  decision.name_source =
      ReadEnum(json, "name_source", NodeNameSourceName, NodeNameSource::kNodeList);
  decision.error = json.String("error");
  if (!IsErrorName(decision.error)) json.Fail("'error' is no name of an error");
  decision.error_detail = json.String("error_detail");
  decision.tables = json.Number("tables", 0, INT64_MAX);
  decision.replicas = json.Number("replicas", 0, INT64_MAX);
}

void ReadTableFields(JsonObjectReader& json, size_t nodes, TopologyTable& table,
                     TableDecision& decision) {
  VisitTableFields([&](auto field) { ReadField(json, field.name, field.bounds, field.of(table)); });
  decision.old_name = json.String("old_name");
  decision.placeholder = json.Bool("placeholder");
  decision.probably_dropped = json.Bool("probably_dropped");
  decision.described_by = ReadNodeNumbers(json, "described_by", nodes);
}

std::vector<NodeIndex> ReadNodeNumbers(JsonObjectReader& json, const char* key, size_t nodes) {
  std::vector<NodeIndex> numbers;
  const rapidjson::Value* array = json.Array(key);
  if (array == nullptr) return numbers;
  for (const rapidjson::Value& element : array->GetArray()) {
    if (!element.IsUint() || element.GetUint() >= nodes) {
      json.Fail(absl::StrCat("'", key, "' names a node that is not in the file"));
      return numbers;
    }
    numbers.push_back(element.GetUint());
  }
  return numbers;
}

bool ReadReplicaFields(const rapidjson::Value& json, size_t nodes, RankedReplica& replica) {
  if (!json.IsArray() || json.Size() != kFieldsOfReplica || !json[0].IsUint() ||
      json[0].GetUint() >= nodes || !json[1].IsString() || !json[2].IsInt64() ||
      !json[3].IsInt64() || !json[4].IsInt64() || !json[5].IsString() || !json[6].IsString()) {
    return false;
  }
  replica.node = json[0].GetUint();
  replica.ballot = json[2].GetInt64();
  replica.last_committed_decree = json[3].GetInt64();
  replica.last_prepared_decree = json[4].GetInt64();
  if (replica.ballot < 0 || replica.ballot > kBallotMax) return false;
  for (const int64_t decree : {replica.last_committed_decree, replica.last_prepared_decree}) {
    if (decree < -1 || decree > kDecreeMax) return false;
  }
  return ReadStatus(json[1].GetString(), &replica.status) &&
         FromName(json[5].GetString(), ReplicaRoleName, ReplicaRole::kOverruled, &replica.role) &&
         FromName(json[6].GetString(), RankReasonName, RankReason::kHigherAddress, &replica.reason);
}

void ReadFindingFields(JsonObjectReader& json, size_t nodes, Finding& finding) {
  finding.kind = ReadEnum(json, "kind", FindingKindName, FindingKind::kReplicaBeyondCount);
  finding.severity = ReadEnum(json, "severity", SeverityName, Severity::kConflict);
  if (json.Find("node") != nullptr) {
    finding.node = static_cast<NodeIndex>(json.Number("node", 0, static_cast<int64_t>(nodes) - 1));
  }
  if (finding.node == kNoNode && IsAboutANode(finding.kind)) {
    json.Fail("a finding about a node that names none");
  }
  if (json.Find("app_id") != nullptr) finding.app_id = json.Int32("app_id");
  if (json.Find("partition_index") != nullptr) {
    finding.partition_index = static_cast<int32_t>(json.Number("partition_index", 0, INT32_MAX));
  }
  finding.facts = json.Pairs("facts");
  for (const FindingFact& fact : finding.facts) {
    // Renderings show names as they are.
    if (!IsUsableInShell(fact.first)) json.Fail("a fact of a finding whose name cannot be");
  }
}

}  // namespace metarec
