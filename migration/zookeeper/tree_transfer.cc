#include "migration/zookeeper/tree_transfer.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/runtime/status_macros.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/topology/znode_layout.h"
#include "zk_store/tree/live_tree.h"
#include "zk_store/tree/tree_copy.h"
#include "zk_store/tree/tree_diff.h"
#include "zk_store/tree/tree_file.h"
#include "zk_store/tree/tree_journal.h"
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

// A tree that is the caller's to remove: whose unfinished work it is does not matter.
asio::awaitable<absl::Status> RemoveWhole(TreePlace place, Clock* clock) {
  RetryBudget budget(clock);
  StoreReader reader(place.store, &budget);
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeStat> root,
                              co_await reader.Exists(place.root));
  if (!root.has_value()) co_return absl::OkStatus();
  TreeJournalZnode journal(place.store, &budget, place.root);
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<TreeJournal> unfinished, co_await journal.Read());
  if (unfinished.has_value()) METAREC_CO_RETURN_IF_ERROR(co_await journal.Delete());
  TreeRemovalOptions look;
  look.root = place.root;
  look.name = place.text;
  const TreeRemovalEvents events;
  METAREC_CO_ASSIGN_OR_RETURN(const TreeRemovalResult seen,
                              co_await RemoveTree(place.store, clock, look, events));
  TreeRemovalOptions removal = look;
  removal.digest = seen.survey.digest;
  co_return (co_await RemoveTree(place.store, clock, removal, events)).status();
}

}  // namespace

asio::awaitable<absl::StatusOr<TransferCount>> TransferTree(
    TreePlace from, TreePlace to, bool may_change, Clock* clock,
    std::function<void(int64_t znodes)> on_progress) {
  CopyFrom source;
  source.open = [from, clock](bool with_acls) { return OpenPlace(from, with_acls, clock); };
  source.name = from.text;
  source.store = from.store;
  source.root = from.root;
  CopyInto target;
  target.store = to.store;
  target.root = to.root;
  target.name = to.text;
  TreeCopyOptions options;
  options.update = true;
  options.delete_extra = true;
  CopyEvents events;
  events.on_progress = [on_progress](absl::string_view, int, int64_t znodes) {
    if (on_progress) on_progress(znodes);
  };
  const absl::StatusOr<TreeCopyResult> copied = co_await CopyTree(
      std::move(source), std::move(target), std::move(options), std::move(events), clock);
  TransferCount count;
  if (!copied.ok()) {
    const bool kept_changing = absl::IsAborted(copied.status()) &&
                               !HasMark(copied.status(), ErrorMark::kDisturbed) &&
                               !HasMark(copied.status(), ErrorMark::kLostRace);
    if (!may_change || !kept_changing) co_return copied.status();
    count.kept_changing = true;
    co_return count;
  }
  count.znodes = copied->znodes;
  count.written = copied->written.created + copied->written.set + copied->written.acls_set;
  count.deleted = copied->written.deleted;
  co_return count;
}

asio::awaitable<absl::StatusOr<TreeComparison>> CompareTrees(TreePlace a, TreePlace b,
                                                             Clock* clock) {
  LiveTree first(a.store, clock, a.root, ReadingOptions(a));
  LiveTree second(b.store, clock, b.root, ReadingOptions(b));
  TreeComparison compared;
  const TreeDiffOptions options;
  std::function<void(TreeDifference)> on_difference = [&compared](TreeDifference difference) {
    if (compared.examples.size() == kExamplesMax) return;
    compared.examples.push_back(DifferenceInWords(difference));
  };
  METAREC_CO_ASSIGN_OR_RETURN(
      const TreeDiffResult result,
      co_await DiffTrees(&first, &second, options, std::move(on_difference)));
  compared.znodes = result.a.znodes;
  compared.differences = result.paths;
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

asio::awaitable<absl::Status> DeleteTree(TreePlace place, std::vector<std::string> keep,
                                         bool keeps_root, Clock* clock) {
  if (!keeps_root) co_return co_await RemoveWhole(place, clock);
  RetryBudget budget(clock);
  StoreReader reader(place.store, &budget);
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeChildren> children,
                              co_await reader.Children(place.root));
  if (!children.has_value()) co_return absl::OkStatus();
  for (const std::string& name : children->names) {
    if (std::find(keep.begin(), keep.end(), name) != keep.end()) continue;
    TreePlace child = place;
    absl::StrAppend(&child.root, "/", name);
    absl::StrAppend(&child.text, "/", name);
    METAREC_CO_RETURN_IF_ERROR(co_await RemoveWhole(child, clock));
  }
  co_return absl::OkStatus();
}

}  // namespace metarec
