#include "zk_store/tree/tree_copy.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/client/znode_path.h"
#include "zk_store/tree/acl_text.h"
#include "zk_store/tree/copy_overlap.h"
#include "zk_store/tree/copy_pass.h"
#include "zk_store/tree/copy_root.h"
#include "zk_store/tree/live_tree.h"
#include "zk_store/tree/own_work.h"
#include "zk_store/tree/tree_digest.h"
#include "zk_store/tree/tree_journal.h"
#include "zk_store/tree/tree_ledger.h"
#include "zk_store/tree/tree_merge.h"

namespace metarec {
namespace {

constexpr char kCopyAction[] = "copy";

absl::Status Refused(absl::string_view why) {
  return MarkedError(ErrorMark::kRefused, absl::StrCat(why, ". Nothing was written"));
}

class TreeCopy {
 public:
  TreeCopy(CopyFrom from, CopyInto into, TreeCopyOptions options, CopyEvents events, Clock* clock)
      : from_(std::move(from)),
        into_(std::move(into)),
        options_(std::move(options)),
        events_(std::move(events)),
        clock_(clock),
        budget_(clock, options_.writer.retry),
        reader_(into_.store, &budget_),
        journal_(into_.store, &budget_, into_.root) {}

  asio::awaitable<absl::StatusOr<TreeCopyResult>> Run();

 private:
  // Nothing is written by these.
  asio::awaitable<absl::Status> LookAtSource();
  asio::awaitable<absl::Status> LookAtTarget();
  absl::Status CheckEmpty(const NodeData& root, const std::vector<std::string>& children) const;
  std::string Described(bool update, bool delete_extra) const;
  std::string Described() const { return Described(options_.update, options_.delete_extra); }
  std::string Scope(bool update, bool delete_extra) const;
  std::string Scope() const { return Scope(options_.update, options_.delete_extra); }
  absl::Status CheckFound() const;
  asio::awaitable<absl::StatusOr<TreeCopyResult>> DryRun();

  asio::awaitable<absl::Status> Mark();
  asio::awaitable<absl::Status> CreateRoot();
  asio::awaitable<absl::Status> LearnWhatIsOurs();
  asio::awaitable<absl::Status> LearnWhoWeAre();
  TreeJournal OwnJournal() const;
  // Notes in the journal that what is in the target is not all ours; returns `why`.
  asio::awaitable<absl::Status> Disown(absl::Status why);
  // Until a check finds both trees still and equal.
  asio::awaitable<absl::Status> CopyUntilStill();
  asio::awaitable<absl::Status> Pass(TreeLedger* ledger, TreeWriter* writer, OwnWork* own,
                                     int number);
  OwnWork WorkBefore() const;
  asio::awaitable<absl::StatusOr<CopyCheck>> Check(TreeLedger* ledger, int number);
  std::unique_ptr<TreeSource> OpenTarget() const;

  CopyFrom from_;
  CopyInto into_;
  const TreeCopyOptions options_;
  const CopyEvents events_;
  Clock* const clock_;
  RetryBudget budget_;
  StoreReader reader_;
  TreeJournalZnode journal_;
  CopyRules rules_;
  TreeCopyResult result_;

