// The name of what a plan writes.

#pragma once

#include <string>

#include <absl/status/statusor.h>

#include "zk_store/topology/topology.h"

namespace metarec {

// "sha256:<64 hexadecimal digits>" over the znodes that the topology becomes, under whatever root.
// Says nothing of when and how the plan was found out, so that a later run that would write the
// same goes on with what an earlier one left. Renders every znode: seconds for a million.
//
// kInvalidArgument for what CheckTopology refuses.
absl::StatusOr<std::string> TopologyDigest(const Topology& topology);

}  // namespace metarec
