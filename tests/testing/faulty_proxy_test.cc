#include "testing/faulty_proxy.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/time/clock.h>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <gtest/gtest.h>

namespace metarec::testing {
namespace {

using asio::ip::tcp;

// A client and a server, with the proxy between them. All calls block.
class FaultyProxyTest : public ::testing::Test {
 protected:
  void Connect(std::vector<ProxyFault> faults) {
    FaultyProxyOptions options;
    options.server_port = acceptor_.local_endpoint().port();
    options.faults = std::move(faults);
    auto proxy = FaultyProxy::Start(std::move(options));
    ASSERT_TRUE(proxy.ok()) << proxy.status();
    proxy_ = *std::move(proxy);
    Reconnect();
  }
  void Reconnect() {
    client_ = tcp::socket(context_);
    client_.connect({asio::ip::address_v4::loopback(), proxy_->port()});
    server_ = acceptor_.accept();
  }

  static void Send(tcp::socket* socket, const std::string& text) {
    asio::error_code ignored;
    asio::write(*socket, asio::buffer(text), ignored);
  }
  // Of what comes, at most so many bytes.
  static std::string Receive(tcp::socket* socket, size_t size) {
    std::string text(size, '\0');
    asio::error_code error;
    text.resize(asio::read(*socket, asio::buffer(text), error));
    return text;
  }

  asio::io_context context_;
  tcp::acceptor acceptor_{context_, {asio::ip::address_v4::loopback(), 0}};
  std::unique_ptr<FaultyProxy> proxy_;
  tcp::socket client_{context_};
  tcp::socket server_{context_};
};

TEST_F(FaultyProxyTest, WithoutFaultsEverythingPassesInBothDirections) {
  Connect({});
  Send(&client_, "question");
  EXPECT_EQ(Receive(&server_, 8), "question");
  Send(&server_, "answer");
  EXPECT_EQ(Receive(&client_, 6), "answer");
  EXPECT_EQ(proxy_->bytes(ProxyDirection::kToServer), 8);
  EXPECT_EQ(proxy_->bytes(ProxyDirection::kToClient), 6);
  client_.shutdown(tcp::socket::shutdown_send);
  EXPECT_EQ(Receive(&server_, 1), "");
}

TEST_F(FaultyProxyTest, AConnectionIsCutAfterThatManyBytesAndTheNextOneWorks) {
  for (const auto action : {ProxyFault::Action::kClose, ProxyFault::Action::kReset}) {
    Connect({{ProxyDirection::kToServer, 5, action}});
    Send(&client_, "question");
    const std::string received = Receive(&server_, 8);
    // A reset may destroy what was not read yet.
    EXPECT_EQ(received, std::string("quest").substr(0, received.size()));
    EXPECT_EQ(Receive(&client_, 1), "");
    EXPECT_EQ(proxy_->bytes(ProxyDirection::kToServer), 5);
    EXPECT_EQ(proxy_->faults_done(), 1);
    Reconnect();
    Send(&client_, "again");
    EXPECT_EQ(Receive(&server_, 5), "again");
    EXPECT_EQ(proxy_->connections(), 2);
  }
}

TEST_F(FaultyProxyTest, AHalfClosedConnectionStillBringsAnswers) {
  Connect({{ProxyDirection::kToServer, 5, ProxyFault::Action::kHalfClose}});
  Send(&client_, "question");
  EXPECT_EQ(Receive(&server_, 8), "quest");
  Send(&server_, "answer");
  EXPECT_EQ(Receive(&client_, 6), "answer");
}

TEST_F(FaultyProxyTest, AStalledDirectionHoldsUpNothingElse) {
  constexpr absl::Duration kStall = absl::Milliseconds(100);
  Connect({{ProxyDirection::kToServer, 5, ProxyFault::Action::kStall, kStall}});
  const absl::Time sent = absl::Now();
  Send(&client_, "question");
  EXPECT_EQ(Receive(&server_, 5), "quest");
  Send(&server_, "answer");
  EXPECT_EQ(Receive(&client_, 6), "answer");
  EXPECT_EQ(Receive(&server_, 3), "ion");
  EXPECT_GE(absl::Now() - sent, kStall);
}

}  // namespace
}  // namespace metarec::testing
