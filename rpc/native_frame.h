// The native framing of the protocol: a header of 192 bytes, little-endian, then the body
// (INTEROP.md section 1.1). Pure functions; what a peer sent is checked, never trusted.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "idl/placeholders_types.h"

namespace metarec::rpc {

inline constexpr size_t kNativeHeaderBytes = 192;
// Names are NUL-padded to 48 bytes.
inline constexpr size_t kNameBytesMax = 47;

inline constexpr uint64_t kContextIsRequest = 1 << 0;
inline constexpr uint64_t kContextFormatThriftBinary = 1 << 6;
inline constexpr uint64_t kContextIsForwardSupported = 1 << 10;

struct NativeHeader {
  uint32_t version = 0;
  uint32_t header_length = kNativeHeaderBytes;  // not checked on receipt, as in the original
  uint32_t header_crc32 = 0;                    // 0: none
  uint32_t body_length = 0;
  uint32_t body_crc32 = 0;  // 0: none
  uint64_t id = 0;
  uint64_t trace_id = 0;
  std::string rpc_name;
  uint32_t rpc_local_code = 0;  // numbers of the sending process, without meaning elsewhere
  uint32_t rpc_local_hash = 0;
  idl::gpid gpid;
  uint64_t context = 0;
  idl::rpc_address from_address;
  int32_t timeout_ms = 0;
  int32_t thread_hash = 0;
  uint64_t partition_hash = 0;
  std::string error_name;  // empty in requests
  uint32_t error_local_code = 0;
  uint32_t error_local_hash = 0;

  bool is_request() const { return (context & kContextIsRequest) != 0; }
  bool is_forward_supported() const { return (context & kContextIsForwardSupported) != 0; }
  // Whether the body is in Thrift's binary protocol, the only one that is implemented anywhere.
  bool is_thrift_binary() const { return (context >> 6 & 0xF) == 1; }
};

// `bytes` has kNativeHeaderBytes. kDataLoss for a wrong magic, a wrong non-zero CRC, a name without
// end, or an address type that does not exist.
absl::StatusOr<NativeHeader> ParseNativeHeader(absl::string_view bytes);

// kDataLoss when the body does not have the CRC that the header gives.
absl::Status CheckNativeBody(const NativeHeader& header, absl::string_view body);

// Whether one of these two failed for a CRC, and not for anything else.
bool IsWrongCrc(const absl::Status& status);

enum class Checksums { kNone, kComputed };

// The header of a frame with this body; fills in the body's length and the CRCs. Names longer than
// kNameBytesMax are cut.
std::string BuildNativeHeader(const NativeHeader& header, absl::string_view body,
                              Checksums checksums);

// What the answer to a request has in common with it (INTEROP.md section 1.1, column "response").
NativeHeader ResponseHeaderFor(const NativeHeader& request, idl::rpc_address responder,
                               absl::string_view error_name);

// CRC-32C (Castagnoli), as in these frames; "123456789" gives 0xE3069283.
uint32_t Crc32c(absl::string_view bytes);

}  // namespace metarec::rpc
