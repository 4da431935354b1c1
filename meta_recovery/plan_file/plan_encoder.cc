#include <algorithm>
#include <map>
#include <type_traits>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>

#include "base/line_file/json_line_writer.h"
#include "base/runtime/status_macros.h"
#include "meta_recovery/plan_file/plan_lines.h"

namespace metarec {
namespace {

class PlanEncoder {
 public:
  PlanEncoder(const RecoveryPlan& plan, JsonLineWriter::Sink sink) : plan_(plan), out_(sink) {}

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
    out_.json().StartObject();
    return out_.EndFile();
  }

 private:
  absl::Status WriteHeader() {
    out_.json().StartObject();
    out_.Text("format", kPlanFormat);
    out_.Number("version", kPlanVersion);
    out_.Text("outcome", PlanOutcomeName(plan_.outcome));
    out_.Number("collected_at", absl::ToUnixSeconds(plan_.evidence_collected_at));
    out_.json().Key("counts");
    out_.json().StartObject();
    out_.Count("nodes", plan_.nodes.size());
    out_.Count("tables", plan_.tables.size());
    out_.Count("partitions", plan_.partitions.size());
    out_.Count("replicas", plan_.replicas.size());
    out_.Count("last_drops", plan_.topology.last_drops.size());
    out_.Count("findings", plan_.findings.size());
    out_.json().EndObject();
    out_.json().EndObject();
    return out_.EndLine();
  }

  absl::Status WriteOptions() {
    const PlanOptions& options = plan_.options;
    out_.Open("options");
    out_.Bool("skip_bad_nodes", options.skip_bad_nodes);
    out_.Bool("skip_lost_partitions", options.skip_lost_partitions);
    out_.Bool("accept_still_served", options.accept_still_served);
    out_.Text("rename_separator", options.rename_separator);
    out_.Number("max_app_id", options.max_app_id);
    out_.Number("max_partition_count", options.max_partition_count);
    out_.Pairs("settlements", options.settlements);
    return out_.Close();
  }

  absl::Status WriteNode(size_t index) {
    const TopologyNode& node = plan_.topology.nodes[index];
    const NodeDecision& decision = plan_.nodes[index];
    out_.Open("node");
    out_.Text("address", node.address.ToString());
    out_.Text("name", node.name);
    out_.Strings("listed_as", decision.listed_as);
    out_.Text("name_source", NodeNameSourceName(decision.name_source));
    out_.Text("error", decision.error);
    out_.Text("error_detail", decision.error_detail);
    out_.Number("tables", decision.tables);
    out_.Number("replicas", decision.replicas);
    return out_.Close();
  }

  absl::Status WriteTable(const TopologyTable& table, const TableDecision& decision) {
    out_.Open("table");
    out_.Number("app_id", table.app_id);
    VisitTableFields([&](auto field) {
      if (field.kRule != TableFieldRule::kIdentity) WriteField(field.name, field.of(table));
    });
    out_.Text("old_name", decision.old_name);
    out_.Bool("placeholder", decision.placeholder);
    out_.Bool("probably_dropped", decision.probably_dropped);
    Nodes("described_by", decision.described_by);
    out_.Number("partitions", table.partitions_count);
    return out_.Close();
  }

  template <typename Value>
  void WriteField(const char* name, const Value& value) {
    if constexpr (std::is_same_v<Value, TableStatus>) {
      out_.Text(name, TableStatusWord(value));
    } else if constexpr (std::is_same_v<Value, bool>) {
      out_.Bool(name, value);
    } else if constexpr (std::is_integral_v<Value>) {
      out_.Number(name, value);
    } else if constexpr (std::is_same_v<Value, std::string>) {
      out_.Text(name, value);
    } else {
      out_.Pairs(name, value);
    }
  }

  absl::Status WritePartition(const TopologyTable& table, uint32_t position) {
    const TopologyPartition& partition = plan_.topology.partitions[position];
    const PartitionDecision& decision = plan_.partitions[position];
    out_.Open("partition");
    out_.Text("pid", absl::StrCat(table.app_id, ".", partition.index));
    out_.Number("ballot", partition.ballot);
    out_.Number("last_committed_decree", partition.last_committed_decree);
    out_.Number("flags", partition.partition_flags);
    out_.Bool("lost", decision.lost);
    out_.json().Key("primary");
    if (partition.primary == kNoNode) {
      out_.json().Null();
    } else {
      out_.json().Int(partition.primary);
    }
    Nodes("last_drops", plan_.topology.LastDropsOf(partition));
    out_.json().Key("replicas");
    out_.json().StartArray();
    for (const RankedReplica& replica : plan_.ReplicasOf(decision)) WriteReplica(replica);
    out_.json().EndArray();
    return out_.Close();
  }

  void WriteReplica(const RankedReplica& replica) {
    out_.json().StartArray();
    out_.json().Int(replica.node);
    out_.String(ReplicaStatusName(replica.status));
    out_.json().Int(replica.ballot);
    out_.json().Int(replica.last_committed_decree);
    out_.json().Int(replica.last_prepared_decree);
    out_.String(ReplicaRoleName(replica.role));
    out_.String(RankReasonName(replica.reason));
    out_.json().EndArray();
  }

  absl::Status WriteFinding(const Finding& finding) {
    out_.Open("finding");
    out_.Text("kind", FindingKindName(finding.kind));
    out_.Text("severity", SeverityName(finding.severity));
    if (finding.node != kNoNode) out_.Number("node", finding.node);
    if (finding.app_id != 0) out_.Number("app_id", finding.app_id);
    if (finding.partition_index >= 0) out_.Number("partition_index", finding.partition_index);
    out_.Pairs("facts", finding.facts);
    return out_.Close();
  }

  void Nodes(const char* key, absl::Span<const NodeIndex> nodes) {
    out_.json().Key(key);
    out_.json().StartArray();
    for (const NodeIndex node : nodes) out_.json().Int(node);
    out_.json().EndArray();
  }

  const RecoveryPlan& plan_;
  JsonLineWriter out_;
};

}  // namespace

absl::Status EncodePlanLines(const RecoveryPlan& plan,
                             absl::FunctionRef<absl::Status(absl::string_view line)> sink) {
  return PlanEncoder(plan, sink).Run();
}

}  // namespace metarec
