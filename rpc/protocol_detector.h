#pragma once

#include <cstddef>

#include <absl/strings/string_view.h>

namespace metarec::rpc {

enum class WireProtocol { kNative, kThft, kHttp, kUnknown };

// The first bytes of a connection, this many, tell who is speaking (INTEROP.md section 1).
inline constexpr size_t kProtocolPrefixBytes = 4;

inline WireProtocol DetectProtocol(absl::string_view first_bytes) {
  const absl::string_view prefix = first_bytes.substr(0, kProtocolPrefixBytes);
  if (prefix == "RDSN") return WireProtocol::kNative;
  if (prefix == "THFT") return WireProtocol::kThft;
  // GET, POST, HEAD, and the methods that are refused: PUT, DELETE, OPTIONS, PATCH, TRACE, CONNECT.
  for (const char* method :
       {"GET ", "POST", "HEAD", "PUT ", "DELE", "OPTI", "PATC", "TRAC", "CONN"}) {
    if (prefix == method) return WireProtocol::kHttp;
  }
  return WireProtocol::kUnknown;
}

}  // namespace metarec::rpc
