#include "recovery_service/recovered_metadata.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <absl/strings/strip.h>

#include "idl/enum_names.h"
#include "idl/error_names.h"
#include "recovery_service/leadership.h"

namespace metarec {
namespace {

bool MatchesName(const idl::configuration_list_apps_request& request, const std::string& name) {
  if (!request.__isset.app_name_pattern || !request.__isset.match_type) return true;
  const std::string& pattern = request.app_name_pattern;
  switch (request.match_type) {
    case idl::pattern_match_type::PMT_MATCH_EXACT:
      return name == pattern;
    case idl::pattern_match_type::PMT_MATCH_ANYWHERE:
      return absl::StrContains(name, pattern);
    case idl::pattern_match_type::PMT_MATCH_PREFIX:
      return absl::StartsWith(name, pattern);
    case idl::pattern_match_type::PMT_MATCH_POSTFIX:
      return absl::EndsWith(name, pattern);
    default:
      return true;
  }
}

// The standard deviation over nodes, as cluster_info prints it.
std::string Deviation(const std::vector<int64_t>& counts) {
  if (counts.empty()) return "0.00";
  double sum = 0;
  for (const int64_t count : counts) sum += static_cast<double>(count);
  const double mean = sum / static_cast<double>(counts.size());
  double squares = 0;
  for (const int64_t count : counts) {
    squares += (static_cast<double>(count) - mean) * (static_cast<double>(count) - mean);
  }
  return absl::StrFormat("%.2f", std::sqrt(squares / static_cast<double>(counts.size())));
}

}  // namespace

RecoveredMetadata::RecoveredMetadata(Topology topology) : topology_(std::move(topology)) {}

size_t RecoveredMetadata::KnownReplicas(const TopologyPartition& partition) const {
  return (partition.primary == kNoNode ? 0 : 1) + partition.secondaries_count +
         partition.last_drops_count;
}

idl::configuration_list_apps_response RecoveredMetadata::ListApps(
    const idl::configuration_list_apps_request& request, const LiveCluster& /*live*/) const {
  idl::configuration_list_apps_response response;
  if (request.__isset.match_type &&
      request.match_type == idl::pattern_match_type::PMT_MATCH_REGEX) {
    response.err = idl::error_code("ERR_NOT_IMPLEMENTED");
    response.__set_hint_message("table names cannot be matched by regular expressions");
    return response;
  }
  response.err = idl::error_code(idl::kErrOk);
  for (const TopologyTable& table : topology_.tables) {
    idl::app_info info = ToAppInfo(table);
    if (request.status != idl::app_status::AS_INVALID && info.status != request.status) continue;
    if (!MatchesName(request, info.app_name)) continue;
    response.infos.push_back(std::move(info));
  }
  return response;
}

idl::configuration_list_nodes_response RecoveredMetadata::ListNodes(
    const idl::configuration_list_nodes_request& request, const LiveCluster& live) const {
  idl::configuration_list_nodes_response response;
  response.err = idl::error_code(idl::kErrOk);
  for (const TopologyNode& node : topology_.nodes) {
    idl::node_info info;
    info.status = live.is_alive(node) ? idl::node_status::NS_ALIVE : idl::node_status::NS_UNALIVE;
    if (request.status != idl::node_status::NS_INVALID && info.status != request.status) continue;
    info.node = node.address.ToRpcAddress();
    info.__set_hp_node(HostPortOf(node.name));
    response.infos.push_back(std::move(info));
  }
  return response;
}

const TopologyTable* RecoveredMetadata::FindAvailable(const std::string& name) const {
  for (const TopologyTable& table : topology_.tables) {
    if (table.status == TableStatus::kAvailable && table.app_name == name) return &table;
  }
  return nullptr;
}

idl::partition_configuration RecoveredMetadata::ConfigurationOf(
    const TopologyTable& table, const TopologyPartition& partition) const {
  idl::partition_configuration configuration;
  configuration.pid = {.app_id = table.app_id, .partition_index = partition.index};
  configuration.ballot = partition.ballot;
  configuration.max_replica_count = table.max_replica_count;
  configuration.last_committed_decree = partition.last_committed_decree;
  configuration.partition_flags = partition.partition_flags;
  if (partition.primary != kNoNode) {
    const TopologyNode& primary = topology_.nodes[partition.primary];
    configuration.primary = primary.address.ToRpcAddress();
    configuration.__set_hp_primary(HostPortOf(primary.name));
  }
  // Both lists of names are always there, empty or not.
  configuration.__set_hp_secondaries({});
  for (const NodeIndex index : topology_.SecondariesOf(partition)) {
    configuration.secondaries.push_back(topology_.nodes[index].address.ToRpcAddress());
    configuration.hp_secondaries.push_back(HostPortOf(topology_.nodes[index].name));
  }
  configuration.__set_hp_last_drops({});
  for (const NodeIndex index : topology_.LastDropsOf(partition)) {
    configuration.last_drops.push_back(topology_.nodes[index].address.ToRpcAddress());
    configuration.hp_last_drops.push_back(HostPortOf(topology_.nodes[index].name));
  }
  return configuration;
}

idl::partition_configuration RecoveredMetadata::ConfigurationAt(const TopologyTable& table,
                                                                int32_t index) const {
  const absl::Span<const TopologyPartition> partitions = topology_.PartitionsOf(table);
  const auto found = std::lower_bound(
      partitions.begin(), partitions.end(), index,
      [](const TopologyPartition& partition, int32_t wanted) { return partition.index < wanted; });
  if (found != partitions.end() && found->index == index) return ConfigurationOf(table, *found);
  // Clients expect every index; they turn to its parent then.
  idl::partition_configuration configuration;
  configuration.pid = {.app_id = table.app_id, .partition_index = index};
  configuration.ballot = -1;
  configuration.max_replica_count = table.max_replica_count;
  configuration.__set_hp_secondaries({});
  configuration.__set_hp_last_drops({});
  return configuration;
}

idl::query_cfg_response RecoveredMetadata::QueryPartitions(const idl::query_cfg_request& request,
                                                           const LiveCluster& /*live*/) const {
  idl::query_cfg_response response;
  const TopologyTable* const table = FindAvailable(request.app_name);
  if (table == nullptr) {
    response.err = idl::error_code(idl::kErrObjectNotFound);
    return response;
  }
  response.err = idl::error_code(idl::kErrOk);
  response.app_id = table->app_id;
  response.partition_count = table->partition_count;
  response.is_stateful = table->is_stateful;
  for (const int32_t index : request.partition_indices) {
    // Nobody needs more answers than there are partitions.
    if (response.partitions.size() >= static_cast<size_t>(table->partition_count)) break;
    if (index < 0 || index >= table->partition_count) continue;
    response.partitions.push_back(ConfigurationAt(*table, index));
  }
  if (!response.partitions.empty()) return response;
  for (int32_t index = 0; index < table->partition_count; ++index) {
    response.partitions.push_back(ConfigurationAt(*table, index));
  }
  return response;
}

idl::configuration_cluster_info_response RecoveredMetadata::ClusterInfo(
    const idl::configuration_cluster_info_request& /*request*/, const LiveCluster& live) const {
  const ClusterIdentity identity = live.identity();
  std::vector<int64_t> primaries(topology_.nodes.size());
  std::vector<int64_t> replicas(topology_.nodes.size());
  for (const TopologyPartition& partition : topology_.partitions) {
    if (partition.primary != kNoNode) {
      ++primaries[partition.primary];
      ++replicas[partition.primary];
    }
    for (const NodeIndex index : topology_.SecondariesOf(partition)) ++replicas[index];
  }
  idl::configuration_cluster_info_response response;
  response.err = idl::error_code(idl::kErrOk);
  const std::pair<const char*, std::string> entries[] = {
      {"meta_servers", absl::StrJoin(identity.meta_servers, ",")},
      {"primary_meta_server", identity.primary_meta_server},
      {"zookeeper_hosts", identity.zookeeper_hosts},
      {"zookeeper_root", identity.zookeeper_root},
      {"meta_function_level", std::string(absl::StripPrefix(idl::ToName(level_), "fl_"))},
      // Nothing is balanced here.
      {"balance_operation_count",
       "{\n  \"copy_pri\": 0,\n  \"copy_sec\": 0,\n  \"move_pri\": 0,\n  \"total\": 0\n}"},
      {"primary_replica_count_stddev", Deviation(primaries)},
      {"total_replica_count_stddev", Deviation(replicas)},
      {"cluster_name", identity.name},
  };
  for (const auto& [key, value] : entries) {
    response.keys.emplace_back(key);
    response.values.push_back(value);
  }
  return response;
}

idl::configuration_meta_control_response RecoveredMetadata::ControlMeta(
    const idl::configuration_meta_control_request& request, const LiveCluster& /*live*/) {
  idl::configuration_meta_control_response response;
  // At `lively` a meta server balances, which nobody does here.
  if (request.level != idl::meta_function_level::fl_invalid &&
      request.level > idl::meta_function_level::fl_steady) {
    response.err = idl::error_code(idl::kErrUnderRecovery);
    return response;
  }
  response.err = idl::error_code(idl::kErrOk);
  response.old_level = level_;
  if (request.level != idl::meta_function_level::fl_invalid) level_ = request.level;
  return response;
}

idl::ddd_diagnose_response RecoveredMetadata::DiagnosePartitions(
    const idl::ddd_diagnose_request& request, const LiveCluster& /*live*/) const {
  idl::ddd_diagnose_response response;
  response.err = idl::error_code(idl::kErrOk);
  for (const TopologyTable& table : topology_.tables) {
    if (table.status != TableStatus::kAvailable) continue;
    if (request.pid.app_id != -1 && request.pid.app_id != table.app_id) continue;
    for (const TopologyPartition& partition : topology_.PartitionsOf(table)) {
      if (partition.primary != kNoNode) continue;
      if (request.pid.partition_index != -1 && request.pid.partition_index != partition.index) {
        continue;
      }
      idl::ddd_partition_info info;
      info.config = ConfigurationOf(table, partition);
      info.reason = "no replica of it was found; it was recovered empty";
      response.partitions.push_back(std::move(info));
    }
  }
  return response;
}

}  // namespace metarec
