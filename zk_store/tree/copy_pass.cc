#include "zk_store/tree/copy_pass.h"

#include <initializer_list>
#include <optional>

#include <absl/algorithm/container.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/tree/acl_text.h"
#include "zk_store/tree/tree_digest.h"
#include "zk_store/tree/tree_journal.h"

namespace metarec {
namespace {

constexpr int32_t kWritePermission = 2;
constexpr int32_t kCreatePermission = 4;

// All that is in flight is awaited before so many ACLs are set.
constexpr size_t kAclsAtOnce = 1000;
constexpr size_t kClaimsInMark = 32;
constexpr int64_t kZnodesBetweenProgress = 1000;

std::string PathLabel(absl::string_view path) {
  return path.empty() ? "the root" : Printable(ShortenedInTheMiddle(path));
}

CreateMode ModeOfKind(NodeKind kind) {
  switch (kind) {
    case NodeKind::kContainer:
      return CreateMode::kContainer;
    case NodeKind::kTtl:
      return CreateMode::kTtl;
    default:
      return CreateMode::kPersistent;
  }
}

void TellProgress(const CopyEvents* events, const CopyProgress& progress) {
  if (events->on_progress && progress.znodes % kZnodesBetweenProgress == 0) {
    events->on_progress(progress);
  }
}

// "6 bytes of data (version 1, set by transaction 0x1f)"
std::string DataOf(const TreeNode& node) {
  return absl::StrCat(
      node.null_data ? "no data" : absl::StrCat(Counted(node.data.size(), "byte"), " of data"),
      " (version ", node.stat.version, ", set by transaction 0x",
      absl::Hex(static_cast<uint64_t>(node.stat.mzxid)), ")");
}

}  // namespace

absl::Status StrangerWrites(absl::string_view seen) {
  return MarkedError(
      ErrorMark::kDisturbed,
      absl::StrCat("somebody else writes to the target: ", seen,
                   ". That was left as it is. Find out who writes there; then the same command "
                   "with --update overwrites what differs, and with --update --delete also "
                   "deletes what is not the source's"));
}

absl::string_view CopyStepName(CopyStep::Kind kind) {
  switch (kind) {
    case CopyStep::Kind::kCreate:
      return "create";
    case CopyStep::Kind::kSet:
      return "set";
    case CopyStep::Kind::kSetAcl:
      return "set_acl";
    case CopyStep::Kind::kDelete:
      return "delete";
  }
  return "unknown";
}

void PathSample::Add(const std::string& path) {
  ++count;
  if (first.size() < kMax) first.push_back(path);
}

std::string PathSample::ToText() const {
  std::vector<std::string> shown;
  for (const std::string& path : first) shown.push_back(PathLabel(path));
  const int64_t more = count - static_cast<int64_t>(shown.size());
  return absl::StrCat(absl::StrJoin(shown, ", "),
                      more > 0 ? absl::StrCat(" and ", more, " more") : "");
}

bool IsEphemeral(const TreeNode& node, bool has_kinds) {
  return has_kinds ? node.kind() == NodeKind::kEphemeral : node.stat.ephemeral_owner != 0;
}

absl::Status CopyRules::Apply(TreeNode* node) const {
  if (plain_kinds) node->stat.ephemeral_owner = 0;
  switch (acl) {
    case CopiedAcl::kOpen:
      node->acl = OpenAcl();
      return absl::OkStatus();
    case CopiedAcl::kCreator:
      node->acl = own;
      return absl::OkStatus();
    case CopiedAcl::kKeep:
      break;
  }
  absl::StatusOr<Acl> mapped = acl_map->Apply(node->acl);
  if (!mapped.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(PathLabel(node->path), ": ", mapped.status().message()));
  }
  node->acl = *std::move(mapped);
  return absl::OkStatus();
}

bool CopyRules::Grants(const Acl& acl, int32_t permission) const {
  return absl::c_any_of(acl, [&](const AclEntry& entry) {
    if ((entry.permissions & permission) == 0) return false;
    if (entry.scheme == "world") return true;
    return absl::c_any_of(own, [&](const AclEntry& mine) {
      return mine.scheme == entry.scheme && mine.id == entry.id;
    });
  });
}

