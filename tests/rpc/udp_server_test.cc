#include "rpc/udp_server.h"

#include <array>
#include <string>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <gtest/gtest.h>

#include "base/runtime/system_clock.h"
#include "rpc/native_frame.h"
#include "tests/rpc/loopback.h"

namespace metarec::rpc {
namespace {

constexpr uint32_t kLoopback = 0x7F000001;

class UdpServerTest : public ::testing::Test {
 protected:
  UdpServerTest() {
    server_.Register("RPC_ECHO", [](Request request) -> asio::awaitable<HandlerResult> {
      HandlerResult result;
      result.body = request.body;
      co_return result;
    });
    listens_ = *server_.Listen({.ip = kLoopback, .port = 0});
    receiver_.open(asio::ip::udp::v4());
    receiver_.bind({asio::ip::address_v4(kLoopback), 0});
    receiver_.non_blocking(true);
    sender_.open(asio::ip::udp::v4());
  }

  ~UdpServerTest() override {
    asio::co_spawn(
        context_, [this]() -> asio::awaitable<void> { co_await server_.Stop(); }, asio::detached);
    context_.restart();
    context_.run();
  }

  NativeHeader Header(const std::string& name) {
    NativeHeader header;
    header.id = 7;
    header.rpc_name = name;
    header.context = kContextIsRequest | kContextFormatThriftBinary;
    header.from_address = idl::rpc_address(kLoopback, receiver_.local_endpoint().port());
    return header;
  }

  // Sends it from another port than the one that it gives, and lets the server work until nothing
  // is left to be done.
  void Send(const std::string& datagram) {
    const int64_t received = server_.counts().received;
    sender_.send_to(asio::buffer(datagram), {asio::ip::address_v4(kLoopback), listens_.port});
    ASSERT_TRUE(RunUntil(&context_, [&] { return server_.counts().received > received; }));
    do {
      context_.restart();
    } while (context_.poll() != 0);
  }

  std::string Received() {
    std::array<char, 2000> buffer;
    asio::error_code error;
    asio::ip::udp::endpoint from;
    const size_t size = receiver_.receive_from(asio::buffer(buffer), from, 0, error);
    return error ? "" : std::string(buffer.data(), size);
  }

  asio::io_context context_;
  SystemClock clock_;
  UdpServer server_{context_.get_executor(), &clock_};
  Ipv4Endpoint listens_;
  asio::ip::udp::socket receiver_{context_};
  asio::ip::udp::socket sender_{context_};
};

TEST_F(UdpServerTest, AnswersToTheAddressThatTheRequestGivesWithChecksumsIfItHadThem) {
  Send(BuildNativeHeader(Header("RPC_ECHO"), "beacon", Checksums::kComputed) + "beacon");
  const std::string answer = Received();
  ASSERT_EQ(answer.size(), kNativeHeaderBytes + 6);
  const auto header = ParseNativeHeader(answer.substr(0, kNativeHeaderBytes));
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->rpc_name, "RPC_ECHO_ACK");
  EXPECT_EQ(header->id, 7U);
  EXPECT_EQ(header->error_name, "ERR_OK");
  EXPECT_NE(header->body_crc32, 0U);
  EXPECT_EQ(header->from_address.port(), listens_.port);
  EXPECT_EQ(answer.substr(kNativeHeaderBytes), "beacon");
  EXPECT_EQ(server_.counts().answered, 1);
}

TEST_F(UdpServerTest, WithoutChecksumsTheAnswerHasNone) {
  Send(BuildNativeHeader(Header("RPC_ECHO"), "x", Checksums::kNone) + "x");
  const auto header = ParseNativeHeader(Received().substr(0, kNativeHeaderBytes));
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header->body_crc32, 0U);
}

TEST_F(UdpServerTest, WhatMakesNoSenseIsDroppedAndCounted) {
  std::string damaged = BuildNativeHeader(Header("RPC_ECHO"), "beacon", Checksums::kComputed);
  NativeHeader answer = Header("RPC_ECHO");
  answer.context = kContextFormatThriftBinary;
  NativeHeader client = Header("RPC_ECHO");
  client.from_address = idl::rpc_address(kLoopback, 1);
  const std::string long_body(900, 'x');
  Send(damaged + "beacoN");
  Send("");
  Send("RDSN");
  Send(std::string(300, '\xff'));
  Send(BuildNativeHeader(Header("RPC_ECHO"), "four", Checksums::kNone) + "fo");
  Send(BuildNativeHeader(Header("RPC_ECHO"), long_body, Checksums::kNone) + long_body);
  Send(BuildNativeHeader(answer, "x", Checksums::kNone) + "x");
  Send(BuildNativeHeader(client, "x", Checksums::kNone) + "x");
  EXPECT_EQ(Received(), "");
  EXPECT_EQ(server_.counts().malformed, 7);
  EXPECT_EQ(server_.counts().wrong_crc, 1);
  Send(BuildNativeHeader(Header("RPC_NOBODY"), "x", Checksums::kNone) + "x");
  EXPECT_EQ(Received(), "");
  EXPECT_EQ(server_.counts().without_handler, 1);
  Send(BuildNativeHeader(Header("RPC_ECHO"), "x", Checksums::kNone) + "x");
  EXPECT_NE(Received(), "");  // it goes on
  EXPECT_EQ(server_.counts().received, 10);
  EXPECT_EQ(server_.counts().dropped, 0);
}

}  // namespace
}  // namespace metarec::rpc
