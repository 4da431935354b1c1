#include "rpc/server.h"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <asio/cancellation_signal.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/runtime/event.h"
#include "idl/meta_admin_types.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"
#include "rpc/byte_order.h"
#include "rpc/client.h"
#include "rpc/native_frame.h"
#include "rpc/thrift_frame.h"
#include "testing/virtual_clock.h"
#include "tests/rpc/loopback.h"

namespace metarec::rpc {
namespace {

constexpr char kHeld[] = "RPC_HELD";

class ServerTest : public ::testing::Test {
 protected:
  void StartServer(ServerOptions options = {}) {
    server_ = std::make_unique<Server>(io_.get_executor(), &clock_, options);
    server_->Register(kEcho, [this](Request request) { return Echo(std::move(request)); });
    server_->Register(kHeld, [this](Request request) { return Hold(std::move(request)); });
    const auto endpoint = server_->Listen({kLoopback, 0});
    ASSERT_TRUE(endpoint.ok()) << endpoint.status();
    endpoint_ = *endpoint;
  }

  ~ServerTest() override {
    if (server_ != nullptr) {
      EXPECT_TRUE(StopServer());
    }
    while (io_.poll() != 0) io_.restart();
  }

  bool StopServer() {
    const auto stop = [](Server* server) -> asio::awaitable<bool> {
      co_await server->Stop();
      co_return true;
    };
    return RunToEnd(&io_, stop(server_.get())).has_value();
  }

  asio::awaitable<HandlerResult> Echo(Request request) {
    seen_.push_back(request);
    HandlerResult result;
    result.body = request.body;
    co_return result;
  }

  // Answers once the test sets the event of the request's body.
  asio::awaitable<HandlerResult> Hold(Request request) {
    auto event = std::make_shared<Event>(io_.get_executor());
    held_[request.body] = event;
    HandlerResult result;
    result.error_name = (co_await event->Wait()).ok() ? idl::kErrOk : idl::kErrUnknown;
    result.body = request.body;
    held_.erase(request.body);
    co_return result;
  }

  static NativeHeader RequestHeader(uint64_t id, absl::string_view task_code) {
    NativeHeader header;
    header.id = id;
    header.trace_id = 77;
    header.rpc_name = std::string(task_code);
    header.gpid = {2, 7};
    header.context = 0x441;
    header.from_address = idl::rpc_address(kLoopback, 34801);
    header.timeout_ms = 1500;
    header.thread_hash = 3;
    header.partition_hash = 4;
    return header;
  }
  static std::string Frame(const NativeHeader& header, absl::string_view body,
                           Checksums checksums = Checksums::kNone) {
    return BuildNativeHeader(header, body, checksums) + std::string(body);
  }

  // One answer; nullopt when the connection ends first.
  std::optional<NativeHeader> ReceiveAnswer(RawPeer* peer, std::string* body = nullptr) {
    const auto bytes = RunToEnd(&io_, peer->Receive(kNativeHeaderBytes));
    if (!bytes || bytes->size() < kNativeHeaderBytes) return std::nullopt;
    const auto header = ParseNativeHeader(*bytes);
    if (!header.ok()) return std::nullopt;
    const auto received = RunToEnd(&io_, peer->Receive(header->body_length));
    EXPECT_TRUE(CheckNativeBody(*header, *received).ok());
    if (body != nullptr) *body = *received;
    return *header;
  }

  bool IsClosed(RawPeer* peer) {
    const auto bytes = RunToEnd(&io_, peer->Receive(1));
    return bytes.has_value() && bytes->empty();
  }

