#pragma once

#include <functional>
#include <vector>

#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "base/runtime/progress.h"
#include "pegasus_client/cluster_listing.h"
#include "tools/cli/store_arguments.h"
#include "zk_store/topology/topology_reader.h"

namespace metarec::tools {

// Reads what a root holds, for ls, nodes and app. What makes no sense in it is named on stderr.
// `wants_partitions`: see TopologyReaderOptions.
asio::awaitable<absl::StatusOr<std::vector<TableView>>> ReadTables(
    const StoreArguments& arguments, std::function<bool(const AppZnode&)> wants_partitions,
    Clock* clock, ProgressListener* progress);

}  // namespace metarec::tools
