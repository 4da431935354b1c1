// The znode that marks a tree on which a run is at work, or was when it ended too early: nobody may
// take it for a whole one, and only a run of the same kind and scope goes on with it.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>
#include <asio/awaitable.hpp>

#include "zk_store/client/flow_control.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/tree/tree_ledger.h"

namespace metarec {

// A child of the tree's root. The trees that are read and written leave it out, with its marks.
inline constexpr absl::string_view kTreeJournalPath = "/metarec_tree_journal";

// Whether a path relative to the tree's root is the journal, or one of its marks.
bool IsTreeJournal(absl::string_view path);

struct TreeJournal {
  std::string action;  // "copy" or "remove"
  // Of the run that holds it; each run has its own.
  std::string run;
  // What all runs that go on with it must have in common, as a digest, and in words.
  std::string scope;
  std::string described;
  // A copy: the tree was absent or empty when it began, and nobody else was seen to write there, so
  // that all in it is the copy's own.
  bool owns_tree = false;
  // A copy that owns its tree: the transaction that last wrote the tree's root before the copy did,
  // and the version that its ACL had then. A root that still has them is the copy's to overwrite.
  int64_t root_mzxid = 0;
  int32_t root_acl_version = 0;
  // A removal: what is there is what was to be removed, so that removing has begun.
  bool is_checked = false;
  // Whatever was created or set from this transaction on was not to be removed.
  int64_t since_zxid = 0;

  friend bool operator==(const TreeJournal&, const TreeJournal&) = default;
};

// "1f0c3a9e5b7d2c46": unlike that of any other run.
std::string NewRunId();

// What the marks of a copy tell.
struct TreeMarks {
  std::vector<int64_t> transactions;    // that created them, sorted
  std::vector<NodeFingerprint> claims;  // of all of them, sorted
};

// Beside the journal there may be marks, which are children of it: one of each transaction in which
// a copy wrote, created by that very transaction. The transactions that created them are those that
// the znodes of the tree name, as long as nobody else has written to these. So a run that goes on
// with another's work knows what of it is its own, whenever that one was killed. For what no
// transaction can carry, marks hold claims: fingerprints of what the copy was about to set.
//
// Used on one executor. Store and budget must outlive it.
class TreeJournalZnode {
 public:
  // `root`: of the tree, absolute.
  TreeJournalZnode(MetaStore* store, RetryBudget* budget, absl::string_view root);

  // What is there; kDataLoss for what is no journal.
  asio::awaitable<absl::StatusOr<std::optional<TreeJournal>>> Read();
  // Where there is none. Everybody may read it; only these credentials, if the session has any, may
  // change it. kDisturbed (error_mark.h) if somebody else was faster.
  asio::awaitable<absl::Status> Create(const TreeJournal& journal);
  // In the place of the one that was read or written last; kDisturbed if it is not that any more.
  asio::awaitable<absl::Status> Replace(const TreeJournal& journal);
  // With the marks: in one transaction, unless there are many thousands of them.
  asio::awaitable<absl::Status> Delete();

  // To be part of a transaction that is to be known as this copy's.
  CreateOp mark(absl::Span<const NodeFingerprint> claims = {}) const;
  // What is there of them: some 8 bytes for each, of which there is one for every 512 KiB or 1,000
  // znodes that a copy has written, and 16 for each claim. More of them can appear until the
  // journal is replaced.
  asio::awaitable<absl::StatusOr<TreeMarks>> Marks();
  // The marks alone; kDisturbed if the journal is another run's.
  asio::awaitable<absl::Status> DeleteMarks();

  const std::string& path() const { return path_; }
  // Holds as long as the journal is the one that was read or written last.
  CheckOp guard() const { return CheckOp{path_, version_}; }
  // The transaction that wrote it last.
  int64_t mzxid() const { return mzxid_; }
  // ... that created it.
  int64_t czxid() const { return czxid_; }
  // Whose it is, once it was read or created: who the session is to the server, as far as that can
  // be known. Empty if anybody.
  asio::awaitable<absl::StatusOr<Acl>> Owners();

 private:
  asio::awaitable<absl::StatusOr<bool>> DeleteSome(bool with_journal);

  MetaStore* const store_;
  RetryBudget* const budget_;
  StoreReader reader_;
  const std::string path_;
  RequestSize delete_size_;           // of one transaction
  bool was_unanswered_ = false;       // the last attempt to delete some
  bool journal_may_be_gone_ = false;  // the answer to its deletion was lost
  int32_t version_ = 0;
  int64_t mzxid_ = 0;
  int64_t czxid_ = 0;
};

}  // namespace metarec
