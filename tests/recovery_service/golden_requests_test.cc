// Every request that stock shells, clients and servers were ever seen to send, byte for byte, over
// sockets, at a service in every state: what is answered is what docs/service.md says. Where a
// stock meta server was captured under recovery, the answers are the same bytes.

#include <functional>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <gtest/gtest.h>

#include "captured_messages.h"
#include "captured_world.h"
#include "idl/client_types.h"
#include "idl/meta_admin_types.h"
#include "idl/meta_server_types.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"
#include "recovery_service/recovery_gate.h"

namespace metarec {
namespace {

constexpr Ipv4Endpoint kLeader = {.ip = 0x7F000002, .port = 34601};

bool IsBeacon(const CapturedRequest& captured) {
  return captured.task_code == idl::kRpcFdFailureDetectorPing;
}

bool StartsRecovery(const CapturedRequest& captured) {
  return captured.task_code == idl::kRpcCmStartRecovery;
}

// The table of docs/service.md. Written down a second time, on purpose.
enum class Row { kStartRecovery, kAlwaysServed, kServedOnceRecovered, kNeverServed, kUnknown };

Row RowOf(const CapturedRequest& captured) {
  using namespace idl;  // NOLINT: the table is made of its names
  static const std::set<absl::string_view> kQuestions = {
      kRpcCmListApps,    kRpcCmListNodes,  kRpcCmClusterInfo, kRpcCmQueryPartitionConfigByIndex,
      kRpcCmDddDiagnose, kRpcCmControlMeta};
  if (StartsRecovery(captured)) return Row::kStartRecovery;
  if (IsBeacon(captured) || captured.task_code == kRpcCliCliCall) return Row::kAlwaysServed;
  if (kQuestions.contains(captured.task_code)) return Row::kServedOnceRecovered;
  if (absl::StartsWith(captured.task_code, "RPC_CM_")) return Row::kNeverServed;
  return Row::kUnknown;  // replica servers' RPCs
}

Answer Parsed(const std::string& frame) {
  absl::StatusOr<Answer> answer = ParseAnswer(frame);
  EXPECT_TRUE(answer.ok()) << answer.status();
  return answer.ok() ? *std::move(answer) : Answer();
}

// Whether it asks for the same recovery.
bool IsSameOrder(const CapturedRequest& a, const CapturedRequest& b) {
  constexpr size_t kHeader = 192;
  return a.request.substr(kHeader) == b.request.substr(kHeader);
}

// The error of the struct; "(none)" if it does not decode as the RPC's own response, or has none.
std::string ErrorOf(const CapturedRequest& captured, const Answer& answer) {
  const absl::StatusOr<MessageFields> fields = BodyFields(captured.task_code, answer.body);
  EXPECT_TRUE(fields.ok()) << fields.status();
  if (!fields.ok() || !fields->contains("err")) return "(none)";
  return fields->at("err");
}

class GoldenRequestsTest : public ::testing::Test {
 protected:
  using Check = std::function<void(const CapturedRequest&, const Answer&)>;

  ~GoldenRequestsTest() override {
    std::cout << exchanges_ << " requests replayed, " << same_bytes_
              << " answers with the bytes of a stock meta server under recovery\n";
  }

  // Asks everything that there is but start_recovery, beacons by TCP and UDP.
  asio::awaitable<void> AskEverything(CapturedWorld* world, Check check) {
    for (const CapturedRequest& captured : CapturedRequests()) {
      if (StartsRecovery(captured)) continue;
      co_await Ask(world, captured, check);
      if (!IsBeacon(captured)) continue;
      const std::string datagram = co_await world->ExchangeDatagram(captured.request);
      Take(captured, datagram, check);
    }
  }
  asio::awaitable<void> AskToRecover(CapturedWorld* world, Check check) {
    for (const CapturedRequest& captured : CapturedRequests()) {
      if (StartsRecovery(captured)) co_await Ask(world, captured, check);
    }
  }
  asio::awaitable<void> Ask(CapturedWorld* world, const CapturedRequest& captured,
                            const Check& check) {
    const std::string frame = co_await world->Exchange(captured.request);
    Take(captured, frame, check);
  }

  // The answer's header must be right whatever it says.
  void Take(const CapturedRequest& captured, const std::string& frame, const Check& check) {
    SCOPED_TRACE(captured.name);
    ++exchanges_;
    const Answer answer = Parsed(frame);
    EXPECT_EQ(answer.header, HeaderOfAnswerTo(captured, answer.error_name));
    check(captured, answer);
  }

