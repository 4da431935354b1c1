#include "zk_store/tree/tree_journal.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <random>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include "base/json/json_reader.h"
#include "base/json/json_writer.h"
#include "base/runtime/rare_branch.h"
#include "base/runtime/status_macros.h"
#include "base/runtime/task_group.h"
#include "base/text/printable.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/znode_path.h"
#include "zk_store/tree/tree_node.h"

namespace metarec {
namespace {

constexpr char kMarkName[] = "/t";
constexpr size_t kMarksInFlightMax = 64;
constexpr size_t kDeleteBytesMax = 512 << 10;

std::string EncodeTreeJournal(const TreeJournal& journal) {
  std::string text;
  JsonWriter out(&text, {.text = JsonText::kHex});
  out.StartObject();
  out.String("metarec", absl::StrCat("unfinished ", journal.action));
  out.String("action", journal.action);
  out.String("run", journal.run);
  out.String("scope", journal.scope);
  out.String("described", journal.described);
  out.Bool("owns_tree", journal.owns_tree);
  out.Int("root_mzxid", journal.root_mzxid);
  out.Int("root_acl_version", journal.root_acl_version);
  out.Bool("is_checked", journal.is_checked);
  out.Int("since_zxid", journal.since_zxid);
  out.EndObject();
  return text;
}

absl::StatusOr<TreeJournal> DecodeTreeJournal(absl::string_view path, absl::string_view data) {
  JsonDocument document;
  document.Parse(data);
  JsonFieldReader reader(document.root());
  TreeJournal journal;
  journal.action = reader.String("action");
  journal.run = reader.String("run");
  journal.scope = reader.String("scope");
  journal.described = reader.String("described");
  journal.owns_tree = reader.Bool("owns_tree");
  journal.root_mzxid = reader.Int("root_mzxid");
  journal.root_acl_version = static_cast<int32_t>(reader.Int("root_acl_version"));
  journal.is_checked = reader.Bool("is_checked");
  journal.since_zxid = reader.Int("since_zxid");
  if (reader.ok()) return journal;
  return absl::DataLossError(
      absl::StrCat(Printable(path), " is no journal of metarec's: ", reader.error()));
}

void AppendClaims(absl::string_view data, std::vector<NodeFingerprint>* claims) {
  NodeFingerprint claim;
  for (; data.size() >= claim.size(); data.remove_prefix(claim.size())) {
    std::copy_n(data.begin(), claim.size(), claim.begin());
    claims->push_back(claim);
  }
}

absl::Status TakenOver(absl::string_view path) {
  return MarkedError(ErrorMark::kDisturbed,
                     absl::StrCat("another run has taken over, or undone, what this one writes: ",
                                  Printable(path), " is not this run's any more"));
}

}  // namespace

bool IsTreeJournal(absl::string_view path) { return IsWithin(path, kTreeJournalPath); }

std::string NewRunId() {
  std::random_device device;
  const uint64_t id = uint64_t{device()} << 32 | device();
  return absl::StrFormat("%016x", id);
}

TreeJournalZnode::TreeJournalZnode(MetaStore* store, RetryBudget* budget, absl::string_view root)
    : store_(store),
      budget_(budget),
      reader_(store, budget),
      path_(JoinPaths(root, kTreeJournalPath)),
      delete_size_(std::min(kDeleteBytesMax, store->request_bytes_max())) {}

asio::awaitable<absl::StatusOr<std::optional<TreeJournal>>> TreeJournalZnode::Read() {
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeData> node, co_await reader_.Get(path_));
  if (!node.has_value()) co_return std::optional<TreeJournal>();
  METAREC_CO_ASSIGN_OR_RETURN(TreeJournal journal, DecodeTreeJournal(path_, node->data));
  version_ = node->stat.version;
  mzxid_ = node->stat.mzxid;
  czxid_ = node->stat.czxid;
  co_return std::optional<TreeJournal>(std::move(journal));
}

asio::awaitable<absl::Status> TreeJournalZnode::Create(const TreeJournal& journal) {
  CreateOp op{path_, EncodeTreeJournal(journal)};
  op.acl = CreatorOnlyAcl();
  op.acl->push_back(AclEntry{"world", "anyone", 1});
  const std::function<asio::awaitable<absl::Status>()> create =
      [this, &op]() -> asio::awaitable<absl::Status> {
    const auto created = co_await store_->Create(op);
    co_return created.status();
  };
  absl::Status status = co_await Retry(budget_, create);
  if (StoreErrorOf(status) == StoreError::kInvalidAcl) {
    // A session without credentials is nobody in particular.
    op.acl = OpenAcl();
    status = co_await Retry(budget_, create);
  }
  const bool may_be_ours = StoreErrorOf(status) == StoreError::kNodeExists;
  if (!status.ok() && !may_be_ours) co_return status;
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<TreeJournal> found, co_await Read());
  co_return found == journal ? absl::OkStatus() : TakenOver(path_);
}

asio::awaitable<absl::Status> TreeJournalZnode::Replace(const TreeJournal& journal) {
  const SetOp op{path_, EncodeTreeJournal(journal), version_};
  const std::function<asio::awaitable<absl::Status>()> set =
      [this, &op]() -> asio::awaitable<absl::Status> {
    const auto stat = co_await store_->Set(op);
    co_return stat.status();
  };
  const absl::Status status = co_await Retry(budget_, set);
  const bool may_be_ours = StoreErrorOf(status) == StoreError::kBadVersion;
  if (StoreErrorOf(status) == StoreError::kNoNode) co_return TakenOver(path_);
  if (!status.ok() && !may_be_ours) co_return status;
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<TreeJournal> found, co_await Read());
  co_return found == journal ? absl::OkStatus() : TakenOver(path_);
}

