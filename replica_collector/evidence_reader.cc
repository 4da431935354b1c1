#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <absl/container/flat_hash_map.h>
#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>

#include "base/json/json_reader.h"
#include "base/line_file/json_lines.h"
#include "base/line_file/line_file.h"
#include "base/runtime/status_macros.h"
#include "base/text/wording.h"
#include "idl/table_description.h"
#include "replica_collector/evidence_file.h"
#include "replica_collector/node_list.h"
#include "replica_collector/table_record_pool.h"

namespace metarec {
namespace {

constexpr absl::string_view kRemedy = "collect again, or take an intact copy";
constexpr size_t kFieldsOfReplica = 7;

// The address of a node whose host name could not be resolved.
constexpr absl::string_view kNoAddress = "0.0.0.0:0";

class EvidenceReader {
 public:
  EvidenceReader(LineReader* file, const EvidenceFileOptions& options)
      : file_(file), options_(options), lines_(file->path(), kRemedy) {}

  absl::StatusOr<Evidence> Read() {
    METAREC_RETURN_IF_ERROR(ReadHeader());
    while (!ended_) {
      METAREC_ASSIGN_OR_RETURN(const bool more, NextLine());
      if (!more) return lines_.Truncated();
      METAREC_RETURN_IF_ERROR(ReadLine());
    }
    METAREC_ASSIGN_OR_RETURN(const bool more, NextLine());
    if (more) return Damaged("text behind the last line of the evidence");
    return std::move(evidence_);
  }

 private:
  absl::Status Damaged(absl::string_view what) const { return lines_.Damaged(what); }
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
    if (more) lines_.Parse(line_, file_->line_was_terminated());
    return more;
  }

  absl::Status ReadHeader() {
    METAREC_ASSIGN_OR_RETURN(const bool more, NextLine());
    if (!more) return NotEvidence("it is empty");
    if (!lines_.has_object()) return NotEvidence("its first line is no JSON");
    JsonFieldReader header(lines_.root());
    const std::string format = header.String("format");
    if (!header.ok()) return NotEvidence("its first line names no format");
    if (format != kEvidenceFormat) {
      return NotEvidence(absl::StrCat("its format is '", absl::CHexEscape(format), "'"));
    }
    may_have_disks_ = header.Int("version", kEvidenceVersion, kEvidenceVersionWithDisks) ==
                      kEvidenceVersionWithDisks;
    if (!header.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(
          file_->path(), ":1: this evidence is of another version than ", kEvidenceVersion, " and ",
          kEvidenceVersionWithDisks,
          ", those that this program reads; collect again with this program, or use the "
          "one that wrote it"));
    }
    evidence_.collected_at =
        absl::FromUnixSeconds(header.Int("collected_at", kTime.least, kTime.most));
    if (!header.ok()) return Damaged(header.error());
    lines_.AddToDigest(line_);
    return absl::OkStatus();
  }

  absl::Status ReadLine() {
    if (!lines_.has_object()) return lines_.NotParsed("not a JSON object");
    JsonFieldReader line(lines_.root());
    if (line.Find("digest")) return ReadEnd();
    lines_.AddToDigest(line_);
    if (const JsonValue node = line.Find("node")) return ReadNode(node);
    if (const JsonValue table = line.Find("table")) return ReadTable(table);
    if (const JsonValue replicas = line.Find("replicas")) return ReadReplicas(replicas);
    if (const JsonValue unlisted = line.Find("unlisted")) return ReadUnlisted(unlisted);
    return Damaged("neither a node, a table, replicas, an unlisted server nor the end");
  }

  absl::Status ReadNode(const JsonValue& json) {
    METAREC_RETURN_IF_ERROR(CheckLastNodeIsWhole());
    if (evidence_.nodes.size() == options_.nodes_max) {
      return AboveBound("nodes", options_.nodes_max);
    }
    NodeEvidence node;
    JsonFieldReader fields(json);
    node.listed_as = fields.Strings("listed_as");
    if (node.listed_as.empty()) fields.Fail("'listed_as' is empty");
    for (const std::string& entry : node.listed_as) CheckHostPort(fields, "listed_as", entry);
    node.address = ReadAddress(fields, "address");
    if (fields.Find("own_address")) node.own_address = ReadAddress(fields, "own_address");
    if (fields.Find("ambiguous")) ReadAmbiguous(fields, &node);
    node.name = fields.String("name");
    ReadNameSource(fields, &node);
    if (fields.Find("looked_up_name")) node.looked_up_name = fields.String("looked_up_name");
    if (fields.Find("beacon_names")) node.beacon_names = fields.Strings("beacon_names");
    if (const JsonValue disk = fields.Find("disk")) ReadDisk(fields, disk, &node);
    node.error = fields.String("error");
    if (!IsErrorName(node.error)) fields.Fail("'error' is no name of an error");
    // A node whose address is not known may have told no name.
    if (node.complete() || !node.name.empty()) CheckHostPort(fields, "name", node.name);
    node.error_detail = fields.String("error_detail");
    node.attempts = fields.Int32("attempts");
    tables_expected_ = fields.Int("tables");
    replicas_expected_ = fields.Int("replicas");
    if (!fields.ok()) return Damaged(fields.error());
    if (tables_expected_ < 0 || replicas_expected_ < 0) return Damaged("a negative count");
    if (!node.complete() && (tables_expected_ > 0 || replicas_expected_ > 0)) {
      return Damaged("a node that failed has tables or replicas");
    }
    if (const absl::Status known = CheckIdentity(node); !known.ok()) {
      return Damaged(known.message());
    }
    METAREC_RETURN_IF_ERROR(CheckIsNew(node));
    evidence_.nodes.push_back(std::move(node));
    return absl::OkStatus();
  }

