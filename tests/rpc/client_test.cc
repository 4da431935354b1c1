#include "rpc/client.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/runtime/event.h"
#include "base/runtime/system_clock.h"
#include "idl/error_names.h"
#include "idl/task_codes.h"
#include "rpc/byte_order.h"
#include "rpc/pegasus_status.h"
#include "rpc/resolver.h"
#include "testing/virtual_clock.h"
#include "tests/rpc/loopback.h"

namespace metarec::rpc {
namespace {

using ::testing::HasSubstr;

class ClientTest : public ::testing::Test {
 protected:
  ~ClientTest() override {
    client_.reset();
    RunUntil(&io_, [this] { return io_.poll() == 0; });
  }

  // Starts a call; its result appears in *result.
  void StartCall(Ipv4Endpoint endpoint, std::optional<absl::StatusOr<Reply>>* result,
                 absl::string_view body = "", CallOptions options = {}) {
    asio::co_spawn(
        io_, client_->Call(endpoint, "RPC_TEST", std::string(body), options),
        [result](std::exception_ptr, absl::StatusOr<Reply> reply) { *result = std::move(reply); });
  }

  // Reads one request and returns its header.
  NativeHeader ReceiveRequest(RawPeer* peer, std::string* body = nullptr) {
    const auto bytes = RunToEnd(&io_, peer->Receive(kNativeHeaderBytes));
    const auto header = ParseNativeHeader(bytes.value_or(""));
    EXPECT_TRUE(header.ok()) << header.status();
    if (!header.ok()) return {};
    const auto received = RunToEnd(&io_, peer->Receive(header->body_length));
    if (body != nullptr) *body = received.value_or("");
    return *header;
  }

  static std::string Answer(const NativeHeader& request, absl::string_view body,
                            Checksums checksums = Checksums::kNone) {
    return BuildNativeHeader(ResponseHeaderFor(request, {}, idl::kErrOk), body, checksums) +
           std::string(body);
  }