  TreeNode source_root_;
  TreeHead source_head_;
  bool target_exists_ = false;
  bool are_apart_ = false;               // the two trees, as far as is known
  std::vector<std::string> made_paths_;  // by this run, before its first pass: the root, and above
  Acl made_root_acl_;
  bool owns_tree_ = false;
  NodeStat root_stat_;                // of the target, before the copy wrote anything
  std::optional<TreeJournal> found_;  // another run's journal that this one goes on with
  TreeMarks marks_;                   // of its work, if it owned the tree
};

asio::awaitable<absl::StatusOr<TreeCopyResult>> TreeCopy::Run() {
  rules_.acl = options_.acl;
  rules_.acl_map = &options_.acl_map;
  rules_.plain_kinds = options_.plain_kinds;
  METAREC_CO_ASSIGN_OR_RETURN(are_apart_, co_await AreApart(&from_, &into_, &budget_));
  METAREC_CO_RETURN_IF_ERROR(co_await LookAtSource());
  METAREC_CO_RETURN_IF_ERROR(co_await LookAtTarget());
  if (options_.dry_run) co_return co_await DryRun();
  // That nothing can be kept in TMPDIR is better known before anything is written.
  METAREC_CO_RETURN_IF_ERROR(TreeLedger::Create().status());
  METAREC_CO_RETURN_IF_ERROR(co_await Mark());
  const absl::Status copied = co_await CopyUntilStill();
  if (HasMark(copied, ErrorMark::kDisturbed)) co_return co_await Disown(copied);
  METAREC_CO_RETURN_IF_ERROR(copied);
  if (options_.keep_journal) co_return std::move(result_);
  const absl::Status unmarked = co_await journal_.Delete();
  if (StoreErrorOf(unmarked) == StoreError::kNoAuth) {
    co_return Annotate(unmarked,
                       "; all is copied and equal, and only this mark is left: the ACL that the "
                       "root has in the source does not let these credentials delete it. Delete it "
                       "with credentials that may");
  }
  METAREC_CO_RETURN_IF_ERROR(unmarked);
  co_return std::move(result_);
}

asio::awaitable<absl::Status> TreeCopy::LookAtSource() {
  METAREC_CO_ASSIGN_OR_RETURN(const std::unique_ptr<TreeSource> source,
                              co_await from_.open(options_.acl == CopiedAcl::kKeep));
  METAREC_CO_ASSIGN_OR_RETURN(std::vector<TreeNode> nodes, co_await source->Next());
  if (nodes.empty()) {
    co_return absl::NotFoundError(
        absl::StrCat("there is no znode at ", from_.name, "; check the path"));
  }
  source_root_ = std::move(nodes.front());
  source_head_ = source->head();
  if (options_.acl == CopiedAcl::kKeep && !source_head_.has_acls) {
    co_return absl::InvalidArgumentError(absl::StrCat(
        from_.name,
        " has no ACLs that could be kept; choose those of the target: open or creator"));
  }
  if (IsEphemeral(source_root_, source_head_.has_kinds)) {
    co_return absl::InvalidArgumentError(absl::StrCat(
        from_.name, " is an ephemeral znode, which belongs to its session and cannot be copied"));
  }
  if (from_.store == nullptr) co_return absl::OkStatus();
  TreeJournalZnode journal(from_.store, &budget_, from_.root);
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<TreeJournal> unfinished, co_await journal.Read());
  if (!unfinished.has_value()) co_return absl::OkStatus();
  co_return Refused(absl::StrCat("the source is itself unfinished: ", journal.path(), " says \"",
                                 Printable(unfinished->described), "\" (run ",
                                 Printable(unfinished->run), ")"));
}

std::string TreeCopy::Described(bool update, bool delete_extra) const {
  std::vector<std::string> how = {absl::StrCat("ACLs: ", CopiedAclName(options_.acl))};
  if (!options_.acl_map.empty()) how.emplace_back("with an ACL map");
  if (options_.plain_kinds) how.emplace_back("all znodes persistent");
  if (update) how.emplace_back("update");
  if (delete_extra) how.emplace_back("deleting what is extra");
  return absl::StrCat("copy of ", from_.name, " into ", into_.root, ", ", absl::StrJoin(how, ", "));
}

std::string TreeCopy::Scope(bool update, bool delete_extra) const {
  TreeDigest digest;
  digest.AddWord(Described(update, delete_extra));
  digest.AddWord(options_.acl_map.ToText());
  // The same name may lead somewhere else another time.
  const NodeStat& root = source_root_.stat;
  digest.AddWord(from_.store != nullptr
                     ? absl::StrCat("root ", root.czxid, " ", root.ctime_ms)
                     : absl::StrCat("head ", source_head_.source, " ", source_head_.root, " ",
                                    source_head_.time_ms, " ", source_head_.zxid));
  return digest.Finish();
}

absl::Status TreeCopy::CheckEmpty(const NodeData& root,
                                  const std::vector<std::string>& children) const {
  if (options_.update) return absl::OkStatus();
  if (!children.empty()) {
    std::vector<std::string> names;
    for (const std::string& name : children) names.push_back(Printable(name));
    std::sort(names.begin(), names.end());
    return Refused(absl::StrCat("the target ", into_.name, " is not empty, it has ", CutList(names),
                                ". To make it what the source is, use --update; see with --dry_run "
                                "what that changes"));
  }
  if (!root.data.empty() && root.data != source_root_.data) {
    return Refused(absl::StrCat("the target ", into_.name,
                                " is there and has data that are not the source's. To replace "
                                "them, use --update"));
  }
  return absl::OkStatus();
}

// Only a copy without update begins by owning the tree. One that does not own it any more has been
// disturbed, and it is for the user to say what becomes of what others have written.
absl::Status TreeCopy::CheckFound() const {
  const bool is_disturbed = found_->action == kCopyAction && !found_->owns_tree &&
                            found_->scope == Scope(/*update=*/false, /*delete_extra=*/false);
  if (is_disturbed) {
    if (options_.update) return absl::OkStatus();
    return Refused(
        absl::StrCat("somebody else wrote to the target during the unfinished copy that ",
                     journal_.path(), " tells of (run ", Printable(found_->run),
                     "). To go on and overwrite what differs, use --update, and to delete what is "
                     "not the source's, --delete, too; see with --dry_run what that changes"));
  }
  if (found_->action == kCopyAction && found_->scope == Scope()) return absl::OkStatus();
  return Refused(absl::StrCat(
      "the target holds the unfinished work of another run: ", journal_.path(), " says \"",
      Printable(found_->described), "\" (run ", Printable(found_->run), "), and this is \"",
      Printable(Described()),
      found_->described == Described() ? "\" of a source that was made anew since" : "\"",
      ". Finish that one with the command it was begun with, or delete it with metarec zk rm"));
}

asio::awaitable<absl::Status> TreeCopy::LookAtTarget() {
  METAREC_CO_RETURN_IF_ERROR(co_await reader_.Sync(into_.root));
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeData> root, co_await reader_.Get(into_.root));
  target_exists_ = root.has_value();
  owns_tree_ = true;
  if (!target_exists_) co_return absl::OkStatus();
  root_stat_ = root->stat;
  METAREC_CO_ASSIGN_OR_RETURN(found_, co_await journal_.Read());
  if (found_.has_value()) {
    METAREC_CO_RETURN_IF_ERROR(CheckFound());
    result_.resumed = true;
    owns_tree_ = found_->owns_tree;
    root_stat_.mzxid = found_->root_mzxid;
    root_stat_.acl_version = found_->root_acl_version;
    co_return absl::OkStatus();
  }
  METAREC_CO_ASSIGN_OR_RETURN(std::optional<NodeChildren> children,
                              co_await reader_.Children(into_.root));
  std::vector<std::string> names;
  if (children.has_value()) names = std::move(children->names);
  if (into_.root == "/") std::erase(names, kSystemPath.substr(1));
  for (const std::string& name : options_.left_alone) std::erase(names, name);
  METAREC_CO_RETURN_IF_ERROR(CheckEmpty(*root, names));
  // Other data in its root are somebody's, and `update` was asked for because of them.
  owns_tree_ = names.empty() && (root->data.empty() || root->data == source_root_.data);
  co_return absl::OkStatus();
}

