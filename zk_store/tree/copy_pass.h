// The two halves of a copy that read both trees: the pass, which writes, and the check, which looks
// whether the source was still and the target has it. tree_copy.h has the whole.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>
#include <asio/awaitable.hpp>

#include "zk_store/client/znode_path.h"
#include "zk_store/tree/own_work.h"
#include "zk_store/tree/tree_copy.h"
#include "zk_store/tree/tree_ledger.h"
#include "zk_store/tree/tree_merge.h"
#include "zk_store/tree/tree_writer.h"

namespace metarec {

// A copy's error for what somebody else does to its target: what was seen, and what to do.
absl::Status StrangerWrites(absl::string_view seen);

// `has_kinds`: as TreeHead has it. Without kinds whatever has an owner is ephemeral: what looks
// like a TTL znode's owner is then the session of a server with the number 255.
bool IsEphemeral(const TreeNode& node, bool has_kinds);

// What a znode of the source is to be in the target.
struct CopyRules {
  CopiedAcl acl = CopiedAcl::kKeep;
  const AclMap* acl_map = nullptr;
  bool plain_kinds = false;
  // Who we are to the target's ACLs, with all permissions; empty: nobody in particular.
  Acl own;

  // Errors name the znode.
  absl::Status Apply(TreeNode* node) const;
  // Whether we may do it to a znode with this ACL, as far as can be known.
  bool Grants(const Acl& acl, int32_t permission) const;
};

// The root of a target that had nothing else in it when the copy began.
struct EmptyRoot {
  std::string source_data;  // which it has, if it has any
  int32_t acl_version = 0;
  std::optional<Acl> made_acl;  // if the copy has made it: with this one
};

struct CopyPassOptions {
  CopyRules rules;
  std::string target_root;
  bool source_has_kinds = false;
  int64_t source_czxid = 0;  // of the root that is copied
  // What of the target is the copy's own, and may be overwritten and deleted.
  OwnWork* own = nullptr;
  // What is not: whether that may be overwritten, too, and deleted if the target alone has it.
  // Where it may not be overwritten, the pass ends as kDisturbed; what may only not be deleted is
  // counted as extra.
  bool may_overwrite = false;
  bool may_delete = false;
  // Set if the target was found empty: then only its root may be there, as it was, and may be
  // overwritten. Anything else somebody has written since, and the pass ends as kDisturbed.
  std::optional<EmptyRoot> empty_root;
  const std::vector<std::string>* left_alone = nullptr;  // TreeCopyOptions
  int number = 1;
  int64_t total = 0;  // znodes of the source, for on_progress; 0: not known
  const CopyEvents* events = nullptr;
  // Both null in a dry run.
  TreeLedger* ledger = nullptr;
  TreeWriter* writer = nullptr;
  // Makes a mark with claims (tree_journal.h) for a later run; null: none are needed.
  std::function<CreateOp(absl::Span<const NodeFingerprint> claims)> mark;
};

// Used once.
class CopyPass {
 public:
  CopyPass(CopyPassOptions options, TreeCopyResult* result)
      : options_(std::move(options)), result_(result) {}

  // Returns once all has been written, with the first error otherwise.
  asio::awaitable<absl::Status> Run(TreeSource* source, TreeSource* target);

 private:
  struct PendingAcl {
    std::string path;
    Acl acl;
    int32_t acl_version = 0;
  };
  struct Extra {
    std::string path;
    int32_t version = 0;
  };

  asio::awaitable<absl::Status> Step(TreePair pair);
  absl::Status CheckEmpty(const TreePair& pair) const;
  bool LeavesOut(TreePair* pair);
  absl::Status TakeExtra(const TreeNode& present);
  absl::Status CheckOverwrites(const TreeNode& node, const TreeNode& present) const;
  asio::awaitable<absl::Status> Create(TreeNode node);
  asio::awaitable<absl::Status> Update(TreeNode node, const TreeNode& present);
  // Ends the subtrees in which `path` is not; nullptr: all of them.
  asio::awaitable<absl::Status> Leave(const std::string* path);
  asio::awaitable<absl::Status> SetReadyAcls();
  asio::awaitable<absl::Status> SetAclNow(const std::string& path, SetAclOp op);
  // Before what no transaction can carry.
  asio::awaitable<absl::Status> Claim(std::vector<NodeFingerprint> claims);
  bool OwnsAcl(const TreeNode& present) const;
  asio::awaitable<absl::Status> Do(CopyStep::Kind kind, const std::string& path, StoreOp op);
  absl::Status CheckRoot(const TreePair& pair) const;
  // Whether the ACL must wait until all below the znode is written.
  absl::StatusOr<bool> MustWait(const TreeNode& node) const;
  std::string Absolute(absl::string_view path) const {
    return JoinPaths(options_.target_root, path);
  }

  const CopyPassOptions options_;
  TreeCopyResult* const result_;
  std::vector<Extra> extras_;        // in which the walk is, to be deleted when it leaves them
  std::vector<PendingAcl> pending_;  // of znodes in which the walk is
  std::vector<PendingAcl> ready_;    // of those that it has left
};

struct CopyCheck {
  PathSample moved;           // of the source, since the ledger was written
  PathSample foreign;         // of the target: not what the copy has written there
  std::string first_foreign;  // what is there instead, of the first of them: "has 6 bytes ..."
  PathSample extra;           // in the target alone
  int64_t target_ephemerals = 0;
  std::string digest;       // of the target's tree
  int64_t newest_zxid = 0;  // the last transaction that created or set what is as it was copied
};

struct CopyCheckOptions {
  std::string target_root;
  const std::vector<std::string>* left_alone = nullptr;  // TreeCopyOptions
  bool extras_are_foreign = true;
  // Whether what somebody else writes counts as foreign even where the source has moved, too, and
  // the next pass would overwrite it.
  bool is_strict = true;
  int number = 1;     // of the pass before
  int64_t total = 0;  // znodes, for on_progress
  const CopyEvents* events = nullptr;
};

// `source` may be null if it cannot move. It needs no ACLs.
asio::awaitable<absl::StatusOr<CopyCheck>> CheckCopy(TreeSource* source, TreeLedger* ledger,
                                                     TreeSource* target, CopyCheckOptions options);

}  // namespace metarec
