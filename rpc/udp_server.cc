#include "rpc/udp_server.h"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include <asio/buffer.hpp>

#include "base/runtime/cancellation.h"
#include "rpc/native_frame.h"
#include "rpc/server_connection.h"

namespace metarec::rpc {
namespace {

// Stock servers abort on sending more, and read no more.
constexpr size_t kDatagramBytesMax = 1000;
// After an error of the socket, which an answer to a port where nobody listens may cause.
constexpr absl::Duration kReceiveRetryDelay = absl::Milliseconds(10);
// A sender with such a port is a client, which listens nowhere.
constexpr uint16_t kClientPortMax = 1023;

// Nothing for what is no request, or damaged.
absl::StatusOr<NativeHeader> ParseRequest(absl::string_view datagram) {
  if (datagram.size() < kNativeHeaderBytes || datagram.size() > kDatagramBytesMax) {
    return absl::DataLossError("no datagram has this size");
  }
  absl::StatusOr<NativeHeader> header = ParseNativeHeader(datagram.substr(0, kNativeHeaderBytes));
  if (!header.ok()) return header;
  const absl::string_view body = datagram.substr(kNativeHeaderBytes);
  if (header->body_length != body.size() || !header->is_request() || !header->is_thrift_binary()) {
    return absl::DataLossError("this is no request");
  }
  const absl::Status checked = CheckNativeBody(*header, body);
  if (!checked.ok()) return checked;
  return header;
}

}  // namespace

UdpServer::UdpServer(asio::any_io_executor executor, Clock* clock, UdpServerOptions options)
    : clock_(clock), options_(options), socket_(executor), tasks_(executor) {}

UdpServer::~UdpServer() = default;

void UdpServer::Register(std::string task_code, Handler handler) {
  handlers_.insert_or_assign(std::move(task_code), std::move(handler));
}

absl::StatusOr<Ipv4Endpoint> UdpServer::Listen(Ipv4Endpoint endpoint) {
  asio::error_code error;
  socket_.open(asio::ip::udp::v4(), error);
  if (!error) {
    socket_.bind(asio::ip::udp::endpoint(asio::ip::address_v4(endpoint.ip), endpoint.port), error);
  }
  if (!error) socket_.non_blocking(true, error);
  if (error) {
    asio::error_code ignored;
    socket_.close(ignored);
    return ListenError("UDP ", endpoint, error);
  }
  endpoint.port = socket_.local_endpoint(error).port();
  listens_ = endpoint;
  tasks_.Spawn(Receive());
  return endpoint;
}

asio::awaitable<void> UdpServer::Receive() {
  std::array<char, kDatagramBytesMax + 1> buffer;
  while (socket_.is_open()) {
    asio::ip::udp::endpoint peer;
    const auto [error, size] =
        co_await socket_.async_receive_from(asio::buffer(buffer), peer, kAwaitTuple);
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      const absl::Status slept = co_await clock_->SleepFor(kReceiveRetryDelay);
      if (!slept.ok()) co_return;
      continue;
    }
    TakeDatagram(absl::string_view(buffer.data(), size), peer);
  }
}

void UdpServer::TakeDatagram(absl::string_view datagram, const asio::ip::udp::endpoint& peer) {
  ++counts_.received;
  if (tasks_.running() > options_.in_flight_max) {
    ++counts_.dropped;
    return;
  }
  tasks_.Spawn(Answer(std::string(datagram), peer));
}

asio::awaitable<void> UdpServer::Answer(std::string datagram, asio::ip::udp::endpoint peer) {
  const absl::StatusOr<NativeHeader> header = ParseRequest(datagram);
  if (!header.ok() || header->from_address.port() <= kClientPortMax) {
    ++(IsWrongCrc(header.status()) ? counts_.wrong_crc : counts_.malformed);
    co_return;
  }
  const auto handler = handlers_.find(header->rpc_name);
  if (handler == handlers_.end()) {
    ++counts_.without_handler;
    co_return;
  }
  Request request;
  request.task_code = header->rpc_name;
  request.body = datagram.substr(kNativeHeaderBytes);
  request.id = header->id;
  request.gpid = header->gpid;
  request.from_address = header->from_address;
  request.peer = {.ip = peer.address().to_v4().to_uint(), .port = peer.port()};
  request.timeout = absl::Milliseconds(std::max(header->timeout_ms, 0));
  request.is_forward_supported = header->is_forward_supported();
  HandlerResult result;
  try {
    result = co_await handler->second(std::move(request));
  } catch (const std::exception&) {
    co_return;  // ours to fix; the peer asks again
  }
  if (!result.is_answered) co_return;
  const Ipv4Endpoint own = options_.own_address.value_or(listens_);
  const bool has_crc = header->header_crc32 != 0 || header->body_crc32 != 0;
  const std::string answer =
      BuildNativeHeader(ResponseHeaderFor(*header, own.ToRpcAddress(), result.error_name),
                        result.body, has_crc ? Checksums::kComputed : Checksums::kNone) +
      result.body;
  if (answer.size() > kDatagramBytesMax) co_return;
  const asio::ip::udp::endpoint where(asio::ip::address_v4(header->from_address.ip()),
                                      header->from_address.port());
  asio::error_code ignored;
  socket_.send_to(asio::buffer(answer), where, 0, ignored);
  ++counts_.answered;
}

asio::awaitable<void> UdpServer::Stop() {
  asio::error_code ignored;
  socket_.close(ignored);
  tasks_.Cancel();
  co_await tasks_.Join();
}

}  // namespace metarec::rpc
