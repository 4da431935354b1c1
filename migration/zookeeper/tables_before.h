// The tables of the cluster as they were before the move: kept in a file, a line each, as their
// znodes have them.

#pragma once

#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "pegasus_client/cluster_listing.h"
#include "zk_store/topology/znode_json.h"

namespace metarec {

// In the order of their ids. kFailedPrecondition while one of them is being created, dropped or
// recalled: then nobody can say what it is to be.
absl::Status WriteTablesBefore(const std::string& path, const std::vector<TableView>& tables);
absl::StatusOr<std::vector<AppZnode>> ReadTablesBefore(const std::string& path);

// In what the tables of now are not as before, a clause each. `copied`: all that ZooKeeper knew
// must be as it was; else what a recovery brings back of the tables that were available.
std::vector<std::string> TablesThatDiffer(const std::vector<AppZnode>& before,
                                          const std::vector<TableView>& now, bool copied);

}  // namespace metarec
