// Private to rpc/: one connection of a Client.

#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>

#include "base/runtime/clock.h"
#include "base/runtime/event.h"
#include "idl/ipv4_endpoint.h"
#include "rpc/client.h"
#include "rpc/native_frame.h"
#include "rpc/socket_reader.h"

namespace metarec::rpc {

// A call from its submission to its end: an answer, an error, or nobody waits for it any more.
struct PendingCall {
  explicit PendingCall(const asio::any_io_executor& executor) : done(executor) {}

  NativeHeader request;
  Checksums checksums = Checksums::kNone;
  bool use_own_address = false;  // from_address is known once the connection is there
  std::string header_bytes;
  std::string body;
  uint64_t received_bytes_before = 0;  // on its connection, when it was sent

  Event done;
  absl::Status status;
  Reply reply;
};

// Multiplexes calls. Its coroutines keep it alive until the socket is closed.
// Not thread-safe: everything happens on one executor.
class ClientConnection : public std::enable_shared_from_this<ClientConnection> {
 public:
  ClientConnection(const asio::any_io_executor& executor, Clock* clock, ClientOptions options,
                   Ipv4Endpoint endpoint);

  // Starts connecting.
  void Start();

  // Whether new calls may go out on it.
  bool is_usable() const { return !closed_ && !retired_; }
  bool is_idle() const { return calls_.empty(); }

  // Sends the request and completes `call->done` when there is an answer or an error.
  absl::Status Submit(std::shared_ptr<PendingCall> call);

  // The call's time is over. A connection on which nothing arrived since the call was sent takes no
  // further calls: the peer may be gone without a word, and a new connection would tell.
  void TimeOut(const std::shared_ptr<PendingCall>& call);

  // Nobody waits for the call any more.
  void Abandon(const PendingCall& call);

  // Ends the connection; calls in flight end with `status`.
  void Close(const absl::Status& status);

 private:
  asio::awaitable<void> Run();
  asio::awaitable<absl::Status> Connect();
  asio::awaitable<absl::Status> ReadReplies();
  asio::awaitable<absl::Status> ReadReply();
  asio::awaitable<void> WriteRequests();
  void StartWriting();
  void CloseWhenRetiredAndIdle();

  const asio::any_io_executor executor_;
  Clock* const clock_;
  const ClientOptions options_;
  const Ipv4Endpoint endpoint_;
  asio::ip::tcp::socket socket_;
  SocketReader reader_;
  bool connected_ = false;
  bool writing_ = false;
  bool retired_ = false;
  bool closed_ = false;
  absl::flat_hash_map<uint64_t, std::shared_ptr<PendingCall>> calls_;
  std::deque<std::shared_ptr<PendingCall>> to_send_;
};

}  // namespace metarec::rpc
