#include "rpc/thrift_frame.h"

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "idl/client_types.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"
#include "rpc/byte_order.h"
#include "rpc/native_frame.h"

namespace metarec::rpc {
namespace {

constexpr size_t kVersion0HeaderBytes = 48;
constexpr uint32_t kThriftVersion = 0x80010000;
constexpr uint32_t kCall = 1;
constexpr uint32_t kReply = 2;
constexpr uint32_t kOneWay = 4;

constexpr size_t kResponseNameBytesMax = kNameBytesMax + sizeof(idl::kAckSuffix);

// The thread that serves a partition, as stock servers derive it.
int32_t ThreadHash(idl::gpid gpid) {
  return static_cast<int32_t>(static_cast<uint32_t>(gpid.app_id) * 7919u +
                              static_cast<uint32_t>(gpid.partition_index));
}

ThftHeader ParseVersion0(absl::string_view bytes) {
  ThftHeader header;
  header.version = 0;
  header.body_length = LoadBigEndian<uint32_t>(bytes, 16);
  header.gpid.app_id = static_cast<int32_t>(LoadBigEndian<uint32_t>(bytes, 24));
  header.gpid.partition_index = static_cast<int32_t>(LoadBigEndian<uint32_t>(bytes, 28));
  header.timeout_ms = static_cast<int32_t>(LoadBigEndian<uint32_t>(bytes, 32));
  header.thread_hash = static_cast<int32_t>(LoadBigEndian<uint32_t>(bytes, 36));
  header.partition_hash = LoadBigEndian<uint64_t>(bytes, 40);
  return header;
}

absl::StatusOr<ThftHeader> ParseVersion1(absl::string_view bytes) {
  ThftHeader header;
  header.version = 1;
  header.body_length = LoadBigEndian<uint32_t>(bytes, 12);
  idl::thrift_request_meta_v1 meta;
  METAREC_RETURN_IF_ERROR(idl::DecodeBareStruct(bytes.substr(kThftPrefixBytes), &meta));
  header.gpid = {meta.app_id, meta.partition_index};
  header.timeout_ms = meta.client_timeout;
  header.thread_hash = ThreadHash(header.gpid);
  header.partition_hash = static_cast<uint64_t>(meta.client_partition_hash);
  return header;
}

// Reads a message begin at the start of `bytes`; `*type` is Thrift's message type.
absl::StatusOr<ThftMessage> ParseMessage(absl::string_view bytes, size_t name_bytes_max,
                                         uint32_t* type) {
  const auto malformed = [] { return absl::DataLossError("a THFT message begins wrongly"); };
  if (bytes.size() < 12) return malformed();
  const uint32_t version_and_type = LoadBigEndian<uint32_t>(bytes, 0);
  const uint32_t name_bytes = LoadBigEndian<uint32_t>(bytes, 4);
  if ((version_and_type & 0xFFFF0000) != kThriftVersion) return malformed();
  if (name_bytes == 0 || name_bytes > name_bytes_max || name_bytes > bytes.size() - 12) {
    return malformed();
  }
  *type = version_and_type & 0xFF;
  ThftMessage message;
  message.name = std::string(bytes.substr(8, name_bytes));
  message.sequence_id = LoadBigEndian<uint32_t>(bytes, 8 + name_bytes);
  message.is_one_way = *type == kOneWay;
  message.arguments = bytes.substr(12 + name_bytes);
  return message;
}

std::string MessageBegin(uint32_t type, absl::string_view name, uint32_t sequence_id) {
  std::string bytes;
  AppendBigEndian<uint32_t>(kThriftVersion | type, &bytes);
  AppendBigEndian<uint32_t>(static_cast<uint32_t>(name.size()), &bytes);
  bytes.append(name.data(), name.size());
  AppendBigEndian<uint32_t>(sequence_id, &bytes);
  return bytes;
}

std::string BuildVersion1Meta(const ThftHeader& header) {
  idl::thrift_request_meta_v1 meta;
  meta.__set_app_id(header.gpid.app_id);
  meta.__set_partition_index(header.gpid.partition_index);
  meta.__set_client_timeout(header.timeout_ms);
  meta.__set_client_partition_hash(static_cast<int64_t>(header.partition_hash));
  meta.__set_is_backup_request(false);
  return idl::EncodeBareStruct(meta);
}

}  // namespace

absl::StatusOr<size_t> ThftHeaderBytes(absl::string_view prefix) {
  if (prefix.size() < kThftPrefixBytes || prefix.substr(0, 4) != "THFT") {
    return absl::DataLossError(absl::StrCat("a request does not begin with THFT but with ",
                                            absl::CHexEscape(prefix.substr(0, 4))));
  }
  const uint32_t version = LoadBigEndian<uint32_t>(prefix, 4);
  const uint32_t length = LoadBigEndian<uint32_t>(prefix, 8);
  if (version == 0 && length == kVersion0HeaderBytes) return kVersion0HeaderBytes;
  if (version == 1 && length <= kThftMetaBytesMax) return kThftPrefixBytes + length;
  return absl::DataLossError(absl::StrCat("a THFT request of version ", version,
                                          " with a header of ", length, " bytes is not known"));
}

absl::StatusOr<ThftHeader> ParseThftHeader(absl::string_view bytes) {
  METAREC_ASSIGN_OR_RETURN(const size_t header_bytes, ThftHeaderBytes(bytes));
  if (bytes.size() != header_bytes) return absl::DataLossError("a THFT header is cut off");
  if (LoadBigEndian<uint32_t>(bytes, 4) == 0) return ParseVersion0(bytes);
  return ParseVersion1(bytes);
}

absl::StatusOr<ThftMessage> ParseThftRequestBody(absl::string_view body) {
  uint32_t type = 0;
  METAREC_ASSIGN_OR_RETURN(ThftMessage message, ParseMessage(body, kNameBytesMax, &type));
  if (type != kCall && type != kOneWay) {
    return absl::DataLossError("a THFT message is neither a call nor one-way");
  }
  return message;
}

std::string BuildThftRequest(const ThftHeader& header, absl::string_view task_code,
                             uint32_t sequence_id, absl::string_view arguments) {
  std::string body = MessageBegin(kCall, task_code, sequence_id);
  body.append(arguments.data(), arguments.size());
  const auto body_length = static_cast<uint32_t>(body.size());
  std::string bytes = "THFT";
  AppendBigEndian<uint32_t>(header.version, &bytes);
  if (header.version == 0) {
    AppendBigEndian<uint32_t>(kVersion0HeaderBytes, &bytes);
    AppendBigEndian<uint32_t>(0, &bytes);  // header CRC, ignored
    AppendBigEndian<uint32_t>(body_length, &bytes);
    AppendBigEndian<uint32_t>(0, &bytes);  // body CRC, ignored
    AppendBigEndian<uint32_t>(static_cast<uint32_t>(header.gpid.app_id), &bytes);
    AppendBigEndian<uint32_t>(static_cast<uint32_t>(header.gpid.partition_index), &bytes);
    AppendBigEndian<uint32_t>(static_cast<uint32_t>(header.timeout_ms), &bytes);
    AppendBigEndian<uint32_t>(static_cast<uint32_t>(header.thread_hash), &bytes);
    AppendBigEndian<uint64_t>(header.partition_hash, &bytes);
  } else {
    const std::string meta = BuildVersion1Meta(header);
    AppendBigEndian<uint32_t>(static_cast<uint32_t>(meta.size()), &bytes);
    AppendBigEndian<uint32_t>(body_length, &bytes);
    bytes += meta;
  }
  return bytes + body;
}

std::string BuildThftResponsePrefix(absl::string_view error_name, absl::string_view task_code,
                                    uint32_t sequence_id, absl::string_view result) {
  const std::string begin =
      MessageBegin(kReply, absl::StrCat(task_code, idl::kAckSuffix), sequence_id);
  std::string bytes;
  // The length counts itself.
  AppendBigEndian<uint32_t>(
      static_cast<uint32_t>(4 + 4 + error_name.size() + begin.size() + result.size()), &bytes);
  AppendBigEndian<uint32_t>(static_cast<uint32_t>(error_name.size()), &bytes);
  bytes.append(error_name.data(), error_name.size());
  return bytes + begin;
}

absl::StatusOr<ThftResponse> ParseThftResponse(absl::string_view bytes) {
  const auto malformed = [] { return absl::DataLossError("a THFT response is malformed"); };
  if (bytes.size() < 8 || LoadBigEndian<uint32_t>(bytes, 0) != bytes.size()) return malformed();
  const uint32_t error_bytes = LoadBigEndian<uint32_t>(bytes, 4);
  if (error_bytes > kNameBytesMax || error_bytes > bytes.size() - 8) return malformed();
  ThftResponse response;
  response.error_name = std::string(bytes.substr(8, error_bytes));
  uint32_t type = 0;
  METAREC_ASSIGN_OR_RETURN(
      response.message, ParseMessage(bytes.substr(8 + error_bytes), kResponseNameBytesMax, &type));
  if (type != kReply) return malformed();
  return response;
}

}  // namespace metarec::rpc
