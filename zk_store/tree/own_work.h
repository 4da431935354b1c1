// What of a copy's target the copy itself has written, so that it may overwrite and delete it.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include "zk_store/client/meta_store.h"
#include "zk_store/tree/tree_journal.h"
#include "zk_store/tree/tree_ledger.h"
#include "zk_store/tree/tree_node.h"

namespace metarec {

// What earlier runs of a copy, which ended too early, have left.
struct RunsBefore {
  // In which they wrote, and what they were about to set (TreeJournalZnode::Marks).
  TreeMarks marks;
  // What the target's root was before them (TreeJournal).
  int64_t root_mzxid = 0;
  int32_t root_acl_version = 0;
  // The ACL under which they made what gets its own one later.
  Acl own;
};

// Tells of each znode of the target, in path order, whether it is as this copy left it.
//
// Within a run that is what the ledger of the pass before says: a znode with that content is the
// copy's own. (If somebody else made it the same, nothing of theirs is lost.) Of earlier runs the
// marks are left. A znode's data are theirs if they were last set in one of their transactions, and
// its ACL if it was never set since the znode was created in one. Data and an ACL that they claim
// are theirs, too: an ACL that was set later, and a container or TTL znode, which no transaction
// can create.
//
// Not thread-safe.
class OwnWork {
 public:
  // Nothing is: the copy has written nothing yet.
  OwnWork() = default;
  // `pass_before` must outlive it, and nobody else may read it meanwhile.
  explicit OwnWork(TreeLedger* pass_before) : pass_before_(pass_before) {}
  explicit OwnWork(RunsBefore runs_before) : runs_before_(std::move(runs_before)) {}

  // To the next path; they must come in path order. Errors are those of the ledger.
  absl::Status GoTo(absl::string_view path);

  // Of the path that was gone to. Whether the pass before left something there.
  bool had() const { return here_; }
  // Whether `present`, as the target has it, has data that are the copy's own; and its ACL.
  bool OwnsData(const TreeNode& present) const;
  bool OwnsAcl(const TreeNode& present) const;

 private:
  TreeLedger* pass_before_ = nullptr;
  std::optional<RunsBefore> runs_before_;
  bool began_ = false;
  std::optional<LedgerEntry> entry_;  // the first one that is not before the path
  bool here_ = false;                 // it is of that path
};

}  // namespace metarec
