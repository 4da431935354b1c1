#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <rapidjson/encodings.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "meta_recovery/plan_lines.h"
#include "replica_collector/line_digest.h"
#include "runtime/status_macros.h"

namespace metarec {
namespace {

bool IsUtf8(absl::string_view text) {
  rapidjson::MemoryStream in(text.data(), text.size());
  rapidjson::StringBuffer ignored;
  while (in.Tell() < text.size()) {
    ignored.Clear();
    if (!rapidjson::UTF8<>::Validate(in, ignored)) return false;
  }
  return true;
}

class PlanEncoder {
 public:
  PlanEncoder(const RecoveryPlan& plan, absl::FunctionRef<absl::Status(absl::string_view)> sink)
      : plan_(plan), sink_(sink), json_(buffer_) {}

  absl::Status Run() {
    METAREC_RETURN_IF_ERROR(WriteHeader());
    METAREC_RETURN_IF_ERROR(WriteOptions());
    for (size_t i = 0; i < plan_.nodes.size(); ++i) METAREC_RETURN_IF_ERROR(WriteNode(i));
    for (size_t i = 0; i < plan_.tables.size(); ++i) {
      const TopologyTable& table = plan_.topology.tables[i];
      METAREC_RETURN_IF_ERROR(WriteTable(table, plan_.tables[i]));
      for (uint32_t p = 0; p < table.partitions_count; ++p) {
        METAREC_RETURN_IF_ERROR(WritePartition(table, table.partitions_begin + p));
      }
    }
    for (const Finding& finding : plan_.findings) METAREC_RETURN_IF_ERROR(WriteFinding(finding));
    json_.StartObject();
    Text("digest", digest_.Finish());
    json_.EndObject();
    return sink_(Line());
  }

 private:
  absl::Status WriteHeader() {
    json_.StartObject();
    Text("format", kPlanFormat);
    Number("version", kPlanVersion);
    Text("outcome", PlanOutcomeName(plan_.outcome));
    Number("collected_at", absl::ToUnixSeconds(plan_.evidence_collected_at));
    json_.Key("counts");
    json_.StartObject();
    Count("nodes", plan_.nodes.size());
    Count("tables", plan_.tables.size());
    Count("partitions", plan_.partitions.size());
    Count("replicas", plan_.replicas.size());
    Count("last_drops", plan_.topology.last_drops.size());
    Count("findings", plan_.findings.size());
    json_.EndObject();
    json_.EndObject();
    return EndLine();
  }

  absl::Status WriteOptions() {
    const PlanOptions& options = plan_.options;
    Open("options");
    Bool("skip_bad_nodes", options.skip_bad_nodes);
    Bool("skip_lost_partitions", options.skip_lost_partitions);
    Bool("accept_still_served", options.accept_still_served);
    Text("rename_separator", options.rename_separator);
    Number("max_app_id", options.max_app_id);
    Number("max_partition_count", options.max_partition_count);
    Pairs("settlements", options.settlements);
    return Close();
  }

  absl::Status WriteNode(size_t index) {
    const TopologyNode& node = plan_.topology.nodes[index];
    const NodeDecision& decision = plan_.nodes[index];
    Open("node");
    Text("address", node.address.ToString());
    Text("name", node.name);
    json_.Key("listed_as");
    json_.StartArray();
    for (const std::string& text : decision.listed_as) String(text);
    json_.EndArray();
    Text("name_source", NodeNameSourceName(decision.name_source));
    Text("error", decision.error);
    Text("error_detail", decision.error_detail);
    Number("tables", decision.tables);
    Number("replicas", decision.replicas);
    return Close();
  }

  absl::Status WriteTable(const TopologyTable& table, const TableDecision& decision) {
    Open("table");
    Number("app_id", table.app_id);
    Text("status", table.status == TableStatus::kAvailable ? "available" : "dropped");
    Text("app_type", table.app_type);
    Text("app_name", table.app_name);
    Number("partition_count", table.partition_count);
    Pairs("envs", table.envs);
    Bool("is_stateful", table.is_stateful);
    Number("max_replica_count", table.max_replica_count);
    Number("expire_second", table.expire_second);
    Number("create_second", table.create_second);
    Number("drop_second", table.drop_second);
    Bool("duplicating", table.duplicating);
    Number("init_partition_count", table.init_partition_count);
    Bool("is_bulk_loading", table.is_bulk_loading);
    Bool("atomic_idempotent", table.atomic_idempotent);
    Text("old_name", decision.old_name);
    Bool("placeholder", decision.placeholder);
    Bool("probably_dropped", decision.probably_dropped);
    Nodes("described_by", decision.described_by);
    Number("partitions", table.partitions_count);
    return Close();
  }

