#include "migration/zookeeper/tree_moment.h"

#include <algorithm>
#include <utility>

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

asio::awaitable<absl::StatusOr<TreeSince>> LookAtTreeSince(TreePlace place, TreeMoment then,
                                                           std::vector<std::string> except,
                                                           Clock* clock) {
  LiveTree tree(place.store, clock, place.root, WithoutAcls(place));
  TreeCursor cursor(&tree);
  TreeSince since;
  since.is_same = true;
  for (;;) {
    METAREC_CO_ASSIGN_OR_RETURN(const TreeNode* const next, co_await cursor.Peek());
    if (next == nullptr) co_return since;
    const TreeNode node = cursor.Take();
    if (node.path.empty()) since.is_same = node.stat.czxid == then.root_czxid;
    // A removal that was cut short has left its journal in some child of the root.
    const bool is_ours = absl::StrContains(node.path, kTreeJournalPath);
    if (is_ours || std::find(except.begin(), except.end(), node.path) != except.end()) continue;
    if (node.stat.czxid <= then.zxid && node.stat.mzxid <= then.zxid) continue;
    since.Add(place.root, node.path);
  }
}

}  // namespace metarec
