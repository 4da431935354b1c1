#pragma once

#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "zk_store/tree/tree_source.h"

namespace metarec {

// The part of a tree that is at `path` and below it, as a tree of its own; "" is all of it. Reads
// the whole tree to its end nevertheless, since only there a file shows that it is whole.
class Subtree final : public TreeSource {
 public:
  Subtree(std::unique_ptr<TreeSource> whole, std::string path);

  asio::awaitable<absl::StatusOr<std::vector<TreeNode>>> Next() override;
  const TreeHead& head() const override;

 private:
  const std::unique_ptr<TreeSource> whole_;
  const std::string path_;
  TreeHead head_;
};

}  // namespace metarec
