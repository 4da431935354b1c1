#include "zk_store/topology/znode_layout.h"

#include <algorithm>
#include <utility>

#include <absl/container/flat_hash_set.h>
#include <absl/strings/escaping.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>

#include "zk_store/client/znode_path.h"
#include "zk_store/election/lock_directory.h"

namespace metarec {
namespace {

absl::Status BadTable(const TopologyTable& table, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("topology: table ", table.app_id, " \"", table.app_name, "\": ", why));
}

absl::Status CheckPartition(const Topology& topology, const TopologyTable& table,
                            const TopologyPartition& partition) {
  if (partition.index >= table.partition_count) {
    return BadTable(
        table, absl::StrCat("partition ", partition.index, " of only ", table.partition_count));
  }
  if (partition.primary != kNoNode && partition.primary >= topology.nodes.size()) {
    return BadTable(table, absl::StrCat("partition ", partition.index, " has an unknown primary"));
  }
  if (uint64_t{partition.members_begin} + partition.last_drops_count + partition.secondaries_count >
      topology.members.size()) {
    return BadTable(table, absl::StrCat("partition ", partition.index, ": members out of range"));
  }
  for (const NodeIndex node : topology.LastDropsOf(partition)) {
    if (node < topology.nodes.size()) continue;
    return BadTable(table,
                    absl::StrCat("partition ", partition.index, " has an unknown last drop"));
  }
  for (const NodeIndex node : topology.SecondariesOf(partition)) {
    if (node < topology.nodes.size()) continue;
    return BadTable(table,
                    absl::StrCat("partition ", partition.index, " has an unknown secondary"));
  }
  return absl::OkStatus();
}

// A path as ZooKeeper takes it, no part of which is empty, "." or "..".
bool IsPathOfZnode(absl::string_view path) {
  if (path.empty() || path.front() != '/' || absl::StrContains(path, '\0')) return false;
  for (const absl::string_view part : absl::StrSplit(path.substr(1), '/')) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return true;
}

absl::Status BadCarried(const CarriedZnode& znode, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("topology: the carried znode ", absl::CHexEscape(znode.path), ": ", why));
}

}  // namespace

size_t DepthOf(const CarriedZnode& znode) {
  return static_cast<size_t>(std::count(znode.path.begin(), znode.path.end(), '/')) - 1;
}

absl::string_view CarriedName(absl::string_view path, int32_t* app_id) {
  *app_id = 0;
  if (!IsPathOfZnode(path)) return "";
  const absl::string_view name = path.substr(1, path.find('/', 1) - 1);
  if (name == kJournalName || name == "lock" || name == LockDirectoryPath("").substr(1)) return "";
  if (name != kAppsName) return name;
  absl::string_view rest = path.substr(1 + name.size());
  if (!absl::ConsumePrefix(&rest, "/")) return "";
  *app_id = ParseChildName(rest.substr(0, rest.find('/')));
  rest.remove_prefix(std::min(rest.find('/'), rest.size()));
  const absl::string_view below = rest.substr(std::min<size_t>(1, rest.size()));
  if (*app_id > 0 && below.substr(0, below.find('/')) == kDuplicationName) return kDuplicationName;
  *app_id = 0;
  return "";
}

RootChild KindOfRootChild(absl::string_view root, absl::string_view lock_root,
                          absl::string_view name) {
  for (const absl::string_view known :
       {kAppsName, kBackupName, kBulkLoadName, kRangerName, kJournalName}) {
    if (name == known) return RootChild::kMetadata;
  }
  const std::string child = JoinPaths(root, absl::StrCat("/", name));
  for (const std::string& directory :
       {LockDirectoryPath(root), LockDirectoryPath(JoinPaths(root, "/lock")),
        LockDirectoryPath(lock_root)}) {
    if (IsWithin(directory, child)) return RootChild::kLock;
  }
  return RootChild::kStranger;
}

ClusterPaths::ClusterPaths(absl::string_view root)
    : root_(root),
      apps_(absl::StrCat(root_, "/", kAppsName)),
      journal_(absl::StrCat(root_, "/", kJournalName)) {}

std::string ClusterPaths::backup() const { return absl::StrCat(root_, "/", kBackupName); }
std::string ClusterPaths::bulk_load() const { return absl::StrCat(root_, "/", kBulkLoadName); }

std::string ClusterPaths::Duplications(int32_t app_id) const {
  return absl::StrCat(App(app_id), "/", kDuplicationName);
}

std::string ClusterPaths::App(int32_t app_id) const { return absl::StrCat(apps_, "/", app_id); }

std::string ClusterPaths::Partition(int32_t app_id, int32_t index) const {
  return absl::StrCat(apps_, "/", app_id, "/", index);
}

int32_t ParseChildName(absl::string_view name) {
  int32_t number = -1;
  if (!absl::SimpleAtoi(name, &number) || number < 0 || absl::StrCat(number) != name) return -1;
  return number;
}

