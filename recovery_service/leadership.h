// Who leads the cluster's meta servers.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "idl/ipv4_endpoint.h"
#include "idl/placeholders_types.h"

namespace metarec {

// A meta server: how it calls itself, and where it listens if that could be found out.
struct LeaderIdentity {
  std::string name;  // host:port
  std::optional<Ipv4Endpoint> address;
};

// A value. If `is_us` is false and no leader is known, there is none at the moment.
struct Leadership {
  bool is_us = false;
  std::optional<LeaderIdentity> leader;  // also if that is us
};

// "host:port" in the form that messages have. Not valid if `name` is something else.
inline idl::host_port HostPortOf(absl::string_view name) {
  const size_t colon = name.rfind(':');
  if (colon == absl::string_view::npos) return idl::host_port();
  const absl::StatusOr<uint16_t> port = ParsePort(name.substr(colon + 1));
  return port.ok() ? idl::host_port(std::string(name.substr(0, colon)), *port) : idl::host_port();
}

}  // namespace metarec
