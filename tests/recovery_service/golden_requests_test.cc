// Requests that stock shells, clients and servers really sent, byte for byte, over a socket. The
// answers are those of a stock meta server wherever one was captured in the same state.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_replace.h>
#include <asio/connect.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "idl/task_codes.h"
#include "recovery_service/meta_rpcs.h"
#include "rpc/native_frame.h"
#include "rpc/server.h"
#include "service_world.h"

namespace metarec {
namespace {

struct Captured {
  std::string file;
  std::string task_code;
  std::string request;
  std::string response;  // of a stock server, whatever state it was in; empty: none was captured
};

std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

std::vector<Captured> CapturedRequests(const char* folder) {
  std::vector<Captured> all;
  const std::filesystem::path root = std::filesystem::path(METAREC_GOLDEN_DIR) / folder;
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    const std::string name = entry.path().filename();
    if (!absl::EndsWith(name, ".request.bin")) continue;
    const std::string answer =
        absl::StrReplaceAll(entry.path().string(), {{".request.bin", ".response.bin"}});
    all.push_back({.file = name,
                   .task_code = name.substr(0, name.find('.')),
                   .request = ReadAll(entry.path()),
                   .response = std::filesystem::exists(answer) ? ReadAll(answer) : ""});
  }
  std::sort(all.begin(), all.end(),
            [](const Captured& a, const Captured& b) { return a.file < b.file; });
  return all;
}

bool IsMetaRpc(const std::string& task_code) {
  const auto codes = idl::MetaServerTaskCodes();
  return std::find(codes.begin(), codes.end(), task_code) != codes.end();
}

// Without what differs from process to process: numbers of codes, and the answering server.
std::string Comparable(std::string native_response) {
  for (const auto& [offset, size] : {std::pair<size_t, size_t>{88, 4}, {112, 8}, {184, 4}}) {
    native_response.replace(offset, size, size, '\0');
  }
  return native_response;
}

class GoldenRequestsTest : public ::testing::Test {
 protected:
  GoldenRequestsTest() {
    world_.service->RegisterOn(&server_);
    world_.service->Lead(LeaderIdentity{.name = "localhost:34601",
                                        .address = Ipv4Endpoint{.ip = 0x7F000001, .port = 34601}},
                         world_.store.get(), {});
    listens_ = *server_.Listen({.ip = 0x7F000001, .port = 0});
  }

  // The whole answer: a native frame, or a THFT one.
  asio::awaitable<std::string> Exchange(std::string request) {
    asio::ip::tcp::socket socket(world_.context);
    const asio::ip::tcp::endpoint where(asio::ip::address_v4(listens_.ip), listens_.port);
    co_await socket.async_connect(where, asio::use_awaitable);
    co_await asio::async_write(socket, asio::buffer(request), asio::use_awaitable);
    const bool native = absl::StartsWith(request, "RDSN");
    std::string answer(native ? rpc::kNativeHeaderBytes : 4, '\0');
    co_await asio::async_read(socket, asio::buffer(answer), asio::use_awaitable);
    const size_t head = answer.size();
    size_t rest = 0;
    if (native) {
      rest = rpc::ParseNativeHeader(answer)->body_length;
    } else {
      for (const char byte : answer) rest = rest << 8 | static_cast<unsigned char>(byte);
      rest -= head;
    }
    answer.resize(head + rest);
    co_await asio::async_read(socket, asio::buffer(&answer[head], rest), asio::use_awaitable);
    co_return answer;
  }

  std::string Ask(const std::string& request) {
    std::string answer;
    world_.Run([&]() -> asio::awaitable<void> {
      answer = co_await Exchange(request);
      world_.context.stop();  // the server goes on listening
    });
    return answer;
  }