asio::awaitable<absl::Status> CopyPass::Run(TreeSource* source, TreeSource* target) {
  TreeMerge merge(source, target);
  for (;;) {
    METAREC_CO_ASSIGN_OR_RETURN(std::optional<TreePair> pair, co_await merge.Next());
    if (!pair.has_value()) break;
    const std::string path = pair->path();
    METAREC_CO_RETURN_IF_ERROR(co_await Leave(&path));
    METAREC_CO_RETURN_IF_ERROR(co_await Step(*std::move(pair)));
  }
  METAREC_CO_RETURN_IF_ERROR(co_await Leave(nullptr));
  METAREC_CO_RETURN_IF_ERROR(co_await SetReadyAcls());
  if (options_.writer == nullptr) co_return absl::OkStatus();
  co_return co_await options_.writer->Flush();
}

// Whatever is in the target would be taken for surplus if the source were not there any more.
absl::Status CopyPass::CheckRoot(const TreePair& pair) const {
  if (!pair.a.has_value()) {
    return absl::NotFoundError(
        "the root of the source is not there any more: somebody deleted it meanwhile");
  }
  if (pair.a->stat.czxid == options_.source_czxid) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the root of the source was deleted and made anew meanwhile; look at it, and begin anew");
}

absl::Status CopyPass::CheckEmpty(const TreePair& pair) const {
  if (!options_.empty_root.has_value() || !pair.b.has_value()) return absl::OkStatus();
  const std::string path = pair.path();
  const std::string& data = pair.b->data;
  const bool is_as_found =
      path.empty() && (data.empty() || data == options_.empty_root->source_data ||
                       (pair.a.has_value() && data == pair.a->data));
  if (is_as_found || IsTreeJournal(path) || IsBelowChildren(path, *options_.left_alone)) {
    return absl::OkStatus();
  }
  return StrangerWrites(absl::StrCat(PathLabel(Absolute(path)), " has come to have ",
                                     DataOf(*pair.b),
                                     " since the copy began, when the target was empty"));
}

bool CopyPass::LeavesOut(TreePair* pair) {
  const std::string& path = pair->path();
  if (IsTreeJournal(path)) return true;
  if (IsSystemPath(options_.target_root, path)) {
    ++result_->system_znodes;
    return true;
  }
  if (!pair->a.has_value() || !IsEphemeral(*pair->a, options_.source_has_kinds)) return false;
  ++result_->ephemerals;
  if (options_.number == 1 && options_.events->on_ephemeral) {
    options_.events->on_ephemeral(path, pair->a->stat.ephemeral_owner);
  }
  pair->a.reset();
  return !pair->b.has_value();
}

asio::awaitable<absl::Status> CopyPass::Step(TreePair pair) {
  const std::string path = pair.path();
  if (path.empty()) METAREC_CO_RETURN_IF_ERROR(CheckRoot(pair));
  METAREC_CO_RETURN_IF_ERROR(CheckEmpty(pair));
  if (pair.a.has_value() && absl::EndsWith(path, kTreeJournalPath)) {
    co_return absl::FailedPreconditionError(
        absl::StrCat("the source is itself the unfinished work of another run: it has the znode ",
                     PathLabel(path), ", which says of which"));
  }
  if (LeavesOut(&pair)) co_return absl::OkStatus();
  METAREC_CO_RETURN_IF_ERROR(options_.own->GoTo(path));
  if (pair.b.has_value() && IsEphemeral(*pair.b, /*has_kinds=*/false)) {
    if (pair.a.has_value()) {
      co_return absl::FailedPreconditionError(absl::StrFormat(
          "in the target, %s is an ephemeral znode of session 0x%x, which is in the way: end that "
          "session first",
          PathLabel(path), static_cast<uint64_t>(pair.b->stat.ephemeral_owner)));
    }
    if (!IsBelowChildren(path, *options_.left_alone)) ++result_->target_ephemerals;
    co_return absl::OkStatus();
  }
  if (!pair.a.has_value()) co_return TakeExtra(*pair.b);
  TreeNode node = *std::move(pair.a);
  ++result_->znodes;
  result_->data_bytes += static_cast<int64_t>(node.data.size());
  TellProgress(options_.events, {"copy", options_.number, result_->znodes, options_.total});
  if (options_.rules.plain_kinds && node.kind() != NodeKind::kPersistent) ++result_->made_plain;
  METAREC_CO_RETURN_IF_ERROR(options_.rules.Apply(&node));
  if (options_.ledger != nullptr) {
    METAREC_CO_RETURN_IF_ERROR(options_.ledger->Append(node, FingerprintOf(node)));
  }
  if (pair.b.has_value()) {
    METAREC_CO_RETURN_IF_ERROR(CheckOverwrites(node, *pair.b));
    co_return co_await Update(std::move(node), *pair.b);
  }
  if (options_.own->had() && !options_.may_overwrite) {
    co_return StrangerWrites(
        absl::StrCat(PathLabel(Absolute(path)), ", which this copy had written, was deleted"));
  }
  co_return co_await Create(std::move(node));
}

