#pragma once

#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "zk_store/client/meta_store.h"

namespace metarec::scenarios {

struct SnapshotEntry {
  std::string path;
  std::string data;
  NodeStat stat;
};

// `root` and everything below it, by path, numbers in numeric order; empty if there is no such
// node.
asio::awaitable<absl::StatusOr<std::vector<SnapshotEntry>>> TakeSnapshot(MetaStore* store,
                                                                         std::string root);

// Creates or sets a node, and its missing parents.
asio::awaitable<absl::Status> PutZnode(MetaStore* store, std::string path, std::string data);

// What has happened between the two, a line each; empty if nothing, not even a change to the same
// data.
std::string DescribeChanges(const std::vector<SnapshotEntry>& before,
                            const std::vector<SnapshotEntry>& after);

}  // namespace metarec::scenarios
