#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <asio/io_context.hpp>
#include <glog/logging.h>

#include "idl/task_codes.h"
#include "rpc/server.h"
#include "testing/virtual_clock.h"
#include "tests/fuzz/byte_source.h"
#include "tests/fuzz/fuzz_targets.h"
#include "tests/fuzz/loopback_peer.h"

namespace metarec::fuzz {
namespace {

// A server that notes what its handlers see. One for all inputs, as in a process that lives long.
class NotingServer {
 public:
  NotingServer() : server_(io_.get_executor(), &clock_, Options()) {
    for (const absl::string_view task_code : idl::MetaServerTaskCodes()) {
      Register(std::string(task_code));
    }
    Register(idl::kRpcQueryAppInfo);
    Register(idl::kRpcRrdbGet);
    server_.ServeHttp([this](rpc::HttpRequest request) -> asio::awaitable<rpc::HttpResponse> {
      seen_.push_back(absl::StrCat(request.method, " ", request.path, " ", request.query, " ",
                                   request.keep_alive));
      rpc::HttpResponse response;
      response.body = "seen";
      co_return response;
    });
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

}  // namespace metarec::fuzz
