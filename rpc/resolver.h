// Host names to addresses and back, by the system's resolver (hosts file, DNS), without blocking.
// Look-ups do not wait for each other; see base/runtime/blocking_call.h.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "idl/ipv4_endpoint.h"

namespace metarec::rpc {

// The addresses of `host`, which may be an IPv4 address already: ascending, each once, without
// those that no server can have. kNotFound when there is none, kDeadlineExceeded, kCancelled.
asio::awaitable<absl::StatusOr<std::vector<uint32_t>>> ResolveAllIpv4(Clock* clock,
                                                                      std::string host,
                                                                      absl::Time deadline);

// The lowest of them, so that asking twice gives the same. Same errors.
asio::awaitable<absl::StatusOr<Ipv4Endpoint>> ResolveIpv4(Clock* clock, std::string host,
                                                          uint16_t port, absl::Time deadline);

// The name that the address resolves back to. Same errors.
asio::awaitable<absl::StatusOr<std::string>> ReverseResolve(Clock* clock, uint32_t ip,
                                                            absl::Time deadline);

}  // namespace metarec::rpc
