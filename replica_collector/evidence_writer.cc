#include <algorithm>
#include <utility>

#include <absl/strings/escaping.h>
#include <absl/types/span.h>
#include <rapidjson/encodings.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "replica_collector/evidence_file.h"
#include "replica_collector/line_digest.h"
#include "replica_collector/line_file.h"
#include "runtime/status_macros.h"

namespace metarec {
namespace {

// Keeps a line at some 60 kB.
constexpr size_t kReplicasPerLine = 1000;

bool IsUtf8(absl::string_view text) {
  rapidjson::MemoryStream in(text.data(), text.size());
  rapidjson::StringBuffer ignored;
  while (in.Tell() < text.size()) {
    ignored.Clear();
    if (!rapidjson::UTF8<>::Validate(in, ignored)) return false;
  }
  return true;
}

class EvidenceWriter {
 public:
  explicit EvidenceWriter(LineWriter* file) : file_(file), json_(buffer_) {}

  absl::Status Write(const Evidence& evidence) {
    METAREC_RETURN_IF_ERROR(WriteHeader(evidence));
    for (const NodeEvidence& node : evidence.nodes) METAREC_RETURN_IF_ERROR(WriteNode(node));
    return WriteEnd(evidence);
  }

 private:
  absl::Status WriteHeader(const Evidence& evidence) {
    json_.StartObject();
    Text("format", "metarec-evidence");
    Number("version", 1);
    Number("collected_at", absl::ToUnixSeconds(evidence.collected_at));
    json_.EndObject();
    return EndLine();
  }

  absl::Status WriteNode(const NodeEvidence& node) {
    json_.StartObject();
    json_.Key("node");
    json_.StartObject();
    json_.Key("listed_as");
    json_.StartArray();
    for (const std::string& text : node.listed_as) String(text);
    json_.EndArray();
    Text("address", node.address.ToString());
    Text("name", node.name);
    Text("name_source", NodeNameSourceName(node.name_source));
    Text("error", node.error);
    Text("error_detail", node.error_detail);
    Number("attempts", node.attempts);
    Number("tables", static_cast<int64_t>(node.tables.size()));
    Number("replicas", static_cast<int64_t>(node.replicas.size()));
    json_.EndObject();
    json_.EndObject();
    METAREC_RETURN_IF_ERROR(EndLine());
    for (const TableRecord& table : node.tables) METAREC_RETURN_IF_ERROR(WriteTable(table));
    return WriteReplicas(node.replicas);
  }

  absl::Status WriteTable(const TableRecord& table) {
    json_.StartObject();
    json_.Key("table");
    json_.StartObject();
    Number("status", table.status);
    Text("app_type", table.app_type);
    Text("app_name", table.app_name);
    Number("app_id", table.app_id);
    Number("partition_count", table.partition_count);
    WriteEnvs(table);
    Bool("is_stateful", table.is_stateful);
    Number("max_replica_count", table.max_replica_count);
    Number("expire_second", table.expire_second);
    Number("create_second", table.create_second);
    Number("drop_second", table.drop_second);
    Bool("duplicating", table.duplicating);
    Number("init_partition_count", table.init_partition_count);
    Bool("is_bulk_loading", table.is_bulk_loading);
    Bool("atomic_idempotent", table.atomic_idempotent);
    json_.EndObject();
    json_.EndObject();
    return EndLine();
  }

  // Pairs instead of an object, because a name may be no valid text.
  void WriteEnvs(const TableRecord& table) {
    json_.Key("envs");
    json_.StartArray();
    for (const auto& [name, value] : table.envs) {
      json_.StartArray();
      String(name);
      String(value);
      json_.EndArray();
    }
    json_.EndArray();
  }

  absl::Status WriteReplicas(absl::Span<const ReplicaRecord> replicas) {
    while (!replicas.empty()) {
      const auto chunk = replicas.subspan(0, kReplicasPerLine);
      json_.StartObject();
      json_.Key("replicas");
      json_.StartArray();
      for (const ReplicaRecord& replica : chunk) WriteReplica(replica);
      json_.EndArray();
      json_.EndObject();
      METAREC_RETURN_IF_ERROR(EndLine());
      replicas.remove_prefix(chunk.size());
    }
    return absl::OkStatus();
  }

  void WriteReplica(const ReplicaRecord& replica) {
    json_.StartArray();
    json_.Int(replica.app_id);
    json_.Int(replica.partition_index);
    json_.Int(static_cast<int32_t>(replica.status));
    json_.Int64(replica.ballot);
    json_.Int64(replica.last_committed_decree);
    json_.Int64(replica.last_prepared_decree);
    json_.Int64(replica.last_durable_decree);
    json_.EndArray();
  }

  absl::Status WriteEnd(const Evidence& evidence) {
    size_t tables = 0;
    size_t replicas = 0;
    for (const NodeEvidence& node : evidence.nodes) {
      tables += node.tables.size();
      replicas += node.replicas.size();
    }
    json_.StartObject();
    json_.Key("counts");
    json_.StartObject();
    Number("nodes", static_cast<int64_t>(evidence.nodes.size()));
    Number("tables", static_cast<int64_t>(tables));
    Number("replicas", static_cast<int64_t>(replicas));
    json_.EndObject();
    Text("digest", digest_.Finish());
    json_.EndObject();
    return file_->Append(absl::string_view(buffer_.GetString(), buffer_.GetSize()));
  }

  // Text as a JSON string; bytes that are no UTF-8, which a peer may have sent, as {"hex": ...}.
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
  void Bool(const char* key, bool value) {
    json_.Key(key);
    json_.Bool(value);
  }

  absl::Status EndLine() {
    const absl::string_view line(buffer_.GetString(), buffer_.GetSize());
    digest_.Add(line);
    const absl::Status status = file_->Append(line);
    buffer_.Clear();
    json_.Reset(buffer_);
    return status;
  }

  LineWriter* const file_;
  LineDigest digest_;
  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> json_;
};

}  // namespace

absl::Status WriteEvidenceFile(const Evidence& evidence, const std::string& path,
                               const EvidenceFileOptions& options) {
  METAREC_ASSIGN_OR_RETURN(LineWriter file,
                           LineWriter::Create(path, {.overwrite = options.overwrite,
                                                     .line_bytes_max = options.line_bytes_max}));
  METAREC_RETURN_IF_ERROR(EvidenceWriter(&file).Write(evidence));
  return file.Finish();
}

}  // namespace metarec