  // What docs/service.md says of everything but start_recovery, for who leads.
  void ExpectTheTable(const CapturedRequest& captured, const Answer& answer, RecoveryState state) {
    switch (RowOf(captured)) {
      case Row::kUnknown:
        return ExpectNoHandler(answer);
      case Row::kAlwaysServed:
        return ExpectServed(captured, answer);
      case Row::kServedOnceRecovered:
        if (state == RecoveryState::kRecovered) return ExpectServed(captured, answer);
        return ExpectUnderRecovery(captured, answer);
      default:
        return ExpectUnderRecovery(captured, answer);
    }
  }
  Check TheTable(RecoveryState state) {
    return [this, state](const CapturedRequest& captured, const Answer& answer) {
      ExpectTheTable(captured, answer, state);
    };
  }

  // All but `err` has its default, as in the captured refusals.
  void ExpectUnderRecovery(const CapturedRequest& captured, const Answer& answer) {
    EXPECT_EQ(answer.error_name, "ERR_OK");
    EXPECT_EQ(ErrorOf(captured, answer), "ERR_UNDER_RECOVERY");
    if (const MetaRpc* const rpc = FindMetaRpc(captured.task_code)) {
      EXPECT_EQ(answer.body, rpc->EncodeRefusal("ERR_UNDER_RECOVERY"));
    }
    if (!absl::StrContains(captured.response, "ERR_UNDER_RECOVERY")) return;
    EXPECT_EQ(answer.body, Parsed(captured.response).body);
    ++same_bytes_;
  }

  static void ExpectNoHandler(const Answer& answer) {
    EXPECT_EQ(answer.error_name, "ERR_HANDLER_NOT_FOUND");
    EXPECT_EQ(answer.body, "");
  }

  static void ExpectServed(const CapturedRequest& captured, const Answer& answer) {
    EXPECT_EQ(answer.error_name, "ERR_OK");
    const absl::StatusOr<MessageFields> fields = BodyFields(captured.task_code, answer.body);
    ASSERT_TRUE(fields.ok()) << fields.status();
    if (!fields->contains("err")) return;
    // Nobody has recovered the tables that two clients look for.
    const bool is_unknown = absl::StrContains(captured.request, "no_such_table") ||
                            absl::StrContains(captured.request, "javatable");
    EXPECT_EQ(fields->at("err"), is_unknown ? "ERR_OBJECT_NOT_FOUND" : "ERR_OK");
  }

  static void ExpectForwarded(const CapturedRequest& captured, const Answer& answer) {
    if (captured.is_native()) {  // all of them support it
      EXPECT_EQ(answer.error_name, "ERR_FORWARD_TO_OTHERS");
      idl::rpc_address leader;
      EXPECT_TRUE(idl::DecodeBody(answer.body, &leader).ok());
      EXPECT_EQ(leader, kLeader.ToRpcAddress());
      return;
    }
    EXPECT_EQ(answer.error_name, "ERR_OK");
    EXPECT_EQ(ErrorOf(captured, answer), "ERR_FORWARD_TO_OTHERS");
    if (captured.task_code != idl::kRpcCmQueryPartitionConfigByIndex) return;
    idl::query_cfg_response response;
    EXPECT_TRUE(idl::DecodeBody(answer.body, &response).ok());
    ASSERT_EQ(response.partitions.size(), 1U);
    EXPECT_EQ(response.partitions[0].primary, kLeader.ToRpcAddress());
    EXPECT_EQ(response.partitions[0].hp_primary, idl::host_port("meta2", 34601));
  }

