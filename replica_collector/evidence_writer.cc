#include <algorithm>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include <absl/types/span.h>

#include "base/line_file/json_lines.h"
#include "base/line_file/line_file.h"
#include "base/runtime/status_macros.h"
#include "idl/table_description.h"
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
    for (const BeaconSender& sender : evidence.unlisted) {
      METAREC_RETURN_IF_ERROR(WriteUnlisted(sender));
    }
    return WriteEnd(evidence);
  }

 private:
  absl::Status WriteHeader(const Evidence& evidence) {
    out_.StartObject();
    out_.String("format", kEvidenceFormat);
    const bool has_disks =
        std::any_of(evidence.nodes.begin(), evidence.nodes.end(),
                    [](const NodeEvidence& node) { return node.disk.has_value(); });
    out_.Int("version", has_disks ? kEvidenceVersionWithDisks : kEvidenceVersion);
    out_.Int("collected_at", absl::ToUnixSeconds(evidence.collected_at));
    out_.EndObject();
    return out_.EndLine();
  }

  absl::Status WriteNode(const NodeEvidence& node) {
    out_.Open("node");
    out_.Strings("listed_as", node.listed_as);
    out_.String("address", node.address.ToString());
    out_.String("name", node.name);
    out_.String("name_source", NodeNameSourceName(node.name_source));
    // These are left out where there is nothing to say.
    if (node.own_address != Ipv4Endpoint{}) {
      out_.String("own_address", node.own_address.ToString());
    }
    if (!node.ambiguous.empty()) WriteAmbiguous(node.ambiguous);
    if (!node.looked_up_name.empty()) out_.String("looked_up_name", node.looked_up_name);
    if (!node.beacon_names.empty()) out_.Strings("beacon_names", node.beacon_names);
    if (node.disk.has_value()) WriteDisk(*node.disk);
    out_.String("error", node.error);
    out_.String("error_detail", node.error_detail);
    out_.Int("attempts", node.attempts);
    out_.Int("tables", node.tables.size());
    out_.Int("replicas", node.replicas.size());
    METAREC_RETURN_IF_ERROR(out_.Close());
    for (const TableRecord& table : node.tables) METAREC_RETURN_IF_ERROR(WriteTable(table));
    return WriteReplicas(node.replicas);
  }

  void WriteAmbiguous(const std::vector<AmbiguousEntry>& ambiguous) {
    out_.StartArray("ambiguous");
    for (const AmbiguousEntry& entry : ambiguous) {
      std::vector<std::string> addresses;
      for (const Ipv4Endpoint& address : entry.not_asked) addresses.push_back(address.ToString());
      out_.StartObject();
      out_.String("text", entry.text);
      out_.Strings("not_asked", addresses);
      out_.EndObject();
    }
    out_.EndArray();
  }

  void WriteDisk(const DiskFolders& disk) {
    out_.Key("disk");
    out_.StartObject();
    out_.Strings("set_aside", disk.set_aside);
    out_.Strings("unusable", disk.unusable);
    out_.EndObject();
  }

  absl::Status WriteUnlisted(const BeaconSender& sender) {
    out_.Open("unlisted");
    out_.String("address", sender.address.ToString());
    out_.Strings("names", sender.names);
    out_.Bool("is_there", sender.is_there);
    return out_.Close();
  }

  absl::Status WriteTable(const TableRecord& table) {
    out_.Open("table");
    VisitTableFields([&](auto field) { WriteField(field.name, field.of(table)); });
    return out_.Close();
  }

  template <typename Value>
  void WriteField(const char* name, const Value& value) {
    if constexpr (std::is_same_v<Value, bool>) {
      out_.Bool(name, value);
    } else if constexpr (std::is_same_v<Value, std::string>) {
      out_.String(name, value);
    } else if constexpr (std::is_integral_v<Value> || std::is_enum_v<Value>) {
      out_.Int(name, static_cast<int64_t>(value));
    } else {
      out_.Pairs(name, value);
    }
  }

  absl::Status WriteReplicas(absl::Span<const ReplicaRecord> replicas) {
    while (!replicas.empty()) {
      const auto chunk = replicas.subspan(0, kReplicasPerLine);
      out_.StartObject();
      out_.Key("replicas");
      out_.StartArray();
      for (const ReplicaRecord& replica : chunk) WriteReplica(replica);
      out_.EndArray();
      out_.EndObject();
      METAREC_RETURN_IF_ERROR(out_.EndLine());
      replicas.remove_prefix(chunk.size());
    }
    return absl::OkStatus();
  }

  void WriteReplica(const ReplicaRecord& replica) {
    out_.StartArray();
    out_.Int(replica.app_id);
    out_.Int(replica.partition_index);
    out_.Int(static_cast<int32_t>(replica.status));
    out_.Int(replica.ballot);
    out_.Int(replica.last_committed_decree);
    out_.Int(replica.last_prepared_decree);
    out_.Int(replica.last_durable_decree);
    out_.EndArray();
  }

  absl::Status WriteEnd(const Evidence& evidence) {
    size_t tables = 0;
    size_t replicas = 0;
    for (const NodeEvidence& node : evidence.nodes) {
      tables += node.tables.size();
      replicas += node.replicas.size();
    }
    out_.StartObject();
    out_.Key("counts");
    out_.StartObject();
    out_.Int("nodes", evidence.nodes.size());
    out_.Int("tables", tables);
    out_.Int("replicas", replicas);
    out_.EndObject();
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
