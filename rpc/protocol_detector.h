#pragma once

#include <absl/strings/string_view.h>

namespace metarec::rpc {

enum class WireProtocol { kNative, kThft, kHttp, kUnknown };

// The first bytes of a connection, this many, tell who is speaking (INTEROP.md section 1).
inline constexpr size_t kProtocolPrefixBytes = 4;

WireProtocol DetectProtocol(absl::string_view first_bytes);

}  // namespace metarec::rpc
