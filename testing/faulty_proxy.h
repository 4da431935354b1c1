#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

namespace metarec::testing {

enum class ProxyDirection { kToServer, kToClient };

// What happens to a connection once so many bytes have passed in one direction. Each happens once.
struct ProxyFault {
  enum class Action {
    kClose,      // in order, in both directions
    kReset,      // so that what is on its way may be lost
    kHalfClose,  // in this direction only; what comes back still passes
    kStall,      // in this direction nothing passes for `lasts`, as if packets were lost
  };
  ProxyDirection direction = ProxyDirection::kToServer;
  int64_t after_bytes = 0;  // of all connections together, counted from the start
  Action action = Action::kReset;
  absl::Duration lasts = absl::ZeroDuration();
};

struct FaultyProxyOptions {
  uint16_t server_port = 0;  // on loopback
  std::vector<ProxyFault> faults;
  // Everything that passes is held up for so long.
  absl::Duration delay = absl::ZeroDuration();
};

// A TCP proxy that damages connections. Where it does so is given in bytes, so that every run is
// the same. On loopback, with a thread of its own; thread-safe.
class FaultyProxy {
 public:
  static absl::StatusOr<std::unique_ptr<FaultyProxy>> Start(FaultyProxyOptions options);
  ~FaultyProxy();
  FaultyProxy(const FaultyProxy&) = delete;
  FaultyProxy& operator=(const FaultyProxy&) = delete;

  uint16_t port() const { return port_; }
  std::string hosts() const;  // "127.0.0.1:<port>"

  int64_t bytes(ProxyDirection direction) const { return bytes_[static_cast<int>(direction)]; }
  int64_t faults_done() const { return faults_done_; }
  int64_t connections() const { return connections_; }

 private:
  struct Link;

  explicit FaultyProxy(FaultyProxyOptions options);

  asio::awaitable<void> Accept();
  asio::awaitable<void> Pump(std::shared_ptr<Link> link, ProxyDirection direction);
  asio::awaitable<bool> Pass(Link* link, ProxyDirection direction, const char* data, size_t size);
  // The next fault in this direction if it is at most `size` bytes ahead, which then become less.
  std::optional<ProxyFault> TakeFaultWithin(ProxyDirection direction, size_t* size);
  asio::awaitable<bool> Commit(Link* link, const ProxyFault& fault);

  const FaultyProxyOptions options_;
  std::vector<ProxyFault> faults_;  // those that are still to come
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  asio::ip::tcp::acceptor acceptor_;
  uint16_t port_ = 0;
  std::atomic<int64_t> bytes_[2] = {0, 0};
  std::atomic<int64_t> faults_done_ = 0;
  std::atomic<int64_t> connections_ = 0;
  std::thread thread_;
};

}  // namespace metarec::testing
