// Two trees side by side, in one pass and in memory that does not grow with them.

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "zk_store/tree/tree_source.h"

namespace metarec {

// One znode after the other. As thread-safe as its source, which must outlive it.
class TreeCursor {
 public:
  // `name` is what errors call it; without one, its source.
  explicit TreeCursor(TreeSource* source, std::string name = "")
      : source_(source), name_(std::move(name)) {}

  // The next one, which stays the next one until Take; nullptr at the end. Errors say which source
  // they are of, and are final.
  asio::awaitable<absl::StatusOr<const TreeNode*>> Peek();
  // After a Peek that gave one.
  TreeNode Take() { return std::move(batch_[next_++]); }

  const TreeHead& head() const { return source_->head(); }

 private:
  TreeSource* const source_;
  const std::string name_;
  std::vector<TreeNode> batch_;
  size_t next_ = 0;
  bool ended_ = false;
};

// What two trees have at one path: at least one of them has something.
struct TreePair {
  std::optional<TreeNode> a;
  std::optional<TreeNode> b;

  const std::string& path() const { return a.has_value() ? a->path : b->path; }
};

// All paths of two trees, in path order. Neither may be the other.
class TreeMerge {
 public:
  // Both must outlive it. The names are for errors.
  TreeMerge(TreeSource* a, TreeSource* b, std::string a_name = "", std::string b_name = "")
      : a_(a, std::move(a_name)), b_(b, std::move(b_name)) {}

  // nullopt at the end of both. An error of either is final.
  asio::awaitable<absl::StatusOr<std::optional<TreePair>>> Next();

 private:
  TreeCursor a_;
  TreeCursor b_;
};

// A tree without znodes: what an absent target is.
class NoTree final : public TreeSource {
 public:
  asio::awaitable<absl::StatusOr<std::vector<TreeNode>>> Next() override;
  const TreeHead& head() const override { return head_; }

 private:
  const TreeHead head_ = {.source = "nothing", .root = "/"};
};

}  // namespace metarec
