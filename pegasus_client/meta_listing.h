// What meta servers tell of their tables and nodes, as what pegasus_client/cluster_listing.h
// prints. Errors have the words of Pegasus's shell (tools/cli/shell_failure.h).

#pragma once

#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "idl/meta_admin_types.h"
#include "pegasus_client/cluster_listing.h"
#include "pegasus_client/meta_client.h"
#include "pegasus_client/shell_tables.h"

namespace metarec {

// Partitions ascend by index, nodes by host name and port; a server that gives no names is taken at
// its addresses.
std::vector<TableView> TablesOf(const idl::configuration_list_apps_response& response);
std::vector<PartitionView> PartitionsOf(const idl::query_cfg_response& response);
std::vector<NodeView> NodesOf(const idl::configuration_list_nodes_response& response);
ShellTables ClusterInfoOf(const idl::configuration_cluster_info_response& response);

// `ls`. `options.with_atomic_idempotent` is not looked at: it depends on what the server knows.
asio::awaitable<absl::StatusOr<ShellTables>> ListTablesByMeta(MetaClient* client,
                                                              ListTablesOptions options);
// `app`.
asio::awaitable<absl::StatusOr<ShellTables>> ShowTableByMeta(MetaClient* client, std::string name,
                                                             ShowTableOptions options);
// `nodes`.
asio::awaitable<absl::StatusOr<ShellTables>> ListNodesByMeta(MetaClient* client,
                                                             ListNodesOptions options);
// `cluster_info`.
asio::awaitable<absl::StatusOr<ShellTables>> ShowClusterByMeta(MetaClient* client);

}  // namespace metarec