  asio::io_context io_;
  testing::ManualClock clock_;
  std::unique_ptr<Server> server_;
  Ipv4Endpoint endpoint_;
  std::vector<Request> seen_;
  std::map<std::string, std::shared_ptr<Event>> held_;
};

TEST_F(ServerTest, AnswersEchoTheRequestsHeader) {
  StartServer();
  RawPeer peer(&io_);
  peer.Connect(endpoint_);
  peer.Send(Frame(RequestHeader(42, kEcho), "hello"));
  std::string body;
  const auto answer = ReceiveAnswer(&peer, &body);
  ASSERT_TRUE(answer);
  EXPECT_EQ(body, "hello");
  EXPECT_EQ(answer->id, 42u);
  EXPECT_EQ(answer->trace_id, 77u);
  EXPECT_EQ(answer->rpc_name, "RPC_ECHO_ACK");
  EXPECT_EQ(answer->gpid, (idl::gpid{2, 7}));
  EXPECT_EQ(answer->context, 0x440u);
  EXPECT_EQ(answer->timeout_ms, 1500);
  EXPECT_EQ(answer->thread_hash, 3);
  EXPECT_EQ(answer->partition_hash, 4u);
  EXPECT_EQ(answer->error_name, "ERR_OK");
  EXPECT_EQ(answer->rpc_local_hash, 0u);
  EXPECT_EQ(answer->error_local_hash, 0u);
  EXPECT_EQ(answer->body_crc32, 0u);
  EXPECT_EQ(answer->from_address, endpoint_.ToRpcAddress());

  ASSERT_EQ(seen_.size(), 1u);
  EXPECT_EQ(seen_[0].from_address, idl::rpc_address(kLoopback, 34801));
  EXPECT_EQ(seen_[0].timeout, absl::Milliseconds(1500));
  EXPECT_TRUE(seen_[0].is_forward_supported);
  EXPECT_EQ(seen_[0].peer.ip, kLoopback);
}

TEST_F(ServerTest, ASenderThatSaysNothingIsKnownByItsConnection) {
  StartServer();
  RawPeer peer(&io_);
  peer.Connect(endpoint_);
  NativeHeader header = RequestHeader(1, kEcho);
  header.from_address = {};
  peer.Send(Frame(header, ""));
  ASSERT_TRUE(ReceiveAnswer(&peer));
  EXPECT_EQ(seen_.at(0).from_address, seen_.at(0).peer.ToRpcAddress());
  EXPECT_NE(seen_.at(0).peer.port, 0);
}

TEST_F(ServerTest, CorrectCrcsAreAcceptedAndAnsweredWithCrcs) {
  StartServer();
  RawPeer peer(&io_);
  peer.Connect(endpoint_);
  peer.Send(Frame(RequestHeader(1, kEcho), "hello", Checksums::kComputed));
  const auto answer = ReceiveAnswer(&peer);
  ASSERT_TRUE(answer);
  EXPECT_NE(answer->header_crc32, 0u);
  EXPECT_NE(answer->body_crc32, 0u);
}

TEST_F(ServerTest, AWrongCrcClosesTheConnectionWithoutAnAnswer) {
  StartServer();
  const std::string good = Frame(RequestHeader(1, kEcho), "hello", Checksums::kComputed);
  for (const size_t flipped : {size_t{40}, good.size() - 1}) {
    RawPeer peer(&io_);
    peer.Connect(endpoint_);
    std::string bad = good;
    bad[flipped] ^= 1;
    peer.Send(bad);
    EXPECT_TRUE(IsClosed(&peer)) << flipped;
  }
  EXPECT_TRUE(seen_.empty());
}

TEST_F(ServerTest, AnUnknownTaskCodeIsAnsweredAndTheConnectionStaysUsable) {
  StartServer();
  RawPeer peer(&io_);
  peer.Connect(endpoint_);
  peer.Send(Frame(RequestHeader(1, "RPC_NO_SUCH_THING"), "hello"));
  std::string body = "unset";
  const auto refused = ReceiveAnswer(&peer, &body);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->error_name, "ERR_HANDLER_NOT_FOUND");
  EXPECT_EQ(body, "");
  peer.Send(Frame(RequestHeader(2, kEcho), "hello"));
  EXPECT_EQ(ReceiveAnswer(&peer)->error_name, "ERR_OK");
}

TEST_F(ServerTest, ANameOf47CharactersSurvivesAndOneWithoutEndIsRefused) {
  StartServer();
  const std::string longest(47, 'N');
  server_->Register(longest, [this](Request request) { return Echo(std::move(request)); });
  RawPeer peer(&io_);
  peer.Connect(endpoint_);
  std::string frame = Frame(RequestHeader(1, longest), "");
  peer.Send(frame);
  const auto answer = ReceiveAnswer(&peer);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error_name, "ERR_OK");
  EXPECT_EQ(seen_.at(0).task_code, longest);
  frame[40 + 47] = 'N';
  peer.Send(frame);
  EXPECT_TRUE(IsClosed(&peer));
}

