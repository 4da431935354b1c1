#include "migration/zookeeper/networked_move_world.h"

#include <algorithm>
#include <functional>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <absl/strings/string_view.h>
#include <asio/ip/tcp.hpp>

#include "base/runtime/blocking_call.h"
#include "base/runtime/cancellation.h"
#include "base/runtime/status_macros.h"
#include "base/runtime/task_group.h"
#include "idl/enum_names.h"
#include "idl/enums_types.h"
#include "idl/error_names.h"
#include "idl/meta_admin_types.h"
#include "idl/task_codes.h"
#include "pegasus_client/meta_admin.h"
#include "pegasus_client/shell_failure.h"
#include "replica_collector/node_list.h"
#include "zk_store/client/zookeeper_meta_store.h"

namespace metarec {
namespace {

absl::Status Lacking(absl::string_view key) {
  return absl::DataLossError(absl::StrCat("cluster_info says no ", key));
}

absl::StatusOr<ClusterInfo> InfoOf(const idl::configuration_cluster_info_response& response) {
  std::map<std::string, std::string> values;
  const size_t count = std::min(response.keys.size(), response.values.size());
  for (size_t i = 0; i < count; ++i) values[response.keys[i]] = response.values[i];
  ClusterInfo info;
  info.meta_servers = absl::StrSplit(values["meta_servers"], ',', absl::SkipEmpty());
  info.leader = values["primary_meta_server"];
  info.zookeeper_hosts = values["zookeeper_hosts"];
  info.zookeeper_root = values["zookeeper_root"];
  info.level = values["meta_function_level"];
  info.cluster_name = values["cluster_name"];
  if (info.meta_servers.empty()) return Lacking("meta_servers");
  if (info.leader.empty()) return Lacking("primary_meta_server");
  if (info.zookeeper_hosts.empty()) return Lacking("zookeeper_hosts");
  if (info.zookeeper_root.empty()) return Lacking("zookeeper_root");
  if (info.level.empty()) return Lacking("meta_function_level");
  return info;
}

}  // namespace

NetworkedMoveWorld::NetworkedMoveWorld(MoveSide from, MoveSide to, asio::any_io_executor executor,
                                       Surroundings surroundings, MoveWorldOptions options)
    : MoveWorld(std::move(from), std::move(to), std::move(surroundings)),
      executor_(std::move(executor)),
      options_(options) {}

NetworkedMoveWorld::~NetworkedMoveWorld() = default;

asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> NetworkedMoveWorld::Connect(
    MoveEnd end) {
  const MoveSide& where = side(end);
  METAREC_CO_ASSIGN_OR_RETURN(const ZooKeeperAddresses addresses,
                              ParseZooKeeperHosts(where.Reach()));
  ZooKeeperOptions options;
  options.hosts = addresses.HostsText();
  options.connect_timeout = options_.connect_timeout;
  if (!where.auth_file.empty()) {
    METAREC_CO_ASSIGN_OR_RETURN(ZkAuthFile file, ReadZkAuthFile(where.auth_file));
    options.auth = std::move(file.auth);
  }
  METAREC_CO_ASSIGN_OR_RETURN(std::unique_ptr<MetaStore> store,
                              co_await ZooKeeperMetaStore::Connect(std::move(options), clock()));
  co_return store;
}

absl::StatusOr<MetaClient*> NetworkedMoveWorld::ClientOf(const std::vector<std::string>& metas) {
  const std::string list = absl::StrJoin(metas, ",");
  std::unique_ptr<MetaClient>& client = clients_[list];
  if (client == nullptr) {
    METAREC_ASSIGN_OR_RETURN(NodeList servers, ParseNodeListString(list));
    MetaClientOptions options;
    options.timeout = options_.meta_timeout;
    client = std::make_unique<MetaClient>(executor_, clock(), std::move(servers), options);
  }
  return client.get();
}

asio::awaitable<absl::StatusOr<ClusterInfo>> NetworkedMoveWorld::AskCluster(
    std::vector<std::string> metas) {
  METAREC_CO_ASSIGN_OR_RETURN(MetaClient* const client, ClientOf(metas));
  const idl::configuration_cluster_info_request request;
  METAREC_CO_ASSIGN_OR_RETURN(const idl::configuration_cluster_info_response response,
                              co_await client->Ask<idl::configuration_cluster_info_response>(
                                  idl::kRpcCmClusterInfo, request));
  METAREC_CO_RETURN_IF_ERROR(AnswerStatus(client->server(), response.err));
  METAREC_CO_ASSIGN_OR_RETURN(ClusterInfo info, InfoOf(response));
  info.answered_by = client->server();
  co_return info;
}

asio::awaitable<absl::StatusOr<std::vector<TableView>>> NetworkedMoveWorld::AskTables(
    std::vector<std::string> metas) {
  METAREC_CO_ASSIGN_OR_RETURN(MetaClient* const client, ClientOf(metas));
  idl::configuration_list_apps_request request;
  request.status = idl::app_status::AS_INVALID;  // all
  METAREC_CO_ASSIGN_OR_RETURN(
      const idl::configuration_list_apps_response response,
      co_await client->Ask<idl::configuration_list_apps_response>(idl::kRpcCmListApps, request));
  METAREC_CO_RETURN_IF_ERROR(AnswerStatus(client->server(), response.err));
  co_return TablesOf(response);
}

asio::awaitable<absl::StatusOr<std::vector<NodeView>>> NetworkedMoveWorld::AskNodes(
    std::vector<std::string> metas) {
  METAREC_CO_ASSIGN_OR_RETURN(MetaClient* const client, ClientOf(metas));
  const idl::configuration_list_nodes_request request;
  METAREC_CO_ASSIGN_OR_RETURN(
      const idl::configuration_list_nodes_response response,
      co_await client->Ask<idl::configuration_list_nodes_response>(idl::kRpcCmListNodes, request));
  METAREC_CO_RETURN_IF_ERROR(AnswerStatus(client->server(), response.err));
  co_return NodesOf(response);
}

asio::awaitable<absl::Status> NetworkedMoveWorld::SetLevel(std::vector<std::string> metas,
                                                           std::string level) {
  METAREC_CO_ASSIGN_OR_RETURN(MetaClient* const client, ClientOf(metas));
  idl::meta_function_level value = idl::meta_function_level::fl_invalid;
  if (!idl::FromName(absl::StrCat("fl_", level), &value)) {
    co_return absl::InvalidArgumentError(absl::StrCat("there is no function level '", level, "'"));
  }
  co_return (co_await SetMetaLevel(client, value)).status();
}

asio::awaitable<absl::StatusOr<PortState>> NetworkedMoveWorld::LookAtPort(std::string address) {
  METAREC_CO_ASSIGN_OR_RETURN(const NodeListEntry entry, ParseNodeListEntry(address));
  const absl::Time deadline = clock()->Now() + options_.port_timeout;
  ResolverQuestion question = [entry](asio::ip::tcp::resolver& resolver, asio::error_code& error) {
    return resolver.resolve(asio::ip::tcp::v4(), entry.host, absl::StrCat(entry.port), error);
  };
  METAREC_CO_ASSIGN_OR_RETURN(
      const ResolverResults results,
      co_await AskResolver(clock(), deadline, entry.host, std::move(question)));
  if (results.empty()) {
    co_return absl::NotFoundError(absl::StrCat(entry.host, " has no IPv4 address"));
  }
  asio::ip::tcp::socket socket(executor_);
  const asio::ip::tcp::endpoint endpoint = results.begin()->endpoint();
  asio::error_code error = asio::error::timed_out;
  const std::function<asio::awaitable<void>()> connect = [&]() -> asio::awaitable<void> {
    const auto [connected] = co_await socket.async_connect(endpoint, kAwaitTuple);
    error = connected;
  };
  const absl::Status in_time = co_await RunUntil(deadline, clock(), connect);
  if (absl::IsCancelled(in_time)) co_return in_time;
  if (!error) co_return PortState::kOpen;
  co_return error == asio::error::connection_refused ? PortState::kClosed : PortState::kUnknown;
}

asio::awaitable<absl::Status> NetworkedMoveWorld::RunCommand(OperatorCommand command) {
  return RunOperatorCommand(std::move(command), clock());
}

}  // namespace metarec
