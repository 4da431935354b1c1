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

// Bound, and never listening.
class ReservedPort::Held {
 public:
  Held() {
    socket_.open(asio::ip::tcp::v4());
    socket_.set_option(asio::ip::tcp::acceptor::reuse_address(true));
    socket_.bind(asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  }
  uint16_t number() const { return socket_.local_endpoint().port(); }

 private:
  asio::io_context context_;
  asio::ip::tcp::acceptor socket_{context_};
};

ReservedPort::ReservedPort() : held_(std::make_unique<Held>()), number_(held_->number()) {}

ReservedPort::~ReservedPort() = default;

}  // namespace metarec::testing
