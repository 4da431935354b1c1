#include "recovery_service/root_topology.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "base/text/wording.h"
#include "idl/ipv4_endpoint.h"

namespace metarec {
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

}  // namespace

absl::StatusOr<RootMetadata> MetadataOf(const RootContents& contents) {
  if (contents.problems_count > contents.unfinished_splits) return NoSense(contents);
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
  RootMetadata metadata;
  Topology& topology = metadata.topology;
  std::map<Ipv4Endpoint, NodeIndex> index;
  for (auto& [address, name] : names) {
    index.emplace(address, static_cast<NodeIndex>(topology.nodes.size()));
    topology.nodes.push_back({.address = address, .name = name});
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
      partition.last_drops_begin = static_cast<uint32_t>(topology.last_drops.size());
      partition.last_drops_count = static_cast<uint32_t>(znode.last_drops.size());
      for (const std::string& address : znode.last_drops) {
        topology.last_drops.push_back(index_of(address));
      }
      std::vector<NodeIndex>& secondaries = metadata.secondaries.emplace_back();
      for (const std::string& address : znode.secondaries) {
        secondaries.push_back(index_of(address));
      }
    }
  }
  return metadata;
}

}  // namespace metarec
