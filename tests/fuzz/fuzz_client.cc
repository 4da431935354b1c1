#include <optional>
#include <string>
#include <utility>

#include <absl/strings/str_cat.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <glog/logging.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "idl/task_codes.h"
#include "rpc/client.h"
#include "rpc/pegasus_status.h"
#include "testing/virtual_clock.h"
#include "tests/fuzz/byte_source.h"
#include "tests/fuzz/fuzz_targets.h"
#include "tests/fuzz/loopback_peer.h"

namespace metarec::fuzz {
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
