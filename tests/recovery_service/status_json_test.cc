#include "recovery_service/status/status_json.h"

#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include "base/runtime/event.h"
#include "rpc/pegasus_status.h"
#include "service_world.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;
using RecoveryResponse = idl::configuration_recovery_response;

rapidjson::Document JsonOf(const ServiceWorld& world) {
  rapidjson::Document json;
  json.Parse(StatusJson(world.service->status(), world.clock.Now()));
  EXPECT_FALSE(json.HasParseError());
  return json;
}

std::vector<std::string> Strings(const rapidjson::Value& array, const char* key) {
  std::vector<std::string> strings;
  for (const auto& item : array.GetArray()) strings.emplace_back(item[key].GetString());
  return strings;
}

void Recover(ServiceWorld* world, const std::string& ports, bool skip_bad = false) {
  world->Run([&]() -> asio::awaitable<void> {
    const auto ignored = Decoded<RecoveryResponse>(
        co_await world->service->Serve(ServiceWorld::StartRecovery(ports, skip_bad)));
    static_cast<void>(ignored);
  });
}

TEST(StatusJsonTest, TheWorstFindingsAreThereHoweverManyThereAre) {
  ServiceWorld world;
  std::vector<int> ports;
  for (uint16_t port = 1; port <= 153; ++port) {
    ports.push_back(port);
    world.source.down[port] = port > 3;
  }
  Recover(&world, absl::StrJoin(ports, ","), true);
  const rapidjson::Document json = JsonOf(world);
  EXPECT_STREQ(json["state"].GetString(), "recovered");
  const std::vector<std::string> severities = Strings(json["findings"], "severity");
  ASSERT_EQ(severities.size(), 200U);
  EXPECT_EQ(severities[149], "hazard");  // of nodes that may come back
  EXPECT_EQ(severities[150], "warning");
  EXPECT_GE(json["findings_count"].GetInt(), 300);
  EXPECT_EQ(json["findings_by_severity"]["hazard"].GetInt(), 150);
  EXPECT_GE(json["findings_by_severity"]["warning"].GetInt(), 150);
  EXPECT_FALSE(json["findings_by_severity"].HasMember("conflict"));
}

TEST(StatusJsonTest, NodesThatFailedComeFirst) {
  ServiceWorld world;
  world.source.down[2] = true;
  Recover(&world, "1,2,3");
  const rapidjson::Document json = JsonOf(world);
  EXPECT_STREQ(json["state"].GetString(), "failed");
  EXPECT_THAT(Strings(json["nodes"], "name"),
              ElementsAre("localhost:2", "localhost:1", "localhost:3"));
  EXPECT_THAT(Strings(json["nodes"], "state"),
              ElementsAre("failed: ERR_INVALID_DATA", "answered", "answered"));
  EXPECT_THAT(Strings(json["phases"], "state"), ElementsAre("failed", "waiting", "waiting"));
}

TEST(StatusJsonTest, PhasesAreAllDoneInTheEnd) {
  ServiceWorld world;
  EXPECT_EQ(JsonOf(world)["phases"].Size(), 0U);
  Recover(&world, "1,2,3");
  const rapidjson::Document json = JsonOf(world);
  EXPECT_THAT(Strings(json["phases"], "phase"), ElementsAre("collect", "write", "verify"));
  EXPECT_THAT(Strings(json["phases"], "state"), ElementsAre("done", "done", "done"));
}

TEST(StatusJsonTest, WhatARootHoldsIsShownWithoutAnyRun) {
  ServiceWorld world;
  world.service->ServeRecovered(ServiceWorld::ServedTopology());
  const rapidjson::Document json = JsonOf(world);
  EXPECT_STREQ(json["state"].GetString(), "recovered");
  EXPECT_STREQ(json["summary"].GetString(), "1 table, 2 partitions");
  EXPECT_STREQ(json["next"].GetString(),
               "Stop this server, and start the meta server on this root.");
  EXPECT_THAT(Strings(json["tables"], "name"), ElementsAre("served"));
  EXPECT_THAT(Strings(json["tables"], "heat"), ElementsAre("+0"));
  EXPECT_EQ(json["tables_count"].GetInt(), 1);
  EXPECT_EQ(json["phases"].Size(), 0U);
  EXPECT_FALSE(json.HasMember("error"));
}

