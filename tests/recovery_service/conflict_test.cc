// A recovery that needs decisions: whoever is told of it is told how to go on, too.

#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_split.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include "recovery_service/status/status_commands.h"
#include "recovery_service/status/status_json.h"
#include "service_world.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using RecoveryResponse = idl::configuration_recovery_response;

// One node says that the table is of another type.
class ConflictTest : public ::testing::Test {
 protected:
  static void Disagree(ServiceWorld* world) {
    world->source.edit_table = [](uint16_t port, TableRecord* table) {
      if (port == 3) table->app_type = "simple_kv";
    };
  }

  static RecoveryResponse Recover(ServiceWorld* world) {
    RecoveryResponse response;
    world->Run([&]() -> asio::awaitable<void> {
      response = Decoded<RecoveryResponse>(
          co_await world->service->Serve(ServiceWorld::StartRecovery("1,2,3")));
    });
    return response;
  }
};

TEST_F(ConflictTest, TheCallerWasToldToSendRecoverAgainWhichCannotHelp) {
  ServiceWorld world;
  Disagree(&world);
  const RecoveryResponse response = Recover(&world);
  EXPECT_EQ(response.err.name, "ERR_INVALID_STATE");
  const std::vector<std::string> lines =
      absl::StrSplit(response.hint_message, '\n', absl::SkipEmpty());
  EXPECT_THAT(lines, Contains(AllOf(StartsWith("ERROR: "), HasSubstr("--settle 1.app_type=pegasus"),
                                    HasSubstr("--settle 1.app_type=simple_kv"))));
  EXPECT_THAT(lines, Contains("ERROR: Sending recover again does not help before each conflict is "
                              "decided. Start metarecd again with your choices added to its flags, "
                              "for example:"));
  EXPECT_THAT(lines, Contains("ERROR:   metarecd ... --settle 1.app_type=pegasus"));
  EXPECT_EQ(lines.back(),
            "ERROR:   metarec apply --plan FILE --zk 127.0.0.1:22181 --root /pegasus/recovered");
}

TEST_F(ConflictTest, AProgramWithoutSuchFlagsToldItsOperatorsToGiveThem) {
  RecoveryServiceOptions options = ServiceWorld::Options();
  options.build.program = "";
  ServiceWorld world(std::move(options));
  Disagree(&world);
  EXPECT_THAT(Recover(&world).hint_message,
              AllOf(Not(HasSubstr("metarecd")), HasSubstr("write from the command line"),
                    HasSubstr("  metarec plan -f recover_node_list --plan FILE --settle ")));
  const RecoveryServiceStatus status = world.service->status();
  EXPECT_THAT(StatusJson(status, world.clock.Now()), Not(HasSubstr("metarecd")));
}

TEST_F(ConflictTest, TheCommandThatIsAdvisedLeftOutTheFlagsOfTheRequestAndOfTheServer) {
  RecoveryServiceOptions options = ServiceWorld::Options();
  options.recovery.plan.rename_separator = "_";
  ServiceWorld world(std::move(options));
  Disagree(&world);
  RecoveryResponse response;
  world.Run([&]() -> asio::awaitable<void> {
    response = Decoded<RecoveryResponse>(
        co_await world.service->Serve(ServiceWorld::StartRecovery("1,2,3", true)));
  });
  const char* const command =
      "  metarec plan -f recover_node_list --plan FILE --skip_bad_nodes --rename_separator _ "
      "--settle 1.app_type=";
  EXPECT_THAT(response.hint_message, HasSubstr(command));
  EXPECT_THAT(StatusJson(world.service->status(), world.clock.Now()), HasSubstr(command));
}

TEST_F(ConflictTest, BehindAChrootTheCommandThatIsAdvisedLedToAnotherRoot) {
  RecoveryServiceOptions options = ServiceWorld::Options();
  options.cluster.zookeeper_hosts = "127.0.0.1:22181/behind";
  options.cluster.zookeeper_root = "/pegasus/fresh";
  options.recovery.root = "/behind/pegasus/fresh";
  ServiceWorld world(options);
  Disagree(&world);
  Recover(&world);
  rapidjson::Document json;
  json.Parse(StatusJson(world.service->status(), world.clock.Now()));
  ASSERT_FALSE(json.HasParseError());
  EXPECT_THAT(json["next"].GetString(),
              HasSubstr("metarec apply --plan FILE --zk 127.0.0.1:22181/behind --root "
                        "/pegasus/fresh"));
}

