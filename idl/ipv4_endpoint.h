#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

namespace metarec::idl {

// Where a server listens. Pegasus's wire format can express IPv4 only.
struct Ipv4Endpoint {
  uint32_t ip = 0;  // a.b.c.d as a << 24 | b << 16 | c << 8 | d
  uint16_t port = 0;

  // By address as a number, then by port: the tie-break between equal replicas.
  friend auto operator<=>(const Ipv4Endpoint&, const Ipv4Endpoint&) = default;
};

// "10.0.0.1:34801"
std::string ToString(const Ipv4Endpoint& endpoint);

// Accepts exactly what ToString writes; kInvalidArgument otherwise.
absl::StatusOr<Ipv4Endpoint> ParseIpv4Endpoint(absl::string_view text);

}  // namespace metarec::idl