CreateOp TreeJournalZnode::mark(absl::Span<const NodeFingerprint> claims) const {
  CreateOp op{absl::StrCat(path_, kMarkName), "", CreateMode::kPersistentSequential};
  for (const NodeFingerprint& claim : claims) op.data.append(claim.begin(), claim.end());
  // Who deletes it needs a permission of the journal's.
  op.acl = Acl{AclEntry{"world", "anyone", 1}};
  return op;
}

asio::awaitable<absl::StatusOr<TreeMarks>> TreeJournalZnode::Marks() {
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeChildren> children,
                              co_await reader_.Children(path_));
  TreeMarks marks;
  if (!children.has_value()) co_return marks;
  absl::Status first_error;
  const std::function<asio::awaitable<void>(size_t)> read =
      [this, &children, &marks, &first_error](size_t i) -> asio::awaitable<void> {
    if (!first_error.ok()) co_return;
    const auto mark = co_await reader_.Get(absl::StrCat(path_, "/", children->names[i]));
    first_error.Update(mark.status());
    if (!mark.ok() || !mark->has_value()) co_return;
    marks.transactions.push_back((*mark)->stat.czxid);
    AppendClaims((*mark)->data, &marks.claims);
  };
  co_await ForEachBounded(children->names.size(), kMarksInFlightMax, read);
  METAREC_CO_RETURN_IF_ERROR(first_error);
  std::sort(marks.transactions.begin(), marks.transactions.end());
  std::sort(marks.claims.begin(), marks.claims.end());
  co_return marks;
}

asio::awaitable<absl::Status> TreeJournalZnode::Delete() {
  const std::function<asio::awaitable<absl::StatusOr<bool>>()> some = [this] {
    return DeleteSome(/*with_journal=*/true);
  };
  for (;;) {
    const absl::StatusOr<bool> done = co_await Retry(budget_, some);
    if (StoreErrorOf(done.status()) == StoreError::kNoAuth) {
      // The tree's root does not let us. The marks are ours all the same.
      METAREC_CO_RETURN_IF_ERROR(co_await DeleteMarks());
    }
    METAREC_CO_RETURN_IF_ERROR(done.status());
    if (*done) co_return absl::OkStatus();
  }
}

asio::awaitable<absl::Status> TreeJournalZnode::DeleteMarks() {
  const std::function<asio::awaitable<absl::StatusOr<bool>>()> some = [this] {
    return DeleteSome(/*with_journal=*/false);
  };
  for (;;) {
    METAREC_CO_ASSIGN_OR_RETURN(const bool done, co_await Retry(budget_, some));
    if (done) co_return absl::OkStatus();
  }
}

// True if nothing is left. As many marks as one transaction takes, and the journal with the last.
asio::awaitable<absl::StatusOr<bool>> TreeJournalZnode::DeleteSome(bool with_journal) {
  if (std::exchange(was_unanswered_, false)) {
    // It may have taken place, and this server may not know that yet.
    METAREC_CO_RETURN_IF_ERROR(co_await reader_.Sync(path_));
  }
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeChildren> children,
                              co_await reader_.Children(path_));
  if (!children.has_value()) {
    if (journal_may_be_gone_) co_return true;
    co_return TakenOver(path_);
  }
  const DeleteOp journal{path_, version_};
  size_t bytes = MetaStore::kMultiOverheadBytes + store_->OpBytes(journal);
  std::vector<StoreOp> ops;
  for (const std::string& name : children->names) {
    DeleteOp mark{absl::StrCat(path_, "/", name)};
    const size_t mark_bytes = store_->OpBytes(mark);
    if (bytes + mark_bytes > delete_size_.bytes_max() && !ops.empty()) break;
    bytes += mark_bytes;
    ops.emplace_back(std::move(mark));
  }
  const bool is_all = ops.size() == children->names.size();
  if (is_all && !with_journal && ops.empty()) co_return true;
  if (is_all && with_journal) {
    ops.emplace_back(journal);
  } else {
    ops.emplace(ops.begin(), guard());
  }
  const auto deleted = co_await store_->Multi(std::move(ops));
  if (deleted.ok()) {
    delete_size_.OnAnswer(bytes);
    co_return is_all;
  }
  if (OutcomeUnknown(deleted.status())) {
    METAREC_RARE_BRANCH("the answer to the deletion of a tree's journal was lost");
    journal_may_be_gone_ = journal_may_be_gone_ || (is_all && with_journal);
    was_unanswered_ = true;
    // It may have been too long for the server.
    delete_size_.OnLoss(bytes);
  }
  const StoreError error = StoreErrorOf(deleted.status());
  const bool is_anothers = error == StoreError::kNoNode || error == StoreError::kBadVersion;
  if (is_anothers) co_return TakenOver(path_);
  co_return deleted.status();
}

asio::awaitable<absl::StatusOr<Acl>> TreeJournalZnode::Owners() {
  const std::function<asio::awaitable<absl::StatusOr<NodeAcl>>()> get = [this] {
    return store_->GetAcl(path_);
  };
  METAREC_CO_ASSIGN_OR_RETURN(const NodeAcl found, co_await Retry(budget_, get));
  Acl owners;
  for (const AclEntry& entry : found.acl) {
    if (entry.scheme != "world") owners.push_back(entry);
  }
  co_return owners;
}

}  // namespace metarec
