// Reads the clusters that a tree holds, wherever in it they are.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "meta_recovery/old_tree/old_tree.h"
#include "zk_store/tree/tree_source.h"

namespace metarec {

struct OldTreeReaderOptions {
  OldTreeKind kind = OldTreeKind::kFile;
  std::string source;  // as the user named it
  size_t problems_max = 20;
  // Of the znodes that are kept as they are, in all.
  size_t carried_bytes_max = size_t{256} << 20;
  // Znodes that come before `apps` in path order (".app_balancer") are kept until it is known
  // whether a cluster's root is above them.
  size_t ahead_bytes_max = size_t{8} << 20;
};

// One for each root of a cluster that the tree holds, in path order: a znode with a child `apps`
// that says `unlock`, or nothing, and has tables. Reads the source to its end, once; memory grows
// with what is kept: 8 bytes for a partition, the tables, and what is carried as it is.
//
// Locks, ephemeral znodes and metarec's own journal are left out. So is a root within another one.
// kNotFound when the tree holds no cluster; kResourceExhausted beyond a bound. Errors of the source
// are final: half a tree is no evidence.
asio::awaitable<absl::StatusOr<std::vector<OldTree>>> ReadOldTrees(TreeSource* source,
                                                                   OldTreeReaderOptions options);

}  // namespace metarec
