// What peers that break the rules cost a Server, and that it counts and survives them.

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>

#include "base/runtime/event.h"
#include "rpc/byte_order.h"
#include "rpc/native_frame.h"
#include "rpc/server.h"
#include "rpc/thrift_frame.h"
#include "testing/virtual_clock.h"
#include "tests/rpc/loopback.h"

namespace metarec::rpc {
namespace {

std::string Frame(absl::string_view body, Checksums checksums = Checksums::kNone) {
  NativeHeader header;
  header.id = 7;
  header.rpc_name = kEcho;
  header.context = kContextIsRequest | kContextFormatThriftBinary;
  return BuildNativeHeader(header, body, checksums) + std::string(body);
}

int64_t AllocatedBytes() { return static_cast<int64_t>(mallinfo2().uordblks); }

class BadPeersTest : public ::testing::Test {
 protected:
  void StartServer(ServerOptions options = {}) {
    server_ = std::make_unique<Server>(io_.get_executor(), &clock_, options);
    server_->Register(kEcho, [](Request request) -> asio::awaitable<HandlerResult> {
      HandlerResult result;
      result.body = std::move(request.body);
      co_return result;
    });
    endpoint_ = *server_->Listen({kLoopback, 0});
  }

  ~BadPeersTest() override {
    const auto stop = [](Server* server) -> asio::awaitable<bool> {
      co_await server->Stop();
      co_return true;
    };
    EXPECT_TRUE(RunToEnd(&io_, stop(server_.get())).has_value());
    while (io_.poll() != 0) io_.restart();
  }

  std::unique_ptr<RawPeer> Connected() {
    auto peer = std::make_unique<RawPeer>(&io_);
    peer->Connect(endpoint_);
    return peer;
  }

  // Whether the server ends the connection of a peer that sends this.
  bool IsClosedAfter(const std::string& bytes, bool end_sending = false) {
    const auto peer = Connected();
    peer->Send(bytes);
    if (end_sending) peer->EndSending();
    return IsClosed(peer.get());
  }
  bool IsClosed(RawPeer* peer) {
    const auto received = RunToEnd(&io_, peer->Receive(1));
    return received.has_value() && received->empty();
  }

  bool IsGoodPeerServed() {
    const auto peer = Connected();
    peer->Send(Frame("hello"));
    const auto answer = RunToEnd(&io_, peer->Receive(kNativeHeaderBytes + 5));
    return answer.has_value() && answer->size() == kNativeHeaderBytes + 5 &&
           answer->substr(kNativeHeaderBytes) == "hello";
  }

