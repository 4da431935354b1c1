#include "pegasus_client/meta_admin.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include <absl/strings/str_cat.h>

#include "base/runtime/cancellation.h"
#include "base/runtime/status_macros.h"
#include "base/runtime/task_group.h"
#include "idl/enum_names.h"
#include "idl/task_codes.h"
#include "pegasus_client/shell_failure.h"
#include "rpc/pegasus_status.h"

namespace metarec {
namespace {

constexpr size_t kQueriesInFlight = 8;

// "" for no node.
std::string NodeName(bool has_name, const idl::host_port& name, const idl::rpc_address& address) {
  if (has_name && name.is_valid()) return name.ToString();
  return address.is_valid() ? address.ToString() : "";
}

std::vector<std::string> NodeNames(bool have_names, const std::vector<idl::host_port>& names,
                                   const std::vector<idl::rpc_address>& addresses) {
  std::vector<std::string> result;
  const size_t count = have_names ? names.size() : addresses.size();
  for (size_t i = 0; i < count; ++i) {
    const idl::host_port name = have_names ? names[i] : idl::host_port();
    const idl::rpc_address address = i < addresses.size() ? addresses[i] : idl::rpc_address();
    result.push_back(NodeName(have_names, name, address));
  }
  return result;
}

// Asks for the partitions of `tables`, which are those of `apps`. One table that cannot be asked
// for fails the command, as in the shell.
asio::awaitable<absl::Status> AddPartitions(MetaClient* client,
                                            const idl::configuration_list_apps_response& apps,
                                            std::vector<TableView>* tables) {
  std::vector<absl::Status> failures(tables->size());
  co_await ForEachBounded(tables->size(), kQueriesInFlight, [&](size_t i) -> asio::awaitable<void> {
    if (apps.infos[i].status != idl::app_status::AS_AVAILABLE) co_return;
    idl::query_cfg_request request;
    request.app_name = apps.infos[i].app_name;
    request.__set_partition_indices({});
    const absl::StatusOr<idl::query_cfg_response> response =
        co_await client->Ask<idl::query_cfg_response>(idl::kRpcCmQueryPartitionConfigByIndex,
                                                      request);
    failures[i] = response.ok() ? AnswerStatus(client->server(), response->err) : response.status();
    if (failures[i].ok()) (*tables)[i].partitions = PartitionsOf(*response);
  });
  const bool cancelled = co_await IsCancelled();
  if (cancelled) co_return absl::CancelledError("cancelled while partitions were asked for");
  for (const absl::Status& failure : failures) METAREC_CO_RETURN_IF_ERROR(failure);
  co_return absl::OkStatus();
}

asio::awaitable<absl::StatusOr<idl::configuration_list_apps_response>> ListApps(
    MetaClient* client, idl::app_status status) {
  idl::configuration_list_apps_request request;
  request.status = status;
  request.__set_app_name_pattern("");
  request.__set_match_type(idl::pattern_match_type::PMT_MATCH_ALL);
  co_return co_await client->Ask<idl::configuration_list_apps_response>(idl::kRpcCmListApps,
                                                                        request);
}

// The shell tells the RPC layer's errors apart in this one command.
absl::Status ListAppsFailed(const absl::Status& transport) {
  const std::string name = rpc::PegasusErrorName(transport);
  return ShellFailure(transport, absl::StrCat("list apps failed, error=", name,
                                              ": request meta failed: task=", idl::kRpcCmListApps,
                                              ", error=", name));
}

absl::Status ListAppsRefused(const std::string& server,
                             const idl::configuration_list_apps_response& response) {
  const std::string& hint = response.hint_message;
  return ShellFailure(
      AnswerStatus(server, response.err),
      absl::StrCat("list apps failed, error=", response.err.name, hint.empty() ? "" : ": ", hint));
}

// Servers up to 2.5 do not know it, nor do their shells print it.
bool KnowsAtomicIdempotent(const idl::configuration_list_apps_response& response) {
  return response.infos.empty() ||
         std::any_of(response.infos.begin(), response.infos.end(),
                     [](const idl::app_info& info) { return info.__isset.atomic_idempotent; });
}

}  // namespace

std::vector<TableView> TablesOf(const idl::configuration_list_apps_response& response) {
  std::vector<TableView> tables;
  for (const idl::app_info& info : response.infos) {
    tables.push_back({FromAppInfo(idl::app_info(info)), {}});
  }
  return tables;
}

std::vector<PartitionView> PartitionsOf(const idl::query_cfg_response& response) {
  std::vector<PartitionView> partitions;
  for (const idl::partition_configuration& configuration : response.partitions) {
    PartitionView& partition = partitions.emplace_back();
    const auto& has = configuration.__isset;
    partition.index = configuration.pid.partition_index;
    partition.ballot = configuration.ballot;
    partition.primary = NodeName(has.hp_primary, configuration.hp_primary, configuration.primary);
    partition.secondaries =
        NodeNames(has.hp_secondaries, configuration.hp_secondaries, configuration.secondaries);
    partition.last_drops =
        NodeNames(has.hp_last_drops, configuration.hp_last_drops, configuration.last_drops);
  }
  std::sort(partitions.begin(), partitions.end(),
            [](const PartitionView& a, const PartitionView& b) { return a.index < b.index; });
  return partitions;
}

std::vector<NodeView> NodesOf(const idl::configuration_list_nodes_response& response) {
  // By name, or else by address as a number.
  std::vector<std::pair<std::tuple<std::string, uint32_t, uint16_t>, NodeView>> sorted;
  for (const idl::node_info& info : response.infos) {
    const bool named = info.__isset.hp_node && info.hp_node.is_valid();
    NodeView node;
    node.name = NodeName(named, info.hp_node, info.node);
    if (info.status == idl::node_status::NS_ALIVE) node.liveness = NodeLiveness::kAlive;
    if (info.status == idl::node_status::NS_UNALIVE) node.liveness = NodeLiveness::kUnalive;
    sorted.emplace_back(named ? std::tuple(info.hp_node.host(), 0u, info.hp_node.port())
                              : std::tuple(std::string(), info.node.ip(), info.node.port()),
                        std::move(node));
  }
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<NodeView> nodes;
  nodes.reserve(sorted.size());
  for (auto& [order, node] : sorted) nodes.push_back(std::move(node));
  return nodes;
}

ShellTables ClusterInfoOf(const idl::configuration_cluster_info_response& response) {
  FieldTable table{"cluster_info", {}};
  table.has_lines = true;  // the balancer's counts are JSON over several lines
  const size_t count = std::min(response.keys.size(), response.values.size());
  for (size_t i = 0; i < count; ++i) {
    table.fields.emplace_back(response.keys[i], response.values[i]);
  }
  ShellTables output;
  output.Add(std::move(table));
  return output;
}

asio::awaitable<absl::StatusOr<ShellTables>> ListTablesByMeta(MetaClient* client,
                                                              ListTablesOptions options) {
  idl::app_status status = idl::app_status::AS_INVALID;  // all
  if (!options.status.empty()) idl::FromName(absl::StrCat("AS_", options.status), &status);
  const absl::StatusOr<idl::configuration_list_apps_response> response =
      co_await ListApps(client, status);
  if (!response.ok()) co_return ListAppsFailed(response.status());
  METAREC_CO_RETURN_IF_ERROR(ListAppsRefused(client->server(), *response));
  options.with_atomic_idempotent = KnowsAtomicIdempotent(*response);
  std::vector<TableView> tables = TablesOf(*response);
  if (options.detailed) {
    const absl::Status added = co_await AddPartitions(client, *response, &tables);
    if (!added.ok()) co_return ShellFailureOf("list apps failed, error=", added);
  }
  co_return ListTables(tables, options);
}

asio::awaitable<absl::StatusOr<ShellTables>> ShowTableByMeta(MetaClient* client, std::string name,
                                                             ShowTableOptions options) {
  idl::query_cfg_request request;
  request.app_name = name;
  request.__set_partition_indices({});
  const absl::StatusOr<idl::query_cfg_response> response =
      co_await client->Ask<idl::query_cfg_response>(idl::kRpcCmQueryPartitionConfigByIndex,
                                                    request);
  const absl::Status status =
      response.ok() ? AnswerStatus(client->server(), response->err) : response.status();
  if (!status.ok()) {
    co_return ShellFailureOf(absl::StrCat("query app ", name, " failed, error="), status);
  }
  TableView table;
  table.app_name = std::move(name);
  table.app_id = response->app_id;
  table.partition_count = response->partition_count;
  table.is_stateful = response->is_stateful;
  table.partitions = PartitionsOf(*response);
  table.max_replica_count =
      response->partitions.empty() ? 0 : response->partitions.front().max_replica_count;
  co_return ShowTable(table, options);
}

asio::awaitable<absl::StatusOr<ShellTables>> ListNodesByMeta(MetaClient* client,
                                                             ListNodesOptions options) {
  constexpr absl::string_view kFailed = "list nodes failed, error=";
  idl::configuration_list_nodes_request request;
  if (options.status == "alive") request.status = idl::node_status::NS_ALIVE;
  if (options.status == "unalive") request.status = idl::node_status::NS_UNALIVE;
  const absl::StatusOr<idl::configuration_list_nodes_response> response =
      co_await client->Ask<idl::configuration_list_nodes_response>(idl::kRpcCmListNodes, request);
  const absl::Status listed =
      response.ok() ? AnswerStatus(client->server(), response->err) : response.status();
  if (!listed.ok()) co_return ShellFailureOf(kFailed, listed);
  std::vector<TableView> tables;
  if (options.detailed) {
    const absl::StatusOr<idl::configuration_list_apps_response> apps =
        co_await ListApps(client, idl::app_status::AS_AVAILABLE);
    absl::Status added = apps.ok() ? AnswerStatus(client->server(), apps->err) : apps.status();
    if (added.ok()) {
      tables = TablesOf(*apps);
      added = co_await AddPartitions(client, *apps, &tables);
    }
    if (!added.ok()) co_return ShellFailureOf(kFailed, added);
  }
  co_return ListNodes(NodesOf(*response), tables, options);
}

asio::awaitable<absl::StatusOr<ShellTables>> ShowClusterByMeta(MetaClient* client) {
  const idl::configuration_cluster_info_request request;
  const absl::StatusOr<idl::configuration_cluster_info_response> response =
      co_await client->Ask<idl::configuration_cluster_info_response>(idl::kRpcCmClusterInfo,
                                                                     request);
  const absl::Status status =
      response.ok() ? AnswerStatus(client->server(), response->err) : response.status();
  if (!status.ok()) co_return ShellFailureOf("get cluster info failed, error=", status);
  co_return ClusterInfoOf(*response);
}

asio::awaitable<absl::StatusOr<MetaLevelChange>> SetMetaLevel(MetaClient* client,
                                                              idl::meta_function_level level) {
  idl::configuration_meta_control_request request;
  request.level = level;
  const absl::StatusOr<idl::configuration_meta_control_response> response =
      co_await client->Change<idl::configuration_meta_control_response>(idl::kRpcCmControlMeta,
                                                                        request);
  const absl::Status status =
      response.ok() ? AnswerStatus(client->server(), response->err, "", /*is_change=*/true)
                    : response.status();
  if (!status.ok()) co_return ShellFailureOf("control meta level got error ", status);
  MetaLevelChange done;
  done.old_level = idl::ToName(response->old_level);
  done.text = absl::StrCat("control meta level ok, the old level is ", done.old_level, "\n");
  co_return done;
}

asio::awaitable<absl::StatusOr<std::string>> RenameTable(MetaClient* client, std::string old_name,
                                                         std::string new_name) {
  idl::configuration_rename_app_request request;
  request.old_app_name = old_name;
  request.new_app_name = new_name;
  const absl::StatusOr<idl::configuration_rename_app_response> response =
      co_await client->Change<idl::configuration_rename_app_response>(idl::kRpcCmRenameApp,
                                                                      request);
  const std::string hint = response.ok() ? response->hint_message : "";
  const absl::Status status =
      response.ok() ? AnswerStatus(client->server(), response->err, hint, /*is_change=*/true)
                    : response.status();
  const std::string names =
      absl::StrCat("old_app_name(", old_name, "), new_app_name(", new_name, ")");
  if (!status.ok()) {
    co_return ShellFailure(status, absl::StrCat("rename app failed, ", names,
                                                ", failed: ", rpc::PegasusErrorName(status),
                                                hint.empty() ? "" : ", ", hint));
  }
  co_return absl::StrCat("rename app ok, ", names, "\n");
}

}  // namespace metarec