  asio::io_context io_;
  testing::ManualClock clock_;
  ClientOptions options_;
  std::unique_ptr<Client> client_ = std::make_unique<Client>(io_.get_executor(), &clock_, options_);
  asio::cancellation_signal cancel_;
};

TEST_F(ClientTest, SendsARequestAsStockClientsDoAndReturnsTheAnswer) {
  RawPeer peer(&io_);
  const Ipv4Endpoint endpoint = peer.Listen();
  std::optional<absl::StatusOr<Reply>> result;
  CallOptions options;
  options.deadline = clock_.Now() + absl::Milliseconds(1500);
  options.gpid = {2, 7};
  options.thread_hash = 5;
  options.partition_hash = 6;
  StartCall(endpoint, &result, "question", options);
  ASSERT_TRUE(RunToEnd(&io_, peer.Accept()));
  std::string body;
  const NativeHeader request = ReceiveRequest(&peer, &body);
  EXPECT_EQ(body, "question");
  EXPECT_EQ(request.rpc_name, "RPC_TEST");
  EXPECT_EQ(request.context, 0x41u);
  EXPECT_EQ(request.from_address, idl::rpc_address(kLoopback, 1));
  EXPECT_EQ(request.timeout_ms, 1500);
  EXPECT_EQ(request.gpid, (idl::gpid{2, 7}));
  EXPECT_EQ(request.thread_hash, 5);
  EXPECT_EQ(request.partition_hash, 6u);
  EXPECT_EQ(request.rpc_local_hash, 0u);
  EXPECT_EQ(request.header_crc32, 0u);

  peer.Send(Answer(request, "answer"));
  ASSERT_TRUE(RunUntil(&io_, [&] { return result.has_value(); }));
  ASSERT_TRUE(result->ok()) << result->status();
  EXPECT_EQ((*result)->error_name, "ERR_OK");
  EXPECT_EQ((*result)->body, "answer");
}

TEST_F(ClientTest, MatchesAnswersThatComeOutOfOrderOnOneConnection) {
  RawPeer peer(&io_);
  const Ipv4Endpoint endpoint = peer.Listen();
  std::optional<absl::StatusOr<Reply>> first;
  std::optional<absl::StatusOr<Reply>> second;
  StartCall(endpoint, &first);
  StartCall(endpoint, &second);
  ASSERT_TRUE(RunToEnd(&io_, peer.Accept()));
  const NativeHeader first_request = ReceiveRequest(&peer);
  const NativeHeader second_request = ReceiveRequest(&peer);
  EXPECT_NE(first_request.id, second_request.id);
  peer.Send(Answer(second_request, "second"));
  ASSERT_TRUE(RunUntil(&io_, [&] { return second.has_value(); }));
  EXPECT_FALSE(first.has_value());
  peer.Send(Answer(first_request, "first"));
  ASSERT_TRUE(RunUntil(&io_, [&] { return first.has_value(); }));
  EXPECT_EQ((**first).body, "first");
  EXPECT_EQ((**second).body, "second");
}

TEST_F(ClientTest, ARefusedConnectionIsANetworkFailure) {
  RawPeer peer(&io_);
  const Ipv4Endpoint endpoint = peer.Listen();
  peer.StopListening();
  std::optional<absl::StatusOr<Reply>> result;
  StartCall(endpoint, &result);
  ASSERT_TRUE(RunUntil(&io_, [&] { return result.has_value(); }));
  EXPECT_EQ(PegasusErrorName(result->status()), "ERR_NETWORK_FAILURE");
  EXPECT_THAT(std::string(result->status().message()), HasSubstr(endpoint.ToString()));
}

TEST_F(ClientTest, AConnectionThatBreaksFailsItsCallsAtOnceAndIsMadeAnew) {
  RawPeer peer(&io_);
  const Ipv4Endpoint endpoint = peer.Listen();
  std::optional<absl::StatusOr<Reply>> broken;
  StartCall(endpoint, &broken);
  ASSERT_TRUE(RunToEnd(&io_, peer.Accept()));
  ReceiveRequest(&peer);
  peer.Close();
  ASSERT_TRUE(RunUntil(&io_, [&] { return broken.has_value(); }));
  EXPECT_EQ(PegasusErrorName(broken->status()), "ERR_NETWORK_FAILURE");

  std::optional<absl::StatusOr<Reply>> again;
  StartCall(endpoint, &again);
  ASSERT_TRUE(RunToEnd(&io_, peer.Accept()));
  peer.Send(Answer(ReceiveRequest(&peer), "again"));
  ASSERT_TRUE(RunUntil(&io_, [&] { return again.has_value(); }));
  ASSERT_TRUE(again->ok()) << again->status();
  EXPECT_EQ((**again).body, "again");
}

TEST_F(ClientTest, AnAnswerCutOffInTheMiddleIsANetworkFailure) {
  for (const size_t cut : {1, 191, 192, 195}) {
    RawPeer peer(&io_);
    const Ipv4Endpoint endpoint = peer.Listen();
    std::optional<absl::StatusOr<Reply>> result;
    StartCall(endpoint, &result);
    ASSERT_TRUE(RunToEnd(&io_, peer.Accept()));
    peer.Send(Answer(ReceiveRequest(&peer), "answer").substr(0, cut));
    peer.Close();
    ASSERT_TRUE(RunUntil(&io_, [&] { return result.has_value(); }));
    EXPECT_EQ(PegasusErrorName(result->status()), "ERR_NETWORK_FAILURE") << cut;
  }
}

TEST_F(ClientTest, ADeadlineThatPassesIsATimeoutAndALateAnswerIsDropped) {
  RawPeer peer(&io_);
  const Ipv4Endpoint endpoint = peer.Listen();
  std::optional<absl::StatusOr<Reply>> slow;
  std::optional<absl::StatusOr<Reply>> patient;
  CallOptions options;
  options.deadline = clock_.Now() + absl::Seconds(1);
  StartCall(endpoint, &slow, "", options);
  options.deadline = clock_.Now() + absl::Seconds(60);
  StartCall(endpoint, &patient, "", options);
  ASSERT_TRUE(RunToEnd(&io_, peer.Accept()));
  const NativeHeader slow_request = ReceiveRequest(&peer);
  const NativeHeader patient_request = ReceiveRequest(&peer);
  clock_.Advance(absl::Seconds(2));
  ASSERT_TRUE(RunUntil(&io_, [&] { return slow.has_value(); }));
  EXPECT_EQ(PegasusErrorName(slow->status()), "ERR_TIMEOUT");
  EXPECT_EQ(slow->status().code(), absl::StatusCode::kDeadlineExceeded);

  peer.Send(Answer(slow_request, std::string(100'000, 'x')) + Answer(patient_request, "patient"));
  ASSERT_TRUE(RunUntil(&io_, [&] { return patient.has_value(); }));
  ASSERT_TRUE(patient->ok()) << patient->status();
  EXPECT_EQ((**patient).body, "patient");
}

TEST_F(ClientTest, AfterATimeoutWithoutAByteTheNextCallTriesAnotherConnection) {
  RawPeer silent(&io_);
  const Ipv4Endpoint endpoint = silent.Listen();
  std::optional<absl::StatusOr<Reply>> lost;
  StartCall(endpoint, &lost);
  ASSERT_TRUE(RunToEnd(&io_, silent.Accept()));
  ReceiveRequest(&silent);
  clock_.Advance(absl::Seconds(6));
  ASSERT_TRUE(RunUntil(&io_, [&] { return lost.has_value(); }));
  EXPECT_EQ(PegasusErrorName(lost->status()), "ERR_TIMEOUT");

  std::optional<absl::StatusOr<Reply>> next;
  StartCall(endpoint, &next);
  ASSERT_TRUE(RunToEnd(&io_, silent.Accept()));
  silent.Send(Answer(ReceiveRequest(&silent), "here"));
  ASSERT_TRUE(RunUntil(&io_, [&] { return next.has_value(); }));
  EXPECT_TRUE(next->ok()) << next->status();
}

TEST_F(ClientTest, ADeadlineInThePastSendsNothing) {
  std::optional<absl::StatusOr<Reply>> result;
  CallOptions options;
  options.deadline = clock_.Now();
  StartCall({kLoopback, 1}, &result, "", options);
  ASSERT_TRUE(RunUntil(&io_, [&] { return result.has_value(); }));
  EXPECT_EQ(PegasusErrorName(result->status()), "ERR_TIMEOUT");
}

TEST_F(ClientTest, CancellationEndsACall) {
  RawPeer peer(&io_);
  const Ipv4Endpoint endpoint = peer.Listen();
  std::optional<absl::StatusOr<Reply>> result;
  const auto call = [](Client* client, Ipv4Endpoint where,
                       std::optional<absl::StatusOr<Reply>>* out) -> asio::awaitable<void> {
    co_await asio::this_coro::throw_if_cancelled(false);
    *out = co_await client->Call(where, "RPC_TEST", "");
  };
  asio::co_spawn(io_, call(client_.get(), endpoint, &result),
                 asio::bind_cancellation_slot(cancel_.slot(), [](std::exception_ptr) {}));
  ASSERT_TRUE(RunToEnd(&io_, peer.Accept()));
  ReceiveRequest(&peer);
  cancel_.emit(asio::cancellation_type::terminal);
  ASSERT_TRUE(RunUntil(&io_, [&] { return result.has_value(); }));
  EXPECT_EQ(result->status().code(), absl::StatusCode::kCancelled);
}

TEST_F(ClientTest, DestroyingTheClientEndsItsCalls) {
  RawPeer peer(&io_);
  const Ipv4Endpoint endpoint = peer.Listen();
  std::optional<absl::StatusOr<Reply>> result;
  StartCall(endpoint, &result);
  ASSERT_TRUE(RunToEnd(&io_, peer.Accept()));
  ReceiveRequest(&peer);
  client_.reset();
  ASSERT_TRUE(RunUntil(&io_, [&] { return result.has_value(); }));
  EXPECT_EQ(result->status().code(), absl::StatusCode::kCancelled);
}

// What a server may send that is no answer; each ends in ERR_INVALID_DATA.
class ClientGarbageTest : public ClientTest {
 protected:
  absl::Status CallAnsweredBy(const std::function<std::string(const NativeHeader&)>& answer) {
    RawPeer peer(&io_);
    const Ipv4Endpoint endpoint = peer.Listen();
    std::optional<absl::StatusOr<Reply>> result;
    StartCall(endpoint, &result);
    EXPECT_TRUE(RunToEnd(&io_, peer.Accept()));
    peer.Send(answer(ReceiveRequest(&peer)));
    EXPECT_TRUE(RunUntil(&io_, [&] { return result.has_value(); }));
    return result->status();
  }
};

TEST_F(ClientGarbageTest, BytesThatAreNoFrame) {
  const absl::Status status =
      CallAnsweredBy([](const NativeHeader&) { return std::string(kNativeHeaderBytes, 'x'); });
  EXPECT_EQ(PegasusErrorName(status), "ERR_INVALID_DATA");
}

TEST_F(ClientGarbageTest, AWrongBodyCrc) {
  const absl::Status status = CallAnsweredBy([](const NativeHeader& request) {
    std::string bytes = Answer(request, "answer", Checksums::kComputed);
    bytes.back() ^= 1;
    return bytes;
  });
  EXPECT_EQ(PegasusErrorName(status), "ERR_INVALID_DATA");
  EXPECT_THAT(std::string(status.message()), HasSubstr("CRC of a message body"));
}

TEST_F(ClientGarbageTest, AWrongHeaderCrc) {
  const absl::Status status = CallAnsweredBy([](const NativeHeader& request) {
    std::string bytes = Answer(request, "answer", Checksums::kComputed);
    bytes[32] ^= 1;
    return bytes;
  });
  EXPECT_EQ(PegasusErrorName(status), "ERR_INVALID_DATA");
  EXPECT_THAT(std::string(status.message()), HasSubstr("CRC of a frame header"));
}

TEST_F(ClientGarbageTest, ABodyOfFourGigabytes) {
  const absl::Status status = CallAnsweredBy([](const NativeHeader& request) {
    std::string bytes = Answer(request, "");
    StoreLittleEndian<uint32_t>(0xFFFFFFFF, 16, &bytes);
    return bytes;
  });
  EXPECT_EQ(PegasusErrorName(status), "ERR_INVALID_DATA");
  EXPECT_THAT(std::string(status.message()), HasSubstr("beyond the bound"));
}

TEST_F(ClientGarbageTest, ARequestInPlaceOfAnAnswer) {
  const absl::Status status = CallAnsweredBy(
      [](const NativeHeader& request) { return BuildNativeHeader(request, "", Checksums::kNone); });
  EXPECT_EQ(PegasusErrorName(status), "ERR_INVALID_DATA");
}

TEST_F(ClientGarbageTest, ACorrectCrcIsAccepted) {
  EXPECT_TRUE(CallAnsweredBy([](const NativeHeader& request) {
                return Answer(request, "answer", Checksums::kComputed);
              }).ok());
}

TEST_F(ClientTest, BoundsOnCallsAndConnectionsAreNamedWhenHit) {
  options_.in_flight_per_connection_max = 1;
  options_.connections_max = 1;
  client_ = std::make_unique<Client>(io_.get_executor(), &clock_, options_);
  RawPeer peer(&io_);
  const Ipv4Endpoint endpoint = peer.Listen();
  std::optional<absl::StatusOr<Reply>> first;
  std::optional<absl::StatusOr<Reply>> second;
  std::optional<absl::StatusOr<Reply>> elsewhere;
  StartCall(endpoint, &first);
  StartCall(endpoint, &second);
  StartCall({kLoopback, 1}, &elsewhere);
  ASSERT_TRUE(RunUntil(&io_, [&] { return second.has_value() && elsewhere.has_value(); }));
  EXPECT_EQ(PegasusErrorName(second->status()), "ERR_BUSY");
  EXPECT_THAT(std::string(second->status().message()), HasSubstr("in_flight_per_connection_max"));
  EXPECT_THAT(std::string(elsewhere->status().message()), HasSubstr("connections_max"));

  // A connection without calls makes room.
  ASSERT_TRUE(RunToEnd(&io_, peer.Accept()));
  peer.Send(Answer(ReceiveRequest(&peer), ""));
  ASSERT_TRUE(RunUntil(&io_, [&] { return first.has_value(); }));
  RawPeer other(&io_);
  std::optional<absl::StatusOr<Reply>> third;
  StartCall(other.Listen(), &third);
  ASSERT_TRUE(RunToEnd(&io_, other.Accept()));
  other.Send(Answer(ReceiveRequest(&other), ""));
  ASSERT_TRUE(RunUntil(&io_, [&] { return third.has_value(); }));
  EXPECT_TRUE(third->ok()) << third->status();
}

TEST(Resolver, AnAddressIsItsOwnAnswer) {
  asio::io_context io;
  SystemClock clock;
  const auto endpoint =
      RunToEnd(&io, ResolveIpv4(&clock, "10.1.2.3", 34801, clock.Now() + absl::Seconds(5)));
  ASSERT_TRUE(endpoint && endpoint->ok());
  EXPECT_EQ((*endpoint)->ToString(), "10.1.2.3:34801");
}

TEST(Resolver, LocalhostIsLoopbackAndBack) {
  asio::io_context io;
  SystemClock clock;
  const auto endpoint =
      RunToEnd(&io, ResolveIpv4(&clock, "localhost", 80, clock.Now() + absl::Seconds(20)));
  ASSERT_TRUE(endpoint && endpoint->ok()) << endpoint->status();
  EXPECT_EQ((*endpoint)->ToString(), "127.0.0.1:80");
  const auto name =
      RunToEnd(&io, ReverseResolve(&clock, kLoopback, clock.Now() + absl::Seconds(20)));
  ASSERT_TRUE(name && name->ok()) << name->status();
  EXPECT_EQ(**name, "localhost");
}

TEST(Resolver, AHostThatCannotExistIsNotFound) {
  asio::io_context io;
  SystemClock clock;
  const auto endpoint =
      RunToEnd(&io, ResolveIpv4(&clock, "no such host", 80, clock.Now() + absl::Seconds(20)));
  ASSERT_TRUE(endpoint);
  EXPECT_EQ(endpoint->status().code(), absl::StatusCode::kNotFound) << endpoint->status();
}

TEST(Resolver, ADeadlineInThePastEndsTheWait) {
  asio::io_context io;
  testing::ManualClock clock;
  const auto endpoint =
      RunToEnd(&io, ResolveIpv4(&clock, "localhost", 80, clock.Now() - absl::Seconds(1)));
  ASSERT_TRUE(endpoint);
  EXPECT_EQ(endpoint->status().code(), absl::StatusCode::kDeadlineExceeded) << endpoint->status();
}

}  // namespace
}  // namespace metarec::rpc
