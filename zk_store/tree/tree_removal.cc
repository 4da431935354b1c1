#include "zk_store/tree/tree_removal.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <absl/algorithm/container.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/client/znode_path.h"
#include "zk_store/tree/copy_pass.h"
#include "zk_store/tree/live_tree.h"
#include "zk_store/tree/tree_digest.h"
#include "zk_store/tree/tree_journal.h"
#include "zk_store/tree/tree_merge.h"

namespace metarec {
namespace {

constexpr char kRemoveAction[] = "remove";
constexpr char kWholeScope[] = "whatever is there";
constexpr size_t kChildrenShownMax = 50;
constexpr int64_t kZnodesBetweenNews = 1000;

absl::Status RefusedRemoval(absl::string_view why) {
  return MarkedError(ErrorMark::kRefused, absl::StrCat(why, ". Nothing was deleted"));
}

class TreeRemoval {
 public:
  TreeRemoval(MetaStore* store, Clock* clock, TreeRemovalOptions options, TreeRemovalEvents events)
      : store_(store),
        clock_(clock),
        options_(std::move(options)),
        events_(std::move(events)),
        budget_(clock, options_.writer.retry),
        journal_znode_(store, &budget_, options_.root) {}

  asio::awaitable<absl::StatusOr<TreeRemovalResult>> Run();

 private:
  bool has_begun() const;
  absl::Status CheckRoot() const;
  asio::awaitable<absl::Status> LookFirst();
  asio::awaitable<absl::Status> Begin();
  absl::Status CheckSurvey() const;
  asio::awaitable<absl::StatusOr<TreeSurvey>> Survey();
  asio::awaitable<absl::Status> DeleteAll();
  asio::awaitable<absl::Status> DeleteRoot(int32_t root_version);
  asio::awaitable<absl::Status> ClearRoot(const NodeStat& root);
  absl::Status CheckOld(const TreeNode& node) const;
  LiveTree Open(bool acls) const;
  void Tell(absl::string_view activity, int64_t znodes) const;