absl::Status CopyPass::TakeExtra(const TreeNode& present) {
  if (IsBelowChildren(present.path, *options_.left_alone)) return absl::OkStatus();
  const bool is_own = options_.own->OwnsData(present) && options_.own->OwnsAcl(present);
  if (options_.may_delete || is_own) {
    extras_.push_back({present.path, present.stat.version});
    return absl::OkStatus();
  }
  if (!options_.may_overwrite) {
    return StrangerWrites(absl::StrCat(PathLabel(Absolute(present.path)), " is there with ",
                                       DataOf(present),
                                       ", which the source does not have, and this copy did not "
                                       "write it"));
  }
  // It keeps what is above it.
  for (const Extra& above : extras_) result_->extra.Add(above.path);
  extras_.clear();
  result_->extra.Add(present.path);
  return absl::OkStatus();
}

absl::Status CopyPass::CheckOverwrites(const TreeNode& node, const TreeNode& present) const {
  if (options_.may_overwrite) return absl::OkStatus();
  // CheckEmpty has seen the data of such a root.
  const bool is_found_root = present.path.empty() && options_.empty_root.has_value();
  if (!SameData(node, present) && !is_found_root && !options_.own->OwnsData(present)) {
    return StrangerWrites(absl::StrCat(PathLabel(Absolute(present.path)), " has ", DataOf(present),
                                       ", which this copy did not write, and the source has ",
                                       "others there"));
  }
  if (!SameAcl(node.acl, present.acl) && !OwnsAcl(present)) {
    return StrangerWrites(absl::StrCat(
        PathLabel(Absolute(present.path)), " has the ACL ", Printable(AclText(present.acl)),
        " (version ", present.stat.acl_version, "), which this copy did not set, and is to get ",
        Printable(AclText(node.acl))));
  }
  return absl::OkStatus();
}

bool CopyPass::OwnsAcl(const TreeNode& present) const {
  if (!present.path.empty() || !options_.empty_root.has_value()) {
    return options_.own->OwnsAcl(present);
  }
  const EmptyRoot& root = *options_.empty_root;
  if (present.stat.acl_version != root.acl_version) return false;
  if (!root.made_acl.has_value()) return true;
  // Somebody else may have been the one to make it.
  return SameAcl(present.acl,
                 *root.made_acl == CreatorOnlyAcl() ? options_.rules.own : *root.made_acl);
}

absl::StatusOr<bool> CopyPass::MustWait(const TreeNode& node) const {
  if (node.stat.num_children == 0) return false;
  if (options_.rules.Grants(node.acl, kCreatePermission)) return false;
  if (!options_.rules.own.empty() || options_.writer == nullptr) return true;
  return absl::PermissionDeniedError(absl::StrCat(
      PathLabel(node.path), " gets an ACL that lets nobody without credentials write below it (",
      Printable(AclText(node.acl)), "): give credentials for the target"));
}

asio::awaitable<absl::Status> CopyPass::Create(TreeNode node) {
  METAREC_CO_ASSIGN_OR_RETURN(const bool must_wait, MustWait(node));
  CreateOp op{Absolute(node.path), "", ModeOfKind(node.kind())};
  op.null_data = node.null_data;
  if (node.kind() == NodeKind::kTtl) op.ttl_ms = TtlOfOwner(node.stat.ephemeral_owner);
  if (must_wait) {
    op.acl = options_.rules.own;
    pending_.push_back({node.path, node.acl, 0});
  } else {
    op.acl = node.acl;
  }
  if (op.mode != CreateMode::kPersistent) {
    std::vector<NodeFingerprint> claims = {ClaimOfData(node), ClaimOfAcl(node.path, *op.acl)};
    METAREC_CO_RETURN_IF_ERROR(co_await Claim(std::move(claims)));
  }
  op.data = std::move(node.data);
  co_return co_await Do(CopyStep::Kind::kCreate, node.path, std::move(op));
}

