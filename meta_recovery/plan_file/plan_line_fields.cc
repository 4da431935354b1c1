#include "meta_recovery/plan_file/plan_line_fields.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <absl/strings/numbers.h>

#include "base/text/wording.h"
#include "idl/ipv4_endpoint.h"

namespace metarec {
namespace {

constexpr size_t kFieldsOfReplica = 7;

// Of facts: decrees and partition indexes may be -1, and nothing may be below.
constexpr NumberBounds kFactBounds = {.least = -1};

// Reads facts, whose numbers have bounds of their own.
class FactReader {
 public:
  FactReader(JsonFieldReader& json, size_t nodes) : read_(json, nodes) {}

  size_t count() const { return read_.count(); }

  template <typename Fact>
  void operator()(const char* key, Fact& fact) {
    if constexpr (std::is_same_v<Fact, int32_t> || std::is_same_v<Fact, int64_t>) {
      read_(key, fact, kFactBounds);
    } else {
      read_(key, fact);
    }
  }

 private:
  PlanFieldReader read_;
};

// Renderings look up what a finding is about.
absl::string_view ProblemOfSubject(const Finding& finding, FindingAbout about) {
  using enum FindingAbout;
  const bool is_about_node = about == kNode || about == kNodeAndMaybeTable;
  const bool is_about_partition = about == kPartition;
  const bool is_about_table = about == kTable || about == kTableOrPartition || is_about_partition;
  if (is_about_node != (finding.node != kNoNode)) {
    return is_about_node ? "a finding about a node that names none"
                         : "a finding that names a node, which it is not about";
  }
  if (is_about_table && finding.app_id == 0) return "a finding about a table that names none";
  const bool may_be_about_table = about == kNodeAndMaybeTable || about == kClusterOrTable;
  if (!is_about_table && finding.app_id != 0 && !may_be_about_table) {
    return "a finding that names a table, which it is not about";
  }
  if (is_about_partition && finding.partition_index < 0) {
    return "a finding about a partition that names none";
  }
  if (!is_about_partition && finding.partition_index >= 0 && about != kTableOrPartition) {
    return "a finding that names a partition, which it is not about";
  }
  return "";
}

}  // namespace

bool FromName(absl::string_view text, TableStatus* status) {
  *status = text == NameIn(TableStatus::kDropped) ? TableStatus::kDropped : TableStatus::kAvailable;
  return text == NameIn(*status);
}

bool FromName(absl::string_view text, FindingKind* kind) {
  for (const FindingKindRow& row : FindingKindRows()) {
    *kind = row.kind;
    if (row.name == text) return true;
  }
  return false;
}

bool FromName(absl::string_view text, ReplicaStatus* status) {
  for (int32_t number = 0; number <= UINT8_MAX; ++number) {
    *status = static_cast<ReplicaStatus>(number);
    if (ReplicaStatusName(*status) == text) return true;
  }
  int32_t number = 0;
  if (!absl::SimpleAtoi(text.substr(std::min<size_t>(3, text.size())), &number)) return false;
  *status = static_cast<ReplicaStatus>(number);
  return ReplicaStatusName(*status) == text;
}

void PlanFieldWriter::Nodes(const std::vector<NodeIndex>& nodes) {
  out_.StartArray();
  for (const NodeIndex node : nodes) out_.Int(node);
  out_.EndArray();
}

void PlanFieldWriter::operator()(const char* key, NodeIndex node) {
  out_.Key(key);
  if (node == kNoNode) {
    out_.Null();
  } else {
    out_.Int(node);
  }
}

void PlanFieldWriter::operator()(const char* key, const std::vector<NodeIndex>& nodes) {
  out_.Key(key);
  Nodes(nodes);
}

void PlanFieldWriter::operator()(const char* key, const std::vector<IndexRange>& ranges) {
  out_.Key(key);
  out_.StartArray();
  for (const IndexRange& range : ranges) {
    out_.StartArray();
    out_.Int(range.first);
    out_.Int(range.last);
    out_.EndArray();
  }
  out_.EndArray();
}

void PlanFieldWriter::operator()(const char* key, const std::vector<WeighedValue>& values) {
  out_.Key(key);
  out_.StartArray();
  for (const WeighedValue& value : values) {
    out_.StartArray();
    out_.String(value.value);
    out_.Int(value.weight);
    Nodes(value.nodes);
    out_.EndArray();
  }
  out_.EndArray();
}

void PlanFieldWriter::operator()(const char* key, const std::vector<CountedText>& texts) {
  out_.Key(key);
  out_.StartArray();
  for (const CountedText& text : texts) {
    out_.StartArray();
    out_.String(text.text);
    out_.Int(text.count);
    out_.EndArray();
  }
  out_.EndArray();
}

void PlanFieldReader::operator()(const char* key, bool& value, NumberBounds) {
  ++count_;
  value = json_.Bool(key);
}

void PlanFieldReader::operator()(const char* key, int32_t& number, NumberBounds bounds) {
  ++count_;
  number = static_cast<int32_t>(json_.Int(key, std::max<int64_t>(bounds.least, INT32_MIN),
                                          std::min<int64_t>(bounds.most, INT32_MAX)));
}

void PlanFieldReader::operator()(const char* key, int64_t& number, NumberBounds bounds) {
  ++count_;
  number = json_.Int(key, bounds.least, bounds.most);
}

void PlanFieldReader::operator()(const char* key, std::string& text, NumberBounds) {
  ++count_;
  text = json_.String(key);
}

void PlanFieldReader::operator()(const char* key, std::vector<std::string>& texts) {
  ++count_;
  texts = json_.Strings(key);
}

void PlanFieldReader::operator()(const char* key, std::set<std::string>& texts) {
  ++count_;
  for (std::string& text : json_.Strings(key)) {
    if (!texts.empty() && *texts.rbegin() >= text) {
      json_.Fail(absl::StrCat("'", key, "' does not ascend"));
      return;
    }
    texts.insert(texts.end(), std::move(text));
  }
}

void PlanFieldReader::operator()(const char* key, std::map<std::string, std::string>& pairs,
                                 NumberBounds) {
  ++count_;
  for (auto& [name, value] : json_.Pairs(key)) {
    if (pairs.contains(name)) {
      json_.Fail(absl::StrCat("'", key, "' names '", absl::CHexEscape(Shortened(name)), "' twice"));
      return;
    }
    pairs.emplace(std::move(name), std::move(value));
  }
}

void PlanFieldReader::operator()(const char* key, Ipv4Endpoint& address) {
  ++count_;
  const std::string text = json_.String(key);
  if (text == Ipv4Endpoint{}.ToString()) return;  // not known
  const absl::StatusOr<Ipv4Endpoint> endpoint = ParseIpv4Endpoint(text);
  const absl::Status status = endpoint.ok() ? CheckServerAddress(endpoint->ip) : endpoint.status();
  if (status.ok()) {
    address = *endpoint;
  } else {
    json_.Fail(status.message());
  }
}

void PlanFieldReader::operator()(const char* key, NodeIndex& node) {
  ++count_;
  node = kNoNode;
  if (json_.Find(key).IsNull()) return;
  node = static_cast<NodeIndex>(json_.Int(key, 0, static_cast<int64_t>(nodes_) - 1));
}

bool PlanFieldReader::ReadNodes(JsonValue array, std::vector<NodeIndex>* nodes) const {
  if (!array.IsArray()) return false;
  for (size_t i = 0; i < array.size(); ++i) {
    const std::optional<int64_t> node = array[i].Int(0, static_cast<int64_t>(nodes_) - 1);
    if (!node.has_value()) return false;
    nodes->push_back(static_cast<NodeIndex>(*node));
  }
  return true;
}

void PlanFieldReader::operator()(const char* key, std::vector<NodeIndex>& nodes) {
  ++count_;
  const JsonValue array = json_.Array(key);
  if (array && !ReadNodes(array, &nodes)) {
    json_.Fail(absl::StrCat("'", key, "' names a node that is not in the file"));
  }
}

void PlanFieldReader::operator()(const char* key, std::vector<IndexRange>& ranges) {
  ++count_;
  const JsonValue array = json_.Array(key);
  for (size_t i = 0; i < array.size(); ++i) {
    // Ascending, and no range continues the one before.
    const int64_t least = ranges.empty() ? 0 : int64_t{ranges.back().last} + 2;
    const std::optional<int64_t> first = array[i][0].Int(least, INT32_MAX);
    const std::optional<int64_t> last = array[i][1].Int(first.value_or(0), INT32_MAX);
    if (array[i].size() != 2 || !first.has_value() || !last.has_value()) return Wrong(key);
    ranges.push_back({.first = static_cast<int32_t>(*first), .last = static_cast<int32_t>(*last)});
  }
}

void PlanFieldReader::operator()(const char* key, std::vector<WeighedValue>& values) {
  ++count_;
  const JsonValue array = json_.Array(key);
  for (size_t i = 0; i < array.size(); ++i) {
    std::optional<std::string> text = array[i][0].Bytes();
    const std::optional<int64_t> weight = array[i][1].Int(0);
    std::vector<NodeIndex> nodes;
    if (array[i].size() != 3 || !text.has_value() || !weight.has_value() ||
        !ReadNodes(array[i][2], &nodes)) {
      return Wrong(key);
    }
    values.push_back({.value = *std::move(text), .weight = *weight, .nodes = std::move(nodes)});
  }
}

void PlanFieldReader::operator()(const char* key, std::vector<CountedText>& texts) {
  ++count_;
  const JsonValue array = json_.Array(key);
  for (size_t i = 0; i < array.size(); ++i) {
    std::optional<std::string> text = array[i][0].Bytes();
    const std::optional<int64_t> count = array[i][1].Int(1);
    if (array[i].size() != 2 || !text.has_value() || !count.has_value()) return Wrong(key);
    texts.push_back({.text = *std::move(text), .count = *count});
  }
}

void WriteReplica(const RankedReplica& replica, JsonLineWriter& out) {
  out.StartArray();
  out.Int(replica.node);
  out.String(NameIn(replica.status));
  out.Int(replica.ballot);
  out.Int(replica.last_committed_decree);
  out.Int(replica.last_prepared_decree);
  out.String(NameIn(replica.role));
  out.String(NameIn(replica.reason));
  out.EndArray();
}

bool ReadReplica(JsonValue json, size_t nodes, RankedReplica& replica) {
  if (json.size() != kFieldsOfReplica) return false;
  const std::optional<int64_t> node = json[0].Int(0, static_cast<int64_t>(nodes) - 1);
  const std::optional<absl::string_view> status = json[1].String();
  const std::optional<int64_t> ballot = json[2].Int(0, kBallotMax);
  const std::optional<int64_t> committed = json[3].Int(-1, kDecreeMax);
  const std::optional<int64_t> prepared = json[4].Int(-1, kDecreeMax);
  const std::optional<absl::string_view> role = json[5].String();
  const std::optional<absl::string_view> reason = json[6].String();
  if (!node || !status || !ballot || !committed || !prepared || !role || !reason) return false;
  replica.node = static_cast<NodeIndex>(*node);
  replica.ballot = *ballot;
  replica.last_committed_decree = *committed;
  replica.last_prepared_decree = *prepared;
  return FromName(*status, &replica.status) && FromName(*role, &replica.role) &&
         FromName(*reason, &replica.reason);
}

void WriteFinding(const Finding& finding, JsonLineWriter& out) {
  PlanFieldWriter write(out);
  write("kind", finding.kind());
  write("severity", finding.severity);
  if (finding.node != kNoNode) write("node", finding.node);
  if (finding.app_id != 0) write("app_id", finding.app_id);
  if (finding.partition_index >= 0) write("partition_index", finding.partition_index);
  out.Key("facts");
  out.StartObject();
  finding.facts.Visit([&](const auto& facts) { facts.ForEach(facts, write); });
  out.EndObject();
}

void ReadFinding(JsonFieldReader& json, size_t nodes, Finding& finding) {
  PlanFieldReader read(json, nodes);
  FindingKind kind = {};
  read("kind", kind);
  read("severity", finding.severity);
  if (json.Find("node")) read("node", finding.node);
  if (json.Find("app_id")) read("app_id", finding.app_id, {.least = 1});
  if (json.Find("partition_index")) {
    read("partition_index", finding.partition_index, {.least = 0, .most = INT32_MAX});
  }
  if (!json.ok()) return;
  const absl::string_view problem = ProblemOfSubject(finding, RowOf(kind).about);
  if (!problem.empty()) json.Fail(problem);
  const JsonValue object = json.Find("facts");
  if (!object.IsObject()) json.Fail("'facts' is missing or cannot be");
  if (!json.ok()) return;
  finding.facts = FindingFacts::Of(kind);
  JsonFieldReader facts_json(object);
  FactReader read_facts(facts_json, nodes);
  finding.facts.Visit([&](auto& facts) { facts.ForEach(facts, read_facts); });
  if (facts_json.ok() && object.Members().size() != read_facts.count()) {
    facts_json.Fail("there are facts that the kind does not have");
  }
  if (!facts_json.ok()) {
    json.Fail(absl::StrCat("a finding ", NameIn(kind), ": ", facts_json.error()));
  }
}

}  // namespace metarec
