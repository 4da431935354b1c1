// Private to rpc/: what a Server's coroutines share, and its connections.

#pragma once

#include <list>
#include <memory>
#include <string>

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <asio/cancellation_signal.hpp>
#include <asio/ip/tcp.hpp>

#include "base/runtime/event.h"
#include "rpc/server.h"
#include "rpc/timeout_queue.h"

namespace metarec::rpc {

// Kept alive by every coroutine that runs under it.
class ServerState : public std::enable_shared_from_this<ServerState> {
 public:
  ServerState(const asio::any_io_executor& executor, Clock* clock_in, ServerOptions options_in);

  // Runs a coroutine that CloseAll cancels and `ended` waits for.
  void Spawn(asio::awaitable<void> coroutine);

  // Closes the port and the connections and cancels all coroutines.
  void CloseAll();

  // The first half of that: whoever still runs is left behind.
  void CloseSockets();

  // The connection is destroyed.
  void Forget(class ServerConnection* connection);

  // nullptr when there is none.
  std::shared_ptr<const Handler> FindHandler(absl::string_view task_code) const;

  const asio::any_io_executor executor;
  Clock* const clock;
  const ServerOptions options;
  asio::ip::tcp::acceptor acceptor;
  absl::flat_hash_map<std::string, std::shared_ptr<const Handler>> handlers;
  HttpHandler http_handler;
  TimeoutQueue idle_timeouts;
  TimeoutQueue frame_timeouts;
  // Those that live; what they wait for keeps them alive, and they keep this list.
  absl::flat_hash_set<class ServerConnection*> connections;
  ServerCounts counts;  // `open` is not kept here
  bool stopping = false;
  Event ended;  // stopping, and the last coroutine and connection are gone
  bool has_ended() const { return stopping && cancels_.empty() && connections.empty(); }

 private:
  void TellIfEnded();

  std::list<asio::cancellation_signal> cancels_;  // one per coroutine
};

}  // namespace metarec::rpc
