#include "testing/free_port.h"

#include <memory>
#include <set>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <gtest/gtest.h>

namespace metarec::testing {
namespace {

using asio::ip::tcp;

asio::error_code ConnectTo(uint16_t port) {
  asio::io_context context;
  tcp::socket socket(context);
  asio::error_code error;
  socket.connect({asio::ip::address_v4::loopback(), port}, error);
  return error;
}

TEST(ReservedPortTest, AServerMayListenThereAgainAndAgain) {
  const ReservedPort port;
  asio::io_context context;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ConnectTo(port.number()), asio::error::connection_refused);
    const tcp::acceptor server(context, {tcp::v4(), port.number()});
    EXPECT_FALSE(ConnectTo(port.number()));
  }
  EXPECT_EQ(ConnectTo(port.number()), asio::error::connection_refused);
}

// A stopped server's port was given to another test, and the server was taken for alive.
TEST(ReservedPortTest, IsGivenToNobodyElse) {
  std::vector<std::unique_ptr<ReservedPort>> reserved;
  std::set<uint16_t> numbers;
  for (int i = 0; i < 500; ++i) {
    reserved.push_back(std::make_unique<ReservedPort>());
    EXPECT_TRUE(numbers.insert(reserved.back()->number()).second);
  }
  for (int i = 0; i < 500; ++i) EXPECT_FALSE(numbers.contains(FreePort()));
}

}  // namespace
}  // namespace metarec::testing
