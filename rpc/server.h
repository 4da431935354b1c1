#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "idl/error_names.h"
#include "idl/ipv4_endpoint.h"
#include "idl/placeholders_types.h"
#include "rpc/http_message.h"
#include "rpc/protocol_detector.h"

namespace metarec::rpc {

struct ServerOptions {
  // Further ones are closed at once. The process must be allowed as many open files
  // (ConnectionsWithin).
  size_t connections_max = 1024;
  size_t in_flight_per_connection_max = 64;  // further requests wait in the socket
  size_t request_body_bytes_max = 64 << 20;
  // Of a connection: what has arrived of requests that are not answered yet, and answers that the
  // peer has not taken. Its further requests wait in the socket.
  size_t bytes_per_connection_max = 256 << 10;
  // The same of all connections together. Beyond it the connection that has the most is closed, and
  // its handlers are cancelled, since they hold its requests.
  size_t bytes_max = 256 << 20;
  // A message that has begun to arrive, or to leave, must be through in this time.
  absl::Duration frame_timeout = absl::Seconds(60);
  // A connection that is silent, from the beginning or later.
  absl::Duration idle_timeout = absl::Hours(1);
  // What answers give as their sender; by default the address that the peer connected to.
  std::optional<Ipv4Endpoint> own_address;
};

// What happened on the port so far.
struct ServerCounts {
  int64_t accepted = 0;       // connections that were served
  int64_t open = 0;           // of those, the ones that are there now
  int64_t refused = 0;        // closed at once: there were connections_max
  int64_t accept_errors = 0;  // too many open files and the like; it is tried again
  int64_t idle = 0;           // closed after idle_timeout
  int64_t stalled = 0;        // closed because a message was not through in frame_timeout
  int64_t shed = 0;           // closed because it had the most when all had more than bytes_max
  int64_t bytes = 0;          // that all connections have now, as bytes_max counts them
  // Closed for what they sent. Bodies are their handlers' matter.
  int64_t malformed = 0;  // not by the rules of any protocol that is served
  int64_t wrong_crc = 0;  // of the header or of the body
  int64_t oversized = 0;  // announced to be longer than the bound
  int64_t truncated = 0;  // the peer ended the connection in the middle of a message
};

struct Request {
  std::string task_code;
  std::string body;  // a wrapper struct for idl::DecodeBody
  WireProtocol protocol = WireProtocol::kNative;
  uint64_t id = 0;  // THFT: the sequence id
  idl::gpid gpid;
  // Who asks, by its own words; the peer's address and port if it says nothing.
  idl::rpc_address from_address;
  Ipv4Endpoint peer;
  absl::Duration timeout;  // zero when the peer gives none
  int32_t thread_hash = 0;
  uint64_t partition_hash = 0;
  bool is_forward_supported = false;
};

struct HandlerResult {
  std::string error_name = idl::kErrOk;  // of the RPC layer
  std::string body;                      // by idl::EncodeBody; empty after most errors
  bool is_answered = true;               // false: nothing is sent, as for one-way requests

  // For simulated faults: these bytes go out in place of an answer, then the connection ends.
  std::optional<std::string> garbage;
};

// Runs on the server's executor, many at a time; must not throw. The server cancels it when it
// stops, or closes the connection because of bytes_max; it must then end, and soon.
using Handler = std::function<asio::awaitable<HandlerResult>(Request)>;

// Likewise, for HTTP; the requests of one connection come one after the other.
using HttpHandler = std::function<asio::awaitable<HttpResponse>(HttpRequest)>;

// Serves native RDSN, THFT and HTTP requests on one TCP port (INTEROP.md section 1): answers go out
// in the order in which handlers finish. A request for a task code without a handler is answered
// ERR_HANDLER_NOT_FOUND; a peer that breaks the protocol or a bound is disconnected without an
// answer, unless it speaks HTTP.
//
// Not thread-safe: made and used on `executor` (a single thread or a strand). `clock` must outlive
// the server's coroutines, that is, the end of Stop.
class Server {
 public:
  Server(asio::any_io_executor executor, Clock* clock, ServerOptions options = {});
  // Closes everything at once. Handlers that still run are left behind; Stop first to await them.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Replaces the handler that was there; requests that run keep theirs.
  void Register(std::string task_code, Handler handler);

  // Peers that speak HTTP are served by this; without it they are disconnected. OPTIONS is answered
  // with `methods`. Other methods, and what is too long or malformed, are refused in HTTP's own
  // words (400, 405, 413, 431, 501), and the connection ends.
  void ServeHttp(HttpHandler handler, HttpMethods methods = HttpMethods::kReading);

  // Begins to serve; once. Port 0 lets the system choose. Returns where it listens, or
  // kUnavailable.
  absl::StatusOr<Ipv4Endpoint> Listen(Ipv4Endpoint endpoint);

  // Closes the port and all connections, cancels running handlers and awaits their end. Not to be
  // awaited by a handler.
  asio::awaitable<void> Stop();

  ServerCounts counts() const;

 private:
  std::shared_ptr<class ServerState> state_;
};

// How many connections a process has room for: each is an open file. The first lets the process
// have as many as it may have without further rights (the hard limit of RLIMIT_NOFILE), and returns
// how many. The second leaves enough for the rest of the process: connections to replica servers
// and ZooKeeper, logs, look-ups of names. For ServerOptions::connections_max.
size_t RaiseOpenFilesLimit();
size_t ConnectionsWithin(size_t open_files_max);

}  // namespace metarec::rpc
