#include "migration/zookeeper/tree_transfer.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

#include "base/runtime/status_macros.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/client/znode_path.h"
#include "zk_store/topology/znode_layout.h"
#include "zk_store/tree/live_tree.h"
#include "zk_store/tree/tree_copy.h"
#include "zk_store/tree/tree_diff.h"
#include "zk_store/tree/tree_file.h"
#include "zk_store/tree/tree_journal.h"
#include "zk_store/tree/tree_merge.h"
#include "zk_store/tree/tree_removal.h"

namespace metarec {
namespace {

constexpr size_t kExamplesMax = 10;

LiveTreeOptions ReadingOptions(const TreePlace& place) {
  LiveTreeOptions options;
  options.source = place.text;
  return options;
}

asio::awaitable<absl::StatusOr<std::unique_ptr<TreeSource>>> OpenPlace(TreePlace place,
                                                                       bool with_acls,
                                                                       Clock* clock) {
  LiveTreeOptions options = ReadingOptions(place);
  options.read_acls = with_acls;
  std::unique_ptr<TreeSource> tree =
      std::make_unique<LiveTree>(place.store, clock, place.root, std::move(options));
  co_return tree;
}

std::string DifferenceInWords(const TreeDifference& difference) {
  const std::string path = difference.nodes.path().empty() ? "/" : difference.nodes.path();
  return absl::StrCat(path, ": ", absl::StrJoin(WordsOf(difference), "+"));
}

// How many znodes both have, if an earlier run has finished the transfer: its journal is gone, and
// the trees are two, and equal.
asio::awaitable<absl::StatusOr<std::optional<int64_t>>> FinishedBefore(
    TreePlace from, TreePlace to, std::vector<std::string> left_alone, Clock* clock) {
  RetryBudget budget(clock);
  TreeJournalZnode journal(to.store, &budget, to.root);
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<TreeJournal> unfinished, co_await journal.Read());
  if (unfinished.has_value()) co_return std::optional<int64_t>();
  StoreReader old_reader(from.store, &budget);
  StoreReader new_reader(to.store, &budget);
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeStat> old_root,
                              co_await old_reader.Exists(from.root));
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeStat> new_root,
                              co_await new_reader.Exists(to.root));
  if (!old_root.has_value() || !new_root.has_value()) co_return std::optional<int64_t>();
  if (from.root == to.root && IsOneZnode(*old_root, *new_root)) co_return std::optional<int64_t>();
  METAREC_CO_ASSIGN_OR_RETURN(const TreeComparison compared,
                              co_await CompareTrees(from, to, std::move(left_alone), clock));
  co_return compared.equal() ? std::optional<int64_t>(compared.znodes) : std::nullopt;
}

// Those of all but the root that are not `left_alone` and not ours.
asio::awaitable<absl::StatusOr<TreeSince>> FindOthers(
    TreePlace to, std::vector<std::string> left_alone,
    std::function<bool(const TreeNode& node)> is_ours, Clock* clock) {
  // Named: GCC 12 destroys a capture twice in a temporary beside a co_await.
  std::function<bool(const TreeNode&)> is_known = [&](const TreeNode& node) {
    return node.path.empty() || IsBelowChildren(node.path, left_alone) || is_ours(node);
  };
  co_return co_await LookForUnknown(std::move(to), std::move(is_known), clock);
}

asio::awaitable<absl::Status> RemoveWhole(TreePlace place, int64_t newest_zxid, Clock* clock) {
  TreeRemovalOptions options;
  options.root = place.root;
  options.name = place.text;
  options.whole = true;
  options.newest_zxid = newest_zxid;
  const TreeRemovalEvents events;
  co_return (co_await RemoveTree(place.store, clock, options, events)).status();
}

}  // namespace

asio::awaitable<absl::StatusOr<TransferCount>> TransferTree(TreePlace from, TreePlace to,
                                                            TransferOptions options, Clock* clock) {
  CopyFrom source;
  source.open = [from, clock](bool with_acls) { return OpenPlace(from, with_acls, clock); };
  source.name = from.text;
  source.store = from.store;
  source.root = from.root;
  CopyInto target;
  target.store = to.store;
  target.root = to.root;
  target.name = to.text;
  TreeCopyOptions copy;
  copy.keep_journal = options.more_follow;
  copy.left_alone = options.left_alone;
  CopyEvents events;
  events.on_progress = [on_progress = options.on_progress](const CopyProgress& progress) {
    if (on_progress) on_progress(progress.znodes);
  };
  const absl::StatusOr<TreeCopyResult> copied = co_await CopyTree(
      std::move(source), std::move(target), std::move(copy), std::move(events), clock);
  TransferCount count;
  if (copied.ok()) {
    count.znodes = copied->znodes;
    count.written = copied->written.created + copied->written.set + copied->written.acls_set;
    count.deleted = copied->written.deleted;
    count.newest_zxid = copied->newest_zxid;
    co_return count;
  }
  absl::Status error = copied.status();
  if (HasMark(error, ErrorMark::kRefused)) {
    METAREC_CO_ASSIGN_OR_RETURN(const std::optional<int64_t> done,
                                co_await FinishedBefore(from, to, options.left_alone, clock));
    count.znodes = done.value_or(0);
    if (done.has_value()) co_return count;
  }
  if (HasMark(error, ErrorMark::kRefused) || HasMark(error, ErrorMark::kDisturbed)) {
    co_return Annotate(
        error,
        "; these options are those of metarec zk copy, and a move cannot go on here: "
        "abort it, and plan again once nobody else writes there");
  }
  const bool kept_changing = absl::IsAborted(error) && !HasMark(error, ErrorMark::kLostRace);
  if (!options.may_change || !kept_changing) co_return error;
  count.kept_changing = true;
  co_return count;
}