TEST(StatusJsonTest, ARetryThatFailedIsShownBesideWhatIsServed) {
  ServiceWorld world;
  world.source.down[2] = true;
  world.service->ServeRecovered(ServiceWorld::ServedTopology(), {}, Retries::kAnswered);
  Recover(&world, "1,2,3");
  const rapidjson::Document json = JsonOf(world);
  EXPECT_STREQ(json["state"].GetString(), "recovered");
  EXPECT_STREQ(json["error"].GetString(), "ERR_TRY_AGAIN");
  EXPECT_THAT(Strings(json["phases"], "state"), ElementsAre("failed", "waiting", "waiting"));
  EXPECT_STREQ(json["summary"].GetString(), "1 table, 2 partitions");
  EXPECT_THAT(Strings(json["tables"], "name"), ElementsAre("served"));
  EXPECT_THAT(json["next"].GetString(), StartsWith("Set [meta_server] recover_from_replica_"));
}

TEST(StatusJsonTest, WhoeverWaitsSeesForWhom) {
  RecoveryServiceOptions options = ServiceWorld::Options();
  options.recovery.ask_again_after = absl::Milliseconds(100);
  ServiceWorld world(std::move(options));
  world.source.status[2] = ReplicaStatus::kPrimary;  // its lease does not run out
  world.Run([&]() -> asio::awaitable<void> {
    Event asked(world.context.get_executor());
    int calls = 0;
    world.source.before_tables = [&]() -> asio::awaitable<void> {
      if (++calls == 7) {  // the third round
        const rapidjson::Document json = JsonOf(world);
        EXPECT_STREQ(json["state"].GetString(), "recovering");
        EXPECT_THAT(Strings(json["phases"], "phase"),
                    ElementsAre("collect", "await_inactive", "write", "verify"));
        EXPECT_THAT(Strings(json["phases"], "state"),
                    ElementsAre("running", "waiting", "waiting", "waiting"));
        EXPECT_THAT(Strings(json["nodes"], "answer"), ::testing::Contains("asking"));
      }
      co_return;
    };
    const auto late = Decoded<RecoveryResponse>(co_await world.service->Serve(
        ServiceWorld::StartRecovery("1,2,3", false, absl::Seconds(5))));
    EXPECT_GE(calls, 7);
    EXPECT_NE(late.err.name, "ERR_OK");
  });
  const rapidjson::Document json = JsonOf(world);
  EXPECT_THAT(Strings(json["nodes"], "state"),
              ::testing::Contains("answered, 1 replica still served"));
}

TEST(StatusJsonTest, AServerThatIsListedTwiceIsShownOnce) {
  WorldSource source;
  RunWatch watch(&source);
  NodeList list;
  for (const char* const text : {"a:1", "b:1", "c:2"}) {
    NodeListEntry& entry = list.entries.emplace_back();
    entry.text = text;
    entry.port = static_cast<uint16_t>(text[2] - '0');
  }
  watch.Begin(list);
  ServiceWorld world;
  world.Run([&]() -> asio::awaitable<void> {
    for (const NodeListEntry& entry : list.entries) {
      const auto identity = co_await watch.Identify(entry, absl::InfiniteFuture());
      EXPECT_TRUE(identity.ok());
    }
  });
  RecoveryServiceStatus status;
  status.state = RecoveryState::kRecovering;
  status.run = &watch;
  rapidjson::Document json;
  json.Parse(StatusJson(status, absl::UnixEpoch()));
  EXPECT_THAT(Strings(json["nodes"], "name"), ElementsAre("a:1", "c:2"));
}

}  // namespace
}  // namespace metarec