TEST_F(ServerTest, OtherProtocolsCloseTheConnection) {
  StartServer();
  for (const char* bytes : {"GET / HTTP/1.1\r\n\r\n", "_RAW", "\x16\x03\x01\x02", "rdsn...."}) {
    RawPeer peer(&io_);
    peer.Connect(endpoint_);
    peer.Send(bytes);
    EXPECT_TRUE(IsClosed(&peer)) << bytes;
  }
}

TEST_F(ServerTest, AFrameInOneBytePiecesAndTenFramesInOneSegmentBothWork) {
  StartServer();
  RawPeer peer(&io_);
  peer.Connect(endpoint_);
  for (const char byte : Frame(RequestHeader(1, kEcho), "hello")) {
    peer.Send(std::string(1, byte));
    io_.restart();
    io_.poll();
  }
  EXPECT_EQ(ReceiveAnswer(&peer)->id, 1u);
  std::string segment;
  for (uint64_t id = 10; id < 20; ++id) segment += Frame(RequestHeader(id, kEcho), "hello");
  peer.Send(segment);
  for (uint64_t id = 10; id < 20; ++id) {
    const auto answer = ReceiveAnswer(&peer);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->id, id);
  }
}

TEST_F(ServerTest, ABodyBeyondTheBoundIsRefusedOnItsHeaderAlone) {
  StartServer();
  RawPeer native(&io_);
  native.Connect(endpoint_);
  std::string header = Frame(RequestHeader(1, kEcho), "");
  StoreLittleEndian<uint32_t>(0xFFFFFFFF, 16, &header);
  native.Send(header);
  EXPECT_TRUE(IsClosed(&native));

  RawPeer thft(&io_);
  thft.Connect(endpoint_);
  std::string request = BuildThftRequest(ThftHeader(), kEcho, 1, "");
  request.replace(16, 4, "\xFF\xFF\xFF\xFF");
  thft.Send(request.substr(0, 48));
  EXPECT_TRUE(IsClosed(&thft));
}

TEST_F(ServerTest, AnswersLeaveInTheOrderInWhichHandlersFinish) {
  StartServer();
  RawPeer peer(&io_);
  peer.Connect(endpoint_);
  peer.Send(Frame(RequestHeader(1, kHeld), "slow") + Frame(RequestHeader(2, kHeld), "fast"));
  ASSERT_TRUE(RunUntil(&io_, [&] { return held_.size() == 2; }));
  held_.at("fast")->Set();
  EXPECT_EQ(ReceiveAnswer(&peer)->id, 2u);
  held_.at("slow")->Set();
  EXPECT_EQ(ReceiveAnswer(&peer)->id, 1u);
}

TEST_F(ServerTest, BothThftVersionsGetEqualAnswersOnOneConnection) {
  StartServer();
  const std::string arguments =
      idl::EncodeBody(idl::configuration_list_apps_request(), idl::kThftRequestFieldId);
  RawPeer peer(&io_);
  peer.Connect(endpoint_);
  std::vector<std::string> answers;
  for (const uint32_t version : {0, 1, 0}) {
    ThftHeader header;
    header.version = version;
    header.gpid = {2, 3};
    header.timeout_ms = 900;
    peer.Send(BuildThftRequest(header, kEcho, 0x80000001, arguments));
    const auto length = RunToEnd(&io_, peer.Receive(4));
    ASSERT_EQ(length->size(), 4u);
    const uint32_t total = LoadBigEndian<uint32_t>(*length, 0);
    answers.push_back(*length + *RunToEnd(&io_, peer.Receive(total - 4)));
    EXPECT_EQ(answers.back().size(), total);
  }
  EXPECT_EQ(answers[0], answers[1]);
  EXPECT_EQ(answers[0], answers[2]);
  const auto answer = ParseThftResponse(answers[0]);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->error_name, "ERR_OK");
  EXPECT_EQ(answer->message.name, "RPC_ECHO_ACK");
  EXPECT_EQ(answer->message.sequence_id, 0x80000001u);
  EXPECT_EQ(answer->message.arguments, arguments);
  EXPECT_EQ(seen_.at(1).thread_hash, 2 * 7919 + 3);
  EXPECT_EQ(seen_.at(1).timeout, absl::Milliseconds(900));
}