asio::awaitable<absl::StatusOr<TreeCopyResult>> TreeCopy::DryRun() {
  if (found_.has_value()) METAREC_CO_RETURN_IF_ERROR(co_await LearnWhoWeAre());
  METAREC_CO_RETURN_IF_ERROR(co_await LearnWhatIsOurs());
  OwnWork own = WorkBefore();
  METAREC_CO_RETURN_IF_ERROR(co_await Pass(nullptr, nullptr, &own, 1));
  co_return std::move(result_);
}

std::unique_ptr<TreeSource> TreeCopy::OpenTarget() const {
  LiveTreeOptions options;
  options.source = into_.name;
  options.retry = options_.writer.retry;
  options.ahead_bytes_max = kCopyAheadBytesMax;
  return std::make_unique<LiveTree>(into_.store, clock_, into_.root, std::move(options));
}

// Creates the root unless it is there, and notes what it is before anything is written.
asio::awaitable<absl::Status> TreeCopy::CreateRoot() {
  CopyRootOptions root;
  root.path = into_.root;
  root.source = source_root_;
  root.acl = options_.acl;
  root.acl_map = options_.acl_map;
  root.plain_kinds = options_.plain_kinds;
  METAREC_CO_ASSIGN_OR_RETURN(MadeCopyRoot made_root,
                              co_await CreateCopyRoot(into_.store, &budget_, std::move(root)));
  made_paths_ = std::move(made_root.paths);
  made_root_acl_ = std::move(made_root.acl);
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeData> made, co_await reader_.Get(into_.root));
  if (!made.has_value() || (!made->data.empty() && made->data != source_root_.data)) {
    co_return StrangerWrites(
        absl::StrCat(into_.name, made.has_value() ? " was created with other data" : " was deleted",
                     " in the moment in which the copy began"));
  }
  root_stat_ = made->stat;
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> TreeCopy::LearnWhoWeAre() {
  METAREC_CO_ASSIGN_OR_RETURN(rules_.own, co_await journal_.Owners());
  if (HidesPassword(rules_.own)) {
    co_return absl::PermissionDeniedError(
        absl::StrCat("the unfinished copy in ", into_.name,
                     " was begun with other credentials; go on with the same"));
  }
  if (options_.acl != CopiedAcl::kCreator || !rules_.own.empty()) co_return absl::OkStatus();
  co_return absl::InvalidArgumentError(
      "the ACL 'creator' needs credentials for the target, since without any there is no creator");
}

