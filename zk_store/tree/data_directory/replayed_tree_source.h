// Gives the znodes of a replayed tree in path order, with their data from the files.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/types/span.h>
#include <asio/awaitable.hpp>

#include "zk_store/tree/data_directory/data_files.h"
#include "zk_store/tree/data_directory/replayed_tree.h"
#include "zk_store/tree/tree_source.h"

namespace metarec {

// The children of each znode, sorted: 8 bytes a znode.
class SortedChildren {
 public:
  explicit SortedChildren(const ReplayedTree& tree);
  // Indexes in the tree, in the order of the names' bytes.
  absl::Span<const uint32_t> Of(uint32_t index) const {
    return absl::MakeConstSpan(children_).subspan(begins_[index],
                                                  begins_[index + 1] - begins_[index]);
  }

 private:
  std::vector<uint32_t> begins_;
  std::vector<uint32_t> children_;
};

class ReplayedTreeSource final : public TreeSource {
 public:
  // All of them must outlive it.
  ReplayedTreeSource(const ReplayedTree* tree, const SortedChildren* children, DataFiles* files,
                     TreeHead head);

  asio::awaitable<absl::StatusOr<std::vector<TreeNode>>> Next() override;
  const TreeHead& head() const override { return head_; }

 private:
  struct Level {
    absl::Span<const uint32_t> children;
    size_t next = 0;
    size_t path_bytes = 0;  // of the znode whose children they are
  };

  absl::StatusOr<std::vector<TreeNode>> NextNodes();
  absl::StatusOr<TreeNode> MakeNode(uint32_t index);

  const ReplayedTree& tree_;
  const SortedChildren& children_;
  DataFiles& files_;
  const TreeHead head_;
  std::string path_;  // absolute, of the last znode given
  bool at_begin_ = true;
  std::vector<Level> levels_;
};

}  // namespace metarec