  absl::Status WritePartition(const TopologyTable& table, uint32_t position) {
    const TopologyPartition& partition = plan_.topology.partitions[position];
    const PartitionDecision& decision = plan_.partitions[position];
    Open("partition");
    Text("pid", absl::StrCat(table.app_id, ".", partition.index));
    Number("ballot", partition.ballot);
    Number("last_committed_decree", partition.last_committed_decree);
    Number("flags", partition.partition_flags);
    Bool("lost", decision.lost);
    json_.Key("primary");
    if (partition.primary == kNoNode) {
      json_.Null();
    } else {
      json_.Uint(partition.primary);
    }
    Nodes("last_drops", plan_.topology.LastDropsOf(partition));
    json_.Key("replicas");
    json_.StartArray();
    for (const RankedReplica& replica : plan_.ReplicasOf(decision)) WriteReplica(replica);
    json_.EndArray();
    return Close();
  }

  void WriteReplica(const RankedReplica& replica) {
    json_.StartArray();
    json_.Uint(replica.node);
    String(ReplicaStatusName(replica.status));
    json_.Int64(replica.ballot);
    json_.Int64(replica.last_committed_decree);
    json_.Int64(replica.last_prepared_decree);
    String(ReplicaRoleName(replica.role));
    String(RankReasonName(replica.reason));
    json_.EndArray();
  }

  absl::Status WriteFinding(const Finding& finding) {
    Open("finding");
    Text("kind", FindingKindName(finding.kind));
    Text("severity", SeverityName(finding.severity));
    if (finding.node != kNoNode) Number("node", finding.node);
    if (finding.app_id != 0) Number("app_id", finding.app_id);
    if (finding.partition_index >= 0) Number("partition_index", finding.partition_index);
    Pairs("facts", finding.facts);
    return Close();
  }

  // A line is an object with one key, which says what it is about.
  void Open(const char* key) {
    json_.StartObject();
    json_.Key(key);
    json_.StartObject();
  }
  absl::Status Close() {
    json_.EndObject();
    json_.EndObject();
    return EndLine();
  }

  // Bytes that are no UTF-8, which a peer may have sent, as {"hex": ...}.
  void String(absl::string_view text) {
    if (IsUtf8(text)) {
      json_.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
      return;
    }
    json_.StartObject();
    json_.Key("hex");
    json_.String(absl::BytesToHexString(text));
    json_.EndObject();
  }
  void Text(const char* key, absl::string_view text) {
    json_.Key(key);
    String(text);
  }
  void Number(const char* key, int64_t number) {
    json_.Key(key);
    json_.Int64(number);
  }
  void Count(const char* key, size_t count) { Number(key, static_cast<int64_t>(count)); }
  void Bool(const char* key, bool value) {
    json_.Key(key);
    json_.Bool(value);
  }
  void Nodes(const char* key, absl::Span<const NodeIndex> nodes) {
    json_.Key(key);
    json_.StartArray();
    for (const NodeIndex node : nodes) json_.Uint(node);
    json_.EndArray();
  }
  // Pairs instead of an object, because keys may repeat or be no valid text.
  template <typename Container>
  void Pairs(const char* key, const Container& pairs) {
    json_.Key(key);
    json_.StartArray();
    for (const auto& [first, second] : pairs) {
      json_.StartArray();
      String(first);
      String(second);
      json_.EndArray();
    }
    json_.EndArray();
  }

  absl::string_view Line() const { return {buffer_.GetString(), buffer_.GetSize()}; }
  absl::Status EndLine() {
    digest_.Add(Line());
    const absl::Status status = sink_(Line());
    buffer_.Clear();
    json_.Reset(buffer_);
    return status;
  }

  const RecoveryPlan& plan_;
  const absl::FunctionRef<absl::Status(absl::string_view)> sink_;
  LineDigest digest_;
  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> json_;
};

}  // namespace

absl::Status EncodePlanLines(const RecoveryPlan& plan,
                             absl::FunctionRef<absl::Status(absl::string_view line)> sink) {
  return PlanEncoder(plan, sink).Run();
}

}  // namespace metarec