  static Ipv4Endpoint ReadAddress(JsonFieldReader& fields, const char* key) {
    const std::string text = fields.String(key);
    return text == kNoAddress ? Ipv4Endpoint{} : AddressOf(fields, key, text);
  }

  static Ipv4Endpoint AddressOf(JsonFieldReader& fields, const char* key, const std::string& text) {
    const absl::StatusOr<Ipv4Endpoint> address = ParseIpv4Endpoint(text);
    const absl::Status status = address.ok() ? CheckServerAddress(address->ip) : address.status();
    if (status.ok()) return *address;
    fields.Fail(absl::StrCat("'", key, "': ", status.message()));
    return {};
  }

  // A plan could not be made of anything else.
  static void CheckHostPort(JsonFieldReader& fields, const char* key, const std::string& text) {
    const absl::Status status = ParseNodeListEntry(text).status();
    if (status.ok()) return;
    fields.Fail(absl::StrCat("'", key, "' has '", absl::CHexEscape(Shortened(text)),
                             "', which is no host:port: ", status.message()));
  }

  static void ReadAmbiguous(JsonFieldReader& fields, NodeEvidence* node) {
    const JsonValue entries = fields.Array("ambiguous");
    for (size_t i = 0; i < entries.size(); ++i) {
      JsonFieldReader entry(entries[i]);
      AmbiguousEntry& ambiguous = node->ambiguous.emplace_back();
      ambiguous.text = entry.String("text");
      for (const std::string& text : entry.Strings("not_asked")) {
        ambiguous.not_asked.push_back(AddressOf(entry, "not_asked", text));
      }
      if (!entry.ok()) fields.Fail(entry.error());
    }
  }

  void ReadDisk(JsonFieldReader& fields, const JsonValue& json, NodeEvidence* node) const {
    JsonFieldReader folders(json);
    node->disk.emplace();
    node->disk->set_aside = folders.Strings("set_aside");
    node->disk->unusable = folders.Strings("unusable");
    if (!folders.ok()) fields.Fail(folders.error());
    if (!may_have_disks_) fields.Fail("'disk' is not in evidence of this version");
  }

  absl::Status ReadUnlisted(const JsonValue& json) {
    METAREC_RETURN_IF_ERROR(CheckLastNodeIsWhole());
    if (evidence_.unlisted.size() == options_.nodes_max) {
      return AboveBound("unlisted servers", options_.nodes_max);
    }
    BeaconSender sender;
    JsonFieldReader fields(json);
    sender.address = AddressOf(fields, "address", fields.String("address"));
    sender.names = fields.Strings("names");
    sender.is_there = fields.Bool("is_there");
    if (!fields.ok()) return Damaged(fields.error());
    if (const absl::Status known = CheckIdentity(sender); !known.ok()) {
      return Damaged(known.message());
    }
    if (!evidence_.unlisted.empty() && !(evidence_.unlisted.back().address < sender.address)) {
      return Damaged("'address' is not above that of the unlisted server before");
    }
    evidence_.unlisted.push_back(std::move(sender));
    return absl::OkStatus();
  }

  static void ReadNameSource(JsonFieldReader& fields, NodeEvidence* node) {
    const std::string name = fields.String("name_source");
    for (const NodeNameSource source :
         {NodeNameSource::kOverride, NodeNameSource::kBeacon, NodeNameSource::kReverseLookup,
          NodeNameSource::kNodeList}) {
      if (name != NodeNameSourceName(source)) continue;
      node->name_source = source;
      return;
    }
    fields.Fail("'name_source' is not one of the known ones");
  }

  // Neither its entries nor its address may be in a line before.
  absl::Status CheckIsNew(const NodeEvidence& node) {
    for (const std::string& entry : node.listed_as) {
      const auto [first, is_new] = line_of_entry_.try_emplace(entry, file_->line_number());
      if (!is_new) return Duplicate(entry, first->second);
    }
    if (node.address == Ipv4Endpoint{}) return absl::OkStatus();
    const std::string address = node.address.ToString();
    const auto [first, is_new] = line_of_address_.try_emplace(address, file_->line_number());
    return is_new ? absl::OkStatus() : Duplicate(address, first->second);
  }

