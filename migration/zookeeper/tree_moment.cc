#include "migration/zookeeper/tree_moment.h"

#include <algorithm>
#include <utility>

#include <absl/algorithm/container.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "zk_store/tree/live_tree.h"
#include "zk_store/tree/tree_journal.h"
#include "zk_store/tree/tree_merge.h"

namespace metarec {
namespace {

constexpr size_t kNewerShownMax = 10;

LiveTreeOptions WithoutAcls(const TreePlace& place) {
  LiveTreeOptions options;
  options.source = place.text;
  options.read_acls = false;
  return options;
}

}  // namespace

asio::awaitable<absl::StatusOr<std::vector<TreeNode>>> NotedTree::Next() {
  METAREC_CO_ASSIGN_OR_RETURN(std::vector<TreeNode> nodes, co_await tree_->Next());
  for (const TreeNode& node : nodes) {
    if (node.path.empty()) moment_.root_czxid = node.stat.czxid;
    moment_.zxid = std::max({moment_.zxid, node.stat.czxid, node.stat.mzxid});
  }
  co_return nodes;
}

void TreeSince::Add(const std::string& root, const std::string& path) {
  ++newer_count;
  if (newer.size() < kNewerShownMax) newer.push_back(absl::StrCat(root, path));
}

std::string TreeSince::NewerText() const {
  const int64_t more = newer_count - static_cast<int64_t>(newer.size());
  return absl::StrCat(Printable(absl::StrJoin(newer, ", ")),
                      more > 0 ? absl::StrCat(" and ", more, " more") : "");
}

asio::awaitable<absl::StatusOr<TreeMoment>> LookAtTree(TreePlace place, Clock* clock) {
  LiveTree tree(place.store, clock, place.root, WithoutAcls(place));
  NotedTree noted(&tree);
  for (;;) {
    METAREC_CO_ASSIGN_OR_RETURN(const std::vector<TreeNode> nodes, co_await noted.Next());
    if (nodes.empty()) break;
  }
  if (noted.moment().root_czxid == 0) {
    co_return absl::NotFoundError(absl::StrCat("there is no znode at ", place.text));
  }
  co_return noted.moment();
}

asio::awaitable<absl::StatusOr<TreeSince>> LookForUnknown(
    TreePlace place, std::function<bool(const TreeNode&)> is_known, Clock* clock) {
  LiveTree tree(place.store, clock, place.root, WithoutAcls(place));
  TreeCursor cursor(&tree);
  TreeSince since;
  for (;;) {
    METAREC_CO_ASSIGN_OR_RETURN(const TreeNode* const next, co_await cursor.Peek());
    if (next == nullptr) co_return since;
    const TreeNode node = cursor.Take();
    // A removal that was cut short has left its journal in some child of the root.
    const bool is_journal = absl::StrContains(node.path, kTreeJournalPath);
    if (!is_journal && !is_known(node)) since.Add(place.root, node.path);
  }
}

asio::awaitable<absl::StatusOr<TreeSince>> LookAtTreeSince(TreePlace place, TreeMoment then,
                                                           std::vector<std::string> except,
                                                           Clock* clock) {
  bool is_same = true;
  // Named: GCC 12 destroys a capture twice in a temporary beside a co_await.
  std::function<bool(const TreeNode&)> is_known = [&](const TreeNode& node) {
    if (node.path.empty()) is_same = node.stat.czxid == then.root_czxid;
    return absl::c_linear_search(except, node.path) ||
           (node.stat.czxid <= then.zxid && node.stat.mzxid <= then.zxid);
  };
  METAREC_CO_ASSIGN_OR_RETURN(
      TreeSince since, co_await LookForUnknown(std::move(place), std::move(is_known), clock));
  since.is_same = is_same;
  co_return since;
}

}  // namespace metarec
