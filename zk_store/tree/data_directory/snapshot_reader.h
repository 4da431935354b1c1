// Reads one snapshot, snapshot.<zxid>, into a tree.
//
//   "ZKSN", version, database id
//   sessions: count, (id, timeout)*
//   ACLs: count, (number, vector<ACL>)*
//   znodes, parents first: (path, data, number of the ACL, stat)*, then the path "/"
//   seal: Adler-32 of all before, "/"
//   since 3.6, if enabled: zxid, version, digest of the tree; seal
//   since 3.9: zxid; seal

#pragma once

#include <cstdint>
#include <optional>

#include <absl/container/flat_hash_map.h>

#include "zk_store/tree/data_directory/data_files.h"
#include "zk_store/tree/data_directory/data_finding.h"
#include "zk_store/tree/data_directory/replayed_tree.h"

namespace metarec {

using SessionTimeouts = absl::flat_hash_map<int64_t, int32_t>;  // ms, by id

struct SnapshotContent {
  SessionTimeouts sessions;
  // The tree's digest, and after which transaction it had it; none before 3.6 or if disabled.
  std::optional<LoggedDigest> digest;
  int64_t digest_zxid = 0;
  // Of the znodes: the greatest zxid and time that they tell.
  int64_t zxid_max = 0;
  int64_t time_max_ms = 0;
};

struct SnapshotDamage {
  DataDamage damage = DataDamage::kNone;  // kNone: the snapshot is sound
  int64_t offset = 0;
};

// Reads into `tree`, which is empty, and of no use if the snapshot is damaged. `descriptor` stays
// the caller's; `file` is what the znodes' DataPlace names.
SnapshotDamage ReadSnapshot(int descriptor, uint16_t file, ReplayedTree* tree,
                            SnapshotContent* content);

}  // namespace metarec
