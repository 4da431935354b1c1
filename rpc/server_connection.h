// Private to rpc/: what a Server's coroutines share, and its connections.

#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/status/status.h>
#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>

#include "base/runtime/cancellation.h"
#include "base/runtime/deadline_timer.h"
#include "base/runtime/event.h"
#include "rpc/native_frame.h"
#include "rpc/protocol_detector.h"
#include "rpc/server.h"
#include "rpc/socket_reader.h"

namespace metarec::rpc {

// Kept alive by every coroutine that runs under it.
class ServerState : public std::enable_shared_from_this<ServerState> {
 public:
  ServerState(const asio::any_io_executor& executor, Clock* clock_in, ServerOptions options_in);

  // Runs a coroutine of a connection (nullptr: of none) that CloseAll cancels and `ended` waits
  // for.
  void Spawn(const class ServerConnection* connection, asio::awaitable<void> coroutine);

  // Cancels those of this connection.
  void CancelTasksOf(const class ServerConnection* connection);

  // Closes the port and the connections and cancels all coroutines.
  void CloseAll();

  // Only the first half of that: coroutines that still run are left behind.
  void CloseSockets();

  // The connection is destroyed.
  void Forget(class ServerConnection* connection);

  // Closes connections as ServerOptions::bytes_max says.
  void KeepWithinBytes();

  // nullptr when there is none.
  std::shared_ptr<const Handler> FindHandler(absl::string_view task_code) const;

  const asio::any_io_executor executor;
  Clock* const clock;
  const ServerOptions options;
  asio::ip::tcp::acceptor acceptor;
  absl::flat_hash_map<std::string, std::shared_ptr<const Handler>> handlers;
  HttpHandler http_handler;
  HttpMethods http_methods = HttpMethods::kReading;
  TimeoutQueue idle_timeouts;
  TimeoutQueue frame_timeouts;
  // Those that live; what they wait for keeps them alive, and they keep this list.
  absl::flat_hash_set<class ServerConnection*> connections;
  ServerCounts counts;       // `open` and `bytes` are not kept here
  size_t bytes = 0;          // of all connections
  size_t bytes_leaving = 0;  // of these, the ones of connections that were shed: their coroutines,
                             // which are cancelled, let go of them
  bool stopping = false;
  Event ended;  // stopping, and the last coroutine and connection are gone
  bool has_ended() const { return stopping && tasks_.empty() && connections.empty(); }

 private:
  void TellIfEnded();

  struct Task {
    const class ServerConnection* connection = nullptr;
    CancellableTask task;
  };
  std::list<Task> tasks_;
};

// Most connections are at rest most of the time, and there are many: one at rest has neither a
// coroutine nor a buffer. When something arrives, a coroutine reads requests until nothing is left
// to read, and starts a handler for each.
class ServerConnection : public std::enable_shared_from_this<ServerConnection> {
 public:
  // `state` outlives the connection's coroutines, which hold it.
  ServerConnection(std::shared_ptr<ServerState> state, asio::ip::tcp::socket socket);
  ~ServerConnection();

  // Serves the peer until it ends the connection or breaks a rule.
  void Start() { Rest(); }

  void Close();

  // What it has by the rules of ServerOptions::bytes_per_connection_max.
  size_t bytes() const { return bytes_; }
  // Closes it, lets go of the answers that wait, and cancels its coroutines, which let go of the
  // rest when they end.
  void Shed();
  bool is_shed() const { return is_shed_; }

 private:
  // What is needed to answer a request.
  struct ReplyTo {
    WireProtocol protocol = WireProtocol::kUnknown;
    std::string task_code;
    uint64_t id = 0;
    NativeHeader native_header;  // of the request; unused for THFT
    bool is_one_way = false;
  };
  struct Pending {
    Request request;
    ReplyTo reply_to;
    size_t bytes = 0;  // that are held for it
  };
  struct Outgoing {
    std::string header;
    std::string body;
    bool is_last = false;  // the connection ends behind it
    bool lingers = false;  // what the peer still sends is read, so that the answer arrives
    size_t bytes = 0;      // that are held for it; Send counts them
  };

  void Rest();
  static asio::awaitable<void> Serve(std::shared_ptr<ServerConnection> self);
  // OK when nothing is left to read. kOutOfRange when the peer sends nothing more; earlier requests
  // are still answered.
  asio::awaitable<absl::Status> ServeRequests();
  bool HasRoom() const;
  asio::awaitable<absl::Status> AwaitRoom();
  asio::awaitable<absl::Status> ReadRequest();
  asio::awaitable<absl::Status> ReadNativeRequest(Pending* pending);
  asio::awaitable<absl::Status> ReadThftRequest(Pending* pending);
  // Reads one and answers it before the next is read, so that answers come in their order.
  asio::awaitable<absl::Status> ServeHttpRequest();
  asio::awaitable<absl::Status> ReadHttpRequest(HttpRequestParser* parser, size_t* bytes);
  asio::awaitable<absl::Status> ReadBody(size_t body_length, Pending* pending);
  static asio::awaitable<void> Handle(std::shared_ptr<ServerConnection> self, Pending pending);
  HttpResponse AnswerToOptions() const;
  void Answer(const ReplyTo& reply_to, HandlerResult result);
  void Send(Outgoing outgoing);
  static asio::awaitable<void> Write(std::shared_ptr<ServerConnection> self);
  asio::awaitable<void> Linger();
  void EndRequest();
  // In pairs.
  void Hold(size_t bytes);
  void LetGo(size_t bytes);
  void CloseForIdleness();
  void CloseForStall();
  // Counts why a request could not be read.
  void CountFailure(const absl::Status& failure);
  idl::rpc_address OwnAddress() const;

  const std::shared_ptr<ServerState> state_;
  asio::ip::tcp::socket socket_;
  SocketReader reader_;
  Ipv4Endpoint peer_;
  WireProtocol protocol_ = WireProtocol::kUnknown;
  // Bytes that were read already: to tell the protocol, or behind the end of an HTTP request.
  std::string prefix_;
  size_t in_flight_ = 0;          // from the request's arrival until its answer has left
  size_t bytes_ = 0;              // held for requests and answers
  std::unique_ptr<Event> room_;   // set when in_flight_ falls, while the reader waits for that
  std::list<Outgoing> outgoing_;  // a list, which holds nothing while it is empty
  std::optional<TimeoutQueue::Timer> idle_timer_;  // while at rest
  bool writing_ = false;
  bool reading_ended_ = false;
  bool is_last_request_read_ = false;  // by its own words
  bool is_closed_ = false;             // by us
  bool idle_too_long_ = false;         // ends with the requests that are still in flight
  bool is_shed_ = false;
};

// kUnavailable, with what to do about it. `what`: "", or "UDP " for example.
absl::Status ListenError(absl::string_view what, Ipv4Endpoint endpoint,
                         const asio::error_code& error);

}  // namespace metarec::rpc
