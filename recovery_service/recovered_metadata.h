// Answers questions about metadata as a stock meta server does, from the tree that was written.

#pragma once

#include <functional>
#include <string>
#include <vector>

#include <absl/time/time.h>
#include <absl/types/span.h>

#include "idl/meta_admin_types.h"
#include "idl/placeholders_types.h"
#include "zk_store/topology/topology.h"

namespace metarec {

// What a meta server knows beside the tree; goes into cluster_info.
struct ClusterIdentity {
  std::string name;                       // cluster_name
  std::vector<std::string> meta_servers;  // host:port of each
  std::string primary_meta_server;        // host:port of the leader
  std::string zookeeper_hosts;
  std::string zookeeper_root;
};

// What answers depend on beside the metadata.
struct LiveCluster {
  std::function<ClusterIdentity()> identity;
  std::function<bool(const TopologyNode&)> is_alive;
};

// The tree as it was written or read. Its answers are those of a stock meta server. Immutable, so
// thread-safe. Requests come from peers and may say anything.
class RecoveredMetadata {
 public:
  explicit RecoveredMetadata(Topology topology);

  // Ids ascending. Regular expressions are not matched: ERR_NOT_IMPLEMENTED, with a hint.
  idl::configuration_list_apps_response ListApps(
      const idl::configuration_list_apps_request& request, const LiveCluster& live) const;

  // Every node that the tree names, by address.
  idl::configuration_list_nodes_response ListNodes(
      const idl::configuration_list_nodes_request& request, const LiveCluster& live) const;

  // An index list that is empty, or wrong throughout, stands for all partitions. Children that an
  // unfinished split has not registered have ballot -1.
  idl::query_cfg_response QueryPartitions(const idl::query_cfg_request& request,
                                          const LiveCluster& live) const;

  idl::configuration_cluster_info_response ClusterInfo(
      const idl::configuration_cluster_info_request& request, const LiveCluster& live) const;

  // Sets the level, or only tells it. At first it is steady. Nothing is written into the tree here,
  // and nothing is balanced, so that each level up to steady is kept to; a higher one is refused.
  idl::configuration_meta_control_response ControlMeta(
      const idl::configuration_meta_control_request& request, const LiveCluster& live);

  // The partitions that nobody can be the primary of: those created empty.
  idl::ddd_diagnose_response DiagnosePartitions(const idl::ddd_diagnose_request& request,
                                                const LiveCluster& live) const;

  const Topology& topology() const { return topology_; }

  // How many nodes the tree names for this partition of the topology: its primary, its secondaries,
  // and those that may become secondaries again.
  size_t KnownReplicas(const TopologyPartition& partition) const;

 private:
  const TopologyTable* FindAvailable(const std::string& name) const;
  idl::partition_configuration ConfigurationOf(const TopologyTable& table,
                                               const TopologyPartition& partition) const;
  // `index` is below the table's partition count.
  idl::partition_configuration ConfigurationAt(const TopologyTable& table, int32_t index) const;

  const Topology topology_;
  idl::meta_function_level level_ = idl::meta_function_level::fl_steady;
};

}  // namespace metarec
