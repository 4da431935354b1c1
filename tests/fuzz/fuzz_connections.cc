// Both ends of a connection: what comes in is understood alike however it is cut.

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/string_view.h>
#include <arpa/inet.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <glog/logging.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "idl/ipv4_endpoint.h"
#include "idl/task_codes.h"
#include "rpc/client.h"
#include "rpc/pegasus_status.h"
#include "rpc/server.h"
#include "testing/virtual_clock.h"
#include "tests/fuzz/byte_source.h"
#include "tests/fuzz/fuzz_targets.h"

namespace metarec::fuzz {
namespace {

// The other end of a connection on this machine, which sends bytes in pieces and lets the event
// loop of the tested end run in between.
class LoopbackPeer {
 public:
  // Takes over a connected socket.
  LoopbackPeer(asio::io_context* io, int descriptor);
  ~LoopbackPeer();
  LoopbackPeer(const LoopbackPeer&) = delete;
  LoopbackPeer& operator=(const LoopbackPeer&) = delete;

  static int ConnectTo(Ipv4Endpoint endpoint);

  // `way` as in ForEachPiece. Ends early when the other end has closed.
  void Send(absl::string_view bytes, uint8_t way);
  void EndSending();
  // Runs the loop until the other end has closed the connection, which it must do in a short time.
  void AwaitEnd();

 private:
  // False: the connection is over.
  bool Drain();

