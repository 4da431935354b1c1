#include "rpc/native_frame.h"

#include <algorithm>

#include <absl/strings/cord.h>
#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <boost/crc.hpp>

#include "base/runtime/status_macros.h"
#include "idl/task_codes.h"
#include "rpc/byte_order.h"

namespace metarec::rpc {
namespace {

constexpr char kMagic[] = "RDSN";
constexpr size_t kNameFieldBytes = 48;
constexpr absl::string_view kWrongCrcPayload = "metarec/wrong_crc";

// Offsets of the fields.
constexpr size_t kVersion = 4;
constexpr size_t kHeaderLength = 8;
constexpr size_t kHeaderCrc = 12;
constexpr size_t kBodyLength = 16;
constexpr size_t kBodyCrc = 20;
constexpr size_t kId = 24;
constexpr size_t kTraceId = 32;
constexpr size_t kRpcName = 40;
constexpr size_t kRpcLocalCode = 88;
constexpr size_t kRpcLocalHash = 92;
constexpr size_t kAppId = 96;
constexpr size_t kPartitionIndex = 100;
constexpr size_t kContext = 104;
constexpr size_t kFromAddress = 112;
constexpr size_t kTimeoutMs = 120;
constexpr size_t kThreadHash = 124;
constexpr size_t kPartitionHash = 128;
constexpr size_t kErrorName = 136;
constexpr size_t kErrorLocalCode = 184;
constexpr size_t kErrorLocalHash = 188;

absl::StatusOr<std::string> LoadName(absl::string_view bytes, size_t offset,
                                     absl::string_view what) {
  const absl::string_view field = bytes.substr(offset, kNameFieldBytes);
  const size_t end = field.find('\0');
  if (end == absl::string_view::npos) {
    return absl::DataLossError(
        absl::StrCat("the ", what, " in a frame header does not end: ", absl::CHexEscape(field)));
  }
  return std::string(field.substr(0, end));
}

void StoreName(absl::string_view name, size_t offset, std::string* bytes) {
  name = name.substr(0, kNameBytesMax);
  std::copy(name.begin(), name.end(), bytes->begin() + static_cast<ptrdiff_t>(offset));
}

uint32_t HeaderCrc(std::string bytes) {
  StoreLittleEndian<uint32_t>(0, kHeaderCrc, &bytes);
  return Crc32c(bytes);
}

absl::Status WrongCrc(absl::string_view message) {
  absl::Status status = absl::DataLossError(message);
  status.SetPayload(kWrongCrcPayload, absl::Cord("wrong CRC"));
  return status;
}

}  // namespace

uint32_t Crc32c(absl::string_view bytes) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

absl::StatusOr<NativeHeader> ParseNativeHeader(absl::string_view bytes) {
  if (bytes.size() != kNativeHeaderBytes || bytes.substr(0, 4) != kMagic) {
    return absl::DataLossError(absl::StrCat("a frame does not begin with RDSN but with ",
                                            absl::CHexEscape(bytes.substr(0, 4))));
  }
  NativeHeader header;
  header.header_crc32 = LoadLittleEndian<uint32_t>(bytes, kHeaderCrc);
  if (header.header_crc32 != 0 && header.header_crc32 != HeaderCrc(std::string(bytes))) {
    return WrongCrc("the CRC of a frame header is wrong");
  }
  header.version = LoadLittleEndian<uint32_t>(bytes, kVersion);
  header.header_length = LoadLittleEndian<uint32_t>(bytes, kHeaderLength);
  header.body_length = LoadLittleEndian<uint32_t>(bytes, kBodyLength);
  header.body_crc32 = LoadLittleEndian<uint32_t>(bytes, kBodyCrc);
  header.id = LoadLittleEndian<uint64_t>(bytes, kId);
  header.trace_id = LoadLittleEndian<uint64_t>(bytes, kTraceId);
  METAREC_ASSIGN_OR_RETURN(header.rpc_name, LoadName(bytes, kRpcName, "RPC name"));
  header.rpc_local_code = LoadLittleEndian<uint32_t>(bytes, kRpcLocalCode);
  header.rpc_local_hash = LoadLittleEndian<uint32_t>(bytes, kRpcLocalHash);
  header.gpid.app_id = static_cast<int32_t>(LoadLittleEndian<uint32_t>(bytes, kAppId));
  header.gpid.partition_index =
      static_cast<int32_t>(LoadLittleEndian<uint32_t>(bytes, kPartitionIndex));
  header.context = LoadLittleEndian<uint64_t>(bytes, kContext);
  const uint64_t from_address = LoadLittleEndian<uint64_t>(bytes, kFromAddress);
  header.from_address = idl::rpc_address::FromRaw(from_address);
  if ((from_address & 3) > 1) {
    return absl::DataLossError("the sender's address in a frame header is of an unknown type");
  }
  header.timeout_ms = static_cast<int32_t>(LoadLittleEndian<uint32_t>(bytes, kTimeoutMs));
  header.thread_hash = static_cast<int32_t>(LoadLittleEndian<uint32_t>(bytes, kThreadHash));
  header.partition_hash = LoadLittleEndian<uint64_t>(bytes, kPartitionHash);
  METAREC_ASSIGN_OR_RETURN(header.error_name, LoadName(bytes, kErrorName, "error name"));
  header.error_local_code = LoadLittleEndian<uint32_t>(bytes, kErrorLocalCode);
  header.error_local_hash = LoadLittleEndian<uint32_t>(bytes, kErrorLocalHash);
  return header;
}

absl::Status CheckNativeBody(const NativeHeader& header, absl::string_view body) {
  if (header.body_crc32 != 0 && header.body_crc32 != Crc32c(body)) {
    return WrongCrc("the CRC of a message body is wrong");
  }
  return absl::OkStatus();
}

bool IsWrongCrc(const absl::Status& status) {
  return status.GetPayload(kWrongCrcPayload).has_value();
}

std::string BuildNativeHeader(const NativeHeader& header, absl::string_view body,
                              Checksums checksums) {
  std::string bytes(kNativeHeaderBytes, '\0');
  bytes.replace(0, 4, kMagic);
  StoreLittleEndian(header.version, kVersion, &bytes);
  StoreLittleEndian(header.header_length, kHeaderLength, &bytes);
  StoreLittleEndian(static_cast<uint32_t>(body.size()), kBodyLength, &bytes);
  StoreLittleEndian(header.id, kId, &bytes);
  StoreLittleEndian(header.trace_id, kTraceId, &bytes);
  StoreName(header.rpc_name, kRpcName, &bytes);
  StoreLittleEndian(header.rpc_local_code, kRpcLocalCode, &bytes);
  StoreLittleEndian(header.rpc_local_hash, kRpcLocalHash, &bytes);
  StoreLittleEndian(static_cast<uint32_t>(header.gpid.app_id), kAppId, &bytes);
  StoreLittleEndian(static_cast<uint32_t>(header.gpid.partition_index), kPartitionIndex, &bytes);
  StoreLittleEndian(header.context, kContext, &bytes);
  StoreLittleEndian(header.from_address.raw(), kFromAddress, &bytes);
  StoreLittleEndian(static_cast<uint32_t>(header.timeout_ms), kTimeoutMs, &bytes);
  StoreLittleEndian(static_cast<uint32_t>(header.thread_hash), kThreadHash, &bytes);
  StoreLittleEndian(header.partition_hash, kPartitionHash, &bytes);
  StoreName(header.error_name, kErrorName, &bytes);
  StoreLittleEndian(header.error_local_code, kErrorLocalCode, &bytes);
  StoreLittleEndian(header.error_local_hash, kErrorLocalHash, &bytes);
  if (checksums == Checksums::kComputed) {
    StoreLittleEndian(Crc32c(body), kBodyCrc, &bytes);
    StoreLittleEndian(Crc32c(bytes), kHeaderCrc, &bytes);
  }
  return bytes;
}

NativeHeader ResponseHeaderFor(const NativeHeader& request, idl::rpc_address responder,
                               absl::string_view error_name) {
  NativeHeader response = request;
  response.header_crc32 = 0;
  response.body_length = 0;
  response.body_crc32 = 0;
  response.rpc_name = absl::StrCat(request.rpc_name, idl::kAckSuffix);
  response.rpc_local_code = 0;
  response.rpc_local_hash = 0;
  response.context = request.context & ~kContextIsRequest;
  response.from_address = responder;
  response.error_name = std::string(error_name);
  response.error_local_code = 0;
  response.error_local_hash = 0;
  return response;
}

}  // namespace metarec::rpc