  asio::io_context io_;
  testing::ManualClock clock_;
  std::unique_ptr<Server> server_;
  Ipv4Endpoint endpoint_;
};

TEST_F(BadPeersTest, WhatIsNoMessageIsCountedByWhatIsWrongWithIt) {
  StartServer();
  std::string answer = Frame("x");
  answer[104] = 0x40;  // no request
  std::string nameless_end = Frame("x");
  nameless_end.replace(40, 48, std::string(48, 'N'));
  const std::string thft = BuildThftRequest(ThftHeader(), kEcho, 1, "");
  std::string wrong_thrift = thft;
  wrong_thrift[48] = 0;
  const std::vector<std::string> malformed = {std::string(300, '#'), "\x16\x03\x01\x02", answer,
                                              nameless_end, wrong_thrift};
  for (const std::string& bytes : malformed) EXPECT_TRUE(IsClosedAfter(bytes)) << bytes;
  EXPECT_EQ(server_->counts().malformed, 5);

  for (const size_t flipped : {size_t{40}, kNativeHeaderBytes}) {
    std::string bytes = Frame("hello", Checksums::kComputed);
    bytes[flipped] ^= 1;
    EXPECT_TRUE(IsClosedAfter(bytes));
  }
  EXPECT_EQ(server_->counts().wrong_crc, 2);

  std::string two_gigabytes = Frame("");
  StoreLittleEndian<uint32_t>(1U << 31, 16, &two_gigabytes);
  EXPECT_TRUE(IsClosedAfter(two_gigabytes));
  std::string thft_two_gigabytes = thft.substr(0, 48);
  thft_two_gigabytes[16] = '\x80';
  EXPECT_TRUE(IsClosedAfter(thft_two_gigabytes));
  EXPECT_EQ(server_->counts().oversized, 2);

  for (const size_t length : {size_t{2}, kNativeHeaderBytes / 2, kNativeHeaderBytes + 3}) {
    EXPECT_TRUE(IsClosedAfter(Frame("hello").substr(0, length), /*end_sending=*/true));
  }
  EXPECT_EQ(server_->counts().truncated, 3);

  EXPECT_TRUE(IsGoodPeerServed());
  const ServerCounts counts = server_->counts();
  EXPECT_EQ(counts.malformed, 5);
  EXPECT_EQ(counts.wrong_crc, 2);
  EXPECT_EQ(counts.oversized, 2);
  EXPECT_EQ(counts.truncated, 3);
  EXPECT_EQ(counts.accepted, 13);
  EXPECT_EQ(counts.refused + counts.idle + counts.stalled + counts.accept_errors, 0);
}

TEST_F(BadPeersTest, APeerThatGoesBetweenTwoMessagesIsNoBadOne) {
  StartServer();
  EXPECT_TRUE(IsGoodPeerServed());
  EXPECT_TRUE(IsClosedAfter("", /*end_sending=*/true));
  ASSERT_TRUE(RunUntil(&io_, [&] { return server_->counts().open == 0; }));
  EXPECT_EQ(server_->counts().accepted, 2);
  EXPECT_EQ(server_->counts().truncated, 0);
}

TEST_F(BadPeersTest, AnHttpClientThatClosesAfterItsAnswerIsNoBadOne) {
  StartServer();
  server_->ServeHttp([](HttpRequest) -> asio::awaitable<HttpResponse> {
    HttpResponse response;
    response.body = "ok";
    co_return response;
  });
  const auto peer = Connected();
  peer->Send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
  const auto answer = RunToEnd(&io_, peer->Receive(4000));
  EXPECT_EQ(answer->substr(answer->size() - 2), "ok");
  EXPECT_TRUE(IsClosedAfter("GET / HTT", /*end_sending=*/true));
  const auto wordy = Connected();
  wordy->Send("GET / HTTP/1.1\r\nX: " + std::string(9000, 'x'));
  const auto refusal = RunToEnd(&io_, wordy->Receive(4000));  // to the end of the connection
  EXPECT_EQ(refusal->substr(0, 13), "HTTP/1.1 431 ");
  EXPECT_EQ(server_->counts().truncated, 1);
  EXPECT_EQ(server_->counts().oversized, 1);
}

TEST_F(BadPeersTest, ASlowDripAndSilenceEndWithTheirTime) {
  StartServer();
  const auto drip = Connected();
  const auto silent = Connected();
  const std::string frame = Frame("hello");
  // It never pauses for long, and is not through in time all the same.
  for (size_t i = 0; i < 70; ++i) {
    asio::error_code ignored;
    drip->TrySend(frame.substr(i, 1), &ignored);
    while (io_.poll() != 0) io_.restart();
    clock_.Advance(absl::Seconds(1));
  }
  EXPECT_TRUE(IsClosed(drip.get()));
  EXPECT_EQ(server_->counts().stalled, 1);
  EXPECT_EQ(server_->counts().open, 1);
  clock_.Advance(absl::Hours(1));
  EXPECT_TRUE(IsClosed(silent.get()));
  EXPECT_EQ(server_->counts().idle, 1);
  EXPECT_TRUE(IsGoodPeerServed());
  EXPECT_EQ(server_->counts().truncated, 0);
}

TEST_F(BadPeersTest, ConnectionsBeyondTheBoundAreCountedAsRefused) {
  ServerOptions options;
  options.connections_max = 2;
  StartServer(options);
  const auto first = Connected();
  const auto second = Connected();
  const auto third = Connected();
  EXPECT_TRUE(IsClosed(third.get()));
  EXPECT_EQ(server_->counts().refused, 1);
  EXPECT_EQ(server_->counts().accepted, 2);
  EXPECT_EQ(server_->counts().open, 2);
  first->Close();
  ASSERT_TRUE(RunUntil(&io_, [&] { return server_->counts().open == 1; }));
  EXPECT_TRUE(IsGoodPeerServed());
}

// Restores the limit on open files.
class OpenFilesLimit {
 public:
  OpenFilesLimit() { getrlimit(RLIMIT_NOFILE, &before_); }
  ~OpenFilesLimit() { setrlimit(RLIMIT_NOFILE, &before_); }
  OpenFilesLimit(const OpenFilesLimit&) = delete;
  OpenFilesLimit& operator=(const OpenFilesLimit&) = delete;

  void Set(size_t files) const {
    rlimit limit = before_;
    limit.rlim_cur = files;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  }
  size_t hard_limit() const { return before_.rlim_max; }

