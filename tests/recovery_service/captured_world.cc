#include "captured_world.h"

#include <array>
#include <exception>
#include <filesystem>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <asio/co_spawn.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ip/udp.hpp>
#include <asio/read.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <glog/logging.h>
#include <gtest/gtest.h>

#include "base/runtime/cancellation.h"
#include "recovery_service/status/status_commands.h"
#include "rpc/native_frame.h"
#include "rpc/pegasus_status.h"
#include "tests/meta_recovery/planner/golden_evidence.h"
#include "tests/rpc/loopback.h"
#include "tests/zk_store/topology/golden_tree.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/topology/topology_reader.h"

namespace metarec {
namespace {

using rpc::kLoopback;
// As the answers give it: where the captured meta server listened.
constexpr Ipv4Endpoint kMetaServer = {.ip = kLoopback, .port = 34601};

RecoveryServiceOptions OptionsFor(const CapturedWorldOptions& world) {
  const std::string& root = world.root;
  RecoveryServiceOptions options;
  options.build.version = "2.6.0-SNAPSHOT";
  options.recovery.root = root;
  // What the captured names were made with.
  options.recovery.plan.rename_separator = "__";
  options.recovery.ask_again_after = absl::Milliseconds(1);
  // The shell's requests give a hundred seconds.
  options.recovery.collector.node_timeout = world.node_timeout;
  options.recovery.collector.attempt_timeout = world.node_timeout;
  options.recovery.collector.backoff_min = absl::Milliseconds(1);
  options.recovery.collector.backoff_max = absl::Milliseconds(1);
  options.beacons.ask_again_after = absl::ZeroDuration();
  options.cluster = {.name = "onebox",
                     .meta_servers = {"localhost:34601"},
                     .primary_meta_server = "",
                     .zookeeper_hosts = "127.0.0.1:22181",
                     .zookeeper_root = root};
  return options;
}

}  // namespace

CapturedSource::CapturedSource(const std::string& folder) {
  for (const NodeEvidence& node : LoadGoldenEvidence(folder, {"localhost:34801", "localhost:34802",
                                                              "localhost:34803", "localhost:34804"})
                                      .nodes) {
    nodes_.emplace(node.address.port, node);
  }
}

asio::awaitable<absl::StatusOr<NodeIdentity>> CapturedSource::Identify(NodeListEntry entry,
                                                                       absl::Time) {
  NodeIdentity identity;
  identity.address = {.ip = kLoopback, .port = entry.port};
  identity.name = absl::StrCat("localhost:", entry.port);
  identity.name_source = NodeNameSource::kReverseLookup;
  co_return identity;
}

absl::StatusOr<const NodeEvidence*> CapturedSource::Find(Ipv4Endpoint address) const {
  const auto node = nodes_.find(address.port);
  const auto error = errors.find(address.port);
  if (error != errors.end()) return rpc::PegasusError(error->second, "so the test wants it");
  if (node == nodes_.end() || !node->second.complete()) {
    return rpc::PegasusError("ERR_NETWORK_FAILURE", "it is down");
  }
  return &node->second;
}

asio::awaitable<absl::StatusOr<NodeTables>> CapturedSource::QueryTables(Ipv4Endpoint address,
                                                                        absl::Time) {
  if (asked != nullptr) asked->Set();
  if (hold != nullptr) {
    const absl::Status waited = co_await hold->Wait();
    if (!waited.ok()) co_return waited;
  }
  const absl::StatusOr<const NodeEvidence*> node = Find(address);
  if (!node.ok()) co_return node.status();
  co_return std::vector<TableRecord>((*node)->tables.begin(), (*node)->tables.end());
}

asio::awaitable<absl::Status> CapturedSource::QueryReplicas(Ipv4Endpoint address, absl::Time,
                                                            ReplicaSink sink) {
  const absl::StatusOr<const NodeEvidence*> node = Find(address);
  if (!node.ok()) co_return node.status();
  const bool is_over = served_answers == 0;
  if (served_answers > 0) --served_answers;
  for (ReplicaRecord replica : (*node)->replicas) {
    const bool serves =
        replica.status == ReplicaStatus::kPrimary || replica.status == ReplicaStatus::kSecondary;
    if (is_over && serves) replica.status = ReplicaStatus::kInactive;
    const absl::Status taken = sink(replica);
    if (!taken.ok()) co_return taken;
  }
  co_return absl::OkStatus();
}

CapturedWorld::CapturedWorld(const CapturedWorldOptions& options)
    : source(options.evidence),
      zookeeper(std::make_shared<testing::InMemoryZooKeeper>()),
      store(std::make_unique<testing::InMemoryMetaStore>(zookeeper)),
      service(std::make_unique<RecoveryService>(
          context.get_executor(), OptionsFor(options),
          Surroundings{.source = &source, .clock = &clock, .random = [] { return 0.5; }})),
      root_(options.root),
      server_(context.get_executor(), &clock, {.own_address = kMetaServer}),
      udp_(context.get_executor(), &clock, {.own_address = kMetaServer}) {
  AddStatusCommands(clock.Now(), service.get());
  service->RegisterOn(&server_);
  service->RegisterOn(&udp_);
  service->Lead({.name = "localhost:34601", .address = kMetaServer}, store.get(), {});
  listens_ = *server_.Listen({.ip = kLoopback, .port = 0});
  listens_udp_ = *udp_.Listen({.ip = kLoopback, .port = 0});
}

CapturedWorld::~CapturedWorld() {
  Run([this]() -> asio::awaitable<void> {
    co_await udp_.Stop();
    co_await server_.Stop();
    co_await service->Stop();
  });
}

void CapturedWorld::ServeFromTree(const std::string& file) {
  Run([&]() -> asio::awaitable<void> {
    GoldenTree tree = ReadGoldenTree(std::filesystem::path(METAREC_GOLDEN_DIR) / file);
    // Those of variants begin with the root.
    tree.emplace("/pegasus", "");
    for (const auto& [path, data] : tree) {
      if (path == "/" || absl::StartsWith(path, "/zookeeper")) continue;
      const auto created = co_await store->Create(path, data);
      CHECK(created.ok()) << path << ": " << created.status();
    }
    RetryBudget budget(&clock);
    StoreReader reader(store.get(), &budget);
    SilentProgress silent;
    const TopologyReaderOptions options;
    const auto contents = co_await ReadTopology(&reader, root_, options, &silent);
    CHECK(contents.ok()) << contents.status();
    absl::StatusOr<Topology> topology = TopologyOf(*contents);
    CHECK(topology.ok()) << topology.status();
    service->ServeRecovered(*std::move(topology));
  });
}

void CapturedWorld::Run(std::function<asio::awaitable<void>()> coroutine) {
  bool ended = false;
  asio::co_spawn(context, WithoutThrowing(coroutine()),
                 [this, &ended](const std::exception_ptr& thrown) {
                   EXPECT_EQ(thrown, nullptr);
                   ended = true;
                   context.stop();  // the servers go on listening
                 });
  context.restart();
  context.run_for(std::chrono::seconds(120));
  ASSERT_TRUE(ended);
}

asio::awaitable<std::string> CapturedWorld::Exchange(std::string frame) {
  asio::ip::tcp::socket socket(context);
  const asio::ip::tcp::endpoint where(asio::ip::address_v4(listens_.ip), listens_.port);
  co_await socket.async_connect(where, asio::use_awaitable);
  co_await asio::async_write(socket, asio::buffer(frame), asio::use_awaitable);
  const bool native = absl::StartsWith(frame, "RDSN");
  std::string answer(native ? rpc::kNativeHeaderBytes : 4, '\0');
  co_await asio::async_read(socket, asio::buffer(answer), asio::use_awaitable);
  const size_t head = answer.size();
  size_t rest = 0;
  if (native) {
    rest = rpc::ParseNativeHeader(answer)->body_length;
  } else {
    for (const char byte : answer) rest = rest << 8 | static_cast<unsigned char>(byte);
    rest -= head;
  }
  answer.resize(head + rest);
  co_await asio::async_read(socket, asio::buffer(&answer[head], rest), asio::use_awaitable);
  co_return answer;
}

asio::awaitable<std::string> CapturedWorld::ExchangeDatagram(std::string frame) {
  auto header = rpc::ParseNativeHeader(frame.substr(0, rpc::kNativeHeaderBytes));
  CHECK(header.ok()) << header.status();
  const std::string body = frame.substr(rpc::kNativeHeaderBytes);
  // Any port, since another run of this test may be on the same machine. The answer goes to where
  // the header says that the sender listens.
  asio::ip::udp::socket socket(context, {asio::ip::address_v4(kLoopback), 0});
  header->from_address = idl::rpc_address(kLoopback, socket.local_endpoint().port());
  const bool has_crc = header->header_crc32 != 0 || header->body_crc32 != 0;
  frame = rpc::BuildNativeHeader(*header, body,
                                 has_crc ? rpc::Checksums::kComputed : rpc::Checksums::kNone) +
          body;
  const asio::ip::udp::endpoint where(asio::ip::address_v4(listens_udp_.ip), listens_udp_.port);
  co_await socket.async_send_to(asio::buffer(frame), where, asio::use_awaitable);
  std::array<char, 2000> buffer;
  const size_t size = co_await socket.async_receive(asio::buffer(buffer), asio::use_awaitable);
  co_return std::string(buffer.data(), size);
}

std::string CapturedWorld::Ask(const std::string& frame, bool by_udp) {
  std::string answer;
  Run([&]() -> asio::awaitable<void> {
    if (by_udp) {
      answer = co_await ExchangeDatagram(frame);
    } else {
      answer = co_await Exchange(frame);
    }
  });
  return answer;
}

}  // namespace metarec
