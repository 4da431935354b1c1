#include "zk_store/tree/subtree.h"

#include <utility>

#include "base/runtime/status_macros.h"
#include "zk_store/client/znode_path.h"

namespace metarec {

Subtree::Subtree(std::unique_ptr<TreeSource> whole, std::string path)
    : whole_(std::move(whole)), path_(std::move(path)) {}

asio::awaitable<absl::StatusOr<std::vector<TreeNode>>> Subtree::Next() {
  std::vector<TreeNode> part;
  while (part.empty()) {
    absl::StatusOr<std::vector<TreeNode>> nodes = co_await whole_->Next();
    head_ = whole_->head();
    head_.root = JoinPaths(head_.root, path_);
    if (!nodes.ok()) co_return nodes.status();
    if (nodes->empty()) break;
    for (TreeNode& node : *nodes) {
      if (!IsWithin(node.path, path_)) continue;
      node.path.erase(0, path_.size());
      part.push_back(std::move(node));
    }
  }
  co_return part;
}

const TreeHead& Subtree::head() const { return head_; }

}  // namespace metarec