 private:
  rlimit before_ = {};
};

TEST_F(BadPeersTest, TooManyOpenFilesNeitherEndTheServerNorKeepItBusy) {
  StartServer();
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP()
      << "the undefined-behaviour sanitizer opens pipes to look at memory, and takes every "
         "object for a broken one when it cannot";
#endif
  const auto waiting = Connected();
  waiting->Send(Frame("hello"));
  {
    const OpenFilesLimit limit;
    limit.Set(3);
    ASSERT_TRUE(RunUntil(&io_, [&] { return server_->counts().accept_errors == 1; }));
    // It tries again after a pause only.
    for (int i = 0; i < 1000; ++i) {
      io_.restart();
      io_.poll();
    }
    EXPECT_EQ(server_->counts().accept_errors, 1);
  }
  clock_.Advance(absl::Seconds(1));
  const auto answer = RunToEnd(&io_, waiting->Receive(kNativeHeaderBytes + 5));
  EXPECT_EQ(answer->size(), kNativeHeaderBytes + 5);
  EXPECT_TRUE(IsGoodPeerServed());
}

TEST_F(BadPeersTest, AThousandConnectionsAtRestOrInTheMiddleOfAHeaderCostLittle) {
  constexpr size_t kEach = 500;
  const OpenFilesLimit limit;
  ASSERT_GE(limit.hard_limit(), 4 * kEach + 100);
  limit.Set(4 * kEach + 100);
  ServerOptions options;
  options.connections_max = 2 * kEach + 10;
  StartServer(options);
  ASSERT_TRUE(IsGoodPeerServed());
  const int64_t before = AllocatedBytes();
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (size_t i = 0; i < 2 * kEach; ++i) {
    peers.push_back(Connected());
    if (i % 2 == 0) peers.back()->Send(Frame("hello").substr(0, 96));
    while (io_.poll() != 0) io_.restart();
  }
  ASSERT_TRUE(
      RunUntil(&io_, [&] { return server_->counts().open == static_cast<int64_t>(2 * kEach); }));
  while (io_.poll() != 0) io_.restart();
  // The peers are among it. (Sanitizers have allocators of their own, which tell nothing here.)
  EXPECT_LT(AllocatedBytes() - before, static_cast<int64_t>(2 * kEach * 4096));
  EXPECT_TRUE(IsGoodPeerServed());
  clock_.Advance(absl::Seconds(61));
  ASSERT_TRUE(
      RunUntil(&io_, [&] { return server_->counts().stalled == static_cast<int64_t>(kEach); }));
  clock_.Advance(absl::Hours(1));
  ASSERT_TRUE(RunUntil(&io_, [&] { return server_->counts().open == 0; }));
  EXPECT_EQ(server_->counts().idle, static_cast<int64_t>(kEach));
  EXPECT_TRUE(IsGoodPeerServed());
}

TEST_F(BadPeersTest, WhoAnnouncesMuchAndSendsLittleHoldsLittle) {
  StartServer();
  std::string header = Frame("");
  StoreLittleEndian<uint32_t>(60 << 20, 16, &header);
  const auto peer = Connected();
  const int64_t before = AllocatedBytes();
  peer->Send(header + std::string(1000, 'x'));
  for (int i = 0; i < 20; ++i) {
    io_.restart();
    io_.run_one_for(std::chrono::milliseconds(5));
  }
  EXPECT_LT(AllocatedBytes() - before, 16 << 10);
  EXPECT_TRUE(IsGoodPeerServed());
}

// What peers send that ask much and read nothing, until all that can be done is done.
class UnreadAnswersTest : public BadPeersTest {
 protected:
  static constexpr size_t kAnswerBytes = 1 << 20;
  static constexpr size_t kRequests = 60;

  void StartServer(ServerOptions options = {}) {
    BadPeersTest::StartServer(options);
    server_->Register("RPC_LONG", [](Request) -> asio::awaitable<HandlerResult> {
      HandlerResult result;
      result.body.assign(kAnswerBytes, 'x');
      co_return result;
    });
  }

  std::unique_ptr<RawPeer> WhoAsksMuch() {
    NativeHeader header;
    header.rpc_name = "RPC_LONG";
    header.context = kContextIsRequest | kContextFormatThriftBinary;
    std::string requests;
    for (size_t i = 0; i < kRequests; ++i) {
      absl::StrAppend(&requests, BuildNativeHeader(header, "", Checksums::kNone));
    }
    auto peer = Connected();
    peer->Send(requests);
    return peer;
  }

  // Not more at once than the sockets' buffers take, since nobody reads meanwhile.
  void SendAll(RawPeer* peer, absl::string_view bytes) {
    for (size_t at = 0; at < bytes.size(); at += 64 << 10) {
      asio::error_code ignored;
      peer->TrySend(bytes.substr(at, 64 << 10), &ignored);
      while (io_.poll() != 0) io_.restart();
    }
  }

