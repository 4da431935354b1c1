// What the log says of who asked for recoveries and commands, and of what became of them.

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "idl/task_codes.h"
#include "service_world.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr char kAsked[] =
    "audit: start_recovery of 3 nodes (localhost:1, localhost:2, localhost:3), "
    "skip_bad_nodes=false, skip_lost_partitions=false from 127.0.0.1:50000 ";

void Serve(ServiceWorld* world, rpc::Request request) {
  world->Run([&]() -> asio::awaitable<void> {
    const rpc::HandlerResult ignored = co_await world->service->Serve(request);
    static_cast<void>(ignored);
  });
}

TEST(AuditTest, AFailedRunWasNotInTheLog) {
  ServiceWorld world;
  world.source.down[2] = true;
  Serve(&world, ServiceWorld::StartRecovery("1,2,3"));
  ASSERT_THAT(world.listener.audit, SizeIs(::testing::Ge(3U)));
  EXPECT_EQ(world.listener.audit[0], std::string(kAsked) + "begins");
  EXPECT_EQ(world.listener.audit[1], std::string(kAsked) +
                                         "ended with ERR_TRY_AGAIN: the plan has errors; nothing "
                                         "was written");
  EXPECT_THAT(world.listener.audit[2], AllOf(StartsWith("audit:   "), HasSubstr("localhost:2"),
                                             HasSubstr("skip_bad_nodes")));
}

TEST(AuditTest, ASuccessfulRunIsTwoLines) {
  ServiceWorld world;
  Serve(&world, ServiceWorld::StartRecovery("1,2,3"));
  EXPECT_THAT(world.listener.audit, ElementsAre(std::string(kAsked) + "begins",
                                                std::string(kAsked) + "ended with ERR_OK"));
  Serve(&world, ServiceWorld::StartRecovery("1,2"));
  EXPECT_EQ(world.listener.audit.back(),
            "audit: start_recovery of 2 nodes (localhost:1, localhost:2), skip_bad_nodes=false, "
            "skip_lost_partitions=false from 127.0.0.1:50000 was answered "
            "ERR_SERVICE_ALREADY_RUNNING");
}

TEST(AuditTest, ADeniedRequestWasNotInTheLog) {
  RecoveryServiceOptions options = ServiceWorld::Options();
  options.operators = *AllowedNetworks::Parse("10.0.0.0/8");
  ServiceWorld world(std::move(options));
  Serve(&world, ServiceWorld::StartRecovery("1,2,3"));
  idl::command command;
  command.cmd = "server-\nstat";
  Serve(&world, ServiceWorld::Ask(idl::kRpcCliCliCall, command));
  Serve(&world, ServiceWorld::RequestOf(idl::kRpcCmStartRecovery, std::string(100'000, 'x')));
  const std::string why =
      "was denied (ERR_ACL_DENY): the address is in none of the operators' networks";
  EXPECT_THAT(world.listener.audit,
              ElementsAre(kAsked + why,
                          "audit: remote command server-\\x0astat from 127.0.0.1:50000 " + why,
                          "audit: start_recovery from 127.0.0.1:50000 " + why));
}

TEST(AuditTest, ARequestThatMakesNoSenseIsInTheLog) {
  ServiceWorld world;
  Serve(&world, ServiceWorld::RequestOf(idl::kRpcCmStartRecovery, "garbage"));
  Serve(&world, ServiceWorld::StartRecovery(""));
  EXPECT_THAT(world.listener.audit,
              ElementsAre("audit: start_recovery from 127.0.0.1:50000 was answered "
                          "ERR_INVALID_DATA: the body is no start_recovery request",
                          "audit: start_recovery from 127.0.0.1:50000 was answered "
                          "ERR_INVALID_PARAMETERS: the request names no replica server"));
}

TEST(AuditTest, ARunThatIsCutOffIsInTheLog) {
  ServiceWorld world;
  world.Run([&]() -> asio::awaitable<void> {
    co_await world.BeginHangingRun();
    co_await world.service->StepDown();
    co_await Settle();
  });
  ASSERT_THAT(world.listener.audit, SizeIs(2));
  EXPECT_THAT(world.listener.audit[1],
              HasSubstr("ended with ERR_FORWARD_TO_OTHERS: this server stopped leading"));
}

TEST(AuditTest, ARunThatTheEndOfTheServiceCutOffHadNoLineAtItsEnd) {
  ServiceWorld world;
  world.Run([&]() -> asio::awaitable<void> {
    co_await world.BeginHangingRun();
    co_await world.service->Stop();
    co_await Settle();
  });
  ASSERT_THAT(world.listener.audit, SizeIs(2));
  EXPECT_EQ(world.listener.audit[1],
            std::string(kAsked) +
                "ended with ERR_FORWARD_TO_OTHERS: this server stopped in the middle of it; the "
                "next leader goes on when the same request is sent to it");
}

TEST(AuditTest, WhoAsksAgainAndAgainDoesNotFillTheLog) {
  AuditLimit limit;
  const absl::Time now = absl::UnixEpoch();
  int allowed = 0;
  for (int i = 0; i < 1000; ++i) allowed += limit.Allows(now) ? 1 : 0;
  EXPECT_EQ(allowed, 100);
  EXPECT_TRUE(limit.Allows(now + absl::Seconds(10)));
  EXPECT_EQ(limit.TakeSuppressed(), 900);
  EXPECT_EQ(limit.TakeSuppressed(), 0);
}

TEST(AuditTest, OfMuchThatIsWrongTheLogHasTheBeginning) {
  AuditEntry entry;
  entry.event = AuditEntry::Event::kRunEnds;
  entry.error_name = "ERR_TRY_AGAIN";
  entry.details.assign(1000, std::string(10'000, 'x'));
  const std::vector<std::string> lines = AuditLines(entry);
  ASSERT_THAT(lines, SizeIs(22));
  EXPECT_LT(lines[1].size(), 2100U);
  EXPECT_EQ(lines.back(), "audit:   and 980 more lines");
  EXPECT_TRUE(entry.is_failure());
  entry.error_name = "ERR_OK";
  EXPECT_FALSE(entry.is_failure());
}

}  // namespace
}  // namespace metarec
