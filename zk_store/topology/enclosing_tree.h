// Whether a path lies in a tree that somebody else has: what stands above a root decides whether
// anything may be written into it, as much as what is in it.

#pragma once

#include <optional>
#include <string>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <asio/awaitable.hpp>

#include "zk_store/client/store_reader.h"

namespace metarec {

struct EnclosingTree {
  // The znode above, or beside the way, that tells it: "/pegasus/demo/apps".
  std::string path;
  std::string what;  // for people: "/pegasus/demo/apps lists a cluster's tables, so ..."
  // Whether the path lies in what only its owner writes: in a cluster's /apps, in a journal or in a
  // lock directory.
  bool is_inside = false;
};

// Looks at every znode above `path`, "/" included, for a cluster's /apps, a journal and a lock
// directory (`dsn.meta.server.leader`, also in `lock`), and at the names of which `path` consists.
// The lock directory in `own_lock_root` (empty: unknown) does not count. nullopt: nothing is above.
// Of several, one that the path lies inside; else the uppermost.
//
// `path` must be valid (ValidateRootPath). StoreError::kNoAuth if an `apps` above it must not be
// read.
asio::awaitable<absl::StatusOr<std::optional<EnclosingTree>>> FindEnclosingTree(
    StoreReader* reader, std::string path, std::string own_lock_root);

// kInvalidArgument if meta servers that contend in `lock_root` would make znodes where only a
// recovery into `root` may write: its /apps, which must never be without data, and its journal.
absl::Status CheckLockRoot(absl::string_view root, absl::string_view lock_root);

}  // namespace metarec