  void Settle() {
    for (int i = 0; i < 50; ++i) {
      io_.restart();
      io_.run_for(std::chrono::milliseconds(2));
    }
  }
};

TEST_F(UnreadAnswersTest, AnswersThatNobodyReadTookAllMemory) {
  StartServer();
  const int64_t before = AllocatedBytes();
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < 8; ++i) peers.push_back(WhoAsksMuch());
  Settle();
  // An answer that is being written, and one that waits.
  EXPECT_LT(server_->counts().bytes, static_cast<int64_t>(peers.size() * 3 * kAnswerBytes));
  EXPECT_LT(AllocatedBytes() - before, static_cast<int64_t>(peers.size() * 3 * kAnswerBytes));
  EXPECT_EQ(server_->counts().shed, 0);
  // Who reads at last gets them all.
  const auto answers =
      RunToEnd(&io_, peers[3]->Receive(kRequests * (kNativeHeaderBytes + kAnswerBytes)));
  EXPECT_EQ(answers->size(), kRequests * (kNativeHeaderBytes + kAnswerBytes));
  peers.clear();
  ASSERT_TRUE(RunUntil(&io_, [&] { return server_->counts().open == 0; }));
  EXPECT_EQ(server_->counts().bytes, 0);
  EXPECT_TRUE(IsGoodPeerServed());
}

TEST_F(UnreadAnswersTest, TogetherTheyAreBoundedByClosingWhoHasTheMost) {
  ServerOptions options;
  options.bytes_max = 4 * kAnswerBytes;
  StartServer(options);
  const auto idle = Connected();
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < 8; ++i) peers.push_back(WhoAsksMuch());
  Settle();
  EXPECT_GE(server_->counts().shed, 3);
  EXPECT_LE(server_->counts().bytes, static_cast<int64_t>(options.bytes_max));
  EXPECT_TRUE(IsGoodPeerServed());
  idle->Send(Frame("hello"));
  EXPECT_EQ(RunToEnd(&io_, idle->Receive(kNativeHeaderBytes + 5))->size(), kNativeHeaderBytes + 5);
}

TEST_F(UnreadAnswersTest, HalfRequestsAreBoundedTogetherToo) {
  ServerOptions options;
  options.bytes_max = 4 << 20;
  StartServer(options);
  const std::string frame = Frame(std::string(2 << 20, 'x'));
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < 6; ++i) {
    peers.push_back(Connected());
    SendAll(peers.back().get(), frame.substr(0, frame.size() * 3 / 4));
  }
  Settle();
  EXPECT_GE(server_->counts().shed, 3);
  EXPECT_LE(server_->counts().bytes, static_cast<int64_t>(options.bytes_max));
  EXPECT_TRUE(IsGoodPeerServed());
}

TEST_F(UnreadAnswersTest, WhatAHandlerStillHeldOfAShedConnectionWasCountedNoMore) {
  ServerOptions options;
  options.bytes_max = 2 << 20;
  StartServer(options);
  Event release(io_.get_executor());
  bool is_cancelled = false;
  server_->Register("RPC_HOLD", [&](Request request) -> asio::awaitable<HandlerResult> {
    is_cancelled = absl::IsCancelled(co_await clock_.SleepFor(absl::Hours(1)));
    co_await release.WaitRegardless();
    EXPECT_EQ(request.body.size(), 1500U << 10);
    co_return HandlerResult();
  });
  NativeHeader header;
  header.rpc_name = "RPC_HOLD";
  header.context = kContextIsRequest | kContextFormatThriftBinary;
  const std::string body(1500 << 10, 'x');
  const auto holder = Connected();
  SendAll(holder.get(), BuildNativeHeader(header, body, Checksums::kNone) + body);
  Settle();
  EXPECT_EQ(server_->counts().shed, 0);
  const auto other = Connected();
  SendAll(other.get(), Frame(std::string(1000 << 10, 'y')).substr(0, 900 << 10));
  Settle();
  EXPECT_EQ(server_->counts().shed, 1);
  EXPECT_TRUE(is_cancelled);
  EXPECT_EQ(server_->counts().open, 2) << "the handler is there, and so is its request";
  EXPECT_GT(server_->counts().bytes, static_cast<int64_t>(body.size()));
  release.Set();
  ASSERT_TRUE(RunUntil(&io_, [&] { return server_->counts().open == 1; }));
  EXPECT_LT(server_->counts().bytes, static_cast<int64_t>(body.size()));
  EXPECT_TRUE(IsGoodPeerServed());
}

TEST(OpenFilesTest, MostAreForConnectionsAndSomeForEverythingElse) {
  EXPECT_EQ(ConnectionsWithin(0), 1U);
  EXPECT_EQ(ConnectionsWithin(1024), 512U);
  EXPECT_EQ(ConnectionsWithin(20'000), 17'952U);
  EXPECT_EQ(ConnectionsWithin(524'288), 50'000U);
}

TEST(OpenFilesTest, TheLimitIsRaisedAsFarAsItMayBe) {
  const OpenFilesLimit limit;
  limit.Set(100);
  EXPECT_EQ(RaiseOpenFilesLimit(), limit.hard_limit());
  rlimit now = {};
  getrlimit(RLIMIT_NOFILE, &now);
  EXPECT_EQ(now.rlim_cur, limit.hard_limit());
}

}  // namespace
}  // namespace metarec::rpc
