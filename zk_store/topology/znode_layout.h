// Where a cluster's metadata lives in ZooKeeper, and the znodes that a topology becomes (INTEROP.md
// section 6.1).

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include "zk_store/topology/topology.h"
#include "zk_store/topology/znode_json.h"

namespace metarec {

// What `<root>/apps` says. A meta server boots from the second, or from no data at all, and from
// nothing else.
inline constexpr absl::string_view kAppsLocked = "lock";
inline constexpr absl::string_view kAppsUnlocked = "unlock";

// What a root has below it. Pegasus's own znodes are backup policies and their history, bulk loads
// under way, Ranger's policies, and /apps; the journal is ours.
inline constexpr absl::string_view kAppsName = "apps";
inline constexpr absl::string_view kBackupName = "backup";
inline constexpr absl::string_view kBulkLoadName = "bulk_load";
inline constexpr absl::string_view kRangerName = "ranger_policy_meta_root";
inline constexpr absl::string_view kJournalName = "metarec_journal";
// What a table has below it, beside its partitions.
inline constexpr absl::string_view kDuplicationName = "duplication";

enum class RootChild {
  kMetadata,  // one of these
  kLock,      // on the way to a lock directory: the root's own, its lock/, or that of `lock_root`
  kStranger,
};
RootChild KindOfRootChild(absl::string_view root, absl::string_view lock_root,
                          absl::string_view name);

// The paths under one root, which must be valid.
class ClusterPaths {
 public:
  explicit ClusterPaths(absl::string_view root);

  const std::string& root() const { return root_; }
  const std::string& apps() const { return apps_; }
  // Ours; beside /apps, where a stock meta server does not look.
  const std::string& journal() const { return journal_; }
  std::string backup() const;
  std::string bulk_load() const;
  std::string App(int32_t app_id) const;
  std::string Duplications(int32_t app_id) const;
  std::string Partition(int32_t app_id, int32_t index) const;

 private:
  std::string root_;
  std::string apps_;
  std::string journal_;
};

// The number that a child of /apps or of a table's znode is named after; -1 if its name is not a
// number as Pegasus writes them.
int32_t ParseChildName(absl::string_view name);

// kInvalidArgument, naming the table, unless the topology keeps what topology.h promises: indices
// in range, tables and partitions ascending and unique, the tables' ranges one after the other. For
// topologies that come from a file.
absl::Status CheckTopology(const Topology& topology);
// The part of it that is about the carried znodes.
absl::Status CheckCarriedZnodes(const Topology& topology);

// How many znodes are above a carried one, below the root: 1 above "/backup/daily".
size_t DepthOf(const CarriedZnode& znode);
// What it is part of: "backup" for "/backup/daily"; "duplication" for "/apps/3/duplication/7", and
// `*app_id` is 3 then, else 0. "" if nothing can be carried there.
absl::string_view CarriedName(absl::string_view path, int32_t* app_id);

// The znodes that a topology becomes, by ordinal: first the tables', then the partitions', then
// those that are carried, each in the topology's order. A parent thus comes before its children.
//
// `topology` must have passed CheckTopology, outlive this and not change. Not thread-safe.
class TopologyZnodes {
 public:
  TopologyZnodes(const Topology& topology, const ClusterPaths& paths);

  size_t size() const { return carried_begin() + topology_.carried.size(); }
  size_t table_count() const { return topology_.tables.size(); }
  // The ordinal of the first one that is carried.
  size_t carried_begin() const { return topology_.tables.size() + topology_.partitions.size(); }

  std::string Path(size_t ordinal) const;
  std::string Data(size_t ordinal);
  // Neither is longer, but for those that are carried; told without making them.
  size_t PathBytesMax() const;
  size_t PartitionBytesMax(size_t ordinal) const;

  // The table of a partition's znode or of a table's own; not for one that is carried.
  const TopologyTable& TableOf(size_t ordinal) const;

 private:
  const Topology& topology_;
  const ClusterPaths paths_;
  PartitionEncoder encoder_;
  mutable size_t table_ = 0;  // of the partition that was last asked for
};

struct TopologySize {
  int64_t znodes = 0;
  int64_t bytes = 0;  // paths and data
};

TopologySize MeasureTopology(const Topology& topology, const ClusterPaths& paths);

}  // namespace metarec
