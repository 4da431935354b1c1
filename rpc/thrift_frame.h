// The framing of Java, Go, Python and Node clients: "THFT" requests of version 0 and 1, and the
// answers to them, big-endian (INTEROP.md section 1.3). Pure functions.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "idl/placeholders_types.h"

namespace metarec::rpc {

// So many bytes of a request tell how long its header is.
inline constexpr size_t kThftPrefixBytes = 16;
// A version 1 header is a Thrift struct of any length; the known fields take 37 bytes.
inline constexpr size_t kThftMetaBytesMax = 4096;

struct ThftHeader {
  uint32_t version = 0;
  uint32_t body_length = 0;  // the message begin, the arguments
  idl::gpid gpid;
  int32_t timeout_ms = 0;
  int32_t thread_hash = 0;  // derived from the gpid in version 1
  uint64_t partition_hash = 0;
};

// The whole header's length from its first kThftPrefixBytes. kDataLoss for a wrong magic, a version
// other than 0 or 1, or lengths out of bounds.
absl::StatusOr<size_t> ThftHeaderBytes(absl::string_view prefix);

// `bytes` has ThftHeaderBytes.
absl::StatusOr<ThftHeader> ParseThftHeader(absl::string_view bytes);

// Thrift's message begin.
struct ThftMessage {
  std::string name;  // the task code, or with "_ACK" in a response
  uint32_t sequence_id = 0;
  bool is_one_way = false;
  absl::string_view arguments;  // part of what was parsed: a wrapper struct for idl::DecodeBody
};
absl::StatusOr<ThftMessage> ParseThftRequestBody(absl::string_view body);

// A whole request. Version 0 or 1.
std::string BuildThftRequest(const ThftHeader& header, absl::string_view task_code,
                             uint32_t sequence_id, absl::string_view arguments);

// Everything of a response that comes before `result`, the encoded wrapper struct (or nothing, for
// an error of the RPC layer).
std::string BuildThftResponsePrefix(absl::string_view error_name, absl::string_view task_code,
                                    uint32_t sequence_id, absl::string_view result);

struct ThftResponse {
  std::string error_name;
  ThftMessage message;
};
// `bytes` is a whole response, its length included.
absl::StatusOr<ThftResponse> ParseThftResponse(absl::string_view bytes);

}  // namespace metarec::rpc
