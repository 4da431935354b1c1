#include "rpc/server_connection.h"

#include <algorithm>
#include <array>
#include <utility>

#include <absl/strings/str_cat.h>
#include <asio/buffer.hpp>
#include <asio/write.hpp>

#include "base/runtime/status_macros.h"
#include "rpc/thrift_frame.h"

namespace metarec::rpc {
namespace {

// For a peer to read our last answer and close its end.
constexpr absl::Duration kLingerTime = absl::Seconds(2);
constexpr size_t kLingerBytesMax = 16 << 20;

// Of a body, so much is read before it counts; more, when that much is there already.
constexpr size_t kPieceBytesMin = 4 << 10;
constexpr size_t kPieceBytesMax = 256 << 10;

}  // namespace

ServerConnection::ServerConnection(std::shared_ptr<ServerState> state, asio::ip::tcp::socket socket)
    : state_(std::move(state)), socket_(std::move(socket)), reader_(&socket_) {
  asio::error_code error;
  socket_.set_option(asio::ip::tcp::no_delay(true), error);
  const asio::ip::tcp::endpoint peer = socket_.remote_endpoint(error);
  if (!error) peer_ = {peer.address().to_v4().to_uint(), peer.port()};
  state_->connections.insert(this);
}

ServerConnection::~ServerConnection() {
  LetGo(bytes_);
  state_->Forget(this);
}

void ServerConnection::Close() {
  is_closed_ = true;
  asio::error_code ignored;
  socket_.close(ignored);
}

void ServerConnection::Rest() {
  idle_timer_.emplace(&state_->idle_timeouts, [this] {
    idle_too_long_ = true;
    if (in_flight_ == 0) CloseForIdleness();
  });
  socket_.async_wait(asio::ip::tcp::socket::wait_read,
                     [self = shared_from_this()](const asio::error_code& error) {
                       self->idle_timer_.reset();
                       if (error || self->state_->stopping) return;
                       self->state_->Spawn(self.get(), Serve(self));
                     });
}

asio::awaitable<void> ServerConnection::Serve(std::shared_ptr<ServerConnection> self) {
  const absl::Status ended = co_await self->ServeRequests();
  if (ended.ok()) {
    self->Rest();
    co_return;
  }
  self->reading_ended_ = true;
  // A peer that has merely sent all its requests still gets its answers.
  if (ended.code() != absl::StatusCode::kOutOfRange || self->in_flight_ == 0) self->Close();
}

asio::awaitable<absl::Status> ServerConnection::ServeRequests() {
  do {
    METAREC_CO_RETURN_IF_ERROR(co_await AwaitRoom());
    if (state_->stopping) co_return absl::CancelledError("the server stops");
    const TimeoutQueue::Timer timer(&state_->frame_timeouts, [this] { CloseForStall(); });
    if (prefix_.empty()) METAREC_CO_RETURN_IF_ERROR(co_await reader_.AwaitBytes());
    const absl::Status read = co_await ReadRequest();
    if (!read.ok()) CountFailure(read);
    METAREC_CO_RETURN_IF_ERROR(read);
    if (is_last_request_read_) co_return absl::OutOfRangeError("this was the last request");
  } while (!prefix_.empty() || reader_.has_bytes());
  co_return absl::OkStatus();
}

bool ServerConnection::HasRoom() const {
  const ServerOptions& options = state_->options;
  // One request at a time may be larger.
  return in_flight_ == 0 || (in_flight_ < options.in_flight_per_connection_max &&
                             bytes_ < options.bytes_per_connection_max);
}

asio::awaitable<absl::Status> ServerConnection::AwaitRoom() {
  while (!HasRoom()) {
    room_ = std::make_unique<Event>(state_->executor);
    const absl::Status waited = co_await room_->Wait();
    room_.reset();
    METAREC_CO_RETURN_IF_ERROR(waited);
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> ServerConnection::ReadRequest() {
  if (protocol_ == WireProtocol::kUnknown) {
    METAREC_CO_RETURN_IF_ERROR(co_await reader_.Read(kProtocolPrefixBytes, &prefix_));
    protocol_ = DetectProtocol(prefix_);
  }
  if (protocol_ == WireProtocol::kHttp && state_->http_handler) {
    co_return co_await ServeHttpRequest();
  }
  Pending pending;
  pending.request.protocol = protocol_;
  pending.request.peer = peer_;
  if (protocol_ == WireProtocol::kNative) {
    METAREC_CO_RETURN_IF_ERROR(co_await ReadNativeRequest(&pending));
  } else if (protocol_ == WireProtocol::kThft) {
    METAREC_CO_RETURN_IF_ERROR(co_await ReadThftRequest(&pending));
  } else {
    co_return absl::DataLossError("the peer speaks a protocol that is not served");
  }
  if (is_shed_) co_return absl::UnavailableError("the connection held too much");
  ReplyTo& reply_to = pending.reply_to;
  reply_to.protocol = protocol_;
  reply_to.task_code = pending.request.task_code;
  reply_to.id = pending.request.id;
  ++in_flight_;
  idle_too_long_ = false;
  state_->Spawn(this, Handle(shared_from_this(), std::move(pending)));
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> ServerConnection::ReadNativeRequest(Pending* pending) {
  std::string bytes = std::exchange(prefix_, {});
  METAREC_CO_RETURN_IF_ERROR(co_await reader_.Read(kNativeHeaderBytes - bytes.size(), &bytes));
  NativeHeader& header = pending->reply_to.native_header;
  METAREC_CO_ASSIGN_OR_RETURN(header, ParseNativeHeader(bytes));
  if (!header.is_request() || !header.is_thrift_binary()) {
    co_return absl::DataLossError("the peer sent a message that is not a request in Thrift binary");
  }
  Request& request = pending->request;
  METAREC_CO_RETURN_IF_ERROR(co_await ReadBody(header.body_length, pending));
  METAREC_CO_RETURN_IF_ERROR(CheckNativeBody(header, request.body));
  request.task_code = header.rpc_name;
  request.id = header.id;
  request.gpid = header.gpid;
  request.from_address =
      header.from_address.is_valid() ? header.from_address : peer_.ToRpcAddress();
  request.timeout = absl::Milliseconds(std::max(header.timeout_ms, 0));
  request.thread_hash = header.thread_hash;
  request.partition_hash = header.partition_hash;
  request.is_forward_supported = header.is_forward_supported();
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> ServerConnection::ReadThftRequest(Pending* pending) {
  std::string bytes = std::exchange(prefix_, {});
  METAREC_CO_RETURN_IF_ERROR(co_await reader_.Read(kThftPrefixBytes - bytes.size(), &bytes));
  METAREC_CO_ASSIGN_OR_RETURN(const size_t header_bytes, ThftHeaderBytes(bytes));
  METAREC_CO_RETURN_IF_ERROR(co_await reader_.Read(header_bytes - bytes.size(), &bytes));
  METAREC_CO_ASSIGN_OR_RETURN(const ThftHeader header, ParseThftHeader(bytes));
  Request& request = pending->request;
  METAREC_CO_RETURN_IF_ERROR(co_await ReadBody(header.body_length, pending));
  METAREC_CO_ASSIGN_OR_RETURN(const ThftMessage message, ParseThftRequestBody(request.body));
  request.task_code = message.name;
  request.id = message.sequence_id;
  pending->reply_to.is_one_way = message.is_one_way;
  request.body.erase(0, request.body.size() - message.arguments.size());
  request.gpid = header.gpid;
  request.from_address = peer_.ToRpcAddress();
  request.timeout = absl::Milliseconds(std::max(header.timeout_ms, 0));
  request.thread_hash = header.thread_hash;
  request.partition_hash = header.partition_hash;
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> ServerConnection::ReadHttpRequest(HttpRequestParser* parser,
                                                                size_t* bytes) {
  for (;;) {
    if (!prefix_.empty()) {
      METAREC_CO_ASSIGN_OR_RETURN(const size_t taken, parser->Feed(prefix_));
      prefix_.erase(0, taken);
      Hold(taken);
      *bytes += taken;
      if (parser->is_done()) co_return absl::OkStatus();
    }
    METAREC_CO_RETURN_IF_ERROR(co_await reader_.ReadSome(&prefix_));
  }
}

asio::awaitable<absl::Status> ServerConnection::ServeHttpRequest() {
  HttpRequestParser parser(state_->http_methods);
  size_t bytes = 0;
  const absl::Status read = co_await ReadHttpRequest(&parser, &bytes);
  // Only a peer that is still there, and sent enough to be judged, can be answered.
  const bool is_broken = absl::IsOutOfRange(read) || absl::IsUnavailable(read);
  if (is_broken) co_return read;
  if (is_shed_) co_return absl::UnavailableError("the connection held too much");
  ++in_flight_;
  idle_too_long_ = false;
  HttpResponse response;
  HttpConnection connection;
  if (read.ok()) {
    HttpRequest request = parser.Request();
    request.peer = peer_;
    connection = {.keep_alive = request.keep_alive, .without_body = request.is_head};
    if (request.method == "OPTIONS") {
      response = AnswerToOptions();
    } else {
      try {
        response = co_await state_->http_handler(std::move(request));
      } catch (const std::exception&) {
        response.status = 500;
      }
    }
  } else {
    CountFailure(read);
    response = parser.Refusal(read);
    connection.keep_alive = false;
  }
  Outgoing outgoing;
  outgoing.header = SerializeHttpResponse(response, connection);
  outgoing.is_last = !connection.keep_alive;
  outgoing.lingers = outgoing.is_last;
  LetGo(bytes);
  Send(std::move(outgoing));
  is_last_request_read_ = !connection.keep_alive;
  co_return absl::OkStatus();
}

HttpResponse ServerConnection::AnswerToOptions() const {
  HttpResponse response;
  response.allow = std::string(AllowedMethods(state_->http_methods));
  response.body = absl::StrCat(response.allow, "\n");
  return response;
}

asio::awaitable<absl::Status> ServerConnection::ReadBody(size_t body_length, Pending* pending) {
  if (body_length > state_->options.request_body_bytes_max) {
    co_return absl::ResourceExhaustedError(absl::StrCat("a request of ", body_length,
                                                        " bytes is beyond the bound of ",
                                                        state_->options.request_body_bytes_max));
  }
  std::string* const body = &pending->request.body;
  while (body->size() < body_length) {
    const size_t piece = std::min(body_length - body->size(),
                                  std::clamp(body->size(), kPieceBytesMin, kPieceBytesMax));
    METAREC_CO_RETURN_IF_ERROR(co_await reader_.Read(piece, body));
    Hold(body->capacity() - pending->bytes);
    pending->bytes = body->capacity();
  }
  co_return absl::OkStatus();
}

asio::awaitable<void> ServerConnection::Handle(std::shared_ptr<ServerConnection> self,
                                               Pending pending) {
  HandlerResult result;
  const auto handler = self->state_->FindHandler(pending.request.task_code);
  if (handler == nullptr) {
    result.error_name = idl::kErrHandlerNotFound;
  } else {
    try {
      result = co_await (*handler)(std::move(pending.request));
    } catch (const std::exception&) {
      // Ours to fix, but no reason to leave the peer without an answer.
      result = HandlerResult();
      result.error_name = idl::kErrUnknown;
    }
  }
  if (self->state_->stopping) result.is_answered = false;
  self->LetGo(pending.bytes);
  self->Answer(pending.reply_to, std::move(result));
}

void ServerConnection::Answer(const ReplyTo& reply_to, HandlerResult result) {
  if (!result.is_answered || reply_to.is_one_way) {
    EndRequest();
  } else if (result.garbage) {
    Send({.header = *std::move(result.garbage), .body = "", .is_last = true});
  } else if (reply_to.protocol == WireProtocol::kThft) {
    std::string prefix = BuildThftResponsePrefix(result.error_name, reply_to.task_code,
                                                 static_cast<uint32_t>(reply_to.id), result.body);
    Send({.header = std::move(prefix), .body = std::move(result.body), .is_last = false});
  } else {
    // Who sent CRCs gets them.
    const bool has_crc =
        reply_to.native_header.header_crc32 != 0 || reply_to.native_header.body_crc32 != 0;
    std::string header = BuildNativeHeader(
        ResponseHeaderFor(reply_to.native_header, OwnAddress(), result.error_name), result.body,
        has_crc ? Checksums::kComputed : Checksums::kNone);
    Send({.header = std::move(header), .body = std::move(result.body), .is_last = false});
  }
}

void ServerConnection::Send(Outgoing outgoing) {
  if (is_shed_) {
    EndRequest();
    return;
  }
  outgoing.bytes = sizeof(Outgoing) + outgoing.header.capacity() + outgoing.body.capacity();
  outgoing_.push_back(std::move(outgoing));
  Hold(outgoing_.back().bytes);
  if (std::exchange(writing_, true)) return;
  state_->Spawn(this, Write(shared_from_this()));
}

asio::awaitable<void> ServerConnection::Write(std::shared_ptr<ServerConnection> self) {
  while (!self->outgoing_.empty()) {
    const Outgoing outgoing = std::move(self->outgoing_.front());
    self->outgoing_.pop_front();
    const std::array<asio::const_buffer, 2> buffers = {asio::buffer(outgoing.header),
                                                       asio::buffer(outgoing.body)};
    const TimeoutQueue::Timer timer(&self->state_->frame_timeouts,
                                    [raw = self.get()] { raw->CloseForStall(); });
    const auto [error, size] = co_await asio::async_write(self->socket_, buffers, kAwaitTuple);
    if (!error && outgoing.lingers) co_await self->Linger();
    if (error || outgoing.is_last) self->Close();
    self->LetGo(outgoing.bytes);
    self->EndRequest();
  }
  self->writing_ = false;
}

// Closing a socket that has unread bytes makes the system tell the peer so, which may then never
// read our answer. Nobody else reads when the last answer goes out.
asio::awaitable<void> ServerConnection::Linger() {
  asio::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  const DeadlineTimer timer(state_->executor, state_->clock, state_->clock->Now() + kLingerTime,
                            [this] { Close(); });
  const absl::Status skipped = co_await reader_.Skip(kLingerBytesMax);
  skipped.IgnoreError();  // the peer has closed, or the time is over
}

void ServerConnection::EndRequest() {
  --in_flight_;
  if (room_ != nullptr) room_->Set();
  if (in_flight_ > 0) return;
  if (reading_ended_) {
    Close();
  } else if (idle_too_long_) {
    CloseForIdleness();
  }
}

void ServerConnection::Hold(size_t bytes) {
  bytes_ += bytes;
  state_->bytes += bytes;
  if (is_shed_) {
    state_->bytes_leaving += bytes;
  } else {
    state_->KeepWithinBytes();
  }
}

void ServerConnection::LetGo(size_t bytes) {
  bytes_ -= bytes;
  state_->bytes -= bytes;
  if (is_shed_) state_->bytes_leaving -= bytes;
}

void ServerConnection::Shed() {
  const std::shared_ptr<ServerConnection> self = shared_from_this();
  if (!is_closed_) ++state_->counts.shed;
  is_shed_ = true;
  state_->bytes_leaving += bytes_;
  Close();
  for (std::list<Outgoing> dropped = std::exchange(outgoing_, {}); !dropped.empty();
       dropped.pop_front()) {
    LetGo(dropped.front().bytes);
    EndRequest();
  }
  state_->CancelTasksOf(this);
}

void ServerConnection::CloseForIdleness() {
  if (!is_closed_) ++state_->counts.idle;
  Close();
}

void ServerConnection::CloseForStall() {
  if (!is_closed_) ++state_->counts.stalled;
  Close();
}

void ServerConnection::CountFailure(const absl::Status& failure) {
  if (is_closed_) return;  // that is why
  ServerCounts& counts = state_->counts;
  switch (failure.code()) {
    case absl::StatusCode::kPermissionDenied:  // an HTTP method: no fault of the bytes
      return;
    case absl::StatusCode::kResourceExhausted:
      ++counts.oversized;
      return;
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kUnavailable:
      ++counts.truncated;
      return;
    default:
      ++(IsWrongCrc(failure) ? counts.wrong_crc : counts.malformed);
  }
}

idl::rpc_address ServerConnection::OwnAddress() const {
  if (state_->options.own_address) return state_->options.own_address->ToRpcAddress();
  asio::error_code error;
  const asio::ip::tcp::endpoint own = socket_.local_endpoint(error);
  if (error) return idl::rpc_address();
  return idl::rpc_address(own.address().to_v4().to_uint(), own.port());
}

}  // namespace metarec::rpc
