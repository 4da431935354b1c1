#pragma once

#include <vector>

#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "idl/ipv4_endpoint.h"
#include "replica_collector/node_list.h"
#include "tools/cli/node_arguments.h"

namespace metarec::tools {

// The addresses of the entries, in their order, looked up while nothing has begun yet, as Pegasus's
// shell does. If a name is unknown: kInvalidArgument, with the shell's text as the first line and
// ours, which begins with "metarec recover: ", as the second.
asio::awaitable<absl::StatusOr<std::vector<Ipv4Endpoint>>> LookUpNodes(const NodeList& list,
                                                                       const NodeArguments& nodes,
                                                                       Clock* clock);

}  // namespace metarec::tools
