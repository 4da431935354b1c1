#include "tests/fuzz/loopback_peer.h"

#include <cerrno>
#include <chrono>

#include <arpa/inet.h>
#include <glog/logging.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fuzz/byte_source.h"

namespace metarec::fuzz {
namespace {

// Generous: the machine may be busy with anything else.
constexpr std::chrono::seconds kEndsWithin(60);

}  // namespace

int LoopbackPeer::ConnectTo(Ipv4Endpoint endpoint) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
  PCHECK(descriptor >= 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(endpoint.ip);
  address.sin_port = htons(endpoint.port);
  // Succeeds before anybody accepts.
  PCHECK(::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  return descriptor;
}

LoopbackPeer::LoopbackPeer(asio::io_context* io, int descriptor)
    : io_(io), descriptor_(descriptor) {
  const int on = 1;
  ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  // No port is to wait for anything after its connection is over.
  const linger at_once = {.l_onoff = 1, .l_linger = 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

LoopbackPeer::~LoopbackPeer() { ::close(descriptor_); }

bool LoopbackPeer::Drain() {
  char buffer[4096];
  for (;;) {
    const ssize_t received = ::recv(descriptor_, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (received > 0) continue;
    return received < 0 && (errno == EAGAIN || errno == EINTR);
  }
}

void LoopbackPeer::Send(absl::string_view bytes, uint8_t way) {
  bool is_over = false;
  ForEachPiece(bytes, way, [&](absl::string_view piece) {
    while (!is_over && !piece.empty()) {
      const ssize_t sent =
          ::send(descriptor_, piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      io_->poll();
      if (sent > 0) piece.remove_prefix(static_cast<size_t>(sent));
      is_over = !Drain() || (sent < 0 && errno != EAGAIN && errno != EINTR);
    }
  });
}

void LoopbackPeer::EndSending() {
  ::shutdown(descriptor_, SHUT_WR);
  io_->poll();
}

void LoopbackPeer::AwaitEnd() {
  const auto deadline = std::chrono::steady_clock::now() + kEndsWithin;
  while (Drain()) {
    CHECK(std::chrono::steady_clock::now() < deadline) << "the connection stays open";
    io_->run_one_for(std::chrono::milliseconds(1));
  }
}

}  // namespace metarec::fuzz
