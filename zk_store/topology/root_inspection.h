// Whose a root is: read before anything is written, so that nothing is ever written into what
// belongs to somebody else, be it the root itself or the tree that it lies in. A run knows its own
// work by its journal.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "zk_store/client/store_reader.h"
#include "zk_store/topology/enclosing_tree.h"

namespace metarec {

// The znode by which a run recognises its own work: `<root>/metarec_journal`. Created in one
// transaction with /apps, finished in one transaction with the unlocking of /apps.
struct Journal {
  bool finished = false;
  std::string plan_digest;
  int64_t tables = 0;
  int64_t partitions = 0;
  std::string started_at;   // RFC 3339, UTC
  std::string finished_at;  // empty while unfinished
  std::string tool_version;
  // The names beside /apps of what the run carries over from an old tree.
  std::vector<std::string> carried = {};

  friend bool operator==(const Journal&, const Journal&) = default;
};

// A moment as the journal has it.
std::string JournalTime(absl::Time time);

std::string EncodeJournal(const Journal& journal);

// kInvalidArgument, naming `path`, for what is not a journal or of a version that is not known.
absl::StatusOr<Journal> DecodeJournal(absl::string_view path, absl::string_view json);

enum class RootCase {
  kAbsent,             // no such znode
  kEmpty,              // there, without data or children
  kOnlyLockDirectory,  // a meta servers' lock directory in which nobody leads (but us)
  kUnfinishedRun,      // of the plan that `journal` names; nobody else has touched it
  kFinishedRun,        // as above; since then a meta server may have changed anything
  kForeign,            // anything else; `reason` says what is there
};

// A candidate in a lock directory: it leads the cluster or waits to.
struct LockCandidate {
  std::string path;
  std::string name;  // host:port of the meta server
  bool ours = false;
  // It stands behind a candidate of ours that leads, so it does nothing before we give the lock
  // back.
  bool waits_for_us = false;
};

struct RootInspection {
  std::string root;
  RootCase root_case = RootCase::kAbsent;
  std::string reason;  // why kForeign
  // What is above the root, if that makes it kForeign; then nothing below is known.
  std::optional<EnclosingTree> enclosing;

  std::vector<std::string> children;  // of the root, sorted; the first ones
  int64_t children_count = 0;
  std::optional<std::string> apps_data;  // of /apps, the first bytes; nullopt: there is no /apps
  int32_t apps_version = 0;
  int64_t tables = 0;  // children of /apps
  std::vector<LockCandidate> candidates;
  std::optional<Journal> journal;
  int32_t journal_version = 0;

  // Whether nothing of anybody's is there.
  bool IsFree() const {
    return root_case == RootCase::kAbsent || root_case == RootCase::kEmpty ||
           root_case == RootCase::kOnlyLockDirectory;
  }

  // Whether `journal` is of a run of this plan.
  bool IsRunOf(absl::string_view plan_digest) const {
    return journal.has_value() && journal->plan_digest == plan_digest;
  }

  // Whether a run was finished there, and /apps has gone or says something else since; and whether
  // it was one of this plan.
  bool WasRun() const {
    return root_case == RootCase::kForeign && !enclosing.has_value() && journal.has_value() &&
           journal->finished;
  }
  bool WasRunOf(absl::string_view plan_digest) const { return WasRun() && IsRunOf(plan_digest); }

  // For operators: one sentence on whose the root is and what is there.
  std::string Describe() const;
};

struct RootInspectionOptions {
  // Where the meta servers' lock directory is. The root and `<root>/lock` are always looked at. Any
  // other one above the root means that the root is in somebody else's tree.
  std::string lock_root;
};

// Writes nothing. `root` must be valid (ValidateRootPath). Candidates of the store's own session
// count as ours: if one of them leads, we may work on the root while the others wait behind it.
asio::awaitable<absl::StatusOr<RootInspection>> InspectRoot(StoreReader* reader, std::string root,
                                                            RootInspectionOptions options = {});

}  // namespace metarec
