// Who leads the cluster's meta servers.

#pragma once

#include <optional>
#include <string>

#include "idl/ipv4_endpoint.h"
#include "idl/placeholders_types.h"

namespace metarec {

// A meta server: how it calls itself, and where it listens if that could be found out.
struct LeaderIdentity {
  std::string name;  // host:port
  std::optional<Ipv4Endpoint> address;
};

// The name in the form of messages; invalid if it is none.
idl::host_port HostPortOf(const LeaderIdentity& leader);

// A value. Neither we nor anybody known: there is no leader at the moment.
struct Leadership {
  bool is_us = false;
  std::optional<LeaderIdentity> leader;  // of us, too
};

}  // namespace metarec
