// Runs coroutines of a test on one thread, and a raw peer that speaks whatever the test wants.

#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/this_coro.hpp>
#include <asio/write.hpp>

#include "base/runtime/cancellation.h"
#include "idl/ipv4_endpoint.h"

namespace metarec::rpc {

// The request that a test's server echoes.
inline constexpr char kEcho[] = "RPC_ECHO";

inline constexpr uint32_t kLoopback = 0x7F000001;
inline constexpr auto kTuple = kAwaitTuple;

// The result of a coroutine, run to its end; nullopt when it does not end in half a minute.
template <typename T>
std::optional<T> RunToEnd(asio::io_context* io, asio::awaitable<T> coroutine) {
  const auto give_up_at = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  std::optional<T> result;
  asio::co_spawn(*io, std::move(coroutine),
                 [&result](std::exception_ptr, T value) { result = std::move(value); });
  while (!result && std::chrono::steady_clock::now() < give_up_at) {
    io->restart();
    io->run_one_for(std::chrono::seconds(1));
  }
  return result;
}

// Runs what is ready until `condition` holds; false when it does not in half a minute.
inline bool RunUntil(asio::io_context* io, const std::function<bool()>& condition) {
  const auto give_up_at = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up_at) return false;
    io->restart();
    io->run_one_for(std::chrono::milliseconds(10));
  }
  return true;
}

// A peer that is not ours: sends bytes as they are. Blocking, which loopback's buffers allow for
// the small messages of these tests.
class RawPeer {
 public:
  explicit RawPeer(asio::io_context* io) : io_(io), acceptor_(*io), socket_(*io) {}

  void Connect(Ipv4Endpoint endpoint) {
    socket_.connect(asio::ip::tcp::endpoint(asio::ip::address_v4(endpoint.ip), endpoint.port));
    socket_.set_option(asio::ip::tcp::no_delay(true));
  }

  Ipv4Endpoint Listen() {
    acceptor_ =
        asio::ip::tcp::acceptor(*io_, asio::ip::tcp::endpoint(asio::ip::address_v4(kLoopback), 0));
    return {kLoopback, acceptor_.local_endpoint().port()};
  }
  asio::awaitable<bool> Accept() {
    auto [error, socket] = co_await acceptor_.async_accept(kTuple);
    socket_ = std::move(socket);
    co_return !error;
  }

  void Send(absl::string_view bytes) {
    asio::write(socket_, asio::buffer(bytes.data(), bytes.size()));
  }
  // For a peer that may have been disconnected.
  void TrySend(absl::string_view bytes, asio::error_code* error) {
    asio::write(socket_, asio::buffer(bytes.data(), bytes.size()), *error);
  }
  void EndSending() { socket_.shutdown(asio::ip::tcp::socket::shutdown_send); }
  void Close() { socket_.close(); }
  void StopListening() { acceptor_.close(); }

  // So many bytes, or fewer when the connection ends before.
  asio::awaitable<std::string> Receive(size_t size) {
    std::string bytes(size, '\0');
    const auto [error, received] = co_await asio::async_read(socket_, asio::buffer(bytes), kTuple);
    bytes.resize(received);
    co_return bytes;
  }

 private:
  asio::io_context* const io_;
  asio::ip::tcp::acceptor acceptor_;
  asio::ip::tcp::socket socket_;
};

}  // namespace metarec::rpc
