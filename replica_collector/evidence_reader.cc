#include <cstdint>
#include <utility>

#include <absl/container/flat_hash_map.h>
#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <rapidjson/document.h>

#include "replica_collector/evidence_file.h"
#include "replica_collector/json_field.h"
#include "replica_collector/line_digest.h"
#include "replica_collector/line_file.h"
#include "runtime/status_macros.h"

namespace metarec {
namespace {

using Json = rapidjson::Value;

constexpr absl::string_view kFormat = "metarec-evidence";
constexpr int kVersion = 1;
constexpr absl::string_view kRemedy = "; collect again, or take an intact copy";
constexpr size_t kFieldsOfReplica = 7;

// Addresses of nodes whose host name could not be resolved.
constexpr absl::string_view kNoAddress = "0.0.0.0:0";

class EvidenceReader {
 public:
  EvidenceReader(LineReader* file, const EvidenceFileOptions& options)
      : file_(file), options_(options) {}

  absl::StatusOr<Evidence> Read() {
    METAREC_RETURN_IF_ERROR(ReadHeader());
    while (!ended_) {
      METAREC_ASSIGN_OR_RETURN(const bool more, NextLine());
      if (!more) return Truncated();
      METAREC_RETURN_IF_ERROR(ReadLine());
    }
    METAREC_ASSIGN_OR_RETURN(const bool more, file_->Next(&line_));
    if (more) return Damaged("text behind the last line of the evidence");
    return std::move(evidence_);
  }

 private:
  absl::Status Damaged(absl::string_view what) const {
    return absl::DataLossError(
        absl::StrCat(file_->Where(), ": ", what, " (edited or damaged)", kRemedy));
  }
  absl::Status Truncated() const {
    return absl::DataLossError(absl::StrCat(file_->Where(),
                                            ": the file ends before its last line, which holds the "
                                            "digest: it is truncated",
                                            kRemedy));
  }
  absl::Status NotEvidence(absl::string_view what) const {
    return absl::InvalidArgumentError(
        absl::StrCat(file_->path(), ":1: not an evidence file: ", what,
                     "; give a file that `metarec collect --evidence` wrote"));
  }
  absl::Status AboveBound(absl::string_view what, size_t bound) const {
    return absl::ResourceExhaustedError(absl::StrCat(file_->Where(), ": more than ", bound, " ",
                                                     what, ", the bound of this program"));
  }

  // Reads and parses a line; false at the end of the file.
  absl::StatusOr<bool> NextLine() {
    METAREC_ASSIGN_OR_RETURN(const bool more, file_->Next(&line_));
    if (more) {
      // The document keeps the memory of every line that it parsed until told otherwise.
      json_.SetNull();
      json_.GetAllocator().Clear();
      // Iteratively: nesting must not use up the stack.
      json_.Parse<rapidjson::kParseIterativeFlag>(line_.data(), line_.size());
    }
    return more;
  }

  absl::Status ReadHeader() {
    METAREC_ASSIGN_OR_RETURN(const bool more, NextLine());
    if (!more) return NotEvidence("it is empty");
    if (json_.HasParseError() || !json_.IsObject()) return NotEvidence("its first line is no JSON");
    std::string format;
    if (!ReadField(json_, "format", &format)) return NotEvidence("its first line names no format");
    if (format != kFormat) {
      return NotEvidence(absl::StrCat("its format is '", absl::CHexEscape(format), "'"));
    }
    int64_t version = 0;
    if (!ReadField(json_, "version", &version) || version != kVersion) {
      return absl::InvalidArgumentError(absl::StrCat(
          file_->path(), ":1: this evidence is of another version than ", kVersion,
          ", the only one that this program reads; collect again with this program, or use the "
          "one that wrote it"));
    }
    int64_t collected_at = 0;
    METAREC_RETURN_IF_ERROR(Get(json_, "collected_at", &collected_at));
    evidence_.collected_at = absl::FromUnixSeconds(collected_at);
    digest_.Add(line_);
    return absl::OkStatus();
  }

  absl::Status ReadLine() {
    if (json_.HasParseError() || !json_.IsObject()) {
      return file_->line_was_terminated() ? Damaged("not a JSON object") : Truncated();
    }
    if (FindField(json_, "digest") != nullptr) return ReadEnd();
    digest_.Add(line_);
    if (const Json* node = FindField(json_, "node")) return ReadNode(*node);
    if (const Json* table = FindField(json_, "table")) return ReadTable(*table);
    if (const Json* replicas = FindField(json_, "replicas")) return ReadReplicas(*replicas);
    return Damaged("neither a node, a table, replicas nor the end");
  }

