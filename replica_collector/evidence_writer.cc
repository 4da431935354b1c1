#include <algorithm>
#include <utility>

#include <absl/types/span.h>

#include "base/line_file/json_line_writer.h"
#include "base/line_file/line_file.h"
#include "base/runtime/status_macros.h"
#include "replica_collector/evidence_file.h"

namespace metarec {
namespace {

// Keeps a line at some 60 kB.
constexpr size_t kReplicasPerLine = 1000;

class EvidenceWriter {
 public:
  explicit EvidenceWriter(JsonLineWriter::Sink sink) : out_(sink) {}

  absl::Status Write(const Evidence& evidence) {
    METAREC_RETURN_IF_ERROR(WriteHeader(evidence));
    for (const NodeEvidence& node : evidence.nodes) METAREC_RETURN_IF_ERROR(WriteNode(node));
    return WriteEnd(evidence);
  }

 private:
  absl::Status WriteHeader(const Evidence& evidence) {
    out_.json().StartObject();
    out_.Text("format", "metarec-evidence");
    out_.Number("version", 1);
    out_.Number("collected_at", absl::ToUnixSeconds(evidence.collected_at));
    out_.json().EndObject();
    return out_.EndLine();
  }

  absl::Status WriteNode(const NodeEvidence& node) {
    out_.Open("node");
    out_.Strings("listed_as", node.listed_as);
    out_.Text("address", node.address.ToString());
    out_.Text("name", node.name);
    out_.Text("name_source", NodeNameSourceName(node.name_source));
    out_.Text("error", node.error);
    out_.Text("error_detail", node.error_detail);
    out_.Number("attempts", node.attempts);
    out_.Count("tables", node.tables.size());
    out_.Count("replicas", node.replicas.size());
    METAREC_RETURN_IF_ERROR(out_.Close());
    for (const TableRecord& table : node.tables) METAREC_RETURN_IF_ERROR(WriteTable(table));
    return WriteReplicas(node.replicas);
  }

  absl::Status WriteTable(const TableRecord& table) {
    out_.Open("table");
    out_.Number("status", table.status);
    out_.Text("app_type", table.app_type);
    out_.Text("app_name", table.app_name);
    out_.Number("app_id", table.app_id);
    out_.Number("partition_count", table.partition_count);
    out_.Pairs("envs", table.envs);
    out_.Bool("is_stateful", table.is_stateful);
    out_.Number("max_replica_count", table.max_replica_count);
    out_.Number("expire_second", table.expire_second);
    out_.Number("create_second", table.create_second);
    out_.Number("drop_second", table.drop_second);
    out_.Bool("duplicating", table.duplicating);
    out_.Number("init_partition_count", table.init_partition_count);
    out_.Bool("is_bulk_loading", table.is_bulk_loading);
    out_.Bool("atomic_idempotent", table.atomic_idempotent);
    return out_.Close();
  }

  absl::Status WriteReplicas(absl::Span<const ReplicaRecord> replicas) {
    while (!replicas.empty()) {
      const auto chunk = replicas.subspan(0, kReplicasPerLine);
      out_.json().StartObject();
      out_.json().Key("replicas");
      out_.json().StartArray();
      for (const ReplicaRecord& replica : chunk) WriteReplica(replica);
      out_.json().EndArray();
      out_.json().EndObject();
      METAREC_RETURN_IF_ERROR(out_.EndLine());
      replicas.remove_prefix(chunk.size());
    }
    return absl::OkStatus();
  }

  void WriteReplica(const ReplicaRecord& replica) {
    out_.json().StartArray();
    out_.json().Int(replica.app_id);
    out_.json().Int(replica.partition_index);
    out_.json().Int(static_cast<int32_t>(replica.status));
    out_.json().Int(replica.ballot);
    out_.json().Int(replica.last_committed_decree);
    out_.json().Int(replica.last_prepared_decree);
    out_.json().Int(replica.last_durable_decree);
    out_.json().EndArray();
  }

  absl::Status WriteEnd(const Evidence& evidence) {
    size_t tables = 0;
    size_t replicas = 0;
    for (const NodeEvidence& node : evidence.nodes) {
      tables += node.tables.size();
      replicas += node.replicas.size();
    }
    out_.json().StartObject();
    out_.json().Key("counts");
    out_.json().StartObject();
    out_.Count("nodes", evidence.nodes.size());
    out_.Count("tables", tables);
    out_.Count("replicas", replicas);
    out_.json().EndObject();
    return out_.EndFile();
  }

  JsonLineWriter out_;
};

}  // namespace

absl::Status WriteEvidenceFile(const Evidence& evidence, const std::string& path,
                               const EvidenceFileOptions& options) {
  METAREC_ASSIGN_OR_RETURN(
      LineWriter file,
      LineWriter::Create(path, {.overwrite = options.overwrite,
                                .line_bytes_max = options.line_bytes_max,
                                .interrupt_descriptor = options.interrupt_descriptor}));
  const auto append = [&file](absl::string_view line) { return file.Append(line); };
  METAREC_RETURN_IF_ERROR(EvidenceWriter(append).Write(evidence));
  return file.Finish();
}

}  // namespace metarec
