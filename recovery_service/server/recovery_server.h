// A meta server that can do nothing but recover: ports, a RecoveryService behind them, and a
// RecoveryContender that lets it lead.

#pragma once

#include <memory>
#include <optional>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "recovery_service/recovery_service.h"
#include "recovery_service/server/recovery_contender.h"
#include "rpc/server.h"
#include "rpc/udp_server.h"

namespace metarec {

struct RecoveryServerOptions {
  Ipv4Endpoint listen;
  // Where the status pages are served; nullopt: by `listen`.
  std::optional<Ipv4Endpoint> http_listen;
  std::string own_name;  // host:port, as other meta servers know us
  // [meta_server] recover_from_replica_server: whether to recover into a root that is empty, or to
  // serve what a root holds.
  bool recover = false;
  std::string lock_root;
  absl::Duration session_timeout = absl::Seconds(30);
  absl::Duration reconnect_after = absl::Seconds(1);
  RecoveryContenderOptions::Connect connect;
  RecoveryContenderOptions::Log log;
  RecoveryServiceOptions service;
  rpc::ServerOptions rpc;
};

// Not thread-safe: used on `executor` (a single thread or a strand).
class RecoveryServer {
 public:
  // `listener` and `thread` as for RecoveryService.
  RecoveryServer(const asio::any_io_executor& executor, RecoveryServerOptions options,
                 Surroundings surroundings, RecoveryListener* listener = nullptr,
                 std::optional<RecoveryThread> thread = std::nullopt);
  ~RecoveryServer();
  RecoveryServer(const RecoveryServer&) = delete;
  RecoveryServer& operator=(const RecoveryServer&) = delete;

  // Serves until the awaiting coroutine is cancelled, and then returns OK. Everything has ended
  // when this returns. Errors: the port is taken, and those of RecoveryContender::Run.
  asio::awaitable<absl::Status> Run();

  // Where it listens, once it does.
  Ipv4Endpoint endpoint() const { return endpoint_; }
  RecoveryService& service() { return service_; }

 private:
  absl::Status Listen();
  asio::awaitable<void> StopListening();
  asio::awaitable<std::optional<Ipv4Endpoint>> AddressOf(std::string name);

  const asio::any_io_executor executor_;
  const RecoveryServerOptions options_;
  Clock* const clock_;
  rpc::Server server_;
  rpc::UdpServer udp_;  // beacons come by it
  std::optional<rpc::Server> http_server_;
  RecoveryService service_;
  RecoveryContender contender_;
  Ipv4Endpoint endpoint_;
};

}  // namespace metarec
