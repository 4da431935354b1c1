#include "zk_store/tree/tree_merge.h"

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "zk_store/client/store_error.h"

namespace metarec {

asio::awaitable<absl::StatusOr<const TreeNode*>> TreeCursor::Peek() {
  if (next_ < batch_.size()) co_return &batch_[next_];
  if (ended_) co_return nullptr;
  absl::StatusOr<std::vector<TreeNode>> batch = co_await source_->Next();
  if (!batch.ok()) {
    co_return Annotate(batch.status(), absl::StrCat(" (while reading ",
                                                    name_.empty() ? head().source : name_, ")"));
  }
  batch_ = *std::move(batch);
  next_ = 0;
  ended_ = batch_.empty();
  co_return ended_ ? nullptr : &batch_.front();
}

asio::awaitable<absl::StatusOr<std::optional<TreePair>>> TreeMerge::Next() {
  METAREC_CO_ASSIGN_OR_RETURN(const TreeNode* const a, co_await a_.Peek());
  METAREC_CO_ASSIGN_OR_RETURN(const TreeNode* const b, co_await b_.Peek());
  if (a == nullptr && b == nullptr) co_return std::nullopt;
  int order = 0;  // of the two paths; nothing comes after everything
  if (a == nullptr || b == nullptr) {
    order = a != nullptr ? -1 : 1;
  } else {
    order = ComparePaths(a->path, b->path);
  }
  TreePair pair;
  if (order <= 0) pair.a = a_.Take();
  if (order >= 0) pair.b = b_.Take();
  co_return pair;
}

asio::awaitable<absl::StatusOr<std::vector<TreeNode>>> NoTree::Next() {
  co_return std::vector<TreeNode>();
}

}  // namespace metarec
