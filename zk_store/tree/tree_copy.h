// Copies a tree, from anywhere, into a running ZooKeeper.
//
// 1. Look. The target must be absent or empty, or be the unfinished work of a run with the same
//    scope, or `update` is set. Of a copy that was disturbed, only `update` goes on. A source and a
//    target that lie in one another are refused.
// 2. Mark. A journal znode in the target's root says whose unfinished work it is (tree_journal.h).
// 3. Pass. Source and target are read side by side in path order, and what differs is written. What
//    was seen of each znode of the source goes into a ledger (tree_ledger.h). An ACL that would
//    keep us from writing below its znode is set when all below it is there.
// 4. Check. Both are read again. The source has been still if every znode's czxid, mzxid, pzxid,
//    cversion and aversion are what the ledger says: then the target must have what the ledger
//    says, or somebody else wrote it, and the copy is that of a single moment. Otherwise back to 3.
// 5. The journal is deleted.
//
// Not copied: ephemeral znodes, which belong to a session; versions, times and transaction ids,
// which nobody can set; /zookeeper. Containers and TTL znodes are made as such if the source shows
// which ones are (TreeHead::has_kinds): a data directory does. A running server shows it to no
// client, so that of such a source they become persistent ones.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/tree/acl_policy.h"
#include "zk_store/tree/tree_source.h"
#include "zk_store/tree/tree_writer.h"

namespace metarec {

// For the trees that a copy reads (LiveTreeOptions::ahead_bytes_max): two are read at once.
inline constexpr size_t kCopyAheadBytesMax = 8 << 20;

struct CopyFrom {
  // Opens the tree anew, once for each time that it is read.
  std::function<asio::awaitable<absl::StatusOr<std::unique_ptr<TreeSource>>>(bool with_acls)> open;
  std::string name;  // for messages and for the scope: "zk1:2181,zk2:2181/pegasus", a file
  // Of a running ZooKeeper; null for what does not change by itself, such as a file.
  MetaStore* store = nullptr;
  std::string root;
  // Of what does not change by itself: an error if it did nevertheless since it was opened first.
  // Null: it cannot.
  std::function<absl::Status()> check_unchanged;
};

struct CopyInto {
  MetaStore* store = nullptr;
  std::string root;  // absolute
  std::string name;
};

struct TreeCopyOptions {
  CopiedAcl acl = CopiedAcl::kKeep;
  AclMap acl_map;  // for kKeep
  // Makes containers and TTL znodes persistent ones, for a target that has none of these kinds.
  bool plain_kinds = false;
  bool update = false;        // a target that is there becomes what the source is
  bool delete_extra = false;  // with `update`: what is in the target alone goes
  bool dry_run = false;       // nothing is written
  // Children of the target's root that may be there, with whatever is below them: they do not make
  // it a target that is not empty, and are neither overwritten nor deleted.
  std::vector<std::string> left_alone;
  // The target stays marked as unfinished when all is copied, so that the same copy can be gone on
  // with, and follows what changes.
  bool keep_journal = false;
  // How often what moved is copied again; at least 1.
  int passes_max = 10;
  TreeWriterOptions writer;
};

// One change of the target.
struct CopyStep {
  enum class Kind { kCreate, kSet, kSetAcl, kDelete };
  Kind kind;
  std::string path;  // relative to the root
};
// "create", "set", "set_acl" or "delete".
absl::string_view CopyStepName(CopyStep::Kind kind);

// What is going on.
struct CopyProgress {
  absl::string_view activity;  // "copy" or "check"
  int pass = 1;
  int64_t znodes = 0;  // that were read
  int64_t total = 0;   // about how many there are; 0: not known
};

struct CopyEvents {
  // Each change, before it is sent. In a dry run that is all there is.
  std::function<void(const CopyStep&)> on_step;
  // An ephemeral znode of the source and its owner's session, in the first pass.
  std::function<void(const std::string& path, int64_t session)> on_ephemeral;
  // Now and then.
  std::function<void(const CopyProgress&)> on_progress;
};

// Some paths, and how many there are.
struct PathSample {
  static constexpr size_t kMax = 10;
  int64_t count = 0;
  std::vector<std::string> first;

  void Add(const std::string& path);
  std::string ToText() const;  // "/a, /b and 7 more", fit for a terminal
};

struct TreeCopyResult {
  int64_t znodes = 0;  // of the source, without ephemeral ones
  int64_t data_bytes = 0;
  int64_t ephemerals = 0;  // of the source, not copied
  int64_t made_plain = 0;  // containers and TTL znodes that became persistent
  // Of the source, not copied: what would be ZooKeeper's own in the target, /zookeeper.
  int64_t system_znodes = 0;
  TreeWriterStats written;  // in a dry run: what would be
  int passes = 0;
  bool resumed = false;
  std::string run;
  // In the target alone, and left there since `delete_extra` is not set. Then the trees differ.
  PathSample extra;
  int64_t target_ephemerals = 0;  // left alone
  std::string digest;             // of what is in the target: TreeDigest; empty in a dry run
  // The last transaction that created or set any of what was copied, as it is in the target.
  int64_t newest_zxid = 0;
};

// OK means that both trees were read back and are equal, but for `extra`. Errors say of which side
// they are; with marks of error_mark.h: kRefused (nothing was written), kDisturbed (somebody else
// writes to the target). kAborted without a mark: the source kept changing. After any error but
// these two the same copy can be begun again, and goes on where it was. After kDisturbed that takes
// `update`, and `delete_extra` to delete what the others have made.
//
// Used on one executor; both stores and the clock must outlive it.
asio::awaitable<absl::StatusOr<TreeCopyResult>> CopyTree(CopyFrom from, CopyInto into,
                                                         TreeCopyOptions options, CopyEvents events,
                                                         Clock* clock);

}  // namespace metarec