asio::awaitable<absl::Status> CopyPass::Update(TreeNode node, const TreeNode& present) {
  const std::string path = node.path;
  const bool acl_differs = !SameAcl(node.acl, present.acl);
  const bool acl_first = acl_differs && !options_.rules.Grants(present.acl, kWritePermission) &&
                         options_.rules.Grants(node.acl, kWritePermission);
  SetAclOp set_acl{Absolute(path), node.acl, present.stat.acl_version};
  bool must_wait = false;
  if (acl_differs) {
    METAREC_CO_ASSIGN_OR_RETURN(must_wait, MustWait(node));
  }
  if (acl_first && !must_wait) {
    METAREC_CO_RETURN_IF_ERROR(co_await SetAclNow(path, set_acl));
  }
  if (!SameData(node, present)) {
    SetOp set{Absolute(path), std::move(node.data), present.stat.version, node.null_data};
    METAREC_CO_RETURN_IF_ERROR(co_await Do(CopyStep::Kind::kSet, path, std::move(set)));
  }
  if (!acl_differs) co_return absl::OkStatus();
  if (must_wait) {
    pending_.push_back({path, std::move(set_acl.acl), set_acl.acl_version});
    co_return absl::OkStatus();
  }
  if (acl_first) co_return absl::OkStatus();
  co_return co_await SetAclNow(path, std::move(set_acl));
}

asio::awaitable<absl::Status> CopyPass::SetAclNow(const std::string& path, SetAclOp op) {
  std::vector<NodeFingerprint> claims(1, ClaimOfAcl(path, op.acl));
  METAREC_CO_RETURN_IF_ERROR(co_await Claim(std::move(claims)));
  co_return co_await Do(CopyStep::Kind::kSetAcl, path, std::move(op));
}

