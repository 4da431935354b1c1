#include "migration/zookeeper/move_world.h"

#include <algorithm>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <asio/ip/tcp.hpp>

#include "base/runtime/blocking_call.h"
#include "base/runtime/cancellation.h"
#include "base/runtime/status_macros.h"
#include "base/runtime/task_group.h"
#include "idl/enum_names.h"
#include "idl/error_names.h"
#include "idl/task_codes.h"
#include "pegasus_client/meta_admin.h"
#include "pegasus_client/shell_failure.h"
#include "replica_collector/collector.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/client/zookeeper_meta_store.h"
#include "zk_store/election/lock_directory.h"

namespace metarec {
namespace {

constexpr size_t kQueriesAtOnce = 8;

// "127.0.0.1:34601", whatever it is called.
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

MoveWorld::MoveWorld(MoveSide from, MoveSide to, asio::any_io_executor executor,
                     Surroundings surroundings, MoveWorldOptions options)
    : from_(std::move(from)),
      to_(std::move(to)),
      executor_(std::move(executor)),
      surroundings_(std::move(surroundings)),
      options_(options) {}

MoveWorld::~MoveWorld() = default;

asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> MoveWorld::Connect(
    MoveSide side) const {
  METAREC_CO_ASSIGN_OR_RETURN(const ZooKeeperAddresses addresses,
                              ParseZooKeeperHosts(side.Reach()));
  ZooKeeperOptions options;
  options.hosts = addresses.HostsText();
  options.connect_timeout = options_.connect_timeout;
  if (!side.auth_file.empty()) {
    METAREC_CO_ASSIGN_OR_RETURN(ZkAuthFile file, ReadZkAuthFile(side.auth_file));
    options.auth = std::move(file.auth);
  }
  METAREC_CO_ASSIGN_OR_RETURN(std::unique_ptr<MetaStore> store,
                              co_await ZooKeeperMetaStore::Connect(std::move(options), clock()));
  co_return store;
}

asio::awaitable<absl::StatusOr<MetaStore*>> MoveWorld::Store(MoveEnd end) {
  std::unique_ptr<MetaStore>& store = end == MoveEnd::kFrom ? from_store_ : to_store_;
  if (store == nullptr || IsFinal(store->session_state())) {
    METAREC_CO_ASSIGN_OR_RETURN(std::unique_ptr<MetaStore> opened, co_await Connect(side(end)));
    // Another coroutine may have opened one meanwhile, which is in use.
    if (store == nullptr || IsFinal(store->session_state())) {
      if (store != nullptr) ended_stores_.push_back(std::move(store));
      store = std::move(opened);
    }
  }
  co_return store.get();
}

std::set<std::string> MoveWorld::LockDirectories(MoveEnd end) const {
  const std::string root = side(end).RealRoot();
  std::set<std::string> directories = {LockDirectoryPath(root),
                                       LockDirectoryPath(absl::StrCat(root, "/lock"))};
  if (!side(end).lock_root.empty()) {
    directories.insert(LockDirectoryPath(side(end).RealLockRoot()));
  }
  return directories;
}

asio::awaitable<absl::StatusOr<std::vector<LockDirectoryAge>>> MoveWorld::LockAges(MoveEnd end) {
  METAREC_CO_ASSIGN_OR_RETURN(MetaStore* const store, co_await Store(end));
  RetryBudget budget(clock());
  StoreReader reader(store, &budget);
  METAREC_CO_RETURN_IF_ERROR(co_await reader.Sync("/"));
  std::vector<LockDirectoryAge> ages;
  const std::set<std::string> directories = LockDirectories(end);
  for (const std::string& directory : directories) {
    METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeStat> stat,
                                co_await reader.Exists(directory));
    LockDirectoryAge age;
    age.path = directory;
    if (stat.has_value()) {
      age.czxid = stat->czxid;
      // The version counts creations and deletions. So a candidate whose session expires later
      // changes nothing here.
      age.created = (int64_t{stat->child_version} + stat->num_children) / 2;
    }
    ages.push_back(std::move(age));
  }
  co_return ages;
}

asio::awaitable<absl::StatusOr<std::vector<MetaCandidate>>> MoveWorld::Candidates(MoveEnd end) {
  METAREC_CO_ASSIGN_OR_RETURN(MetaStore* const store, co_await Store(end));
  RetryBudget budget(clock());
  StoreReader reader(store, &budget);
  METAREC_CO_RETURN_IF_ERROR(co_await reader.Sync("/"));
  const std::set<std::string> directories = LockDirectories(end);
  std::vector<MetaCandidate> candidates;
  for (const std::string& directory : directories) {
    METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeChildren> children,
                                co_await reader.Children(directory));
    if (!children.has_value()) continue;
    for (const std::string& name : CandidatesInOrder(children->names)) {
      const std::string path = absl::StrCat(directory, "/", name);
      METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeData> node, co_await reader.Get(path));
      if (node.has_value()) candidates.push_back({path, node->data});
    }
  }
  co_return candidates;
}

