// What a tree was at a moment, so that later it can be seen whether anybody has written there
// since.

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "migration/zookeeper/tree_place.h"
#include "zk_store/tree/tree_source.h"

namespace metarec {

struct TreeMoment {
  int64_t root_czxid = 0;  // 0: there was no tree
  // The last transaction that created or set any of its znodes: whoever creates or sets one later
  // does so by a later one.
  int64_t zxid = 0;
};

// A tree that somebody else reads, and of which it takes note meanwhile. Not thread-safe.
class NotedTree final : public TreeSource {
 public:
  // `tree` must outlive it.
  explicit NotedTree(TreeSource* tree) : tree_(tree) {}

  asio::awaitable<absl::StatusOr<std::vector<TreeNode>>> Next() override;
  const TreeHead& head() const override { return tree_->head(); }
  // Of what was read so far.
  const TreeMoment& moment() const { return moment_; }

 private:
  TreeSource* const tree_;
  TreeMoment moment_;
};

// Reads it to its end. kNotFound if there is no such tree.
asio::awaitable<absl::StatusOr<TreeMoment>> LookAtTree(TreePlace place, Clock* clock);

struct TreeSince {
  bool is_same = false;  // the tree of that moment, or what is left of it
  // Znodes that were created or set since: the paths of the first ones, and how many there are.
  std::vector<std::string> newer;
  int64_t newer_count = 0;

  void Add(const std::string& root, const std::string& path);
  // "/pegasus/demo/apps/3, /pegasus/demo/apps/4 and 7 more", fit for people.
  std::string NewerText() const;
};

// Reads the tree: of its znodes, metarec's own journals left out, those that `is_known` does not
// know are newer. No error if there is no such tree.
asio::awaitable<absl::StatusOr<TreeSince>> LookForUnknown(
    TreePlace place, std::function<bool(const TreeNode&)> is_known, Clock* clock);

// Reads the tree again. The znodes `except`, relative to the root, do not count, nor do metarec's
// own journals; what was deleted since does not show. No error if there is no such tree any more.
asio::awaitable<absl::StatusOr<TreeSince>> LookAtTreeSince(TreePlace place, TreeMoment then,
                                                           std::vector<std::string> except,
                                                           Clock* clock);

}  // namespace metarec
