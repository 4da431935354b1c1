#pragma once

#include <compare>
#include <cstdint>
#include <ostream>
#include <string>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "idl/placeholders_types.h"

namespace metarec {

// Where a server listens. Ordered by the address as a number, then the port.
struct Ipv4Endpoint {
  uint32_t ip = 0;  // a.b.c.d is a << 24 | b << 16 | c << 8 | d
  uint16_t port = 0;

  // "10.0.0.1:34801"
  std::string ToString() const;
  idl::rpc_address ToRpcAddress() const { return idl::rpc_address(ip, port); }

  friend auto operator<=>(const Ipv4Endpoint&, const Ipv4Endpoint&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Ipv4Endpoint& endpoint) {
    return H::combine(std::move(h), endpoint.ip, endpoint.port);
  }
};

std::ostream& operator<<(std::ostream& out, const Ipv4Endpoint& endpoint);

// "10.0.0.1"
std::string Ipv4ToString(uint32_t ip);

// 127.0.0.0/8: reached from the same machine only.
constexpr bool IsLoopback(uint32_t ip) { return ip >> 24 == 127; }

// kInvalidArgument for what no server can have: 0.0.0.0, which stands for all the addresses of a
// machine, multicast and broadcast.
absl::Status CheckServerAddress(uint32_t ip);

// Four decimal numbers without leading zeros, which some programs read as octal.
absl::StatusOr<uint32_t> ParseIpv4(absl::string_view text);

// 1 to 65535, decimal, nothing around it.
absl::StatusOr<uint16_t> ParsePort(absl::string_view text);

// "a.b.c.d:port".
absl::StatusOr<Ipv4Endpoint> ParseIpv4Endpoint(absl::string_view text);

// kInvalidArgument for an address that is not valid, or that no server can have.
absl::StatusOr<Ipv4Endpoint> EndpointOf(const idl::rpc_address& address);

}  // namespace metarec