  absl::Status Duplicate(absl::string_view node, int64_t first_line) const {
    return Damaged(
        absl::StrCat("node ", absl::CHexEscape(node), " is there already, in line ", first_line));
  }

  absl::Status ReadTable(const JsonValue& json) {
    if (evidence_.nodes.empty()) return Damaged("a table before any node");
    NodeEvidence& node = evidence_.nodes.back();
    if (static_cast<int64_t>(node.tables.size()) == tables_expected_ || !node.replicas.empty()) {
      return Damaged("a table that the node does not announce");
    }
    if (++tables_ > options_.tables_max) return AboveBound("tables", options_.tables_max);
    TableRecord table;
    JsonFieldReader fields(json);
    VisitTableFields([&](auto field) { ReadField(fields, field.name, &field.of(table)); });
    if (!fields.ok()) return Damaged(fields.error());
    node.tables.push_back(records_.Share(std::move(table)));
    return absl::OkStatus();
  }

  template <typename Value>
  static void ReadField(JsonFieldReader& fields, const char* name, Value* value) {
    if constexpr (std::is_same_v<Value, bool>) {
      *value = fields.Bool(name);
    } else if constexpr (std::is_same_v<Value, std::string>) {
      *value = fields.String(name);
    } else if constexpr (std::is_same_v<Value, int64_t>) {
      *value = fields.Int(name);
    } else if constexpr (std::is_same_v<Value, int32_t> || std::is_enum_v<Value>) {
      *value = static_cast<Value>(fields.Int32(name));
    } else {
      for (auto& [key, text] : fields.Pairs(name)) {
        const auto [known, is_new] = value->emplace(std::move(key), std::move(text));
        if (is_new) continue;
        fields.Fail(absl::StrCat("'", name, "' names '", absl::CHexEscape(Shortened(known->first)),
                                 "' twice"));
      }
    }
  }

  absl::Status ReadReplicas(const JsonValue& json) {
    if (evidence_.nodes.empty()) return Damaged("replicas before any node");
    if (!json.IsArray()) return Damaged("'replicas' is no array");
    NodeEvidence& node = evidence_.nodes.back();
    if (static_cast<int64_t>(node.replicas.size() + json.size()) > replicas_expected_) {
      return Damaged("more replicas than the node announces");
    }
    replicas_ += json.size();
    if (replicas_ > options_.replicas_max) return AboveBound("replicas", options_.replicas_max);
    for (size_t i = 0; i < json.size(); ++i) {
      METAREC_RETURN_IF_ERROR(ReadReplica(json[i], &node.replicas.emplace_back()));
    }
    return absl::OkStatus();
  }

  absl::Status ReadReplica(const JsonValue& json, ReplicaRecord* replica) const {
    const std::optional<int32_t> status = json[2].Int32();
    const auto app_id = json[0].Int32();
    const auto partition_index = json[1].Int32();
    const auto ballot = json[3].Int();
    const auto committed = json[4].Int();
    const auto prepared = json[5].Int();
    const auto durable = json[6].Int();
    if (json.size() != kFieldsOfReplica || !app_id || !partition_index || !status || !ballot ||
        !committed || !prepared || !durable) {
      return Damaged("a replica is not an array of seven integers");
    }
    *replica = {.app_id = *app_id,
                .partition_index = *partition_index,
                .ballot = *ballot,
                .last_committed_decree = *committed,
                .last_prepared_decree = *prepared,
                .last_durable_decree = *durable,
                .status = static_cast<ReplicaStatus>(*status)};
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
    JsonFieldReader end(lines_.root());
    const std::string digest = end.String("digest");
    const JsonValue counts = end.Find("counts");
    if (!counts) end.Fail("'counts' is missing");
    if (!end.ok()) return Damaged(end.error());
    JsonFieldReader numbers(counts);
    const int64_t nodes = numbers.Int("nodes");
    const int64_t tables = numbers.Int("tables");
    const int64_t replicas = numbers.Int("replicas");
    if (!numbers.ok()) return Damaged(numbers.error());
    if (nodes != static_cast<int64_t>(evidence_.nodes.size()) ||
        tables != static_cast<int64_t>(tables_) || replicas != static_cast<int64_t>(replicas_)) {
      return Damaged("the counts differ from what is in the file");
    }
    METAREC_RETURN_IF_ERROR(lines_.CheckDigest(digest));
    ended_ = true;
    return absl::OkStatus();
  }

  LineReader* const file_;
  const EvidenceFileOptions options_;
  JsonLineParser lines_;
  std::string line_;
  Evidence evidence_;
  TableRecordPool records_;
  absl::flat_hash_map<std::string, int64_t> line_of_entry_;
  absl::flat_hash_map<std::string, int64_t> line_of_address_;
  int64_t tables_expected_ = 0;    // of the last node
  int64_t replicas_expected_ = 0;  // of the last node
  bool may_have_disks_ = false;
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