  absl::Status ReadNode(const Json& json) {
    METAREC_RETURN_IF_ERROR(CheckLastNodeIsWhole());
    if (evidence_.nodes.size() == options_.nodes_max) {
      return AboveBound("nodes", options_.nodes_max);
    }
    NodeEvidence node;
    METAREC_RETURN_IF_ERROR(GetListedAs(json, &node));
    METAREC_RETURN_IF_ERROR(GetAddress(json, &node));
    METAREC_RETURN_IF_ERROR(Get(json, "name", &node.name));
    METAREC_RETURN_IF_ERROR(GetNameSource(json, &node));
    METAREC_RETURN_IF_ERROR(Get(json, "error", &node.error));
    METAREC_RETURN_IF_ERROR(Get(json, "error_detail", &node.error_detail));
    METAREC_RETURN_IF_ERROR(Get(json, "attempts", &node.attempts));
    METAREC_RETURN_IF_ERROR(Get(json, "tables", &tables_expected_));
    METAREC_RETURN_IF_ERROR(Get(json, "replicas", &replicas_expected_));
    if (tables_expected_ < 0 || replicas_expected_ < 0) return Damaged("a negative count");
    if (!node.complete() && tables_expected_ + replicas_expected_ != 0) {
      return Damaged("a node that failed has tables or replicas");
    }
    evidence_.nodes.push_back(std::move(node));
    return absl::OkStatus();
  }

  absl::Status GetListedAs(const Json& json, NodeEvidence* node) {
    const Json* texts = FindField(json, "listed_as");
    if (texts == nullptr || !texts->IsArray() || texts->Empty()) return Wrong("listed_as");
    for (const Json& element : texts->GetArray()) {
      if (!ReadText(element, &node->listed_as.emplace_back())) return Wrong("listed_as");
      const auto [first, is_new] =
          line_of_entry_.try_emplace(node->listed_as.back(), file_->line_number());
      if (!is_new) return Duplicate(node->listed_as.back(), first->second);
    }
    return absl::OkStatus();
  }

  absl::Status GetAddress(const Json& json, NodeEvidence* node) {
    std::string text;
    METAREC_RETURN_IF_ERROR(Get(json, "address", &text));
    if (text == kNoAddress) return absl::OkStatus();
    const absl::StatusOr<Ipv4Endpoint> address = ParseIpv4Endpoint(text);
    if (!address.ok()) return Damaged(absl::StrCat("'address': ", address.status().message()));
    node->address = *address;
    const auto [first, is_new] = line_of_address_.try_emplace(text, file_->line_number());
    return is_new ? absl::OkStatus() : Duplicate(text, first->second);
  }

  absl::Status GetNameSource(const Json& json, NodeEvidence* node) {
    std::string name;
    METAREC_RETURN_IF_ERROR(Get(json, "name_source", &name));
    for (const NodeNameSource source :
         {NodeNameSource::kOverride, NodeNameSource::kBeacon, NodeNameSource::kReverseLookup,
          NodeNameSource::kNodeList}) {
      if (name == NodeNameSourceName(source)) {
        node->name_source = source;
        return absl::OkStatus();
      }
    }
    return Damaged("'name_source' is not one of the known ones");
  }

  absl::Status Duplicate(absl::string_view node, int64_t first_line) const {
    return Damaged(
        absl::StrCat("node ", absl::CHexEscape(node), " is there already, in line ", first_line));
  }

  absl::Status ReadTable(const Json& json) {
    if (evidence_.nodes.empty()) return Damaged("a table before any node");
    NodeEvidence& node = evidence_.nodes.back();
    if (static_cast<int64_t>(node.tables.size()) == tables_expected_ || !node.replicas.empty()) {
      return Damaged("a table that the node does not announce");
    }
    if (++tables_ > options_.tables_max) return AboveBound("tables", options_.tables_max);
    TableRecord& table = node.tables.emplace_back();
    METAREC_RETURN_IF_ERROR(Get(json, "status", &table.status));
    METAREC_RETURN_IF_ERROR(Get(json, "app_type", &table.app_type));
    METAREC_RETURN_IF_ERROR(Get(json, "app_name", &table.app_name));
    METAREC_RETURN_IF_ERROR(Get(json, "app_id", &table.app_id));
    METAREC_RETURN_IF_ERROR(Get(json, "partition_count", &table.partition_count));
    METAREC_RETURN_IF_ERROR(GetEnvs(json, &table));
    METAREC_RETURN_IF_ERROR(Get(json, "is_stateful", &table.is_stateful));
    METAREC_RETURN_IF_ERROR(Get(json, "max_replica_count", &table.max_replica_count));
    METAREC_RETURN_IF_ERROR(Get(json, "expire_second", &table.expire_second));
    METAREC_RETURN_IF_ERROR(Get(json, "create_second", &table.create_second));
    METAREC_RETURN_IF_ERROR(Get(json, "drop_second", &table.drop_second));
    METAREC_RETURN_IF_ERROR(Get(json, "duplicating", &table.duplicating));
    METAREC_RETURN_IF_ERROR(Get(json, "init_partition_count", &table.init_partition_count));
    METAREC_RETURN_IF_ERROR(Get(json, "is_bulk_loading", &table.is_bulk_loading));
    return Get(json, "atomic_idempotent", &table.atomic_idempotent);
  }

