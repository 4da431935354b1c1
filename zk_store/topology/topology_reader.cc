#include "zk_store/topology/topology_reader.h"

#include <map>
#include <utility>

#include <absl/algorithm/container.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "base/runtime/cancellation.h"
#include "base/runtime/status_macros.h"
#include "base/runtime/task_group.h"
#include "base/text/wording.h"
#include "idl/ipv4_endpoint.h"
#include "zk_store/client/root_path.h"
#include "zk_store/topology/neighbouring_roots.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {
namespace {

constexpr int64_t kReadsBetweenReports = 1000;

class Reading {
 public:
  Reading(StoreReader* reader, const std::string& root, TopologyReaderOptions options,
          ProgressListener* listener)
      : reader_(reader), paths_(root), options_(std::move(options)), listener_(listener) {}

  asio::awaitable<absl::StatusOr<RootContents>> Run();

 private:
  // A child of /apps, as found.
  struct Table {
    std::string path;
    std::optional<AppZnode> app;
    std::vector<int32_t> indices;  // of the partitions that there are, ascending
    std::vector<std::optional<PartitionZnode>> partitions;  // parallel to indices
  };

  asio::awaitable<absl::Status> ListTables();
  asio::awaitable<absl::Status> ForEach(size_t count,
                                        asio::awaitable<void> (Reading::*read)(size_t));
  asio::awaitable<void> ReadTable(size_t i);
  asio::awaitable<absl::Status> ListPartitions(Table* table);
  asio::awaitable<void> ReadPartition(size_t i);
  void CheckApp(const Table& table);
  void CheckPartitionCount(const Table& table);
  RootContents TakeContents();
  void AddProblem(const std::string& path, absl::string_view message,
                  bool is_unfinished_split = false);
  void OnRead();

