// What an old copy of a cluster's ZooKeeper tree says: a tree file, a root that is still served, or
// the data directory of a ZooKeeper server that does not run any more. The planner takes from it
// what replica servers do not know (docs/recovery-rules.md, "Old trees").

#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <absl/strings/string_view.h>

#include "idl/table_description.h"

namespace metarec {

enum class OldTreeKind : uint8_t {
  kFile,           // as `zk export` writes it: read from a ZooKeeper that went on afterwards
  kLive,           // a root that a running ZooKeeper still serves
  kDataDirectory,  // of a server that does not run any more
};

absl::string_view OldTreeKindName(OldTreeKind kind);  // "file", "live", "data_directory"

// A znode that is carried as it is. `path` is relative to the cluster's root: "/backup/daily".
struct OldZnode {
  std::string path;
  std::string data;

  friend bool operator==(const OldZnode&, const OldZnode&) = default;
};

// One table that the tree has. 8 bytes for a partition.
struct OldTable {
  TableDescription description;
  // The last change of the table's own znode.
  int64_t changed_zxid = 0;
  int64_t changed_ms = 0;  // Unix time
  // What the znodes of its partitions say, by index; -1: there is none, or it cannot be read.
  // Ballots only grow, so they tell which of two accounts of a table is the newer one. They are
  // never carried.
  std::vector<int64_t> ballots;
  // The znodes at and below `/apps/<id>/duplication`, parents first.
  std::vector<OldZnode> duplications;
};

// Every zxid is at most this.
inline constexpr int64_t kAllCommitted = std::numeric_limits<int64_t>::max();
inline constexpr int64_t kCommittedUnknown = -1;

struct OldTree {
  std::string source;  // as the user named it
  OldTreeKind kind = OldTreeKind::kFile;
  std::string root;     // of the cluster, an absolute path in that ZooKeeper
  int64_t zxid = 0;     // the tree's last transaction
  int64_t time_ms = 0;  // Unix time of the reading, or of the last transaction of a data directory
  // What was not changed for a while before this Unix time had reached the replica servers by then:
  // that of the tree, or of a root that is still served, its last change.
  int64_t known_until_ms = 0;
  // Later transactions may never have been committed: one server alone has them
  // (old_tree_ensembles.h).
  int64_t committed_zxid = kAllCommitted;
  std::vector<std::string> confirmed_by;  // sources of the same ensemble, by which that is known

  std::vector<OldTable> tables;       // ascending by id
  std::vector<OldZnode> beside;       // what stands beside /apps, parents first
  std::vector<std::string> problems;  // the first that could not be read, each with its path
  int64_t problems_count = 0;

  // Of `/apps`: two trees of one ensemble have the same.
  int64_t apps_czxid = 0;
  int64_t apps_ctime_ms = 0;
};

// The first part of a path beside /apps: "backup" of "/backup/daily".
absl::string_view NameBeside(absl::string_view path);

}  // namespace metarec
