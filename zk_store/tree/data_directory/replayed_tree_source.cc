#include "zk_store/tree/data_directory/replayed_tree_source.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>
#include <zlib.h>

#include "base/runtime/cancellation.h"
#include "base/runtime/status_macros.h"

namespace metarec {
namespace {

uint32_t ContentCrc(absl::string_view path, absl::string_view data) {
  uLong crc = 0;
  for (const absl::string_view part : {path, data}) {
    if (part.empty()) continue;
    crc = crc32(crc, reinterpret_cast<const Bytef*>(part.data()), static_cast<uInt>(part.size()));
  }
  return static_cast<uint32_t>(crc);
}

}  // namespace

SortedChildren::SortedChildren(const ReplayedTree& tree) {
  const uint32_t end = tree.index_end();
  begins_.assign(static_cast<size_t>(end) + 1, 0);
  const auto is_child = [&tree](uint32_t index) {
    return index != ReplayedTree::kRoot && tree.Get(index).is_used != 0;
  };
  for (uint32_t index = 0; index < end; ++index) {
    if (is_child(index)) ++begins_[tree.Get(index).parent + 1];
  }
  for (uint32_t index = 0; index < end; ++index) begins_[index + 1] += begins_[index];
  children_.resize(begins_[end]);
  // Filled from the back, so that `begins_` tells both ends meanwhile.
  std::vector<uint32_t> filled(begins_.begin(), begins_.end() - (end > 0 ? 1 : 0));
  for (uint32_t index = 0; index < end; ++index) {
    if (is_child(index)) children_[filled[tree.Get(index).parent]++] = index;
  }
  for (uint32_t index = 0; index < end; ++index) {
    std::sort(children_.begin() + begins_[index], children_.begin() + begins_[index + 1],
              [&tree](uint32_t a, uint32_t b) { return tree.Name(a) < tree.Name(b); });
  }
}

ReplayedTreeSource::ReplayedTreeSource(const ReplayedTree* tree, const SortedChildren* children,
                                       DataFiles* files, TreeHead head)
    : tree_(*tree), children_(*children), files_(*files), head_(std::move(head)) {}

asio::awaitable<absl::StatusOr<std::vector<TreeNode>>> ReplayedTreeSource::Next() {
  // A large tree is no reason to let nothing else run.
  co_await Yield();
  const bool cancelled = co_await IsCancelled();
  if (cancelled) co_return absl::CancelledError("reading was cancelled");
  co_return NextNodes();
}

absl::StatusOr<std::vector<TreeNode>> ReplayedTreeSource::NextNodes() {
  std::vector<TreeNode> nodes;
  size_t bytes = 0;
  const auto add = [&](uint32_t index) -> absl::Status {
    METAREC_ASSIGN_OR_RETURN(TreeNode node, MakeNode(index));
    bytes += node.data.size() + node.path.size();
    nodes.push_back(std::move(node));
    levels_.push_back({children_.Of(index), 0, path_.size()});
    return absl::OkStatus();
  };
  if (at_begin_) {
    at_begin_ = false;
    const uint32_t root = tree_.Find(head_.root);
    if (root == ReplayedTree::kNone) return nodes;
    if (root != ReplayedTree::kRoot) path_ = head_.root;
    METAREC_RETURN_IF_ERROR(add(root));
  }
  while (!levels_.empty() && nodes.size() < kTreeBatchNodes && bytes < kTreeBatchBytes) {
    Level& level = levels_.back();
    path_.resize(level.path_bytes);
    if (level.next == level.children.size()) {
      levels_.pop_back();
      continue;
    }
    const uint32_t index = level.children[level.next++];
    absl::StrAppend(&path_, "/", tree_.Name(index));
    METAREC_RETURN_IF_ERROR(add(index));
  }
  return nodes;
}

absl::StatusOr<TreeNode> ReplayedTreeSource::MakeNode(uint32_t index) {
  const ReplayedTree::Znode& znode = tree_.Get(index);
  const DataPlace place = tree_.Place(index);
  TreeNode node;
  node.path = head_.root == "/" ? path_ : path_.substr(head_.root.size());
  node.null_data = place.is_null;
  if (place.bytes > 0) {
    METAREC_RETURN_IF_ERROR(files_.Read(place.file, place.offset, place.bytes, &node.data));
  }
  if (ContentCrc(path_, node.data) != znode.content_crc) {
    return absl::DataLossError(
        absl::StrCat("the files have changed since they were read: does a server still use them?"));
  }
  node.acl = tree_.acls().Get(znode.acl);
  NodeStat& stat = node.stat;
  stat.czxid = znode.stat.czxid;
  stat.mzxid = znode.stat.mzxid;
  stat.pzxid = znode.stat.pzxid;
  stat.ctime_ms = znode.stat.ctime_ms;
  stat.mtime_ms = znode.stat.mtime_ms;
  stat.version = znode.stat.version;
  // Creations and deletions, as a client is told: each child was created, and is or was deleted.
  stat.child_version = static_cast<int32_t>(2 * static_cast<uint32_t>(znode.stat.child_version) -
                                            znode.num_children);
  stat.acl_version = znode.stat.acl_version;
  stat.ephemeral_owner = znode.stat.owner;
  stat.data_bytes = static_cast<int32_t>(place.bytes);
  stat.num_children = static_cast<int32_t>(znode.num_children);
  return node;
}

}  // namespace metarec
