#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "idl/ipv4_endpoint.h"
#include "idl/placeholders_types.h"
#include "rpc/native_frame.h"

namespace metarec::rpc {

class ClientConnection;

struct ClientOptions {
  absl::Duration connect_timeout = absl::Seconds(5);
  absl::Duration default_timeout = absl::Seconds(5);  // of calls without a deadline
  size_t reply_body_bytes_max = 512 << 20;
  size_t in_flight_per_connection_max = 1024;
  // When reached, a connection without calls makes room; with none, calls fail with ERR_BUSY.
  size_t connections_max = 1024;
};

struct CallOptions {
  std::optional<absl::Time> deadline;
  idl::gpid gpid;
  int32_t thread_hash = 0;
  uint64_t partition_hash = 0;
  Checksums checksums = Checksums::kNone;
  // Who asks; by default our address on this connection and port 1, which stock servers read as "a
  // pure client". Servers give the port on which they listen.
  std::optional<Ipv4Endpoint> from_address;
  // Whether a meta server that is not the leader may pass the request on (INTEROP section 1.1).
  bool is_forward_supported = false;
};

// A well-formed answer.
struct Reply {
  // What the server's RPC layer says; when it is not ERR_OK the body may be empty.
  std::string error_name;
  std::string body;
  idl::rpc_address from_address;
};

// Asks servers that speak the native protocol. Calls to one endpoint share a connection, which is
// made when needed and made anew after it broke; answers may come in any order.
//
// Not thread-safe: Call must be awaited on `executor` (a single thread or a strand). `clock` must
// outlive the client. When it is destroyed, calls in flight fail with kCancelled.
class Client {
 public:
  Client(asio::any_io_executor executor, Clock* clock, ClientOptions options = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Every failure is a PegasusError (rpc/pegasus_status.h):
  //  - ERR_NETWORK_FAILURE: no connection, or it broke, before or after the request was sent (the
  //    original lets a request that was sent wait for its whole timeout and says ERR_TIMEOUT);
  //  - ERR_TIMEOUT: the deadline has passed;
  //    (WasNotSent tells of one for which there was no connection);
  //  - ERR_INVALID_DATA: the server sent something that is not an answer, or one beyond a bound;
  //  - ERR_INVALID_PARAMETERS, ERR_BUSY: not sent, because of the task code, or of a bound of ours;
  // or kCancelled, when the awaiting coroutine was cancelled. In all but the last two kinds the
  // server may or may not have done what was asked.
  asio::awaitable<absl::StatusOr<Reply>> Call(Ipv4Endpoint endpoint, std::string task_code,
                                              std::string body, CallOptions options = {});

 private:
  absl::StatusOr<std::shared_ptr<ClientConnection>> ConnectionTo(Ipv4Endpoint endpoint);
  absl::Status MakeRoomForAConnection();

  const asio::any_io_executor executor_;
  Clock* const clock_;
  const ClientOptions options_;
  absl::flat_hash_map<Ipv4Endpoint, std::shared_ptr<ClientConnection>> connections_;
  uint64_t last_id_ = 0;
};

}  // namespace metarec::rpc
