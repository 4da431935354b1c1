// What the admin RPCs of meta servers do and tell, as Pegasus's shell prints it (INTEROP.md section
// 7.2; `rename` as captured, and its failure as the master branch's shell words it). Errors are in
// the words of Pegasus's shell (pegasus_client/shell_failure.h).

#pragma once

#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "idl/enums_types.h"
#include "idl/meta_admin_types.h"
#include "pegasus_client/cluster_listing.h"
#include "pegasus_client/meta_client.h"
#include "pegasus_client/shell_tables.h"

namespace metarec {

// Partitions ascend by index, nodes by host name and port. Where a server gives no names, its
// addresses are used.
std::vector<TableView> TablesOf(const idl::configuration_list_apps_response& response);
std::vector<PartitionView> PartitionsOf(const idl::query_cfg_response& response);
std::vector<NodeView> NodesOf(const idl::configuration_list_nodes_response& response);
ShellTables ClusterInfoOf(const idl::configuration_cluster_info_response& response);

// `ls`. `options.with_atomic_idempotent` is ignored: it depends on what the server knows.
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

// `set_meta_level`. `text` is what the shell prints.
struct MetaLevelChange {
  std::string old_level;  // "fl_steady"
  std::string text;
};
// `level` is one of those that exist, not fl_invalid.
asio::awaitable<absl::StatusOr<MetaLevelChange>> SetMetaLevel(MetaClient* client,
                                                              idl::meta_function_level level);

// `rename`. Returns what the shell prints.
asio::awaitable<absl::StatusOr<std::string>> RenameTable(MetaClient* client, std::string old_name,
                                                         std::string new_name);

}  // namespace metarec