  int exchanges_ = 0;
  int same_bytes_ = 0;
};

TEST_F(GoldenRequestsTest, EveryRequestThatWasCapturedIsAmongThem) {
  std::map<Row, int> rows;
  for (const CapturedRequest& captured : CapturedRequests()) ++rows[RowOf(captured)];
  EXPECT_EQ(rows, (std::map<Row, int>{{Row::kStartRecovery, 17},
                                      {Row::kAlwaysServed, 5},
                                      {Row::kServedOnceRecovered, 55},
                                      {Row::kNeverServed, 30},
                                      {Row::kUnknown, 112}}));
}

TEST_F(GoldenRequestsTest, WhileWaiting) {
  CapturedWorld world;
  world.Run([&]() -> asio::awaitable<void> {
    co_await AskEverything(&world, TheTable(RecoveryState::kWaiting));
  });
  EXPECT_EQ(world.service->state(), RecoveryState::kWaiting);
  EXPECT_EQ(same_bytes_, 43);
}

TEST_F(GoldenRequestsTest, WhileRecovering) {
  CapturedWorld world;
  Event is_asking(world.context.get_executor());
  Event go_on(world.context.get_executor());
  world.source.asked = &is_asking;
  world.source.hold = &go_on;
  const CapturedRequest& first = CapturedRequestOf("rpc/RPC_CM_START_RECOVERY.1");
  std::map<std::string, std::string> recovered;
  size_t asked = 0;
  size_t others = 0;  // of these, those that want something else, which need not wait
  Event others_answered(world.context.get_executor());
  Event all_answered(world.context.get_executor());
  world.Run([&]() -> asio::awaitable<void> {
    const auto ask = [&](const CapturedRequest& captured) -> asio::awaitable<void> {
      const std::string name = captured.name;
      std::string frame = co_await world.Exchange(captured.request);
      recovered[name] = std::move(frame);
      if (recovered.size() == others) others_answered.Set();
      if (recovered.size() == asked) all_answered.Set();
    };
    asio::co_spawn(world.context, ask(first), asio::detached);
    ++asked;
    co_await is_asking.WaitRegardless();
    EXPECT_EQ(world.service->state(), RecoveryState::kRecovering);
    co_await AskEverything(&world, TheTable(RecoveryState::kRecovering));
    for (const CapturedRequest& captured : CapturedRequests()) {
      if (!StartsRecovery(captured) || &captured == &first) continue;
      asio::co_spawn(world.context, ask(captured), asio::detached);
      ++asked;
      if (!IsSameOrder(captured, first)) ++others;
    }
    co_await others_answered.WaitRegardless();
    EXPECT_EQ(world.service->state(), RecoveryState::kRecovering);
    go_on.Set();
    co_await all_answered.WaitRegardless();
  });
  for (const auto& [name, frame] : recovered) {
    const CapturedRequest& captured = CapturedRequestOf(name);
    Take(captured, frame, [&](const CapturedRequest&, const Answer& answer) {
      EXPECT_EQ(ErrorOf(captured, answer), IsSameOrder(captured, first) ? "ERR_OK" : "ERR_BUSY");
    });
  }
}

TEST_F(GoldenRequestsTest, OnceRecovered) {
  CapturedWorld world;
  const CapturedRequest& first = CapturedRequestOf("rpc/RPC_CM_START_RECOVERY.1");
  world.Run([&]() -> asio::awaitable<void> {
    const std::string result = co_await world.Exchange(first.request);
    EXPECT_EQ(world.service->state(), RecoveryState::kRecovered);
    co_await AskEverything(&world, TheTable(RecoveryState::kRecovered));
    co_await AskToRecover(&world, [&](const CapturedRequest& captured, const Answer& answer) {
      if (IsSameOrder(captured, first)) {
        EXPECT_EQ(answer.body, Parsed(result).body);
      } else {
        EXPECT_EQ(ErrorOf(captured, answer), "ERR_SERVICE_ALREADY_RUNNING");
      }
    });
  });
}

TEST_F(GoldenRequestsTest, AfterAFailure) {
  CapturedWorld world;
  for (const uint16_t port : {34801, 34802, 34803, 34804, 34899, 34601}) {
    world.source.errors[port] = "ERR_INVALID_DATA";
  }
  world.Run([&]() -> asio::awaitable<void> {
    // Each begins again, and fails.
    co_await AskToRecover(&world, [&](const CapturedRequest& captured, const Answer& answer) {
      EXPECT_EQ(ErrorOf(captured, answer), "ERR_TRY_AGAIN");
      EXPECT_EQ(world.service->state(), RecoveryState::kFailed);
    });
    co_await AskEverything(&world, TheTable(RecoveryState::kFailed));
  });
  EXPECT_EQ(world.service->state(), RecoveryState::kFailed);
}

TEST_F(GoldenRequestsTest, WhileAnotherMetaServerLeads) {
  CapturedWorld world;
  world.Run([&]() -> asio::awaitable<void> {
    co_await world.service->StepDown();
    world.service->Follow(LeaderIdentity{.name = "meta2:34601", .address = kLeader});
    const Check check = [](const CapturedRequest& captured, const Answer& answer) {
      const Row row = RowOf(captured);
      if (row == Row::kUnknown) return ExpectNoHandler(answer);
      if (row != Row::kAlwaysServed) return ExpectForwarded(captured, answer);
      ExpectServed(captured, answer);
      if (!IsBeacon(captured)) return;
      const absl::StatusOr<MessageFields> fields = BodyFields(captured.task_code, answer.body);
      ASSERT_TRUE(fields.ok()) << fields.status();
      EXPECT_EQ(fields->at("is_master"), "false");
      EXPECT_EQ(fields->at("primary_node"), absl::StrCat(kLeader.ToRpcAddress().raw()));
      EXPECT_EQ(fields->at("hp_primary_node"), "meta2|34601|1");
    };
    co_await AskEverything(&world, check);
    co_await AskToRecover(&world, check);
  });
}

}  // namespace
}  // namespace metarec
