#include "testing/free_port.h"

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

namespace metarec::testing {

uint16_t FreePort() {
  asio::io_context context;
  const asio::ip::tcp::acceptor acceptor(
      context, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  return acceptor.local_endpoint().port();
}

}  // namespace metarec::testing
