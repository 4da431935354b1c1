// The whole service on its real ports, with many silent peers and some that send nonsense.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/ip/udp.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>

#include "base/runtime/cancellation.h"
#include "idl/task_codes.h"
#include "recovery_service/server/recovery_server.h"
#include "rpc/byte_order.h"
#include "rpc/native_frame.h"
#include "service_world.h"
#include "tests/rpc/loopback.h"

namespace metarec {
namespace {

using rpc::kLoopback;
using rpc::RawPeer;
using ::testing::HasSubstr;

constexpr size_t kIdlePeers = 1000;

std::string Frame(const rpc::Request& request, rpc::Checksums checksums, uint16_t port) {
  rpc::NativeHeader header;
  header.id = 7;
  header.rpc_name = request.task_code;
  header.context = rpc::kContextIsRequest | rpc::kContextFormatThriftBinary;
  header.from_address = idl::rpc_address(kLoopback, port);
  return rpc::BuildNativeHeader(header, request.body, checksums) + request.body;
}

class ServiceWithBadPeersTest : public ::testing::Test {
 protected:
  ServiceWithBadPeersTest() {
    rlimit limit = {};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    RecoveryServerOptions options;
    options.listen = {.ip = kLoopback, .port = 0};
    options.own_name = "127.0.0.1:1001";
    options.recover = true;
    options.lock_root = "/pegasus/lock";
    options.service = ServiceWorld::Options();
    options.rpc.connections_max = kIdlePeers + 10;
    options.connect = [this]() -> asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> {
      co_return std::make_unique<testing::InMemoryMetaStore>(zookeeper_);
    };
    options.log = [](absl::string_view) {};
    server_ = std::make_unique<RecoveryServer>(
        io_.get_executor(), std::move(options),
        Surroundings{.source = &source_, .clock = &clock_, .random = [] { return 0.5; }});
    asio::co_spawn(io_, WithoutThrowing(server_->Run()),
                   asio::bind_cancellation_slot(
                       stop_.slot(), [this](const std::exception_ptr&, absl::Status ended) {
                         ended_ = std::move(ended);
                       }));
    EXPECT_TRUE(rpc::RunUntil(&io_, [&] { return server_->service().status().leadership.is_us; }));
  }

  ~ServiceWithBadPeersTest() override {
    stop_.emit(asio::cancellation_type::terminal);
    EXPECT_TRUE(rpc::RunUntil(&io_, [&] { return ended_.has_value(); }));
    while (io_.poll() != 0) io_.restart();
  }

  std::unique_ptr<RawPeer> Connected() {
    auto peer = std::make_unique<RawPeer>(&io_);
    peer->Connect(server_->endpoint());
    return peer;
  }

  // The first bytes of what it answers; empty if it ends the connection.
  std::string AnswerTo(const std::string& bytes, size_t answer_bytes, bool end_sending = false) {
    const auto peer = Connected();
    peer->Send(bytes);
    if (end_sending) peer->EndSending();
    return rpc::RunToEnd(&io_, peer->Receive(answer_bytes)).value_or("no answer in time");
  }

  void SendDatagram(const std::string& bytes) {
    asio::ip::udp::socket sender(io_, asio::ip::udp::v4());
    sender.send_to(asio::buffer(bytes),
                   {asio::ip::address_v4(kLoopback), server_->endpoint().port});
  }

