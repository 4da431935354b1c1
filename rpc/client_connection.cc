#include "rpc/client_connection.h"

#include <array>
#include <exception>
#include <tuple>
#include <utility>

#include <absl/strings/str_cat.h>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include "base/runtime/deadline_timer.h"
#include "base/runtime/status_macros.h"
#include "idl/error_names.h"
#include "rpc/pegasus_status.h"

namespace metarec::rpc {
namespace {

constexpr auto kAwaitTuple = asio::experimental::as_tuple(asio::use_awaitable);

}  // namespace

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
    return PegasusError(idl::kErrNetworkFailure,
                        absl::StrCat("cannot connect to ", endpoint_.ToString(), ": ", why));
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
  while (!to_send_.empty()) {
    const std::shared_ptr<PendingCall> call = std::move(to_send_.front());
    to_send_.pop_front();
    if (!calls_.contains(call->request.id)) continue;  // gave up before it was sent
    if (call->use_own_address) {
      asio::error_code error;
      const auto own = socket_.local_endpoint(error);
      if (!error) {
        call->request.from_address =
            Ipv4Endpoint{own.address().to_v4().to_uint(), 1}.ToRpcAddress();
      }
    }
    call->received_bytes_before = reader_.received_bytes();
    call->header_bytes = BuildNativeHeader(call->request, call->body, call->checksums);
    const std::array<asio::const_buffer, 2> buffers = {asio::buffer(call->header_bytes),
                                                       asio::buffer(call->body)};
    const auto [error, size] = co_await asio::async_write(socket_, buffers, kAwaitTuple);
    if (!error) continue;
    // An answer to an earlier call may have arrived just before; the reader would still find it,
    // but whoever cannot take requests is not worth waiting for.
    Close(
        PegasusError(idl::kErrNetworkFailure,
                     absl::StrCat("cannot send to ", endpoint_.ToString(), ": ", error.message())));
    co_return;
  }
  writing_ = false;
}

void ClientConnection::CloseWhenRetiredAndIdle() {
  if (retired_ && calls_.empty()) Close(absl::CancelledError("the connection was retired"));
}

}  // namespace metarec::rpc