TEST_F(ConflictTest, PageStatusAndLogNameTheCommandThatSettlesIt) {
  ServiceWorld world;
  Disagree(&world);
  Recover(&world);
  rapidjson::Document json;
  json.Parse(StatusJson(world.service->status(), world.clock.Now()));
  ASSERT_FALSE(json.HasParseError());
  EXPECT_STREQ(json["state"].GetString(), "failed");
  ASSERT_EQ(json["decisions"].Size(), 1U);
  EXPECT_STREQ(json["decisions"][0].GetString(), "--settle 1.app_type=pegasus");
  EXPECT_THAT(json["next"].GetString(),
              AllOf(HasSubstr("metarecd ... --settle 1.app_type=pegasus\n"),
                    HasSubstr("metarec plan -f recover_node_list --plan FILE --settle 1.app_type"),
                    HasSubstr("metarec apply --plan FILE --zk 127.0.0.1:22181 --root "
                              "/pegasus/recovered"),
                    Not(HasSubstr("Then send recover again."))));
  EXPECT_THAT(StatusLine(world.service->status()), HasSubstr("--settle 1.app_type=pegasus"));
  EXPECT_THAT(world.listener.audit, Contains(HasSubstr("--settle 1.app_type=pegasus")));
}

// No server describes table 1, and none has anything of table 5.
TEST_F(ConflictTest, WhatAnExampleLeavesOpenAndWhatADroppedTableLostIsSaidOnce) {
  ServiceWorld world;
  world.source.edit_table = [](uint16_t, TableRecord* table) { table->app_id = 5; };
  const std::string hints = Recover(&world).hint_message;
  constexpr char kChoices[] =
      "metarecd ... --settle 1=NAME:PARTITION_COUNT:MAX_REPLICA_COUNT --settle 5=ignore\n";
  EXPECT_THAT(hints, AllOf(HasSubstr("for example (fill in the parts in capitals):\n"),
                           HasSubstr(kChoices)));
  rapidjson::Document json;
  json.Parse(StatusJson(world.service->status(), world.clock.Now()));
  ASSERT_FALSE(json.HasParseError());
  EXPECT_THAT(json["next"].GetString(),
              AllOf(HasSubstr("(fill in the parts in capitals)"), HasSubstr(kChoices)));
  EXPECT_STREQ(json["headline"].GetString(),
               "NOT READY: 1 conflict needs your decision, and there is 1 error");
  EXPECT_EQ(json["findings_by_severity"]["error"].GetInt(), 1);
}

TEST_F(ConflictTest, WithTheDecisionTheSameRequestSucceeds) {
  RecoveryServiceOptions options = ServiceWorld::Options();
  options.recovery.plan.settlements = {{"1.app_type", "pegasus"}};
  ServiceWorld world(std::move(options));
  Disagree(&world);
  EXPECT_EQ(Recover(&world).err.name, "ERR_OK");
}

// The answer was ERR_OK and said nothing of them, although a stock meta server may abort.
TEST_F(ConflictTest, ReplicasThatADecisionLeavesOutAreAHazardInTheAnswer) {
  RecoveryServiceOptions options = ServiceWorld::Options();
  options.recovery.plan.settlements = {{"1", "ignore"}, {"5", "ignore"}};
  ServiceWorld world(std::move(options));
  world.source.edit_table = [](uint16_t, TableRecord* table) { table->app_id = 5; };
  const RecoveryResponse response = Recover(&world);
  EXPECT_EQ(response.err.name, "ERR_OK");
  EXPECT_THAT(response.hint_message,
              AllOf(StartsWith("HAZARD: 3 replicas on localhost:1, localhost:2, localhost:3 "),
                    HasSubstr("of table 1, which no node describes; left out as decided")));
}

// Narrower than recover -b and -l, which skip whatever is missing.
TEST_F(ConflictTest, ANodeThatIsSkippedByNameIsGoneOnWithoutAndNoOther) {
  RecoveryServiceOptions options = ServiceWorld::Options();
  options.recovery.plan.bad_nodes_skipped = {"localhost:3"};
  ServiceWorld one(options);
  one.source.down[3] = true;
  EXPECT_EQ(Recover(&one).err.name, "ERR_OK");
  ServiceWorld another(options);
  another.source.down[2] = true;
  EXPECT_EQ(Recover(&another).err.name, "ERR_TRY_AGAIN");
}

}  // namespace
}  // namespace metarec
