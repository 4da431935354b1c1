// Whether two trees are the same, and where they differ.

#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "zk_store/tree/tree_merge.h"

namespace metarec {

// At one path.
struct TreeDifference {
  TreePair nodes;  // without `b` it is missing there, without `a` it is extra there
  // Of a path that both have:
  bool data = false;
  bool acl = false;
  bool kind = false;  // or the TTL, if both sources know them (TreeHead::has_kinds)

  bool missing() const { return !nodes.b.has_value(); }
  bool extra() const { return !nodes.a.has_value(); }
};

struct TreeDiffOptions {
  // Otherwise ephemeral znodes are left out, and counted. They belong to a session, and nothing
  // can copy them.
  bool ephemerals = false;
  bool acls = true;  // compare them, if both sources have them
  // What errors call the sides; without them, by their sources, which may be the same.
  std::string a_name = {};
  std::string b_name = {};
};

struct TreeDiffSide {
  int64_t znodes = 0;  // that were compared
  int64_t ephemerals_left_out = 0;
  std::string digest;  // of the tree: TreeDigest, which leaves all ephemeral znodes out
};

struct TreeDiffResult {
  TreeDiffSide a;
  TreeDiffSide b;
  // Paths. One that differs in several ways counts in each of the last three.
  int64_t missing = 0;
  int64_t extra = 0;
  int64_t data = 0;
  int64_t acl = 0;
  int64_t kind = 0;
  int64_t paths = 0;  // that differ, in whatever way
  bool acls_compared = false;
  bool kinds_compared = false;  // beyond which nodes are ephemeral
  std::string digest;  // of the differences: what differs where, and what both sides have there

  bool equal() const { return paths == 0; }
};

// What of the two makes a difference; nothing of it if they are the same. `kinds`: whether the
// sources of both know containers and TTLs.
TreeDifference CompareNodes(TreePair nodes, bool acls, bool kinds);

// Reads both to their ends. `on_difference` hears of each difference, in path order; `on_progress`,
// if given, now and then how many paths were compared. Errors are those of the sources, and say of
// which. Memory does not grow with the trees.
asio::awaitable<absl::StatusOr<TreeDiffResult>> DiffTrees(
    TreeSource* a, TreeSource* b, TreeDiffOptions options,
    std::function<void(TreeDifference)> on_difference,
    std::function<void(int64_t paths, int64_t differences)> on_progress = nullptr);

}  // namespace metarec
