// What an earlier run has finished, looked at again: whether it is still there.

#pragma once

#include <cstdint>
#include <string>

#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "base/runtime/progress.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/topology/topology.h"
#include "zk_store/topology/topology_verifier.h"

namespace metarec {

// Compares `<root>/apps` with what a run of this topology wrote there, and writes nothing. Only
// what was written to since is read (TopologyVerifierOptions::Contents). Returns with how many
// partitions a meta server has gone on since, which is no fault.
//
// An error that is marked kDiffers says what differs and what to do. Any other error means that it
// could not be found out. `topology` must outlive the call; `options.apps_state` does not matter.
asio::awaitable<absl::StatusOr<int64_t>> CheckFinishedTree(const Topology& topology,
                                                           std::string root, StoreReader* reader,
                                                           TopologyVerifierOptions options,
                                                           ProgressListener* listener);

}  // namespace metarec
