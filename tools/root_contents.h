#pragma once

#include <functional>
#include <vector>

#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "runtime/clock.h"
#include "runtime/progress.h"
#include "tools/cluster_listing.h"
#include "tools/store_arguments.h"
#include "zk_store/topology_reader.h"

namespace metarec::tools {

// Reads what a root holds, for ls, nodes and app. What makes no sense in it is named on stderr.
// `wants_partitions`: see TopologyReaderOptions.
asio::awaitable<absl::StatusOr<std::vector<TableView>>> ReadTables(
    const StoreArguments& arguments, std::function<bool(const AppZnode&)> wants_partitions,
    Clock* clock, ProgressListener* progress);

}  // namespace metarec::tools
