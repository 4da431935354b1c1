#include "service_world.h"

#include <exception>
#include <utility>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include "base/runtime/cancellation.h"
#include "idl/task_codes.h"
#include "recovery_service/status/status_commands.h"
#include "rpc/pegasus_status.h"
#include "tests/rpc/loopback.h"

namespace metarec {
namespace {

using rpc::kLoopback;

}  // namespace

asio::awaitable<void> Settle() {
  const auto executor = co_await asio::this_coro::executor;
  for (int i = 0; i < 20; ++i) co_await asio::post(executor, asio::use_awaitable);
}

asio::awaitable<absl::StatusOr<NodeIdentity>> WorldSource::Identify(NodeListEntry entry,
                                                                    absl::Time) {
  NodeIdentity identity;
  identity.address = {.ip = kLoopback, .port = entry.port};
  identity.name = entry.text;
  co_return identity;
}

asio::awaitable<absl::StatusOr<NodeTables>> WorldSource::QueryTables(Ipv4Endpoint address,
                                                                     absl::Time deadline) {
  ++table_queries;
  if (before_tables) co_await before_tables();
  if (hanging[address.port]) {
    const absl::Status slept = co_await clock_.SleepUntil(deadline);
    if (!slept.ok()) co_return slept;
    co_return rpc::PegasusError("ERR_TIMEOUT", "it hangs");
  }
  if (down[address.port]) co_return rpc::PegasusError("ERR_INVALID_DATA", "it is down");
  TableRecord table;
  table.app_type = "pegasus";
  table.app_name = "temp";
  table.app_id = 1;
  table.partition_count = 1;
  table.init_partition_count = 1;
  table.is_stateful = true;
  table.max_replica_count = 3;
  table.create_second = 1;
  if (edit_table) edit_table(address.port, &table);
  NodeTables tables(std::vector<TableRecord>(1, table));
  if (own_addresses.contains(address.port)) tables.own_address = own_addresses[address.port];
  co_return std::move(tables);
}

asio::awaitable<absl::Status> WorldSource::QueryReplicas(Ipv4Endpoint address, absl::Time,
                                                         ReplicaSink sink) {
  ++replica_queries;
  if (before_replicas) co_await before_replicas();
  if (down[address.port]) co_return rpc::PegasusError("ERR_INVALID_DATA", "it is down");
  ReplicaRecord replica;
  replica.app_id = 1;
  replica.ballot = 3;
  replica.last_committed_decree = 10;
  replica.last_prepared_decree = 10;
  const auto found = status.find(address.port);
  replica.status = found == status.end() ? ReplicaStatus::kInactive : found->second;
  co_return sink(replica);
}

RecoveryServiceOptions ServiceWorld::Options() {
  RecoveryServiceOptions options;
  options.build = {.program = "metarecd", .version = "1.2.3", .commit = ""};
  options.recovery.root = kRoot;
  options.recovery.ask_again_after = absl::Milliseconds(1);
  options.beacons.ask_again_after = absl::ZeroDuration();
  options.cluster = {.name = "onebox",
                     .meta_servers = {"meta1:34601", "meta2:34601"},
                     .primary_meta_server = "",
                     .zookeeper_hosts = "127.0.0.1:22181",
                     .zookeeper_root = kRoot};
  return options;
}

ServiceWorld::ServiceWorld(RecoveryServiceOptions options,
                           testing::InMemoryMetaStoreOptions store_options)
    : zookeeper(std::make_shared<testing::InMemoryZooKeeper>()),
      store(std::make_unique<testing::InMemoryMetaStore>(zookeeper, std::move(store_options))),
      service(std::make_unique<RecoveryService>(
          context.get_executor(), std::move(options),
          Surroundings{.source = &source, .clock = &clock, .random = [] { return 0.5; }},
          &listener)) {
  AddStatusCommands(clock.Now(), service.get());
  service->Lead(LeaderIdentity{.name = "meta1:34601",
                               .address = Ipv4Endpoint{.ip = kLoopback, .port = 34601}},
                store.get(), {});
}

ServiceWorld::~ServiceWorld() {
  Run([this]() -> asio::awaitable<void> { co_await service->Stop(); });
}

void ServiceWorld::Run(std::function<asio::awaitable<void>()> coroutine) {
  bool ended = false;
  asio::co_spawn(context, WithoutThrowing(coroutine()), [&ended](const std::exception_ptr& thrown) {
    EXPECT_EQ(thrown, nullptr);
    ended = true;
  });
  context.restart();
  context.run_for(std::chrono::seconds(120));
  EXPECT_TRUE(ended);
}

rpc::Request ServiceWorld::RequestOf(std::string task_code, std::string body) {
  rpc::Request request;
  request.task_code = std::move(task_code);
  request.body = std::move(body);
  request.peer = {.ip = kLoopback, .port = 50000};
  request.from_address = idl::rpc_address(kLoopback, 1);
  request.timeout = absl::Seconds(60);
  request.is_forward_supported = true;
  return request;
}

rpc::Request ServiceWorld::StartRecovery(absl::string_view ports, bool skip_bad,
                                         absl::Duration timeout) {
  idl::configuration_recovery_request request;
  request.skip_bad_nodes = skip_bad;
  request.skip_lost_partitions = false;
  std::vector<idl::host_port> nodes;
  for (const absl::string_view text : absl::StrSplit(ports, ',', absl::SkipEmpty())) {
    const uint16_t port = *ParsePort(text);
    request.recovery_nodes.emplace_back(kLoopback, port);
    nodes.emplace_back("localhost", port);
  }
  request.__set_hp_recovery_nodes(nodes);
  rpc::Request asked = Ask(idl::kRpcCmStartRecovery, request);
  asked.timeout = timeout;
  return asked;
}

asio::awaitable<void> ServiceWorld::BeginHangingRun() {
  for (const uint16_t port : {1, 2, 3}) source.hanging[port] = true;
  asio::co_spawn(context, service->Serve(StartRecovery("1,2,3")),
                 [](const std::exception_ptr& thrown, const rpc::HandlerResult&) {
                   EXPECT_EQ(thrown, nullptr);
                 });
  co_await Settle();
  EXPECT_EQ(service->state(), RecoveryState::kRecovering);
}

rpc::Request ServiceWorld::Beacon(uint16_t port, int64_t start_time, absl::string_view name) {
  idl::beacon_msg beacon;
  beacon.time = 1795221132467;
  beacon.from_node = idl::rpc_address(kLoopback, port);
  beacon.to_node = idl::rpc_address(kLoopback, 34601);
  beacon.__set_start_time(start_time);
  const std::pair<std::string, std::string> parts = absl::StrSplit(name, ':');
  int32_t named_port = port;
  if (!name.empty()) {
    EXPECT_TRUE(absl::SimpleAtoi(parts.second, &named_port));
  }
  beacon.__set_hp_from_node(
      idl::host_port(name.empty() ? "rs.example" : parts.first, static_cast<uint16_t>(named_port)));
  beacon.__set_hp_to_node(idl::host_port("meta1", 34601));
  return Ask(idl::kRpcFdFailureDetectorPing, beacon);
}

Topology ServiceWorld::ServedTopology() {
  Topology topology;
  for (const uint16_t port : {1, 2, 3}) {
    topology.nodes.push_back(
        {.address = {.ip = kLoopback, .port = port}, .name = absl::StrCat("localhost:", port)});
  }
  TopologyTable& served = topology.tables.emplace_back();
  served.app_id = 1;
  served.app_name = "served";
  served.partition_count = 2;
  served.partitions_count = 2;
  TopologyTable& dropped = topology.tables.emplace_back();
  dropped.status = TableStatus::kDropped;
  dropped.app_id = 2;
  dropped.app_name = "dropped";
  dropped.partitions_begin = 2;
  topology.members = {1, 2};
  topology.partitions.push_back({.index = 0, .ballot = 3, .primary = 0, .last_drops_count = 2});
  topology.partitions.push_back({.index = 1});
  return topology;
}

std::string ServiceWorld::Znode(const std::string& path) const {
  for (const testing::DumpedNode& node : zookeeper->Dump()) {
    if (node.path == kRoot + path) return node.data;
  }
  return "(none)";
}

}  // namespace metarec