  MetaStore* const store_;
  Clock* const clock_;
  const TreeRemovalOptions options_;
  const TreeRemovalEvents events_;
  RetryBudget budget_;
  TreeJournalZnode journal_znode_;
  std::optional<TreeJournal> found_;
  TreeJournal journal_;
  TreeRemovalResult result_;
};

void TreeRemoval::Tell(absl::string_view activity, int64_t znodes) const {
  if (events_.on_progress && znodes % kZnodesBetweenNews == 0) {
    events_.on_progress(activity, znodes);
  }
}

LiveTree TreeRemoval::Open(bool acls) const {
  LiveTreeOptions options;
  options.source = options_.name;
  options.retry = options_.writer.retry;
  options.read_acls = acls;
  return LiveTree(store_, clock_, options_.root, std::move(options));
}

absl::Status TreeRemoval::CheckSurvey() const {
  const TreeSurvey& survey = result_.survey;
  if (survey.ephemerals.count > 0) {
    return RefusedRemoval(absl::StrCat(
        "in ", options_.name, " there are ephemeral znodes: ", survey.ephemerals.ToText(),
        " (sessions: ", absl::StrJoin(survey.sessions, ", "),
        "). Somebody who is alive uses this tree, or holds a lock in it; end that first"));
  }
  if (survey.newer.count > 0) {
    return RefusedRemoval(absl::StrCat("somebody else has written to ", options_.name, ": ",
                                       survey.newer.ToText(),
                                       " is newer than what was to be deleted"));
  }
  if (options_.whole || survey.digest == options_.digest) return absl::OkStatus();
  return RefusedRemoval(absl::StrCat("what is in ", options_.name, " is not what ",
                                     Printable(Shortened(options_.digest)), " stands for: it has ",
                                     Counted(survey.znodes, "znode"), " and the digest ",
                                     survey.digest, ". Look again at what would go"));
}

// A journal that was copied here with a tree tells of another place: what it says of transactions
// does not fit to its own znode.
bool TreeRemoval::has_begun() const {
  return found_.has_value() && found_->action == kRemoveAction && found_->is_checked &&
         found_->since_zxid >= journal_znode_.czxid() &&
         found_->since_zxid <= journal_znode_.mzxid();
}

absl::Status TreeRemoval::CheckRoot() const {
  if (IsWithin(options_.root, kSystemPath)) {
    return RefusedRemoval(absl::StrCat(options_.root, " is ZooKeeper's own; name another path"));
  }
  if (options_.root != "/" || (found_.has_value() && found_->owns_tree)) return absl::OkStatus();
  return RefusedRemoval(
      "/ is ZooKeeper's own, and there is no unfinished copy in it that found it empty; name a "
      "path below it");
}

asio::awaitable<absl::StatusOr<TreeRemovalResult>> TreeRemoval::Run() {
  METAREC_CO_ASSIGN_OR_RETURN(found_, co_await journal_znode_.Read());
  METAREC_CO_RETURN_IF_ERROR(CheckRoot());
  journal_.action = kRemoveAction;
  journal_.scope = options_.whole ? kWholeScope : options_.digest;
  journal_.described = absl::StrCat("removal of ", options_.name);
  journal_.owns_tree = found_.has_value() && found_->owns_tree;
  if (has_begun() && found_->scope == journal_.scope) {
    journal_ = *found_;
    journal_.run = NewRunId();
    METAREC_CO_RETURN_IF_ERROR(co_await journal_znode_.Replace(journal_));
    result_.resumed = true;
    METAREC_CO_RETURN_IF_ERROR(co_await DeleteAll());
    co_return std::move(result_);
  }
  if (options_.whole) {
    StoreReader reader(store_, &budget_);
    METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeStat> root,
                                co_await reader.Exists(options_.root));
    if (!root.has_value()) co_return std::move(result_);
    if (root->ephemeral_owner != 0) {
      co_return RefusedRemoval(absl::StrCat(options_.name, " is an ephemeral znode"));
    }
  } else {
    METAREC_CO_RETURN_IF_ERROR(co_await LookFirst());
    if (options_.digest.empty()) co_return std::move(result_);
  }
  METAREC_CO_RETURN_IF_ERROR(co_await Begin());
  METAREC_CO_RETURN_IF_ERROR(co_await DeleteAll());
  co_return std::move(result_);
}

asio::awaitable<absl::Status> TreeRemoval::LookFirst() {
  METAREC_CO_ASSIGN_OR_RETURN(result_.survey, co_await Survey());
  if (found_.has_value()) result_.unfinished = found_->described;
  if (options_.digest.empty()) co_return absl::OkStatus();
  const absl::Status checked = CheckSurvey();
  if (checked.ok() || !has_begun()) co_return checked;
  co_return Annotate(
      checked, absl::StrCat("; its removal as it was with ", Printable(Shortened(found_->scope)),
                            " has begun: that digest goes on with it"));
}

asio::awaitable<absl::Status> TreeRemoval::Begin() {
  journal_.run = NewRunId();
  if (found_.has_value()) {
    METAREC_CO_RETURN_IF_ERROR(co_await journal_znode_.Replace(journal_));
  } else {
    METAREC_CO_RETURN_IF_ERROR(co_await journal_znode_.Create(journal_));
  }
  journal_.since_zxid = journal_znode_.mzxid();
  // From now on changes show by their zxid. What came before shows here.
  METAREC_CO_ASSIGN_OR_RETURN(result_.survey, co_await Survey());
  const absl::Status checked = CheckSurvey();
  if (checked.ok()) {
    journal_.is_checked = true;
    co_return co_await journal_znode_.Replace(journal_);
  }
  // As it was before.
  if (found_.has_value()) {
    METAREC_CO_RETURN_IF_ERROR(co_await journal_znode_.Replace(*found_));
  } else {
    METAREC_CO_RETURN_IF_ERROR(co_await journal_znode_.Delete());
  }
  co_return checked;
}

asio::awaitable<absl::StatusOr<TreeSurvey>> TreeRemoval::Survey() {
  TreeSurvey survey;
  TreeDigest digest;
  LiveTree tree = Open(/*acls=*/!options_.whole);  // the digest is of them, too
  TreeCursor cursor(&tree);
  for (;;) {
    METAREC_CO_ASSIGN_OR_RETURN(const TreeNode* const node, co_await cursor.Peek());
    if (node == nullptr) break;
    const TreeNode taken = cursor.Take();
    if (IsTreeJournal(taken.path)) continue;
    survey.Add(taken);
    digest.Add(taken);
    const int64_t newest = std::max(taken.stat.czxid, taken.stat.mzxid);
    if (options_.newest_zxid > 0 && newest > options_.newest_zxid) survey.newer.Add(taken.path);
    Tell("read", survey.znodes);
  }
  if (survey.znodes == 0) {
    co_return absl::NotFoundError(
        absl::StrCat("there is no znode at ", options_.name, "; check the path"));
  }
  survey.digest = digest.Finish();
  co_return survey;
}

absl::Status TreeRemoval::CheckOld(const TreeNode& node) const {
  // "/" stays, and an earlier run that was to clear it has perhaps just done so.
  const bool is_cleared_root = options_.root == "/" && node.path.empty() && node.data.empty();
  if (is_cleared_root) return absl::OkStatus();
  if (!IsEphemeral(node, /*has_kinds=*/false) && node.stat.czxid < journal_.since_zxid &&
      node.stat.mzxid < journal_.since_zxid) {
    return absl::OkStatus();
  }
  return MarkedError(
      ErrorMark::kDisturbed,
      absl::StrCat("somebody else writes to ", options_.name, ": ",
                   Printable(ShortenedInTheMiddle(node.path)),
                   " is newer than what was to be deleted; it and what is above it are still "
                   "there"));
}

asio::awaitable<absl::Status> TreeRemoval::DeleteAll() {
  TreeWriterOptions writer_options = options_.writer;
  writer_options.guard = journal_znode_.guard();
  TreeWriter writer(store_, clock_, std::move(writer_options));
  LiveTree tree = Open(/*acls=*/false);
  TreeCursor cursor(&tree);
  std::vector<DeleteOp> open;  // of the znodes in which the walk is
  NodeStat root;
  int64_t read = 0;
  for (;;) {
    METAREC_CO_ASSIGN_OR_RETURN(const TreeNode* const next, co_await cursor.Peek());
    const bool at_end = next == nullptr;
    TreeNode node;
    if (!at_end) node = cursor.Take();
    if (IsTreeJournal(node.path)) continue;
    const std::string path = JoinPaths(options_.root, node.path);
    // The root goes last, together with the journal.
    while (open.size() > 1) {
      if (!at_end && IsWithin(path, open.back().path)) break;
      METAREC_CO_RETURN_IF_ERROR(co_await writer.Add(std::move(open.back())));
      open.pop_back();
    }
    if (at_end) break;
    METAREC_CO_RETURN_IF_ERROR(CheckOld(node));
    if (open.empty()) root = node.stat;
    open.push_back(DeleteOp{path, node.stat.version});
    Tell("delete", ++read);
  }
  METAREC_CO_RETURN_IF_ERROR(co_await writer.Flush());
  result_.deleted = writer.stats().deleted;
  if (open.empty()) co_return absl::OkStatus();  // an earlier run deleted all of it
  if (options_.root == "/") co_return co_await ClearRoot(root);
  METAREC_CO_RETURN_IF_ERROR(co_await journal_znode_.DeleteMarks());
  co_return co_await DeleteRoot(root.version);
}

// Of "/", which nobody can delete: takes the data away that the copy gave it, and the journal.
asio::awaitable<absl::Status> TreeRemoval::ClearRoot(const NodeStat& root) {
  METAREC_CO_ASSIGN_OR_RETURN(const TreeMarks marks, co_await journal_znode_.Marks());
  if (absl::c_binary_search(marks.transactions, root.mzxid)) {
    TreeWriterOptions writer_options = options_.writer;
    writer_options.guard = journal_znode_.guard();
    TreeWriter writer(store_, clock_, std::move(writer_options));
    SetOp empty{options_.root, "", root.version};
    METAREC_CO_RETURN_IF_ERROR(co_await writer.Add(std::move(empty)));
    METAREC_CO_RETURN_IF_ERROR(co_await writer.Flush());
  }
  co_return co_await journal_znode_.Delete();
}

asio::awaitable<absl::Status> TreeRemoval::DeleteRoot(int32_t root_version) {
  StoreReader reader(store_, &budget_);
  const std::function<asio::awaitable<absl::Status>()> remove =
      [&]() -> asio::awaitable<absl::Status> {
    // An attempt whose answer was lost may have taken place.
    METAREC_CO_RETURN_IF_ERROR(co_await reader.Sync(options_.root));
    METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeStat> stat,
                                co_await reader.Exists(options_.root));
    if (!stat.has_value()) co_return absl::OkStatus();
    std::vector<StoreOp> ops;
    ops.emplace_back(DeleteOp{journal_znode_.path(), journal_znode_.guard().version});
    ops.emplace_back(DeleteOp{options_.root, root_version});
    const auto removed = co_await store_->Multi(std::move(ops));
    co_return removed.status();
  };
  const absl::Status removed = co_await Retry(&budget_, remove);
  switch (StoreErrorOf(removed)) {
    case StoreError::kNotEmpty:
    case StoreError::kBadVersion:
    case StoreError::kNoNode:
      co_return MarkedError(
          ErrorMark::kDisturbed,
          absl::StrCat("somebody else writes to ", options_.name, ": ", removed.message()));
    default:
      result_.deleted += removed.ok() ? 1 : 0;
      co_return removed;
  }
}

}  // namespace