TreeJournal TreeCopy::OwnJournal() const {
  TreeJournal journal;
  journal.action = kCopyAction;
  journal.run = result_.run;
  journal.scope = Scope();
  journal.described = Described();
  journal.owns_tree = owns_tree_;
  journal.root_mzxid = root_stat_.mzxid;
  journal.root_acl_version = root_stat_.acl_version;
  return journal;
}

asio::awaitable<absl::Status> TreeCopy::Disown(absl::Status why) {
  if (!owns_tree_) co_return why;
  owns_tree_ = false;
  const TreeJournal journal = OwnJournal();
  // Without the note the next run sees by itself what is not the copy's.
  (void)co_await journal_.Replace(journal);
  co_return why;
}

asio::awaitable<absl::Status> TreeCopy::Mark() {
  result_.run = NewRunId();
  if (!target_exists_) METAREC_CO_RETURN_IF_ERROR(co_await CreateRoot());
  const TreeJournal journal = OwnJournal();
  if (found_.has_value()) {
    METAREC_CO_RETURN_IF_ERROR(co_await journal_.Replace(journal));
  } else {
    METAREC_CO_RETURN_IF_ERROR(co_await journal_.Create(journal));
  }
  if (!are_apart_) {
    METAREC_CO_RETURN_IF_ERROR(
        co_await CheckApartByJournal(&from_, &into_, &budget_, &journal_, made_paths_));
  }
  METAREC_CO_RETURN_IF_ERROR(co_await LearnWhoWeAre());
  co_return co_await LearnWhatIsOurs();
}

// Once the journal is replaced, the runs before write nothing more.
asio::awaitable<absl::Status> TreeCopy::LearnWhatIsOurs() {
  if (!found_.has_value() || !owns_tree_) co_return absl::OkStatus();
  METAREC_CO_ASSIGN_OR_RETURN(marks_, co_await journal_.Marks());
  co_return absl::OkStatus();
}

OwnWork TreeCopy::WorkBefore() const {
  if (!found_.has_value() || !owns_tree_) return OwnWork();
  RunsBefore runs;
  runs.marks = marks_;
  runs.root_mzxid = root_stat_.mzxid;
  runs.root_acl_version = root_stat_.acl_version;
  runs.own = rules_.own;
  return OwnWork(std::move(runs));
}

asio::awaitable<absl::Status> TreeCopy::Pass(TreeLedger* ledger, TreeWriter* writer, OwnWork* own,
                                             int number) {
  METAREC_CO_ASSIGN_OR_RETURN(const std::unique_ptr<TreeSource> source,
                              co_await from_.open(options_.acl == CopiedAcl::kKeep));
  const std::unique_ptr<TreeSource> target = OpenTarget();
  const int64_t total = number > 1 ? result_.znodes : source_head_.znodes;
  result_.znodes = 0;
  result_.data_bytes = 0;
  result_.ephemerals = 0;
  result_.made_plain = 0;
  result_.system_znodes = 0;
  result_.extra = PathSample();
  result_.target_ephemerals = 0;
  CopyPassOptions options;
  options.rules = rules_;
  options.target_root = into_.root;
  options.own = own;
  options.may_overwrite = options_.update;
  options.may_delete = options_.delete_extra;
  if (owns_tree_ && !result_.resumed && number == 1) {
    options.empty_root = EmptyRoot{source_root_.data, root_stat_.acl_version, std::nullopt};
    if (!made_paths_.empty()) options.empty_root->made_acl = made_root_acl_;
  }
  options.left_alone = &options_.left_alone;
  options.number = number;
  options.total = total;
  options.source_has_kinds = source_head_.has_kinds;
  options.source_czxid = source_root_.stat.czxid;
  options.events = &events_;
  options.ledger = ledger;
  options.writer = writer;
  if (owns_tree_) {
    options.mark = [this](absl::Span<const NodeFingerprint> claims) {
      return journal_.mark(claims);
    };
  }
  CopyPass pass(std::move(options), &result_);
  const absl::Status status = co_await pass.Run(source.get(), target.get());
  if (writer != nullptr) {
    result_.written = writer->stats();
    if (!made_paths_.empty()) ++result_.written.created;
  }
  switch (StoreErrorOf(status)) {
    case StoreError::kUnsupported:
      co_return Annotate(status,
                         "; for TTL znodes the target's servers need "
                         "zookeeper.extendedTypesEnabled=true; --plain_kinds makes "
                         "containers and TTL znodes persistent ones instead");
    case StoreError::kInvalidAcl:
      co_return Annotate(status,
                         "; the source's ACL may name a scheme that the target's servers "
                         "do not have; --acl_map puts other identities in its place");
    default:
      co_return status;
  }
}

