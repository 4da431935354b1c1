// Where a tree is read from, in path order: LiveTree, TreeFileReader, DataDirectory, or nothing.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "zk_store/tree/tree_node.h"

namespace metarec {

struct TreeHead {
  std::string source;   // as the user named it: "zk1:2181,zk2:2181", a file, a folder
  std::string root;     // the absolute path of the tree's root there: "/" or "/pegasus/demo"
  int64_t time_ms = 0;  // Unix time of the reading, or of the last transaction of a data directory
  int64_t zxid = 0;  // everything up to it is in the tree; a live tree may hold some of later ones
  bool has_acls = true;  // otherwise no node's ACL was read, and all are empty
  // Otherwise containers and TTL nodes look like persistent ones: a running server does not tell
  // its clients.
  bool has_kinds = true;
  int64_t znodes = 0;  // about how many there are, if that is known before they are read
};

// About how much a source gives at once.
inline constexpr size_t kTreeBatchNodes = 256;
inline constexpr size_t kTreeBatchBytes = 1 << 20;

// A tree that is read once, from its root on, in path order.
//
// Not thread-safe; one Next at a time.
class TreeSource {
 public:
  virtual ~TreeSource() = default;
  TreeSource(const TreeSource&) = delete;
  TreeSource& operator=(const TreeSource&) = delete;

  // The next znodes, at least one; none at the end. A tree whose root does not exist has none at
  // all. An error is final: what was read is not the whole tree.
  virtual asio::awaitable<absl::StatusOr<std::vector<TreeNode>>> Next() = 0;

  // Known from the first Next on.
  virtual const TreeHead& head() const = 0;

 protected:
  TreeSource() = default;
};

}  // namespace metarec