void TreeSurvey::Add(const TreeNode& node) {
  const auto bytes = static_cast<int64_t>(node.data.size());
  ++znodes;
  data_bytes += bytes;
  if (IsEphemeral(node, /*has_kinds=*/false)) {
    ephemerals.Add(node.path);
    std::string session = absl::StrFormat("0x%x", static_cast<uint64_t>(node.stat.ephemeral_owner));
    if (sessions.size() < PathSample::kMax && !absl::c_linear_search(sessions, session)) {
      sessions.push_back(std::move(session));
    }
  }
  if (node.path.empty()) return;
  const size_t end = node.path.find('/', 1);
  if (end == std::string::npos) {
    if (children.size() < kChildrenShownMax)
      children.push_back({node.path.substr(1), 0, 0});
    else
      ++more_children;
  }
  if (children.empty()) return;
  Child& last = children.back();
  if (absl::string_view(node.path).substr(1, end == std::string::npos ? end : end - 1) !=
      last.name) {
    return;
  }
  ++last.znodes;
  last.data_bytes += bytes;
}

asio::awaitable<absl::StatusOr<TreeRemovalResult>> RemoveTree(MetaStore* store, Clock* clock,
                                                              TreeRemovalOptions options,
                                                              TreeRemovalEvents events) {
  TreeRemoval removal(store, clock, std::move(options), std::move(events));
  co_return co_await removal.Run();
}

}  // namespace metarec