asio::awaitable<absl::StatusOr<CopyCheck>> TreeCopy::Check(TreeLedger* ledger, int number) {
  std::unique_ptr<TreeSource> source;
  if (from_.store != nullptr) {
    METAREC_CO_ASSIGN_OR_RETURN(source, co_await from_.open(/*with_acls=*/false));
  } else if (from_.check_unchanged) {
    METAREC_CO_RETURN_IF_ERROR(from_.check_unchanged());
  }
  const std::unique_ptr<TreeSource> target = OpenTarget();
  CopyCheckOptions options;
  options.target_root = into_.root;
  options.left_alone = &options_.left_alone;
  options.is_strict = !options_.update;
  options.extras_are_foreign = !options_.update || options_.delete_extra;
  options.number = number;
  options.total = result_.znodes;
  options.events = &events_;
  co_return co_await CheckCopy(source.get(), ledger, target.get(), options);
}

asio::awaitable<absl::Status> TreeCopy::CopyUntilStill() {
  TreeWriterOptions writer_options = options_.writer;
  writer_options.guard = journal_.guard();
  if (owns_tree_) writer_options.mark = journal_.mark();
  TreeWriter writer(into_.store, clock_, std::move(writer_options));
  PathSample moved;
  std::optional<TreeLedger> before;
  for (int number = 1; number <= std::max(1, options_.passes_max); ++number) {
    METAREC_CO_ASSIGN_OR_RETURN(TreeLedger ledger, TreeLedger::Create());
    OwnWork own = before.has_value() ? OwnWork(&*before) : WorkBefore();
    METAREC_CO_RETURN_IF_ERROR(co_await Pass(&ledger, &writer, &own, number));
    METAREC_CO_ASSIGN_OR_RETURN(CopyCheck check, co_await Check(&ledger, number));
    result_.passes = number;
    if (check.foreign.count > 0) {
      co_return StrangerWrites(absl::StrCat(check.foreign.ToText(), " in ", into_.name,
                                            " is not what was copied; the first of them ",
                                            check.first_foreign));
    }
    if (owns_tree_ && check.target_ephemerals > 0) {
      co_return StrangerWrites(absl::StrCat(Counted(check.target_ephemerals, "ephemeral znode"),
                                            " of other sessions came to be in ", into_.name));
    }
    if (check.moved.count == 0) {
      result_.extra = std::move(check.extra);
      result_.target_ephemerals = check.target_ephemerals;
      result_.digest = std::move(check.digest);
      result_.newest_zxid = check.newest_zxid;
      co_return absl::OkStatus();
    }
    moved = std::move(check.moved);
    before = std::move(ledger);
  }
  co_return absl::AbortedError(absl::StrCat(
      "the source keeps changing: after ", result_.passes,
      result_.passes == 1 ? " pass" : " passes", " these had moved again: ", moved.ToText(),
      ". What was copied stays, and the same command goes on with it; stop who writes there, or "
      "allow more passes"));
}

}  // namespace

asio::awaitable<absl::StatusOr<TreeCopyResult>> CopyTree(CopyFrom from, CopyInto into,
                                                         TreeCopyOptions options, CopyEvents events,
                                                         Clock* clock) {
  TreeCopy copy(std::move(from), std::move(into), std::move(options), std::move(events), clock);
  co_return co_await copy.Run();
}

}  // namespace metarec
