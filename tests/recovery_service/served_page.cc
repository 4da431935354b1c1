#include "served_page.h"

#include <future>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <gtest/gtest.h>

#include "idl/serialization.h"
#include "idl/task_codes.h"

namespace metarec {
namespace {

constexpr uint32_t kLoopback = 0x7F000001;
constexpr absl::Duration kPatience = absl::Seconds(30);

RecoveryServerOptions Options() {
  RecoveryServerOptions options;
  options.listen.ip = kLoopback;
  options.own_name = "127.0.0.1:34601";
  options.recover = true;
  options.lock_root = "/pegasus/lock";
  options.service.build = {.version = "1.2.3", .commit = "0123456789abcdef"};
  options.service.cluster.name = "onebox";
  options.service.cluster.zookeeper_hosts = "zk1:2181,zk2:2181,zk3:2181";
  options.service.recovery.root = "/pegasus/recovered";
  // Whoever hangs, or does not answer, is looked at for longer than a browser takes.
  options.service.recovery.writer.retry.incidents_max = 1000;
  options.service.recovery.writer.retry.outage_max = absl::Minutes(5);
  options.service.recovery.collector.node_timeout = absl::Seconds(60);
  options.service.recovery.collector.attempt_timeout = absl::Seconds(60);
  return options;
}

asio::awaitable<void> RunServer(RecoveryServer* server) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const absl::Status status = co_await server->Run();
  EXPECT_TRUE(status.ok()) << status;
}

asio::awaitable<void> Call(rpc::Client* client, Ipv4Endpoint endpoint, std::string task_code,
                           std::string body) {
  rpc::CallOptions options;
  options.deadline = absl::Now() + absl::Minutes(2);
  const absl::StatusOr<rpc::Reply> ignored =
      co_await client->Call(endpoint, std::move(task_code), std::move(body), options);
  static_cast<void>(ignored);
}

}  // namespace

ServedPage::ServedPage(testing::SimulatedCluster cluster, int64_t zookeeper_stops_at)
    : client_(std::make_unique<rpc::Client>(context_.get_executor(), &clock_)),
      source_(std::make_unique<RpcReplicaSource>(client_.get(), &clock_)) {
  auto servers = testing::SimulatedClusterThread::Start(std::move(cluster));
  EXPECT_TRUE(servers.ok()) << servers.status();
  if (!servers.ok()) return;
  servers_ = *std::move(servers);

  testing::InMemoryMetaStoreOptions store_options;
  auto writes = std::make_shared<int64_t>(0);
  store_options.injector = [this, writes, zookeeper_stops_at](const testing::StoreCall& call) {
    const bool stops = call.is_write() && (*writes)++ == zookeeper_stops_at;
    if (stops) asio::post(context_, [zookeeper = zookeeper_] { zookeeper->StopServing(); });
    return stops ? std::make_optional(testing::StoreFault()) : std::nullopt;
  };
  RecoveryServerOptions options = Options();
  options.connect =
      [this, store_options]() -> asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> {
    if (is_zookeeper_gone_) co_return absl::UnavailableError("no server of zk1:2181 answers");
    auto store = std::make_unique<testing::InMemoryMetaStore>(zookeeper_, store_options);
    session_ = store->session_id();
    co_return std::move(store);
  };
  options.log = [](absl::string_view) {};
  server_ = std::make_unique<RecoveryServer>(
      context_.get_executor(), std::move(options),
      Surroundings{.source = source_.get(), .clock = &clock_, .random = [] { return 0.5; }});
  asio::co_spawn(context_, RunServer(server_.get()),
                 asio::bind_cancellation_slot(
                     stop_.slot(), [this](const std::exception_ptr&) { client_.reset(); }));
  thread_ = std::thread([this] { context_.run(); });
  leads_ = Await([](const RecoveryServiceStatus& status) { return status.leadership.is_us; });
}

ServedPage::~ServedPage() {
  if (!thread_.joinable()) return;
  asio::post(context_, [this] { stop_.emit(asio::cancellation_type::terminal); });
  thread_.join();
}

std::string ServedPage::url() const {
  return absl::StrCat("http://", server_->endpoint().ToString(), "/");
}

void ServedPage::BeginRecovery(SkipFlags flags) {
  idl::configuration_recovery_request request;
  request.skip_bad_nodes = flags.bad_nodes;
  request.skip_lost_partitions = flags.lost_partitions;
  std::vector<idl::host_port> names;
  for (const Ipv4Endpoint& node : servers_->endpoints()) {
    request.recovery_nodes.push_back(node.ToRpcAddress());
    names.emplace_back("localhost", node.port);
  }
  request.__set_hp_recovery_nodes(names);
  Send(idl::kRpcCmStartRecovery, idl::EncodeBody(request));
}

void ServedPage::SendBeacon(const std::string& host) {
  const Ipv4Endpoint from = servers_->endpoints().front();
  idl::beacon_msg beacon;
  beacon.from_node = from.ToRpcAddress();
  beacon.to_node = server_->endpoint().ToRpcAddress();
  beacon.__set_start_time(1);
  beacon.__set_hp_from_node(idl::host_port(host, from.port));
  Send(idl::kRpcFdFailureDetectorPing, idl::EncodeBody(beacon));
}

void ServedPage::StopZooKeeper() {
  asio::post(context_, [this] {
    is_zookeeper_gone_ = true;
    zookeeper_->ExpireSession(session_);
  });
}

void ServedPage::Send(std::string task_code, std::string body) {
  asio::co_spawn(context_,
                 Call(client_.get(), server_->endpoint(), std::move(task_code), std::move(body)),
                 asio::detached);
}

bool ServedPage::Await(const std::function<bool(const RecoveryServiceStatus&)>& condition) {
  const absl::Time end = absl::Now() + kPatience;
  while (absl::Now() < end) {
    std::promise<bool> answer;
    asio::post(context_, [&] { answer.set_value(condition(server_->service().status())); });
    if (answer.get_future().get()) return true;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return false;
}

}  // namespace metarec
