#include "rpc/client.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <exception>
#include <limits>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/this_coro.hpp>
#include <asio/write.hpp>

#include "base/runtime/cancellation.h"
#include "base/runtime/clock.h"
#include "base/runtime/deadline_timer.h"
#include "base/runtime/event.h"
#include "base/runtime/status_macros.h"
#include "idl/error_names.h"
#include "idl/ipv4_endpoint.h"
#include "rpc/native_frame.h"
#include "rpc/pegasus_status.h"
#include "rpc/socket_reader.h"

namespace metarec::rpc {
namespace {

// Requests that leave in one write; asio hands at most twice as many pieces to the system at a
// time.
constexpr size_t kCallsPerWrite = 32;
constexpr size_t kBytesPerWrite = 256 << 10;

}  // namespace

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
  void PrepareToSend(PendingCall* call);
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

ClientConnection::ClientConnection(const asio::any_io_executor& executor, Clock* clock,
                                   ClientOptions options, Ipv4Endpoint endpoint)
    : executor_(executor),
      clock_(clock),
      options_(options),
      endpoint_(endpoint),
      socket_(executor),
      reader_(&socket_) {}

void ClientConnection::Start() {
  asio::co_spawn(
      executor_, [self = shared_from_this()] { return self->Run(); },
      [self = shared_from_this()](std::exception_ptr) {});
}

absl::Status ClientConnection::Submit(std::shared_ptr<PendingCall> call) {
  if (calls_.size() >= options_.in_flight_per_connection_max) {
    return PegasusError(
        idl::kErrBusy,
        absl::StrCat(options_.in_flight_per_connection_max, " calls to ", endpoint_.ToString(),
                     " are in flight already (in_flight_per_connection_max)"));
  }
  calls_.emplace(call->request.id, call);
  to_send_.push_back(std::move(call));
  if (connected_) StartWriting();
  return absl::OkStatus();
}

void ClientConnection::TimeOut(const std::shared_ptr<PendingCall>& call) {
  if (calls_.erase(call->request.id) == 0) return;
  const bool was_sent = !call->header_bytes.empty();
  call->status = PegasusError(
      idl::kErrTimeout,
      absl::StrCat(endpoint_.ToString(), was_sent ? " did not answer " : " was not reached for ",
                   call->request.rpc_name, " within ", call->request.timeout_ms, " ms"));
  call->done.Set();
  if (reader_.received_bytes() == call->received_bytes_before) retired_ = true;
  CloseWhenRetiredAndIdle();
}

void ClientConnection::Abandon(const PendingCall& call) {
  calls_.erase(call.request.id);
  CloseWhenRetiredAndIdle();
}

void ClientConnection::Close(const absl::Status& status) {
  if (closed_) return;
  closed_ = true;
  asio::error_code ignored;
  socket_.close(ignored);
  to_send_.clear();
  const auto calls = std::exchange(calls_, {});
  for (const auto& [id, call] : calls) {
    call->status = status;
    call->done.Set();
  }
}

asio::awaitable<void> ClientConnection::Run() {
  co_await asio::this_coro::throw_if_cancelled(false);
  absl::Status status = co_await Connect();
  if (status.ok()) {
    StartWriting();
    status = co_await ReadReplies();
  }
  Close(status);
}

// The errors of the following have their Pegasus names already.

asio::awaitable<absl::Status> ClientConnection::Connect() {
  const auto failure = [this](absl::string_view why) {
    return NotSent(
        PegasusError(idl::kErrNetworkFailure,
                     absl::StrCat("cannot connect to ", endpoint_.ToString(), ": ", why)));
  };
  if (closed_) co_return failure("the client was closed");
  bool timed_out = false;
  asio::error_code error;
  {
    const DeadlineTimer timer(executor_, clock_, clock_->Now() + options_.connect_timeout,
                              [this, &timed_out] {
                                timed_out = true;
                                asio::error_code ignored;
                                socket_.close(ignored);
                              });
    const asio::ip::tcp::endpoint peer(asio::ip::address_v4(endpoint_.ip), endpoint_.port);
    std::tie(error) = co_await socket_.async_connect(peer, kAwaitTuple);
  }
  if (timed_out) {
    co_return failure(
        absl::StrCat("no answer within ", absl::FormatDuration(options_.connect_timeout)));
  }
  if (error) co_return failure(error.message());
  if (closed_) co_return failure("the client was closed");
  socket_.set_option(asio::ip::tcp::no_delay(true), error);
  connected_ = true;
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> ClientConnection::ReadReplies() {
  absl::Status status;
  while (status.ok()) status = co_await ReadReply();
  const bool is_garbage = status.code() == absl::StatusCode::kDataLoss;
  co_return PegasusError(is_garbage ? idl::kErrInvalidData : idl::kErrNetworkFailure,
                         absl::StrCat(endpoint_.ToString(), ": ", status.message()));
}

asio::awaitable<absl::Status> ClientConnection::ReadReply() {
  std::string bytes;
  METAREC_CO_RETURN_IF_ERROR(co_await reader_.Read(kNativeHeaderBytes, &bytes));
  METAREC_CO_ASSIGN_OR_RETURN(NativeHeader header, ParseNativeHeader(bytes));
  if (header.body_length > options_.reply_body_bytes_max) {
    co_return absl::DataLossError(absl::StrCat("an answer of ", header.body_length,
                                               " bytes is beyond the bound of ",
                                               options_.reply_body_bytes_max));
  }
  if (header.is_request() || !header.is_thrift_binary()) {
    co_return absl::DataLossError("it sent a message that is not an answer in Thrift binary");
  }
  if (!calls_.contains(header.id)) {
    co_return co_await reader_.Skip(header.body_length);  // nobody waits for it any more
  }
  std::string body;
  METAREC_CO_RETURN_IF_ERROR(co_await reader_.Read(header.body_length, &body));
  METAREC_CO_RETURN_IF_ERROR(CheckNativeBody(header, body));
  const auto found = calls_.find(header.id);
  if (found == calls_.end()) co_return absl::OkStatus();  // gave up meanwhile
  const std::shared_ptr<PendingCall> call = std::move(found->second);
  calls_.erase(found);
  call->reply.error_name = std::move(header.error_name);
  call->reply.body = std::move(body);
  call->reply.from_address = header.from_address;
  call->done.Set();
  CloseWhenRetiredAndIdle();
  co_return absl::OkStatus();
}

void ClientConnection::StartWriting() {
  if (writing_ || to_send_.empty() || closed_) return;
  writing_ = true;
  asio::co_spawn(
      executor_, [self = shared_from_this()] { return self->WriteRequests(); },
      [self = shared_from_this()](std::exception_ptr) {});
}

asio::awaitable<void> ClientConnection::WriteRequests() {
  co_await asio::this_coro::throw_if_cancelled(false);
  std::vector<std::shared_ptr<PendingCall>> leaving;  // together: each write costs a system call
  std::vector<asio::const_buffer> buffers;
  while (!to_send_.empty()) {
    leaving.clear();
    buffers.clear();
    size_t bytes = 0;
    while (!to_send_.empty() && leaving.size() < kCallsPerWrite && bytes < kBytesPerWrite) {
      std::shared_ptr<PendingCall> call = std::move(to_send_.front());
      to_send_.pop_front();
      if (!calls_.contains(call->request.id)) continue;  // gave up before it was sent
      PrepareToSend(call.get());
      buffers.push_back(asio::buffer(call->header_bytes));
      buffers.push_back(asio::buffer(call->body));
      bytes += call->header_bytes.size() + call->body.size();
      leaving.push_back(std::move(call));
    }
    const auto [error, size] = co_await asio::async_write(socket_, buffers, kAwaitTuple);
    if (!error) continue;
    // An answer to an earlier call may have arrived just before; the reader would still find it,
    // but a peer that takes no requests is not worth waiting for.
    Close(
        PegasusError(idl::kErrNetworkFailure,
                     absl::StrCat("cannot send to ", endpoint_.ToString(), ": ", error.message())));
    co_return;
  }
  writing_ = false;
}

void ClientConnection::PrepareToSend(PendingCall* call) {
  if (call->use_own_address) {
    asio::error_code error;
    const auto own = socket_.local_endpoint(error);
    if (!error) {
      call->request.from_address = Ipv4Endpoint{own.address().to_v4().to_uint(), 1}.ToRpcAddress();
    }
  }
  call->received_bytes_before = reader_.received_bytes();
  call->header_bytes = BuildNativeHeader(call->request, call->body, call->checksums);
}

void ClientConnection::CloseWhenRetiredAndIdle() {
  if (retired_ && calls_.empty()) Close(absl::CancelledError("the connection was retired"));
}

namespace {

absl::Status Cancelled() { return absl::CancelledError("the call was cancelled"); }

int32_t TimeoutMs(absl::Duration timeout) {
  return static_cast<int32_t>(std::clamp<int64_t>(absl::ToInt64Milliseconds(timeout), 1,
                                                  std::numeric_limits<int32_t>::max()));
}

NativeHeader RequestHeader(uint64_t id, std::string task_code, const CallOptions& options) {
  NativeHeader header;
  header.id = id;
  header.trace_id = id;
  header.rpc_name = std::move(task_code);
  header.gpid = options.gpid;
  header.context = kContextIsRequest | kContextFormatThriftBinary |
                   (options.is_forward_supported ? kContextIsForwardSupported : 0);
  header.thread_hash = options.thread_hash;
  header.partition_hash = options.partition_hash;
  if (options.from_address) header.from_address = options.from_address->ToRpcAddress();
  return header;
}

}  // namespace

Client::Client(asio::any_io_executor executor, Clock* clock, ClientOptions options)
    : executor_(std::move(executor)), clock_(clock), options_(options) {}

Client::~Client() {
  for (const auto& [endpoint, connection] : connections_) connection->Close(Cancelled());
}

asio::awaitable<absl::StatusOr<Reply>> Client::Call(Ipv4Endpoint endpoint, std::string task_code,
                                                    std::string body, CallOptions options) {
  if (co_await IsCancelled()) co_return Cancelled();
  if (task_code.empty() || task_code.size() > kNameBytesMax) {
    co_return PegasusError(idl::kErrInvalidParameters,
                           absl::StrCat("'", task_code, "' cannot be a task code"));
  }
  if (body.size() > std::numeric_limits<uint32_t>::max()) {
    co_return PegasusError(idl::kErrInvalidParameters, "the request is longer than 4 GiB");
  }
  const absl::Time now = clock_->Now();
  const absl::Time deadline = options.deadline.value_or(now + options_.default_timeout);
  if (deadline <= now) {
    co_return PegasusError(idl::kErrTimeout, absl::StrCat(task_code, " to ", endpoint.ToString(),
                                                          ": no time was left to send it"));
  }
  auto call = std::make_shared<PendingCall>(executor_);
  call->request = RequestHeader(++last_id_, std::move(task_code), options);
  call->request.timeout_ms = TimeoutMs(deadline - now);
  call->checksums = options.checksums;
  call->use_own_address = !options.from_address.has_value();
  call->body = std::move(body);

  METAREC_CO_ASSIGN_OR_RETURN(const std::shared_ptr<ClientConnection> connection,
                              ConnectionTo(endpoint));
  METAREC_CO_RETURN_IF_ERROR(connection->Submit(call));
  absl::Status waited;
  {
    const DeadlineTimer timer(executor_, clock_, deadline,
                              [connection, call] { connection->TimeOut(call); });
    // The client itself may be destroyed while this waits; what follows uses the connection and
    // the call only.
    waited = co_await call->done.Wait();
  }
  if (!waited.ok()) {
    connection->Abandon(*call);
    co_return Cancelled();
  }
  if (!call->status.ok()) co_return call->status;
  co_return std::move(call->reply);
}

absl::StatusOr<std::shared_ptr<ClientConnection>> Client::ConnectionTo(Ipv4Endpoint endpoint) {
  const auto found = connections_.find(endpoint);
  if (found != connections_.end()) {
    if (found->second->is_usable()) return found->second;
    connections_.erase(found);  // lives on until its calls have ended
  }
  METAREC_RETURN_IF_ERROR(MakeRoomForAConnection());
  auto connection = std::make_shared<ClientConnection>(executor_, clock_, options_, endpoint);
  connection->Start();
  connections_.emplace(endpoint, connection);
  return connection;
}

absl::Status Client::MakeRoomForAConnection() {
  if (connections_.size() < options_.connections_max) return absl::OkStatus();
  const auto idle = std::find_if(connections_.begin(), connections_.end(),
                                 [](const auto& entry) { return entry.second->is_idle(); });
  if (idle == connections_.end()) {
    return PegasusError(idl::kErrBusy, absl::StrCat("all ", options_.connections_max,
                                                    " connections (connections_max) are in use"));
  }
  idle->second->Close(Cancelled());
  connections_.erase(idle);
  return absl::OkStatus();
}

}  // namespace metarec::rpc