absl::Status CheckTopology(const Topology& topology) {
  int32_t last_id = 0;
  uint64_t partitions = 0;
  for (const TopologyTable& table : topology.tables) {
    if (table.app_id <= last_id) return BadTable(table, "ids must ascend from 1");
    last_id = table.app_id;
    if (table.partition_count < 1) return BadTable(table, "has no partition");
    if (table.partitions_begin != partitions) return BadTable(table, "partitions out of order");
    partitions += table.partitions_count;
    if (partitions > topology.partitions.size()) return BadTable(table, "partitions are missing");
    int32_t last_index = -1;
    for (const TopologyPartition& partition : topology.PartitionsOf(table)) {
      if (partition.index <= last_index) return BadTable(table, "partition indices must ascend");
      last_index = partition.index;
      if (absl::Status status = CheckPartition(topology, table, partition); !status.ok()) {
        return status;
      }
    }
  }
  if (partitions != topology.partitions.size()) {
    return absl::InvalidArgumentError("topology: there are partitions that belong to no table");
  }
  return CheckCarriedZnodes(topology);
}

absl::Status CheckCarriedZnodes(const Topology& topology) {
  absl::flat_hash_set<absl::string_view> parents;
  absl::flat_hash_set<int32_t> ids;
  for (const TopologyTable& table : topology.tables) ids.insert(table.app_id);
  for (size_t i = 0; i < topology.carried.size(); ++i) {
    const CarriedZnode& znode = topology.carried[i];
    int32_t app_id = 0;
    if (CarriedName(znode.path, &app_id).empty()) return BadCarried(znode, "nothing may be there");
    if (app_id > 0 && !ids.contains(app_id)) return BadCarried(znode, "there is no such table");
    const bool is_top = DepthOf(znode) == (app_id > 0 ? 2u : 0u);
    const absl::string_view path = znode.path;
    if (!is_top && !parents.contains(path.substr(0, path.rfind('/')))) {
      return BadCarried(znode, "its parent is missing");
    }
    parents.insert(path);
    if (i == 0) continue;
    const CarriedZnode& before = topology.carried[i - 1];
    if (std::make_pair(DepthOf(before), absl::string_view(before.path)) >=
        std::make_pair(DepthOf(znode), path)) {
      return BadCarried(znode, "it is not in its order");
    }
  }
  return absl::OkStatus();
}

TopologyZnodes::TopologyZnodes(const Topology& topology, const ClusterPaths& paths)
    : topology_(topology), paths_(paths), encoder_(topology) {}

const TopologyTable& TopologyZnodes::TableOf(size_t ordinal) const {
  if (ordinal < table_count()) return topology_.tables[ordinal];
  const size_t partition = ordinal - table_count();
  // They are mostly asked for one after the other.
  if (partition - topology_.tables[table_].partitions_begin <
      topology_.tables[table_].partitions_count) {
    return topology_.tables[table_];
  }
  const auto after = std::upper_bound(
      topology_.tables.begin(), topology_.tables.end(), partition,
      [](size_t index, const TopologyTable& table) { return index < table.partitions_begin; });
  table_ = static_cast<size_t>(after - 1 - topology_.tables.begin());
  return topology_.tables[table_];
}

std::string TopologyZnodes::Path(size_t ordinal) const {
  if (ordinal >= carried_begin()) {
    return absl::StrCat(paths_.root(), topology_.carried[ordinal - carried_begin()].path);
  }
  const int32_t app_id = TableOf(ordinal).app_id;
  if (ordinal < table_count()) return paths_.App(app_id);
  return paths_.Partition(app_id, topology_.partitions[ordinal - table_count()].index);
}

std::string TopologyZnodes::Data(size_t ordinal) {
  if (ordinal >= carried_begin()) return topology_.carried[ordinal - carried_begin()].data;
  std::string data;
  if (ordinal < table_count()) {
    EncodeApp(topology_.tables[ordinal], &data);
  } else {
    data.reserve(512);
    encoder_.Encode(TableOf(ordinal), topology_.partitions[ordinal - table_count()], &data);
  }
  return data;
}

size_t TopologyZnodes::PathBytesMax() const {
  constexpr size_t kNumbers = sizeof("/2147483647/2147483647");
  return paths_.apps().size() + kNumbers;
}

size_t TopologyZnodes::PartitionBytesMax(size_t ordinal) const {
  const TopologyPartition& partition = topology_.partitions[ordinal - table_count()];
  return encoder_.BytesMax(size_t{partition.last_drops_count} + partition.secondaries_count);
}

TopologySize MeasureTopology(const Topology& topology, const ClusterPaths& paths) {
  TopologyZnodes znodes(topology, paths);
  TopologySize size;
  size.znodes = static_cast<int64_t>(znodes.size());
  for (size_t ordinal = 0; ordinal < znodes.size(); ++ordinal) {
    size.bytes += static_cast<int64_t>(znodes.Path(ordinal).size() + znodes.Data(ordinal).size());
  }
  return size;
}

}  // namespace metarec
