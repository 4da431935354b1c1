// Whose a root is: read before anything is written, so that nothing is ever written into what
// belongs to somebody else.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <asio/awaitable.hpp>

#include "zk_store/client/root_path.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/topology/journal.h"

namespace metarec {

enum class RootCase {
  kAbsent,             // no such znode
  kEmpty,              // there, without data or children
  kOnlyLockDirectory,  // a meta servers' lock directory in which nobody leads (but us)
  kUnfinishedRun,      // `journal` says of which plan; nobody else has touched it
  kFinishedRun,        // as above; since then a meta server may have changed anything
  kForeign,            // anything else; `reason` says what is there
};

// Somebody who is, or waits to be, the cluster's leader.
struct LockCandidate {
  std::string path;
  std::string name;  // host:port of the meta server
  bool ours = false;
  // Behind a candidate of ours that leads: it does nothing before we give the lock back.
  bool waits_for_us = false;
};

struct RootInspection {
  std::string root;
  RootCase root_case = RootCase::kAbsent;
  std::string reason;  // why kForeign

  std::vector<std::string> children;  // of the root, sorted; the first ones
  int64_t children_count = 0;
  std::optional<std::string> apps_data;  // of /apps, the first bytes; nullopt: there is no /apps
  int32_t apps_version = 0;
  int64_t tables = 0;  // children of /apps
  std::vector<LockCandidate> candidates;
  std::optional<Journal> journal;
  int32_t journal_version = 0;

  // Whether `journal` is of a run of this plan.
  bool IsRunOf(absl::string_view plan_digest) const {
    return journal.has_value() && journal->plan_digest == plan_digest;
  }

  // For operators: one sentence on whose the root is and what is there.
  std::string Describe() const;
};

struct RootInspectionOptions {
  // Where the meta servers' lock directory is, if neither in the root nor in `<root>/lock`.
  std::string lock_root;
};

// Writes nothing. `root` must be valid (ValidateRootPath). Candidates of the store's own session
// count as ours: whoever leads by such a one may work on the root, while others wait behind it.
asio::awaitable<absl::StatusOr<RootInspection>> InspectRoot(StoreReader* reader, std::string root,
                                                            RootInspectionOptions options = {});

}  // namespace metarec