asio::awaitable<absl::StatusOr<TreeSince>> LookForOthers(TreePlace to,
                                                         std::vector<std::string> left_alone,
                                                         Clock* clock) {
  RetryBudget budget(clock);
  TreeJournalZnode journal(to.store, &budget, to.root);
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<TreeJournal> unfinished, co_await journal.Read());
  std::function<bool(const TreeNode& node)> is_ours;
  if (unfinished.has_value()) {
    METAREC_CO_ASSIGN_OR_RETURN(const TreeMarks marks, co_await journal.Marks());
    // Nothing is written yet, or a removal has begun, which looks after that itself.
    if (marks.transactions.empty()) co_return TreeSince();
    is_ours = [ours = marks.transactions](const TreeNode& node) {
      return std::binary_search(ours.begin(), ours.end(), node.stat.czxid) &&
             std::binary_search(ours.begin(), ours.end(), node.stat.mzxid);
    };
  } else {
    StoreReader reader(to.store, &budget);
    METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeStat> root,
                                co_await reader.Exists(to.root));
    if (!root.has_value()) co_return TreeSince();
    // The journal's end was the last change of the root's children.
    is_ours = [end = root->pzxid](const TreeNode& node) {
      return node.stat.czxid <= end && node.stat.mzxid <= end;
    };
  }
  co_return co_await FindOthers(std::move(to), std::move(left_alone), std::move(is_ours), clock);
}

asio::awaitable<absl::StatusOr<TreeSince>> LookForOthersInTopology(
    TreePlace to, std::vector<std::string> left_alone, Clock* clock) {
  const ClusterPaths paths(to.root);
  const auto is_ours = [paths](const TreeNode& node) {
    const std::vector<std::string> parts = absl::StrSplit(node.path.substr(1), '/');
    if (parts[0] != kAppsName) {
      return parts[0] == kBackupName || (parts[0] == kJournalName && parts.size() == 1);
    }
    if (parts.size() == 1) return true;
    const int32_t app_id = ParseChildName(parts[1]);
    if (app_id < 0 || parts.size() == 2) return app_id >= 0;
    const bool is_partition = parts.size() == 3 && ParseChildName(parts[2]) >= 0;
    return is_partition || IsWithin(paths.root() + node.path, paths.Duplications(app_id));
  };
  co_return co_await FindOthers(std::move(to), std::move(left_alone), is_ours, clock);
}

asio::awaitable<absl::StatusOr<TreeComparison>> CompareTrees(TreePlace a, TreePlace b,
                                                             std::vector<std::string> left_alone,
                                                             Clock* clock) {
  LiveTree live(a.store, clock, a.root, ReadingOptions(a));
  NotedTree first(&live);
  LiveTree other_live(b.store, clock, b.root, ReadingOptions(b));
  NotedTree second(&other_live);
  TreeComparison compared;
  const TreeDiffOptions options;
  std::function<void(TreeDifference)> on_difference = [&](TreeDifference difference) {
    const std::string& path = difference.nodes.path();
    if (IsTreeJournal(path)) return;
    if (difference.extra() && IsBelowChildren(path, left_alone)) return;
    ++compared.differences;
    if (compared.examples.size() == kExamplesMax) return;
    compared.examples.push_back(DifferenceInWords(difference));
  };
  METAREC_CO_ASSIGN_OR_RETURN(
      const TreeDiffResult result,
      co_await DiffTrees(&first, &second, options, std::move(on_difference)));
  compared.znodes = result.a.znodes;
  compared.a = first.moment();
  compared.b = second.moment();
  co_return compared;
}

asio::awaitable<absl::StatusOr<std::vector<std::string>>> StrangersBelow(TreePlace place,
                                                                         std::string lock_root,
                                                                         Clock* clock) {
  RetryBudget budget(clock);
  StoreReader reader(place.store, &budget);
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeChildren> children,
                              co_await reader.Children(place.root));
  std::vector<std::string> strangers;
  if (!children.has_value()) co_return strangers;
  for (const std::string& name : children->names) {
    if (KindOfRootChild(place.root, lock_root, name) != RootChild::kStranger) continue;
    strangers.push_back(absl::StrCat(place.root, "/", name));
  }
  std::sort(strangers.begin(), strangers.end());
  co_return strangers;
}

asio::awaitable<absl::StatusOr<int64_t>> ExportTree(TreePlace from, std::string path,
                                                    Clock* clock) {
  LiveTree tree(from.store, clock, from.root, ReadingOptions(from));
  TreeFileOptions options;
  options.overwrite = true;
  METAREC_CO_ASSIGN_OR_RETURN(const TreeSummary summary,
                              co_await WriteTreeFile(&tree, std::move(path), options));
  co_return summary.znodes;
}

asio::awaitable<absl::Status> DeleteTree(TreePlace place, DeletionOptions options, Clock* clock) {
  if (!options.keeps_root) co_return co_await RemoveWhole(place, options.newest_zxid, clock);
  RetryBudget budget(clock);
  StoreReader reader(place.store, &budget);
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeChildren> children,
                              co_await reader.Children(place.root));
  if (!children.has_value()) co_return absl::OkStatus();
  const std::vector<std::string>& keep = options.keep;
  for (const std::string& name : children->names) {
    if (std::find(keep.begin(), keep.end(), name) != keep.end()) continue;
    TreePlace child = place;
    absl::StrAppend(&child.root, "/", name);
    absl::StrAppend(&child.text, "/", name);
    METAREC_CO_RETURN_IF_ERROR(co_await RemoveWhole(child, options.newest_zxid, clock));
  }
  co_return absl::OkStatus();
}

}  // namespace metarec