  void ExpectUnderRecovery(const Captured& captured, const std::string& answer) {
    if (absl::StrContains(captured.response, "ERR_UNDER_RECOVERY")) {
      EXPECT_EQ(Comparable(answer), Comparable(captured.response)) << captured.file;
      ++equal_;
      return;
    }
    for (const MetaRpc& rpc : MetaRpcs()) {
      if (rpc.task_code != captured.task_code) continue;
      EXPECT_EQ(answer.substr(rpc::kNativeHeaderBytes), rpc.encode_refusal("ERR_UNDER_RECOVERY"))
          << captured.file;
    }
  }

  ServiceWorld world_;
  rpc::Server server_{world_.context.get_executor(), &world_.clock};
  Ipv4Endpoint listens_;
  int equal_ = 0;
};

TEST_F(GoldenRequestsTest, NativeRequestsAreRefusedAsAStockMetaServerRefusesThem) {
  int asked = 0;
  for (const Captured& captured : CapturedRequests("rpc")) {
    if (!IsMetaRpc(captured.task_code) || captured.task_code == idl::kRpcCmStartRecovery) continue;
    ExpectUnderRecovery(captured, Ask(captured.request));
    ++asked;
  }
  EXPECT_EQ(equal_, 7);
  EXPECT_GE(asked, 25);
}

TEST_F(GoldenRequestsTest, ThftRequestsAreRefusedWithTheSameBytes) {
  for (const Captured& captured : CapturedRequests("thft")) {
    if (!absl::StrContains(captured.response, "ERR_UNDER_RECOVERY")) continue;
    EXPECT_EQ(Ask(captured.request), captured.response) << captured.file;
    ++equal_;
  }
  EXPECT_EQ(equal_, 3);
}

TEST_F(GoldenRequestsTest, WhatAMetaServerDoesNotServeHasNoHandler) {
  int asked = 0;
  for (const Captured& captured : CapturedRequests("rpc")) {
    if (!absl::StartsWith(captured.task_code, "RPC_RRDB")) continue;
    const std::string answer = Ask(captured.request);
    EXPECT_EQ(rpc::ParseNativeHeader(answer.substr(0, rpc::kNativeHeaderBytes))->error_name,
              "ERR_HANDLER_NOT_FOUND");
    EXPECT_EQ(answer.size(), rpc::kNativeHeaderBytes);
    ++asked;
  }
  EXPECT_EQ(asked, 2);
}

TEST_F(GoldenRequestsTest, TheBeaconOfAnInactiveServerIsAnsweredWithTheSameBytes) {
  for (const Captured& captured : CapturedRequests("rpc")) {
    if (captured.file != "RPC_FD_FAILURE_DETECTOR_PING.3.request.bin") continue;
    const std::string before = Ask(captured.request);  // a query of the server begins
    EXPECT_NE(Comparable(before), Comparable(captured.response));
    const std::string answer = Ask(captured.request);
    // The CRC of the header covers what is masked.
    std::string expected = Comparable(captured.response);
    std::string masked = Comparable(answer);
    expected.replace(12, 4, 4, '\0');
    masked.replace(12, 4, 4, '\0');
    EXPECT_EQ(masked, expected);
    EXPECT_TRUE(rpc::ParseNativeHeader(answer.substr(0, rpc::kNativeHeaderBytes)).ok());
    ++equal_;
  }
  EXPECT_EQ(equal_, 1);
}

TEST_F(GoldenRequestsTest, TheShellsOwnRecoverRequestRecovers) {
  for (const Captured& captured : CapturedRequests("rpc")) {
    if (captured.task_code != idl::kRpcCmStartRecovery) continue;
    const std::string answer = Ask(captured.request);
    RecoveryResult const* const result = world_.service->status().result;
    ASSERT_NE(result, nullptr);
    EXPECT_EQ(result->error_name, "ERR_OK");
    idl::configuration_recovery_response response;
    ASSERT_TRUE(idl::DecodeBody(answer.substr(rpc::kNativeHeaderBytes), &response).ok());
    EXPECT_EQ(response.err.name, "ERR_OK");
    ++equal_;
  }
  EXPECT_EQ(equal_, 1);
}

}  // namespace
}  // namespace metarec
