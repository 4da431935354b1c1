#include "rpc/protocol_detector.h"

namespace metarec::rpc {

WireProtocol DetectProtocol(absl::string_view first_bytes) {
  const absl::string_view prefix = first_bytes.substr(0, kProtocolPrefixBytes);
  if (prefix == "RDSN") return WireProtocol::kNative;
  if (prefix == "THFT") return WireProtocol::kThft;
  if (prefix == "GET " || prefix == "POST") return WireProtocol::kHttp;
  return WireProtocol::kUnknown;
}

}  // namespace metarec::rpc
