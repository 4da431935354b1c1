// Small trees, and sources that give them.

#pragma once

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "zk_store/tree/tree_source.h"

namespace metarec {

inline TreeNode NodeAt(std::string path, std::string data = "") {
  TreeNode node;
  node.path = std::move(path);
  node.data = std::move(data);
  node.acl = OpenAcl();
  node.stat.data_bytes = static_cast<int32_t>(node.data.size());
  return node;
}

inline TreeNode WithOwner(TreeNode node, int64_t owner) {
  node.stat.ephemeral_owner = owner;
  return node;
}

// Gives its nodes `per_batch` at a time, and then, if it is not OK, an error.
class ListedTree final : public TreeSource {
 public:
  explicit ListedTree(std::vector<TreeNode> nodes, absl::Status end = absl::OkStatus(),
                      size_t per_batch = 3)
      : nodes_(std::move(nodes)), end_(std::move(end)), per_batch_(per_batch) {
    head_.source = "list";
    head_.root = "/";
  }

  asio::awaitable<absl::StatusOr<std::vector<TreeNode>>> Next() override {
    std::vector<TreeNode> batch;
    while (batch.size() < per_batch_ && next_ < nodes_.size()) batch.push_back(nodes_[next_++]);
    if (batch.empty() && !end_.ok()) co_return end_;
    co_return batch;
  }
  const TreeHead& head() const override { return head_; }

  TreeHead head_;

 private:
  const std::vector<TreeNode> nodes_;
  const absl::Status end_;
  const size_t per_batch_;
  size_t next_ = 0;
};

inline asio::awaitable<absl::StatusOr<std::vector<TreeNode>>> ReadWholeTree(TreeSource* source) {
  std::vector<TreeNode> all;
  for (;;) {
    absl::StatusOr<std::vector<TreeNode>> nodes = co_await source->Next();
    if (!nodes.ok()) co_return nodes.status();
    if (nodes->empty()) co_return all;
    std::move(nodes->begin(), nodes->end(), std::back_inserter(all));
  }
}

inline std::vector<std::string> PathsOf(const std::vector<TreeNode>& nodes) {
  std::vector<std::string> paths;
  for (const TreeNode& node : nodes) paths.push_back(node.path);
  return paths;
}

}  // namespace metarec
