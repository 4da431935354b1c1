#pragma once

#include <absl/status/statusor.h>

#include "zk_store/topology.h"
#include "zk_store/topology_reader.h"

namespace metarec {

// What a root holds as a Topology: to serve from a tree that was read instead of written. What a
// Topology has no place for (secondaries, which a running cluster adds) is left out. kDataLoss when
// the root has problems, or names a node by something that is no address.
absl::StatusOr<Topology> TopologyOf(const RootContents& contents);

}  // namespace metarec