absl::StatusOr<MetaClient*> MoveWorld::ClientOf(const std::vector<std::string>& metas) {
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

asio::awaitable<absl::StatusOr<ClusterInfo>> MoveWorld::AskCluster(std::vector<std::string> metas) {
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

asio::awaitable<absl::StatusOr<std::vector<TableView>>> MoveWorld::AskTables(
    std::vector<std::string> metas, bool with_partitions) {
  METAREC_CO_ASSIGN_OR_RETURN(MetaClient* const client, ClientOf(metas));
  idl::configuration_list_apps_request request;
  request.status = idl::app_status::AS_INVALID;  // all
  METAREC_CO_ASSIGN_OR_RETURN(
      const idl::configuration_list_apps_response response,
      co_await client->Ask<idl::configuration_list_apps_response>(idl::kRpcCmListApps, request));
  METAREC_CO_RETURN_IF_ERROR(AnswerStatus(client->server(), response.err));
  std::vector<TableView> tables = TablesOf(response);
  if (!with_partitions) co_return tables;
  std::vector<absl::Status> failures(tables.size());
  const auto ask = [&](size_t i) -> asio::awaitable<void> {
    if (tables[i].status != TableStatus::kAvailable) co_return;
    idl::query_cfg_request query;
    query.app_name = tables[i].app_name;
    query.__set_partition_indices({});
    const absl::StatusOr<idl::query_cfg_response> answer =
        co_await client->Ask<idl::query_cfg_response>(idl::kRpcCmQueryPartitionConfigByIndex,
                                                      query);
    failures[i] = answer.ok() ? AnswerStatus(client->server(), answer->err) : answer.status();
    if (failures[i].ok()) tables[i].partitions = PartitionsOf(*answer);
  };
  co_await ForEachBounded(tables.size(), kQueriesAtOnce, ask);
  const bool cancelled = co_await IsCancelled();
  if (cancelled) co_return absl::CancelledError("cancelled while partitions were asked for");
  for (const absl::Status& failure : failures) METAREC_CO_RETURN_IF_ERROR(failure);
  co_return tables;
}

asio::awaitable<absl::StatusOr<std::vector<NodeView>>> MoveWorld::AskNodes(
    std::vector<std::string> metas) {
  METAREC_CO_ASSIGN_OR_RETURN(MetaClient* const client, ClientOf(metas));
  const idl::configuration_list_nodes_request request;
  METAREC_CO_ASSIGN_OR_RETURN(
      const idl::configuration_list_nodes_response response,
      co_await client->Ask<idl::configuration_list_nodes_response>(idl::kRpcCmListNodes, request));
  METAREC_CO_RETURN_IF_ERROR(AnswerStatus(client->server(), response.err));
  co_return NodesOf(response);
}

asio::awaitable<absl::Status> MoveWorld::SetLevel(std::vector<std::string> metas,
                                                  std::string level) {
  METAREC_CO_ASSIGN_OR_RETURN(MetaClient* const client, ClientOf(metas));
  idl::meta_function_level value = idl::meta_function_level::fl_invalid;
  if (!idl::FromName(absl::StrCat("fl_", level), &value)) {
    co_return absl::InvalidArgumentError(absl::StrCat("there is no function level '", level, "'"));
  }
  co_return (co_await SetMetaLevel(client, value)).status();
}

asio::awaitable<absl::StatusOr<PortState>> MoveWorld::LookAtPort(std::string address) {
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

asio::awaitable<absl::StatusOr<Evidence>> MoveWorld::Collect(std::vector<std::string> nodes) {
  METAREC_CO_ASSIGN_OR_RETURN(NodeList list, ParseNodeListString(absl::StrJoin(nodes, ",")));
  SilentProgress silent;
  CollectorOptions options;
  Collector collector(std::move(options), surroundings_.source, clock(), &silent,
                      surroundings_.random);
  co_return co_await collector.Collect(std::move(list));
}

std::vector<std::string> AddressesOf(const std::vector<MoveServer>& servers) {
  std::vector<std::string> addresses;
  addresses.reserve(servers.size());
  for (const MoveServer& server : servers) addresses.push_back(server.address);
  return addresses;
}

std::string NamesOf(const std::vector<MoveServer>& servers) {
  return absl::StrJoin(AddressesOf(servers), " and ");
}

std::string NamesOf(const std::vector<MetaCandidate>& candidates) {
  return absl::StrJoin(candidates, " and ", [](std::string* out, const MetaCandidate& candidate) {
    absl::StrAppend(out, candidate.name);
  });
}

}  // namespace metarec