TEST_F(ServerTest, WrongThftHeadersCloseTheConnection) {
  StartServer();
  const std::string good = BuildThftRequest(ThftHeader(), kEcho, 1, "");
  std::string wrong_length = good;
  wrong_length[11] = 49;
  std::string version_2 = good;
  version_2[7] = 2;
  std::string reply_type = good;
  reply_type[48 + 3] = 2;
  for (const std::string& bytes : {wrong_length, version_2, reply_type}) {
    RawPeer peer(&io_);
    peer.Connect(endpoint_);
    peer.Send(bytes);
    EXPECT_TRUE(IsClosed(&peer));
  }
}

TEST_F(ServerTest, AnUnknownThftCallIsAnsweredWithoutABody) {
  StartServer();
  RawPeer peer(&io_);
  peer.Connect(endpoint_);
  peer.Send(BuildThftRequest(ThftHeader(), "RPC_NO_SUCH_THING", 5, "xyz"));
  const auto length = RunToEnd(&io_, peer.Receive(4));
  const std::string bytes =
      *length + *RunToEnd(&io_, peer.Receive(LoadBigEndian<uint32_t>(*length, 0) - 4));
  const auto answer = ParseThftResponse(bytes);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->error_name, "ERR_HANDLER_NOT_FOUND");
  EXPECT_EQ(answer->message.arguments, "");
}

TEST_F(ServerTest, ATruncatedFrameOfAnyLengthIsForgottenWithItsConnection) {
  StartServer();
  const std::vector<std::string> frames = {
      Frame(RequestHeader(1, kEcho), "hello", Checksums::kComputed),
      BuildThftRequest(ThftHeader(), kEcho, 1, "hello")};
  for (const std::string& frame : frames) {
    for (size_t length = 0; length < frame.size(); ++length) {
      RawPeer peer(&io_);
      peer.Connect(endpoint_);
      peer.Send(frame.substr(0, length));
      peer.EndSending();
      ASSERT_TRUE(IsClosed(&peer)) << length;
    }
  }
  EXPECT_TRUE(seen_.empty());
}

TEST_F(ServerTest, APeerThatHasSentAllItsRequestsStillGetsItsAnswers) {
  StartServer();
  RawPeer peer(&io_);
  peer.Connect(endpoint_);
  peer.Send(Frame(RequestHeader(1, kHeld), "late"));
  peer.EndSending();
  ASSERT_TRUE(RunUntil(&io_, [&] { return held_.size() == 1; }));
  held_.at("late")->Set();
  EXPECT_TRUE(ReceiveAnswer(&peer));
  EXPECT_TRUE(IsClosed(&peer));
}

TEST_F(ServerTest, RequestsBeyondTheBoundWaitUntilAnswersHaveLeft) {
  ServerOptions options;
  options.in_flight_per_connection_max = 2;
  StartServer(options);
  RawPeer peer(&io_);
  peer.Connect(endpoint_);
  std::string segment;
  for (const char* body : {"a", "b", "c"}) segment += Frame(RequestHeader(1, kHeld), body);
  peer.Send(segment);
  ASSERT_TRUE(RunUntil(&io_, [&] { return held_.size() == 2; }));
  while (io_.poll() != 0) io_.restart();
  EXPECT_EQ(held_.count("c"), 0u);
  held_.at("a")->Set();
  ASSERT_TRUE(RunUntil(&io_, [&] { return held_.count("c") == 1; }));
}

