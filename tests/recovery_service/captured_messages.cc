#include "captured_messages.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/strip.h>
#include <absl/types/span.h>
#include <glog/logging.h>
#include <rapidjson/document.h>

#include "base/runtime/status_macros.h"
#include "idl/meta_admin_types.h"
#include "idl/meta_server_types.h"
#include "idl/metadata_types.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"
#include "rpc/native_frame.h"
#include "rpc/thrift_frame.h"

namespace metarec {
namespace {

constexpr absl::string_view kRequestSuffix = ".request.bin";

std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

std::vector<CapturedRequest> ReadCapturedRequests() {
  std::vector<CapturedRequest> all;
  const std::filesystem::path root = METAREC_GOLDEN_DIR;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    std::string name = std::filesystem::relative(entry.path(), root);
    // The captures of migrations are of other clusters, and have their own tests.
    if (absl::StartsWith(name, "migration/")) continue;
    if (!absl::EndsWith(name, kRequestSuffix)) continue;
    name = std::string(absl::StripSuffix(name, kRequestSuffix));
    const std::string file = entry.path().filename();
    all.push_back({.name = name,
                   .task_code = file.substr(0, file.find('.')),
                   .request = ReadAll(entry.path()),
                   .response = ReadAll(root / (name + ".response.bin"))});
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return all;
}

MessageFields FieldsOfHeader(const rpc::NativeHeader& header) {
  return {{"version", absl::StrCat(header.version)},
          {"header_length", absl::StrCat(header.header_length)},
          {"has_header_crc32", absl::StrCat(header.header_crc32 != 0)},
          {"has_body_crc32", absl::StrCat(header.body_crc32 != 0)},
          {"id", absl::StrCat(header.id)},
          {"trace_id", absl::StrCat(header.trace_id)},
          {"rpc_name", header.rpc_name},
          {"rpc_local_code", absl::StrCat(header.rpc_local_code)},
          {"rpc_local_hash", absl::StrCat(header.rpc_local_hash)},
          {"gpid", header.gpid.ToString()},
          {"context", absl::StrCat(header.context)},
          {"from_address", header.from_address.ToString()},
          {"timeout_ms", absl::StrCat(header.timeout_ms)},
          {"thread_hash", absl::StrCat(header.thread_hash)},
          {"partition_hash", absl::StrCat(header.partition_hash)},
          {"error_name", header.error_name},
          {"error_local_code", absl::StrCat(header.error_local_code)},
          {"error_local_hash", absl::StrCat(header.error_local_hash)}};
}

MessageFields FieldsOfThftAnswer(absl::string_view error_name, absl::string_view name,
                                 uint32_t sequence_id) {
  return {{"error_name", std::string(error_name)},
          {"message_name", std::string(name)},
          {"sequence_id", absl::StrCat(sequence_id)}};
}

using Decode = std::function<absl::StatusOr<MessageFields>(absl::string_view)>;

template <typename Response>
Decode As() {
  return [](absl::string_view body) -> absl::StatusOr<MessageFields> {
    Response response;
    METAREC_RETURN_IF_ERROR(idl::DecodeBody(body, &response));
    return FieldsOf(response);
  };
}

// Elements of `list` under the value of their field `key` instead of their position.
MessageFields Renamed(MessageFields fields, const std::string& list, const std::string& key) {
  MessageFields renamed;
  for (auto& [path, value] : fields) {
    absl::string_view rest = path;
    if (!absl::ConsumePrefix(&rest, list + ".") || rest == "size") {
      renamed[path] = value;
      continue;
    }
    const std::string position(rest.substr(0, rest.find('.')));
    const auto name = fields.find(absl::StrCat(list, ".", position, ".", key));
    CHECK(name != fields.end()) << path;
    renamed[absl::StrCat(list, ".", name->second, rest.substr(position.size()))] = value;
  }
  return renamed;
}

absl::StatusOr<MessageFields> DecodeTables(absl::string_view body) {
  METAREC_ASSIGN_OR_RETURN(MessageFields fields, As<idl::configuration_list_apps_response>()(body));
  return Renamed(std::move(fields), "infos", "app_id");
}

absl::StatusOr<MessageFields> DecodeClusterInfo(absl::string_view body) {
  idl::configuration_cluster_info_response response;
  METAREC_RETURN_IF_ERROR(idl::DecodeBody(body, &response));
  MessageFields fields = {{"err", response.err.name}};
  for (size_t i = 0; i < std::max(response.keys.size(), response.values.size()); ++i) {
    // Their order counts.
    fields[absl::StrCat("keys.", i)] = i < response.keys.size() ? response.keys[i] : "(none)";
    if (i < std::min(response.keys.size(), response.values.size())) {
      fields[absl::StrCat("values.", response.keys[i])] = response.values[i];
    }
  }
  return fields;
}

absl::StatusOr<MessageFields> DecodeCommandResult(absl::string_view body) {
  std::string text;
  METAREC_RETURN_IF_ERROR(idl::DecodeBody(body, &text));
  rapidjson::Document json;
  if (json.Parse(text).HasParseError() || !json.IsObject()) return MessageFields{{"text", text}};
  MessageFields fields;
  for (const auto& member : std::as_const(json).GetObject()) {
    fields[member.name.GetString()] = member.value.GetString();
  }
  return fields;
}

const std::map<absl::string_view, Decode>& Decoders() {
  using namespace idl;  // NOLINT: the table is made of its names
  static const auto* const decoders = new std::map<absl::string_view, Decode>{
      {kRpcCmConfigSync, As<configuration_query_by_node_response>()},
      {kRpcCmQueryPartitionConfigByIndex, As<query_cfg_response>()},
      {kRpcCmUpdatePartitionConfiguration, As<configuration_update_response>()},
      {kRpcCmCreateApp, As<configuration_create_app_response>()},
      {kRpcCmDropApp, As<configuration_drop_app_response>()},
      {kRpcCmRenameApp, As<configuration_rename_app_response>()},
      {kRpcCmListApps, DecodeTables},
      {kRpcCmListNodes, As<configuration_list_nodes_response>()},
      {kRpcCmClusterInfo, DecodeClusterInfo},
      {kRpcCmControlMeta, As<configuration_meta_control_response>()},
      {kRpcCmStartRecovery, As<configuration_recovery_response>()},
      {kRpcCmDuplicationSync, As<duplication_sync_response>()},
      {kRpcCmUpdateAppEnv, As<configuration_update_app_env_response>()},
      {kRpcCmRegisterChildReplica, As<register_child_response>()},
      {kRpcFdFailureDetectorPing, As<beacon_ack>()},
      {kRpcCliCliCall, DecodeCommandResult},
  };
  return *decoders;
}

}  // namespace

std::string FieldRecorder::PathInside() {
  if (levels_.empty()) return "";
  Level& top = levels_.back();
  return top.is_container ? absl::StrCat(top.path, ".", top.structs++) : top.path;
}

uint32_t FieldRecorder::writeStructBegin(const char* /*name*/) {
  Level level;
  level.path = PathInside();
  levels_.push_back(std::move(level));
  return 0;
}

uint32_t FieldRecorder::writeFieldBegin(const char* name, TType /*type*/, int16_t /*id*/) {
  const std::string& around = levels_.back().path;
  Level level;
  level.path = around.empty() ? name : absl::StrCat(around, ".", name);
  levels_.push_back(std::move(level));
  return 0;
}

uint32_t FieldRecorder::writeFieldEnd() {
  const Level& field = levels_.back();
  if (!field.plain.empty()) fields_[field.path] = absl::StrJoin(field.plain, "|");
  return Pop();
}

uint32_t FieldRecorder::BeginContainer(uint32_t size) {
  Level level;
  level.path = PathInside();
  level.is_container = true;
  level.size = size;
  fields_[absl::StrCat(level.path, ".size")] = absl::StrCat(size);
  levels_.push_back(std::move(level));
  return 0;
}

uint32_t FieldRecorder::EndList() {
  const Level& list = levels_.back();
  // A placeholder is as many plain values as its kind has.
  const size_t each = list.size == 0 ? 0 : list.plain.size() / list.size;
  for (uint32_t i = 0; each > 0 && i < list.size; ++i) {
    fields_[absl::StrCat(list.path, ".", i)] =
        absl::StrJoin(absl::MakeConstSpan(list.plain).subspan(i * each, each), "|");
  }
  return Pop();
}

uint32_t FieldRecorder::writeMapEnd() {
  const Level& map = levels_.back();
  if (map.plain.size() == size_t{2} * map.size) {
    for (size_t i = 0; i < map.size; ++i) {
      fields_[absl::StrCat(map.path, ".", map.plain[2 * i])] = map.plain[2 * i + 1];
    }
    return Pop();
  }
  // From plain keys to structs.
  for (size_t i = 0; i < map.plain.size(); ++i) {
    fields_[absl::StrCat(map.path, ".", i, ".key")] = map.plain[i];
  }
  return Pop();
}

uint32_t FieldRecorder::Note(std::string value) {
  levels_.back().plain.push_back(std::move(value));
  return 0;
}

uint32_t FieldRecorder::Pop() {
  levels_.pop_back();
  return 0;
}

const std::vector<CapturedRequest>& CapturedRequests() {
  static const auto* const all = new std::vector<CapturedRequest>(ReadCapturedRequests());
  return *all;
}

const CapturedRequest& CapturedRequestOf(absl::string_view name) {
  for (const CapturedRequest& captured : CapturedRequests()) {
    if (captured.name == name) return captured;
  }
  LOG(FATAL) << "no captured request " << name;
}

std::string GoldenText(const std::string& path) {
  return ReadAll(std::filesystem::path(METAREC_GOLDEN_DIR) / path);
}

absl::StatusOr<Answer> ParseAnswer(absl::string_view frame) {
  if (absl::StartsWith(frame, "RDSN")) {
    const absl::string_view head = frame.substr(0, rpc::kNativeHeaderBytes);
    METAREC_ASSIGN_OR_RETURN(const rpc::NativeHeader header, rpc::ParseNativeHeader(head));
    std::string body(frame.substr(head.size()));
    if (header.body_length != body.size()) return absl::DataLossError("a wrong body_length");
    METAREC_RETURN_IF_ERROR(rpc::CheckNativeBody(header, body));
    return Answer{header.error_name, FieldsOfHeader(header), std::move(body)};
  }
  METAREC_ASSIGN_OR_RETURN(const rpc::ThftResponse response, rpc::ParseThftResponse(frame));
  const rpc::ThftMessage& message = response.message;
  return Answer{response.error_name,
                FieldsOfThftAnswer(response.error_name, message.name, message.sequence_id),
                std::string(message.arguments)};
}

MessageFields HeaderOfAnswerTo(const CapturedRequest& request, absl::string_view error_name) {
  if (request.is_native()) {
    auto header = rpc::ParseNativeHeader(request.request.substr(0, rpc::kNativeHeaderBytes));
    CHECK(header.ok()) << request.name << ": " << header.status();
    header->rpc_name = absl::StrCat(request.task_code, "_ACK");
    header->context &= ~uint64_t{1};
    header->from_address = idl::rpc_address(0x7F000001, 34601);
    header->error_name = std::string(error_name);
    header->rpc_local_code = 0;
    return FieldsOfHeader(*header);
  }
  const auto header_bytes = rpc::ThftHeaderBytes(request.request.substr(0, rpc::kThftPrefixBytes));
  CHECK(header_bytes.ok()) << request.name;
  const std::string body = request.request.substr(*header_bytes);
  const auto message = rpc::ParseThftRequestBody(body);
  CHECK(message.ok()) << request.name;
  return FieldsOfThftAnswer(error_name, absl::StrCat(request.task_code, "_ACK"),
                            message->sequence_id);
}

absl::StatusOr<MessageFields> BodyFields(absl::string_view task_code, absl::string_view body) {
  const auto decoder = Decoders().find(task_code);
  if (decoder == Decoders().end()) {
    return absl::UnimplementedError(absl::StrCat("no response type is known of ", task_code));
  }
  return decoder->second(body);
}

}  // namespace metarec