  StoreReader* const reader_;
  const ClusterPaths paths_;
  const TopologyReaderOptions options_;
  ProgressListener* const listener_;
  RootContents contents_;
  std::vector<Table> tables_;
  std::vector<std::pair<uint32_t, uint32_t>> partitions_;  // table, offset in its indices
  absl::Status status_;                                    // the first error
  int64_t read_ = 0;
};

asio::awaitable<absl::StatusOr<RootContents>> Reading::Run() {
  METAREC_CO_RETURN_IF_ERROR(co_await reader_->Sync(paths_.root()));
  METAREC_CO_RETURN_IF_ERROR(co_await ListTables());
  METAREC_CO_RETURN_IF_ERROR(co_await ForEach(tables_.size(), &Reading::ReadTable));
  for (uint32_t table = 0; table < tables_.size(); ++table) {
    tables_[table].partitions.resize(tables_[table].indices.size());
    for (uint32_t i = 0; i < tables_[table].indices.size(); ++i) partitions_.emplace_back(table, i);
  }
  METAREC_CO_RETURN_IF_ERROR(co_await ForEach(partitions_.size(), &Reading::ReadPartition));
  co_return TakeContents();
}

asio::awaitable<absl::Status> Reading::ListTables() {
  METAREC_CO_ASSIGN_OR_RETURN(std::optional<NodeData> apps, co_await reader_->Get(paths_.apps()));
  if (!apps.has_value()) {
    METAREC_CO_ASSIGN_OR_RETURN(const auto existing, co_await reader_->Exists(paths_.root()));
    if (!existing.has_value()) {
      METAREC_CO_ASSIGN_OR_RETURN(const std::string nothing,
                                  co_await NothingAt(reader_, paths_.root()));
      co_return absl::NotFoundError(nothing);
    }
    // Both may have come since, as a writer creates them at once.
    METAREC_CO_ASSIGN_OR_RETURN(apps, co_await reader_->Get(paths_.apps()));
  }
  if (!apps.has_value()) {
    AddProblem(paths_.apps(), "no such znode: the root holds no cluster");
    co_return absl::OkStatus();
  }
  if (apps->data != kAppsUnlocked) {
    AddProblem(paths_.apps(),
               absl::StrCat("says \"", apps->data.substr(0, 60), "\" instead of \"", kAppsUnlocked,
                            apps->data.empty() ? "\"" : "\": no meta server starts from it"));
  }
  contents_.apps_state = std::move(apps->data);
  METAREC_CO_ASSIGN_OR_RETURN(std::optional<NodeChildren> children,
                              co_await reader_->Children(paths_.apps()));
  if (!children.has_value()) co_return absl::OkStatus();
  absl::c_sort(children->names);
  tables_.reserve(children->names.size());
  for (const std::string& name : children->names) {
    tables_.emplace_back();
    tables_.back().path = absl::StrCat(paths_.apps(), "/", name);
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> Reading::ForEach(size_t count,
                                               asio::awaitable<void> (Reading::*read)(size_t)) {
  co_await ForEachBounded(count, options_.in_flight_max,
                          [this, &read](size_t i) { return (this->*read)(i); });
  const bool cancelled = co_await IsCancelled();
  if (status_.ok() && cancelled) co_return absl::CancelledError("reading was cancelled");
  co_return status_;
}

asio::awaitable<void> Reading::ReadTable(size_t i) {
  if (!status_.ok()) co_return;
  Table& table = tables_[i];
  auto node = co_await reader_->Get(table.path);
  if (!node.ok()) {
    status_.Update(node.status());
    co_return;
  }
  OnRead();
  if (!node->has_value()) co_return;  // dropped while we were reading
  auto app = DecodeApp(table.path, (*node)->data);
  if (!app.ok()) {
    AddProblem(table.path, app.status().message());
    co_return;
  }
  table.app = *std::move(app);
  CheckApp(table);
  if (!options_.wants_partitions || options_.wants_partitions(*table.app)) {
    status_.Update(co_await ListPartitions(&table));
  }
}

void Reading::CheckApp(const Table& table) {
  const std::string expected = paths_.App(table.app->app_id);
  if (table.path != expected) {
    AddProblem(table.path, absl::StrCat("says that it is app_id ", table.app->app_id));
  }
  if (table.app->partition_count < 1) {
    AddProblem(table.path, absl::StrCat("partition_count is ", table.app->partition_count));
  }
}

asio::awaitable<absl::Status> Reading::ListPartitions(Table* table) {
  METAREC_CO_ASSIGN_OR_RETURN(std::optional<NodeChildren> children,
                              co_await reader_->Children(table->path));
  if (!children.has_value()) co_return absl::OkStatus();
  for (const std::string& name : children->names) {
    const int32_t index = ParseChildName(name);
    // Others, like "duplication", are not partitions.
    if (index >= 0) table->indices.push_back(index);
  }
  absl::c_sort(table->indices);
  CheckPartitionCount(*table);
  co_return absl::OkStatus();
}

void Reading::CheckPartitionCount(const Table& table) {
  const int32_t count = table.app->partition_count;
  const auto beyond = absl::c_lower_bound(table.indices, count);
  if (beyond != table.indices.end()) {
    AddProblem(absl::StrCat(table.path, "/", *beyond),
               absl::StrCat("is beyond partition_count ", count));
  }
  const int64_t there = beyond - table.indices.begin();
  if (there >= count) return;
  int32_t first_missing = 0;
  while (first_missing < there &&
         table.indices[static_cast<size_t>(first_missing)] == first_missing) {
    ++first_missing;
  }
  const int64_t others = count - there - 1;
  // How a meta server that starts tells them from lost ones (INTEROP.md section 6.3).
  const int32_t before_split = table.app->init_partition_count;
  const bool are_children =
      before_split > 0 && first_missing >= before_split && first_missing >= count / 2;
  AddProblem(absl::StrCat(table.path, "/", first_missing),
             others == 0 ? absl::StrCat("no such znode, the only one missing of ", count)
                         : absl::StrCat("no such znode, nor ", others,
                                        others == 1 ? " other of " : " others of ", count),
             are_children);
}

asio::awaitable<void> Reading::ReadPartition(size_t i) {
  if (!status_.ok()) co_return;
  Table& table = tables_[partitions_[i].first];
  const int32_t index = table.indices[partitions_[i].second];
  const std::string path = absl::StrCat(table.path, "/", index);
  auto node = co_await reader_->Get(path);
  if (!node.ok()) {
    status_.Update(node.status());
    co_return;
  }
  OnRead();
  if (!node->has_value()) co_return;
  auto partition = DecodePartition(path, (*node)->data);
  if (!partition.ok()) {
    AddProblem(path, partition.status().message());
    co_return;
  }
  if (partition->app_id != table.app->app_id || partition->index != index) {
    AddProblem(path, absl::StrCat("says that it is partition ", partition->app_id, ".",
                                  partition->index, ": no meta server starts from it"));
  }
  table.partitions[partitions_[i].second] = *std::move(partition);
}

RootContents Reading::TakeContents() {
  for (Table& table : tables_) {
    if (!table.app.has_value()) continue;
    TableZnodes& out = contents_.tables.emplace_back();
    out.app = *std::move(table.app);
    for (auto& partition : table.partitions) {
      if (partition.has_value()) out.partitions.push_back(*std::move(partition));
    }
  }
  absl::c_stable_sort(contents_.tables, [](const TableZnodes& a, const TableZnodes& b) {
    return a.app.app_id < b.app.app_id;
  });
  absl::c_sort(contents_.problems,
               [](const ReadProblem& a, const ReadProblem& b) { return a.message < b.message; });
  return std::move(contents_);
}

// `message` may begin with the path already, as those of the decoders do.
void Reading::AddProblem(const std::string& path, absl::string_view message,
                         bool is_unfinished_split) {
  if (is_unfinished_split) ++contents_.unfinished_splits;
  if (static_cast<size_t>(contents_.problems_count++) >= options_.problems_max) return;
  const bool names_path = absl::StartsWith(message, absl::StrCat(path, ": "));
  contents_.problems.push_back(
      {path, names_path ? std::string(message) : absl::StrCat(path, ": ", message),
       is_unfinished_split});
}

void Reading::OnRead() {
  if (++read_ % kReadsBetweenReports != 0) return;
  Progress progress;
  progress.phase = Phase::kRead;
  progress.done = read_;
  progress.total = static_cast<int64_t>(tables_.size() + partitions_.size());
  progress.failed = contents_.problems_count;
  listener_->OnProgress(progress);
}

}  // namespace

asio::awaitable<absl::StatusOr<RootContents>> ReadTopology(StoreReader* reader, std::string root,
                                                           TopologyReaderOptions options,
                                                           ProgressListener* listener) {
  METAREC_CO_RETURN_IF_ERROR(ValidateRootPath(root));
  Reading reading(reader, root, std::move(options), listener);
  co_return co_await reading.Run();
}

namespace {

// Addresses to names, as the partitions give them.
using Names = std::map<Ipv4Endpoint, std::string>;

absl::Status AddName(const std::string& address, const std::string& name, Names* names) {
  if (address.empty()) return absl::OkStatus();
  METAREC_ASSIGN_OR_RETURN(const Ipv4Endpoint endpoint, ParseIpv4Endpoint(address));
  names->insert_or_assign(endpoint, name.empty() ? address : name);
  return absl::OkStatus();
}

absl::Status AddNames(const std::vector<std::string>& addresses,
                      const std::vector<std::string>& host_ports, Names* names) {
  for (size_t i = 0; i < addresses.size(); ++i) {
    METAREC_RETURN_IF_ERROR(
        AddName(addresses[i], i < host_ports.size() ? host_ports[i] : "", names));
  }
  return absl::OkStatus();
}

absl::Status AddNames(const PartitionZnode& partition, Names* names) {
  METAREC_RETURN_IF_ERROR(AddName(partition.primary, partition.hp_primary, names));
  METAREC_RETURN_IF_ERROR(AddNames(partition.secondaries, partition.hp_secondaries, names));
  return AddNames(partition.last_drops, partition.hp_last_drops, names);
}

absl::Status NoSense(const RootContents& contents) {
  std::string first;
  for (const ReadProblem& problem : contents.problems) {
    if (problem.is_unfinished_split) continue;
    first = absl::StrCat(": ", problem.message);
    break;
  }
  const int64_t count = contents.problems_count - contents.unfinished_splits;
  return absl::DataLossError(
      absl::StrCat(Counted(count, "znode"), count == 1 ? " makes" : " make", " no sense", first));
}

// The contents' nodes, ascending by address.
absl::StatusOr<std::vector<TopologyNode>> NodesOf(const RootContents& contents) {
  Names names;
  for (const TableZnodes& table : contents.tables) {
    for (const PartitionZnode& partition : table.partitions) {
      const absl::Status status = AddNames(partition, &names);
      if (!status.ok()) {
        return absl::DataLossError(absl::StrCat("partition ", partition.app_id, ".",
                                                partition.index, ": ", status.message()));
      }
    }
  }
  std::vector<TopologyNode> nodes;
  for (auto& [address, name] : names) nodes.push_back({.address = address, .name = name});
  return nodes;
}

}  // namespace

absl::StatusOr<Topology> TopologyOf(const RootContents& contents) {
  if (contents.problems_count > contents.unfinished_splits) return NoSense(contents);
  Topology topology;
  METAREC_ASSIGN_OR_RETURN(topology.nodes, NodesOf(contents));
  std::map<Ipv4Endpoint, NodeIndex> index;
  for (const TopologyNode& node : topology.nodes) {
    index.emplace(node.address, static_cast<NodeIndex>(index.size()));
  }
  const auto index_of = [&index](const std::string& address) {
    return address.empty() ? kNoNode : index.at(*ParseIpv4Endpoint(address));
  };
  for (const TableZnodes& table : contents.tables) {
    TopologyTable& added = topology.tables.emplace_back();
    static_cast<TableDescription&>(added) = table.app;
    added.partitions_begin = static_cast<uint32_t>(topology.partitions.size());
    added.partitions_count = static_cast<uint32_t>(table.partitions.size());
    for (const PartitionZnode& znode : table.partitions) {
      TopologyPartition& partition = topology.partitions.emplace_back();
      partition.index = znode.index;
      partition.ballot = znode.ballot;
      partition.last_committed_decree = znode.last_committed_decree;
      partition.partition_flags = znode.partition_flags;
      partition.primary = index_of(znode.primary);
      partition.members_begin = static_cast<uint32_t>(topology.members.size());
      partition.last_drops_count = static_cast<uint32_t>(znode.last_drops.size());
      partition.secondaries_count = static_cast<uint32_t>(znode.secondaries.size());
      for (const std::string& address : znode.last_drops) {
        topology.members.push_back(index_of(address));
      }
      for (const std::string& address : znode.secondaries) {
        topology.members.push_back(index_of(address));
      }
    }
  }
  return topology;
}

}  // namespace metarec
