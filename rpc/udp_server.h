#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include <absl/status/statusor.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/ip/udp.hpp>

#include "base/runtime/clock.h"
#include "base/runtime/task_group.h"
#include "idl/ipv4_endpoint.h"
#include "rpc/server.h"

namespace metarec::rpc {

struct UdpServerOptions {
  size_t in_flight_max = 256;  // requests beyond are dropped, as the network may do anyway
  // What answers give as their sender; by default where the server listens.
  std::optional<Ipv4Endpoint> own_address;
};

// What happened to datagrams so far.
struct UdpServerCounts {
  int64_t received = 0;   // all of them
  int64_t answered = 0;   // of those
  int64_t malformed = 0;  // too short or long, no request, an address without a port
  int64_t wrong_crc = 0;
  int64_t without_handler = 0;
  int64_t dropped = 0;  // there was no room
};

// Serves native RDSN requests that are one datagram each, of 1000 bytes at the most (INTEROP.md
// section 1.2): replica servers send their beacons like that. The answer goes to the address that
// the request gives as its sender's, where stock servers listen. What makes no sense is dropped
// without a word.
//
// Not thread-safe: made and used on `executor` (a single thread or a strand). `clock` must outlive
// the end of Stop, and Stop must have ended before it is destroyed.
class UdpServer {
 public:
  UdpServer(asio::any_io_executor executor, Clock* clock, UdpServerOptions options = {});
  ~UdpServer();
  UdpServer(const UdpServer&) = delete;
  UdpServer& operator=(const UdpServer&) = delete;

  void Register(std::string task_code, Handler handler);

  // Begins to serve; once. Port 0 lets the system choose. kUnavailable if it cannot.
  absl::StatusOr<Ipv4Endpoint> Listen(Ipv4Endpoint endpoint);

  asio::awaitable<void> Stop();

  const UdpServerCounts& counts() const { return counts_; }

 private:
  asio::awaitable<void> Receive();
  void TakeDatagram(absl::string_view datagram, const asio::ip::udp::endpoint& peer);
  asio::awaitable<void> Answer(std::string datagram, asio::ip::udp::endpoint peer);

  Clock* const clock_;
  const UdpServerOptions options_;
  std::map<std::string, Handler> handlers_;
  asio::ip::udp::socket socket_;
  Ipv4Endpoint listens_;
  TaskGroup tasks_;
  UdpServerCounts counts_;
};

}  // namespace metarec::rpc