TEST_F(ServerTest, ConnectionsBeyondTheBoundAreClosed) {
  ServerOptions options;
  options.connections_max = 1;
  StartServer(options);
  RawPeer first(&io_);
  first.Connect(endpoint_);
  first.Send(Frame(RequestHeader(1, kEcho), ""));
  ASSERT_TRUE(ReceiveAnswer(&first));
  RawPeer second(&io_);
  second.Connect(endpoint_);
  EXPECT_TRUE(IsClosed(&second));
  first.Close();
  ASSERT_TRUE(RunUntil(&io_, [&] {
    RawPeer third(&io_);
    third.Connect(endpoint_);
    third.Send(Frame(RequestHeader(1, kEcho), ""));
    return ReceiveAnswer(&third).has_value();
  }));
}

TEST_F(ServerTest, PeersThatStallInAFrameOrStayIdleAreDisconnected) {
  StartServer();
  RawPeer stalled(&io_);
  stalled.Connect(endpoint_);
  stalled.Send("RDSN");
  RawPeer idle(&io_);
  idle.Connect(endpoint_);
  idle.Send(Frame(RequestHeader(1, kEcho), ""));
  ASSERT_TRUE(ReceiveAnswer(&idle));
  clock_.Advance(absl::Seconds(61));
  EXPECT_TRUE(IsClosed(&stalled));
  idle.Send(Frame(RequestHeader(2, kEcho), ""));
  ASSERT_TRUE(ReceiveAnswer(&idle));
  while (io_.poll() != 0) io_.restart();
  clock_.Advance(absl::Hours(2));
  EXPECT_TRUE(IsClosed(&idle));
}

TEST_F(ServerTest, StopCancelsHandlersAndClosesConnections) {
  StartServer();
  RawPeer peer(&io_);
  peer.Connect(endpoint_);
  peer.Send(Frame(RequestHeader(1, kHeld), "held"));
  ASSERT_TRUE(RunUntil(&io_, [&] { return held_.size() == 1; }));
  ASSERT_TRUE(StopServer());
  EXPECT_TRUE(held_.empty());
  EXPECT_TRUE(IsClosed(&peer));
  RawPeer late(&io_);
  EXPECT_THROW(late.Connect(endpoint_), std::exception);
}

TEST_F(ServerTest, AHandlerMayChooseNotToAnswerOrToSendGarbage) {
  StartServer();
  server_->Register("RPC_SILENT", [](Request) -> asio::awaitable<HandlerResult> {
    HandlerResult result;
    result.is_answered = false;
    co_return result;
  });
  server_->Register("RPC_GARBAGE", [](Request) -> asio::awaitable<HandlerResult> {
    HandlerResult result;
    result.garbage = "garbage";
    co_return result;
  });
  RawPeer peer(&io_);
  peer.Connect(endpoint_);
  peer.Send(Frame(RequestHeader(1, "RPC_SILENT"), "") + Frame(RequestHeader(2, kEcho), ""));
  EXPECT_EQ(ReceiveAnswer(&peer)->id, 2u);
  peer.Send(Frame(RequestHeader(3, "RPC_GARBAGE"), ""));
  EXPECT_EQ(RunToEnd(&io_, peer.Receive(100)), "garbage");
}

TEST_F(ServerTest, ListeningOnAPortThatIsTakenSaysSo) {
  StartServer();
  Server second(io_.get_executor(), &clock_);
  const auto endpoint = second.Listen(endpoint_);
  EXPECT_EQ(endpoint.status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ServerTest, OurClientAndOurServerUnderstandEachOther) {
  StartServer();
  Client client(io_.get_executor(), &clock_);
  const std::string body(3'000'000, 'b');
  CallOptions options;
  options.checksums = Checksums::kComputed;
  const auto reply = RunToEnd(&io_, client.Call(endpoint_, kEcho, body, options));
  ASSERT_TRUE(reply && reply->ok()) << reply->status();
  EXPECT_EQ((*reply)->body, body);
  EXPECT_EQ((*reply)->error_name, "ERR_OK");
  EXPECT_EQ((*reply)->from_address, endpoint_.ToRpcAddress());
}

}  // namespace
}  // namespace metarec::rpc
