// Private to rpc/: one connection of a Server.

#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>

#include <absl/status/status.h>
#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>

#include "base/runtime/event.h"
#include "rpc/native_frame.h"
#include "rpc/protocol_detector.h"
#include "rpc/server_state.h"
#include "rpc/socket_reader.h"
#include "rpc/timeout_queue.h"

namespace metarec::rpc {

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
  };
  struct Outgoing {
    std::string header;
    std::string body;
    bool is_last = false;  // the connection ends behind it
  };

  void Rest();
  static asio::awaitable<void> Serve(std::shared_ptr<ServerConnection> self);
  // OK when nothing is left to read. kOutOfRange when the peer sends nothing more; earlier requests
  // are answered all the same.
  asio::awaitable<absl::Status> ServeRequests();
  asio::awaitable<absl::Status> AwaitRoom();
  asio::awaitable<absl::Status> ReadRequest();
  asio::awaitable<absl::Status> ReadNativeRequest(Pending* pending);
  asio::awaitable<absl::Status> ReadThftRequest(Pending* pending);
  // Reads one and answers it before the next is read, so that answers come in their order.
  asio::awaitable<absl::Status> ServeHttpRequest();
  asio::awaitable<absl::Status> ReadBody(size_t body_length, std::string* body);
  static asio::awaitable<void> Handle(std::shared_ptr<ServerConnection> self, Pending pending);
  void Answer(const ReplyTo& reply_to, HandlerResult result);
  void Send(Outgoing outgoing);
  static asio::awaitable<void> Write(std::shared_ptr<ServerConnection> self);
  void EndRequest();
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
  std::unique_ptr<Event> room_;   // set when in_flight_ falls, while the reader waits for that
  std::list<Outgoing> outgoing_;  // a list, which holds nothing while it is empty
  std::optional<TimeoutQueue::Timer> idle_timer_;  // while at rest
  bool writing_ = false;
  bool reading_ended_ = false;
  bool is_last_request_read_ = false;  // by its own words
  bool is_closed_ = false;             // by us
  bool idle_too_long_ = false;         // ends with the requests that are still in flight
};

}  // namespace metarec::rpc