  asio::io_context* const io_;
  const int descriptor_;
};

// Generous: the machine may be busy with anything else.
constexpr std::chrono::seconds kEndsWithin(60);

int LoopbackPeer::ConnectTo(Ipv4Endpoint endpoint) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
  PCHECK(descriptor >= 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(endpoint.ip);
  address.sin_port = htons(endpoint.port);
  // Succeeds before anybody accepts.
  PCHECK(::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  return descriptor;
}

LoopbackPeer::LoopbackPeer(asio::io_context* io, int descriptor)
    : io_(io), descriptor_(descriptor) {
  const int on = 1;
  ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  // No port is to wait for anything after its connection is over.
  const linger at_once = {.l_onoff = 1, .l_linger = 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

LoopbackPeer::~LoopbackPeer() { ::close(descriptor_); }

bool LoopbackPeer::Drain() {
  char buffer[4096];
  for (;;) {
    const ssize_t received = ::recv(descriptor_, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (received > 0) continue;
    return received < 0 && (errno == EAGAIN || errno == EINTR);
  }
}

void LoopbackPeer::Send(absl::string_view bytes, uint8_t way) {
  bool is_over = false;
  ForEachPiece(bytes, way, [&](absl::string_view piece) {
    while (!is_over && !piece.empty()) {
      const ssize_t sent =
          ::send(descriptor_, piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      io_->poll();
      if (sent > 0) piece.remove_prefix(static_cast<size_t>(sent));
      is_over = !Drain() || (sent < 0 && errno != EAGAIN && errno != EINTR);
    }
  });
}

void LoopbackPeer::EndSending() {
  ::shutdown(descriptor_, SHUT_WR);
  io_->poll();
}

void LoopbackPeer::AwaitEnd() {
  const auto deadline = std::chrono::steady_clock::now() + kEndsWithin;
  while (Drain()) {
    CHECK(std::chrono::steady_clock::now() < deadline) << "the connection stays open";
    io_->run_one_for(std::chrono::milliseconds(1));
  }
}

// A server that notes what its handlers see. One for all inputs, as in a process that lives long.
class NotingServer {
 public:
  NotingServer() : server_(io_.get_executor(), &clock_, Options()) {
    for (const absl::string_view task_code : idl::MetaServerTaskCodes()) {
      Register(std::string(task_code));
    }
    Register(idl::kRpcQueryAppInfo);
    Register(idl::kRpcRrdbGet);
    server_.ServeHttp(
        [this](rpc::HttpRequest request) -> asio::awaitable<rpc::HttpResponse> {
          seen_.push_back(absl::StrCat(request.method, " ", request.path, " ", request.query, " ",
                                       request.keep_alive));
          rpc::HttpResponse response;
          response.body = "seen";
          co_return response;
        },
        rpc::HttpMethods::kAlsoPost);
    const auto listens = server_.Listen({.ip = 0x7f000001, .port = 0});
    CHECK(listens.ok()) << listens.status();
    endpoint_ = *listens;
  }

  // What a connection with these bytes makes of itself.
  std::vector<std::string> Serve(absl::string_view bytes, uint8_t way) {
    seen_.clear();
    const rpc::ServerCounts before = server_.counts();
    {
      LoopbackPeer peer(&io_, LoopbackPeer::ConnectTo(endpoint_));
      peer.Send(bytes, way);
      peer.EndSending();
      peer.AwaitEnd();
    }
    io_.poll();
    const rpc::ServerCounts after = server_.counts();
    CHECK_EQ(after.open, 0);
    CHECK_EQ(after.accepted, before.accepted + 1);
    // HTTP that is none may be waited for: the parser looks for the end of a header only behind
    // what it has seen.
    const bool is_http = rpc::DetectProtocol(bytes) == rpc::WireProtocol::kHttp;
    seen_.push_back(absl::StrCat("malformed ", is_http ? 0 : after.malformed - before.malformed,
                                 ", wrong CRC ", after.wrong_crc - before.wrong_crc, ", oversized ",
                                 is_http ? 0 : after.oversized - before.oversized));
    return seen_;
  }

 private:
  static rpc::ServerOptions Options() {
    rpc::ServerOptions options;
    options.request_body_bytes_max = 1 << 20;
    return options;
  }

  void Register(const std::string& task_code) {
    server_.Register(
        task_code, [this](rpc::Request request) -> asio::awaitable<rpc::HandlerResult> {
          seen_.push_back(absl::StrCat(
              request.task_code, " ", request.id, " ", request.gpid.ToString(), " ",
              absl::FormatDuration(request.timeout), " ", request.thread_hash, " ",
              request.partition_hash, " ", request.is_forward_supported, " ", request.body));
          rpc::HandlerResult result;
          result.body = request.body;
          co_return result;
        });
  }

  asio::io_context io_;
  testing::ManualClock clock_;
  rpc::Server server_;
  Ipv4Endpoint endpoint_;
  std::vector<std::string> seen_;
};

}  // namespace

// One byte that decides how the rest is cut.
void FuzzServer(absl::string_view input) {
  static auto* const server = new NotingServer();
  ByteSource source(input);
  const uint8_t way = source.Byte();
  const std::vector<std::string> whole = server->Serve(source.Rest(), 0);
  const std::vector<std::string> pieces = server->Serve(source.Rest(), way);
  CHECK(whole == pieces) << absl::StrJoin(whole, "\n") << "\n--- in pieces:\n"
                         << absl::StrJoin(pieces, "\n");
}

namespace {

constexpr int kCalls = 2;

// A server that answers every connection with given bytes, and a client that asks it.
class AnsweredClient {
 public:
  AnsweredClient() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    PCHECK(listener_ >= 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    PCHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    PCHECK(::listen(listener_, 16) == 0);
    socklen_t length = sizeof(address);
    PCHECK(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    endpoint_ = {.ip = INADDR_LOOPBACK, .port = ntohs(address.sin_port)};
  }

  // How two calls end, which have the ids 1 and 2.
  std::string Ask(absl::string_view answer, uint8_t way) {
    std::optional<absl::StatusOr<rpc::Reply>> results[kCalls];
    io_.restart();
    {
      rpc::Client client(io_.get_executor(), &clock_, {.reply_body_bytes_max = 1 << 20});
      for (auto& result : results) {
        asio::co_spawn(io_, Call(&client, &result), [](std::exception_ptr) {});
      }
      LoopbackPeer peer(&io_, Accept());
      peer.Send(answer, way);
      peer.EndSending();
      peer.AwaitEnd();
    }
    io_.poll();
    std::string text;
    for (const auto& result : results) {
      CHECK(result.has_value()) << "a call does not end";
      absl::StrAppend(&text, Describe(*result), "\n");
    }
    return text;
  }

 private:
  asio::awaitable<void> Call(rpc::Client* client,
                             std::optional<absl::StatusOr<rpc::Reply>>* result) {
    *result = co_await client->Call(endpoint_, idl::kRpcQueryAppInfo, "");
  }

  int Accept() {
    for (int i = 0; i < 60'000; ++i) {
      io_.poll();
      const int accepted = ::accept(listener_, nullptr, nullptr);
      if (accepted >= 0) return accepted;
      io_.run_one_for(std::chrono::milliseconds(1));
    }
    LOG(FATAL) << "the client does not connect";
  }

  // Why a connection broke depends on the moment; that it did, does not.
  static std::string Describe(const absl::StatusOr<rpc::Reply>& reply) {
    if (!reply.ok()) return rpc::PegasusErrorName(reply.status());
    return absl::StrCat("ok ", reply->error_name, " ", reply->from_address.ToString(), " ",
                        reply->body);
  }

  asio::io_context io_;
  testing::ManualClock clock_;
  const int listener_;
  Ipv4Endpoint endpoint_;
};

}  // namespace

// One byte that decides how the rest is cut.
void FuzzClient(absl::string_view input) {
  static auto* const client = new AnsweredClient();
  ByteSource source(input);
  const uint8_t way = source.Byte();
  const std::string whole = client->Ask(source.Rest(), 0);
  const std::string pieces = client->Ask(source.Rest(), way);
  CHECK(whole == pieces) << whole << "--- in pieces:\n" << pieces;
}

}  // namespace metarec::fuzz