  absl::Status GetEnvs(const Json& json, TableRecord* table) {
    const Json* envs = FindField(json, "envs");
    if (envs == nullptr || !envs->IsArray()) return Wrong("envs");
    for (const Json& pair : envs->GetArray()) {
      std::string name;
      std::string value;
      if (!pair.IsArray() || pair.Size() != 2 || !ReadText(pair[0], &name) ||
          !ReadText(pair[1], &value)) {
        return Wrong("envs");
      }
      table->envs[name] = value;
    }
    return absl::OkStatus();
  }

  absl::Status ReadReplicas(const Json& json) {
    if (evidence_.nodes.empty()) return Damaged("replicas before any node");
    if (!json.IsArray()) return Damaged("'replicas' is no array");
    NodeEvidence& node = evidence_.nodes.back();
    if (static_cast<int64_t>(node.replicas.size() + json.Size()) > replicas_expected_) {
      return Damaged("more replicas than the node announces");
    }
    replicas_ += json.Size();
    if (replicas_ > options_.replicas_max) return AboveBound("replicas", options_.replicas_max);
    for (const Json& element : json.GetArray()) {
      METAREC_RETURN_IF_ERROR(ReadReplica(element, &node.replicas.emplace_back()));
    }
    return absl::OkStatus();
  }

  absl::Status ReadReplica(const Json& json, ReplicaRecord* replica) const {
    if (!json.IsArray() || json.Size() != kFieldsOfReplica || !json[0].IsInt() ||
        !json[1].IsInt() || !json[2].IsInt() || !json[3].IsInt64() || !json[4].IsInt64() ||
        !json[5].IsInt64() || !json[6].IsInt64()) {
      return Damaged("a replica is not an array of seven integers");
    }
    replica->app_id = json[0].GetInt();
    replica->partition_index = json[1].GetInt();
    replica->status = static_cast<ReplicaStatus>(json[2].GetInt());
    replica->ballot = json[3].GetInt64();
    replica->last_committed_decree = json[4].GetInt64();
    replica->last_prepared_decree = json[5].GetInt64();
    replica->last_durable_decree = json[6].GetInt64();
    return absl::OkStatus();
  }

  absl::Status CheckLastNodeIsWhole() const {
    if (evidence_.nodes.empty()) return absl::OkStatus();
    const NodeEvidence& node = evidence_.nodes.back();
    if (static_cast<int64_t>(node.tables.size()) != tables_expected_ ||
        static_cast<int64_t>(node.replicas.size()) != replicas_expected_) {
      return Damaged(
          absl::StrCat("the node before has fewer tables or replicas than it announces"));
    }
    return absl::OkStatus();
  }

  absl::Status ReadEnd() {
    METAREC_RETURN_IF_ERROR(CheckLastNodeIsWhole());
    std::string digest;
    METAREC_RETURN_IF_ERROR(Get(json_, "digest", &digest));
    const Json* counts = FindField(json_, "counts");
    if (counts == nullptr) return Wrong("counts");
    int64_t nodes = 0;
    int64_t tables = 0;
    int64_t replicas = 0;
    METAREC_RETURN_IF_ERROR(Get(*counts, "nodes", &nodes));
    METAREC_RETURN_IF_ERROR(Get(*counts, "tables", &tables));
    METAREC_RETURN_IF_ERROR(Get(*counts, "replicas", &replicas));
    if (nodes != static_cast<int64_t>(evidence_.nodes.size()) ||
        tables != static_cast<int64_t>(tables_) || replicas != static_cast<int64_t>(replicas_)) {
      return Damaged("the counts differ from what is in the file");
    }
    if (digest != digest_.Finish()) return Damaged("the digest differs from what is in the file");
    ended_ = true;
    return absl::OkStatus();
  }

  absl::Status Wrong(absl::string_view key) const {
    return Damaged(absl::StrCat("'", key, "' is missing, of another type or out of range"));
  }
  template <typename T>
  absl::Status Get(const Json& json, const char* key, T* out) const {
    return ReadField(json, key, out) ? absl::OkStatus() : Wrong(key);
  }

  LineReader* const file_;
  const EvidenceFileOptions options_;
  LineDigest digest_;
  std::string line_;
  rapidjson::Document json_;  // of line_
  Evidence evidence_;
  absl::flat_hash_map<std::string, int64_t> line_of_entry_;
  absl::flat_hash_map<std::string, int64_t> line_of_address_;
  int64_t tables_expected_ = 0;    // of the last node
  int64_t replicas_expected_ = 0;  // of the last node
  size_t tables_ = 0;
  size_t replicas_ = 0;
  bool ended_ = false;
};

}  // namespace

absl::StatusOr<Evidence> ReadEvidenceFile(const std::string& path,
                                          const EvidenceFileOptions& options) {
  METAREC_ASSIGN_OR_RETURN(
      LineReader file,
      LineReader::Open(path, {.line_bytes_max = options.line_bytes_max,
                              .interrupt_descriptor = options.interrupt_descriptor}));
  return EvidenceReader(&file, options).Read();
}

}  // namespace metarec