asio::awaitable<absl::Status> CopyPass::Claim(std::vector<NodeFingerprint> claims) {
  if (options_.writer == nullptr || !options_.mark) co_return absl::OkStatus();
  for (size_t i = 0; i < claims.size(); i += kClaimsInMark) {
    CreateOp mark = options_.mark(absl::MakeConstSpan(claims).subspan(i, kClaimsInMark));
    METAREC_CO_RETURN_IF_ERROR(co_await options_.writer->Add(std::move(mark)));
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> CopyPass::Leave(const std::string* path) {
  while (!extras_.empty()) {
    if (path != nullptr && IsWithin(*path, extras_.back().path)) break;
    const Extra extra = std::move(extras_.back());
    extras_.pop_back();
    DeleteOp op{Absolute(extra.path), extra.version};
    METAREC_CO_RETURN_IF_ERROR(co_await Do(CopyStep::Kind::kDelete, extra.path, std::move(op)));
  }
  while (!pending_.empty()) {
    if (path != nullptr && IsWithin(*path, pending_.back().path)) break;
    ready_.push_back(std::move(pending_.back()));
    pending_.pop_back();
  }
  if (ready_.size() < kAclsAtOnce) co_return absl::OkStatus();
  co_return co_await SetReadyAcls();
}

asio::awaitable<absl::Status> CopyPass::SetReadyAcls() {
  if (ready_.empty()) co_return absl::OkStatus();
  std::vector<NodeFingerprint> claims;
  for (const PendingAcl& ready : ready_) claims.push_back(ClaimOfAcl(ready.path, ready.acl));
  METAREC_CO_RETURN_IF_ERROR(co_await Claim(std::move(claims)));
  // From then on we may not write below these znodes, so that nothing may have to be repeated.
  if (options_.writer != nullptr) METAREC_CO_RETURN_IF_ERROR(co_await options_.writer->Flush());
  for (PendingAcl& ready : ready_) {
    SetAclOp op{Absolute(ready.path), std::move(ready.acl), ready.acl_version};
    METAREC_CO_RETURN_IF_ERROR(co_await Do(CopyStep::Kind::kSetAcl, ready.path, std::move(op)));
  }
  ready_.clear();
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> CopyPass::Do(CopyStep::Kind kind, const std::string& path,
                                           StoreOp op) {
  if (options_.events->on_step) options_.events->on_step(CopyStep{kind, path});
  if (options_.writer != nullptr) co_return co_await options_.writer->Add(std::move(op));
  TreeWriterStats& written = result_->written;
  switch (kind) {
    case CopyStep::Kind::kCreate:
      ++written.created;
      break;
    case CopyStep::Kind::kSet:
      ++written.set;
      break;
    case CopyStep::Kind::kSetAcl:
      ++written.acls_set;
      break;
    case CopyStep::Kind::kDelete:
      ++written.deleted;
      break;
  }
  co_return absl::OkStatus();
}

namespace {

// Skips what is not copied. Counts ephemeral znodes, but for those that are left alone.
asio::awaitable<absl::StatusOr<const TreeNode*>> PeekCopied(TreeCursor* cursor,
                                                            const CopyCheckOptions& options,
                                                            int64_t* ephemerals) {
  for (;;) {
    METAREC_CO_ASSIGN_OR_RETURN(const TreeNode* const node, co_await cursor->Peek());
    if (node == nullptr) co_return nullptr;
    const bool is_ephemeral = IsEphemeral(*node, /*has_kinds=*/false);
    const bool is_system =
        IsTreeJournal(node->path) || IsSystemPath(options.target_root, node->path);
    if (!is_ephemeral && !is_system) co_return node;
    if (is_ephemeral && !IsBelowChildren(node->path, *options.left_alone)) ++*ephemerals;
    cursor->Take();
  }
}

// What comes next of three sequences of paths, each of which may have ended.
std::string FirstPath(std::initializer_list<const std::string*> paths) {
  const std::string* first = nullptr;
  for (const std::string* path : paths) {
    if (path == nullptr) continue;
    if (first == nullptr || ComparePaths(*path, *first) < 0) first = path;
  }
  return *first;
}

const std::string* PathOf(const TreeNode* node) { return node == nullptr ? nullptr : &node->path; }

}  // namespace

asio::awaitable<absl::StatusOr<CopyCheck>> CheckCopy(TreeSource* source, TreeLedger* ledger,
                                                     TreeSource* target, CopyCheckOptions options) {
  CopyCheck check;
  NoTree nothing;
  TreeCursor from(source == nullptr ? &nothing : source);
  TreeCursor into(target);
  TreeDigest digest;
  METAREC_CO_RETURN_IF_ERROR(ledger->Rewind());
  METAREC_CO_ASSIGN_OR_RETURN(std::optional<LedgerEntry> seen, ledger->Next());
  int64_t source_ephemerals = 0;
  for (int64_t compared = 1;; ++compared) {
    METAREC_CO_ASSIGN_OR_RETURN(const TreeNode* const a,
                                co_await PeekCopied(&from, options, &source_ephemerals));
    METAREC_CO_ASSIGN_OR_RETURN(const TreeNode* const b,
                                co_await PeekCopied(&into, options, &check.target_ephemerals));
    if (a == nullptr && b == nullptr && !seen.has_value()) break;
    const std::string path =
        FirstPath({PathOf(a), PathOf(b), seen.has_value() ? &seen->path : nullptr});
    const bool in_source = a != nullptr && a->path == path;
    const bool in_target = b != nullptr && b->path == path;
    const bool in_ledger = seen.has_value() && seen->path == path;
    const bool is_still =
        source == nullptr || (in_source == in_ledger && (!in_source || seen->HasStatOf(a->stat)));
    const bool is_extra = in_target && !in_ledger && !IsBelowChildren(path, *options.left_alone);
    const bool is_foreign = in_ledger ? !in_target || seen->content != FingerprintOf(*b)
                                      : is_extra && options.extras_are_foreign;
    if (!is_still) check.moved.Add(path);
    if (is_foreign && (is_still || options.is_strict)) {
      if (check.foreign.count == 0) {
        check.first_foreign = in_target ? absl::StrCat("has ", DataOf(*b)) : "was deleted";
      }
      check.foreign.Add(path);
    } else if (is_still && is_extra) {
      check.extra.Add(path);
    }
    if (in_target) digest.Add(*b);
    if (in_target && in_ledger && !is_foreign) {
      check.newest_zxid = std::max({check.newest_zxid, b->stat.czxid, b->stat.mzxid});
    }
    if (in_source) from.Take();
    if (in_target) into.Take();
    if (in_ledger) {
      METAREC_CO_ASSIGN_OR_RETURN(seen, ledger->Next());
    }
    TellProgress(options.events, {"check", options.number, compared, options.total});
  }
  check.digest = digest.Finish();
  co_return check;
}

}  // namespace metarec
