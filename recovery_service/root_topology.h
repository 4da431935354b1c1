#pragma once

#include <absl/status/statusor.h>

#include "recovery_service/recovered_metadata.h"
#include "zk_store/topology/topology.h"
#include "zk_store/topology/topology_reader.h"

namespace metarec {

// What a root holds, to serve from a tree that was read instead of written.
struct RootMetadata {
  Topology topology;
  Secondaries secondaries;
};

// kDataLoss when the root has problems other than unfinished splits, or names a node by something
// that is no address.
absl::StatusOr<RootMetadata> MetadataOf(const RootContents& contents);

}  // namespace metarec
