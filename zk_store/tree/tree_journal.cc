#include "zk_store/tree/tree_journal.h"

#include <cstdint>
#include <functional>
#include <random>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include "base/json/json_reader.h"
#include "base/json/json_writer.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/znode_path.h"

namespace metarec {
namespace {

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
  journal.is_checked = reader.Bool("is_checked");
  journal.since_zxid = reader.Int("since_zxid");
  if (reader.ok()) return journal;
  return absl::DataLossError(
      absl::StrCat(Printable(path), " is no journal of metarec's: ", reader.error()));
}

absl::Status TakenOver(absl::string_view path) {
  return MarkedError(ErrorMark::kDisturbed,
                     absl::StrCat("another run has taken over, or undone, what this one writes: ",
                                  Printable(path), " is not this run's any more"));
}

}  // namespace

std::string NewRunId() {
  std::random_device device;
  const uint64_t id = uint64_t{device()} << 32 | device();
  return absl::StrFormat("%016x", id);
}

TreeJournalZnode::TreeJournalZnode(MetaStore* store, RetryBudget* budget, absl::string_view root)
    : store_(store),
      budget_(budget),
      reader_(store, budget),
      path_(JoinPaths(root, kTreeJournalPath)) {}

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

asio::awaitable<absl::Status> TreeJournalZnode::Delete() {
  bool may_be_gone = false;
  const std::function<asio::awaitable<absl::Status>()> remove =
      [this, &may_be_gone]() -> asio::awaitable<absl::Status> {
    const absl::Status status = co_await store_->Delete(path_, version_);
    const bool is_gone = StoreErrorOf(status) == StoreError::kNoNode && may_be_gone;
    may_be_gone = may_be_gone || OutcomeUnknown(status);
    co_return is_gone ? absl::OkStatus() : status;
  };
  const absl::Status status = co_await Retry(budget_, remove);
  const StoreError error = StoreErrorOf(status);
  const bool is_anothers = error == StoreError::kNoNode || error == StoreError::kBadVersion;
  co_return is_anothers ? TakenOver(path_) : status;
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