  std::string Metrics() {
    return AnswerTo("GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n", 100'000);
  }

  asio::io_context io_;
  SystemClock clock_;
  WorldSource source_;
  const std::shared_ptr<testing::InMemoryZooKeeper> zookeeper_ =
      std::make_shared<testing::InMemoryZooKeeper>();
  std::unique_ptr<RecoveryServer> server_;
  asio::cancellation_signal stop_;
  std::optional<absl::Status> ended_;
};

TEST_F(ServiceWithBadPeersTest, ServesGoodOnesAndTellsWhatTheOthersDid) {
  std::vector<std::unique_ptr<RawPeer>> idle;
  for (size_t i = 0; i < kIdlePeers; ++i) {
    idle.push_back(Connected());
    while (io_.poll() != 0) io_.restart();
  }
  asio::ip::udp::socket replica_server(io_, {asio::ip::address_v4(kLoopback), 0});
  const uint16_t replica_port = replica_server.local_endpoint().port();
  const std::string beacon =
      Frame(ServiceWorld::Beacon(replica_port), rpc::Checksums::kComputed, replica_port);
  std::string wrong_crc = beacon;
  wrong_crc.back() ^= 1;
  std::string two_gigabytes = beacon.substr(0, rpc::kNativeHeaderBytes);
  rpc::StoreLittleEndian<uint32_t>(0, 12, &two_gigabytes);  // no CRC
  rpc::StoreLittleEndian<uint32_t>(1U << 31, 16, &two_gigabytes);

  EXPECT_EQ(AnswerTo(std::string(300, '#'), 1), "");
  EXPECT_EQ(AnswerTo(beacon.substr(0, 96), 1, /*end_sending=*/true), "");
  EXPECT_EQ(AnswerTo(two_gigabytes, 1), "");
  EXPECT_EQ(AnswerTo(wrong_crc, 1), "");
  SendDatagram(wrong_crc);
  SendDatagram("#");
  SendDatagram(beacon);
  rpc::Request undecodable = ServiceWorld::Beacon(replica_port);
  undecodable.body = "no Thrift";
  EXPECT_EQ(AnswerTo(Frame(undecodable, rpc::Checksums::kNone, 1), rpc::kNativeHeaderBytes).size(),
            rpc::kNativeHeaderBytes);

  const std::string question =
      Frame(ServiceWorld::Ask(idl::kRpcCmListApps, idl::configuration_list_apps_request()),
            rpc::Checksums::kNone, 1);
  EXPECT_THAT(AnswerTo(question, rpc::kNativeHeaderBytes + 30), HasSubstr("ERR_UNDER_RECOVERY"));
  EXPECT_EQ(AnswerTo(beacon, rpc::kNativeHeaderBytes).substr(0, 4), "RDSN");
  ASSERT_TRUE(
      rpc::RunUntil(&io_, [&] { return server_->service().status().ports->udp.received == 3; }));

  const std::string metrics = Metrics();
  for (const char* line :
       {"metarec_rpc_connections_open 1001", "metarec_rpc_connections_refused_total 0",
        "metarec_rpc_bad_messages_total{reason=\"malformed\"} 1",
        "metarec_rpc_bad_messages_total{reason=\"truncated\"} 1",
        "metarec_rpc_bad_messages_total{reason=\"oversized\"} 1",
        "metarec_rpc_bad_messages_total{reason=\"wrong_crc\"} 1",
        "metarec_rpc_datagrams_received_total 3", "metarec_rpc_datagrams_answered_total 1",
        "metarec_rpc_datagrams_ignored_total{reason=\"wrong_crc\"} 1",
        "metarec_rpc_datagrams_ignored_total{reason=\"malformed\"} 1",
        "metarec_requests_total{verdict=\"undecodable\"} 1"}) {
    EXPECT_THAT(metrics, HasSubstr(std::string("\n") + line + "\n"));
  }
}

TEST(RecoveryServiceMemoryTest, TheBodyOfARequestThatWaitsWasKeptUntilItsEnd) {
  ServiceWorld world;
  idl::configuration_recovery_request request;
  // They do not count where names are given.
  request.recovery_nodes.assign(500'000, idl::rpc_address(0x7F000001, 1));
  request.__set_hp_recovery_nodes({idl::host_port("localhost", 1)});
  rpc::Request asked = ServiceWorld::Ask(idl::kRpcCmStartRecovery, request);
  request = {};
  const size_t body_bytes = asked.body.size();
  EXPECT_GT(body_bytes, 3U << 20);
  world.source.hanging[1] = true;
  world.Run([&]() -> asio::awaitable<void> {
    const auto before = mallinfo2();
    asio::co_spawn(world.context, world.service->Serve(std::move(asked)),
                   [](const std::exception_ptr&, const rpc::HandlerResult&) {});
    co_await Settle();
    EXPECT_EQ(world.service->state(), RecoveryState::kRecovering);
    const auto after = mallinfo2();
    // Sanitizers have allocators of their own, which tell nothing here.
    if (before.uordblks + before.hblkhd > body_bytes) {
      EXPECT_LT(after.uordblks + after.hblkhd + body_bytes / 2, before.uordblks + before.hblkhd);
    }
    co_await world.service->StepDown();
  });
}

}  // namespace
}  // namespace metarec
