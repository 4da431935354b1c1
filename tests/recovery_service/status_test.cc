#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_join.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include "base/runtime/event.h"
#include "recovery_service/status/status_commands.h"
#include "recovery_service/status/status_json.h"
#include "recovery_service/status/status_pages.h"
#include "recovery_service/status/status_rows.h"
#include "rpc/pegasus_status.h"
#include "service_world.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
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
  world.service->ServeRecovered(ServiceWorld::ServedTopology(), Retries::kAnswered);
  Recover(&world, "1,2,3");
  const rapidjson::Document json = JsonOf(world);
  EXPECT_STREQ(json["state"].GetString(), "recovered");
  EXPECT_STREQ(json["error"].GetString(), "ERR_TRY_AGAIN");
  EXPECT_THAT(Strings(json["phases"], "state"), ElementsAre("failed", "waiting", "waiting"));
  EXPECT_STREQ(json["summary"].GetString(), "1 table, 2 partitions");
  EXPECT_STREQ(json["loss"].GetString(), "1 partition names no replica: served (table 1) 1.1");
  EXPECT_FALSE(json["lost_are_empty"].GetBool());
  EXPECT_THAT(Strings(json["tables"], "name"), ElementsAre("served"));
  EXPECT_THAT(json["next"].GetString(), StartsWith("Set [meta_server] recover_from_replica_"));
}

TEST(StatusJsonTest, WhereAndWhatItIsWasNotSaid) {
  RecoveryServiceOptions options = ServiceWorld::Options();
  options.build.commit = "abc123";
  ServiceWorld world(std::move(options));
  rapidjson::Document json = JsonOf(world);
  EXPECT_STREQ(json["cluster"].GetString(), "onebox");
  EXPECT_STREQ(json["root"].GetString(), ServiceWorld::kRoot);
  EXPECT_STREQ(json["version"].GetString(), "1.2.3");
  EXPECT_STREQ(json["commit"].GetString(), "abc123");
  EXPECT_STREQ(json["zookeeper_hosts"].GetString(), "127.0.0.1:22181");
  EXPECT_FALSE(json.HasMember("zookeeper_connected"));  // nobody told
  world.service->NoteZooKeeperTrouble("no server answers");
  json = JsonOf(world);
  EXPECT_FALSE(json["zookeeper_connected"].GetBool());
  EXPECT_STREQ(json["zookeeper"].GetString(), "no server answers");
}

TEST(StatusJsonTest, AFinishedRecoveryWasForgottenWithTheLeadership) {
  ServiceWorld world;
  Recover(&world, "1,2,3");
  world.Run([&]() -> asio::awaitable<void> { co_await world.service->StepDown(); });
  world.service->NoteZooKeeperTrouble("the session has ended, and there is no new one yet");
  const rapidjson::Document json = JsonOf(world);
  EXPECT_STREQ(json["state"].GetString(), "waiting");
  EXPECT_TRUE(json["is_past_run"].GetBool());
  EXPECT_STREQ(json["error"].GetString(), "ERR_OK");
  EXPECT_STREQ(json["summary"].GetString(), "1 table, 1 partition");
  EXPECT_THAT(Strings(json["tables"], "name"), ElementsAre("temp"));
  EXPECT_THAT(Strings(json["phases"], "state"), ElementsAre("done", "done", "done"));
  EXPECT_STREQ(json["next"].GetString(),
               "Mend the trouble with ZooKeeper. This server tries again and again.\n\n"
               "The recovery has ended well: everything is written in /pegasus/recovered. Wait "
               "until this server, or another one, leads.");
  EXPECT_EQ(StatusLine(world.service->status()),
            "recovery: waiting, and before this server stopped leading: recovered; trouble with "
            "ZooKeeper: the session has ended, and there is no new one yet");
}

TEST(StatusJsonTest, ARunThatIsCutOffIsNotShownAsOneThatFailed) {
  ServiceWorld world;
  world.Run([&]() -> asio::awaitable<void> {
    co_await world.BeginHangingRun();
    EXPECT_STREQ(JsonOf(world)["state"].GetString(), "recovering");
    EXPECT_GT(JsonOf(world)["gives_up_in_seconds"].GetInt(), 50);
    co_await world.service->StepDown();
    co_await Settle();
  });
  const rapidjson::Document json = JsonOf(world);
  EXPECT_FALSE(json.HasMember("error"));
  EXPECT_EQ(json["phases"].Size(), 0U);
  EXPECT_TRUE(json.HasMember("unfinished_run"));
}

TEST(StatusJsonTest, AnUnfinishedRunInTheRootWasForgottenWhenARecoveryWasRefused) {
  ServiceWorld world;
  world.service->NoteUnfinishedRun("The root holds an unfinished run.");
  world.source.down[2] = true;
  Recover(&world, "1,2,3");
  rapidjson::Document json = JsonOf(world);
  EXPECT_STREQ(json["error"].GetString(), "ERR_TRY_AGAIN");
  ASSERT_TRUE(json.HasMember("unfinished_run"));
  EXPECT_STREQ(json["unfinished_run"].GetString(), "The root holds an unfinished run.");
  EXPECT_THAT(json["next"].GetString(), StartsWith("The root holds an unfinished run."));
  // While one runs it may be just that one.
  world.source.down[2] = false;
  world.source.before_tables = [&]() -> asio::awaitable<void> {
    EXPECT_FALSE(JsonOf(world).HasMember("unfinished_run"));
    co_return;
  };
  Recover(&world, "1,2,3");
  json = JsonOf(world);
  EXPECT_STREQ(json["error"].GetString(), "ERR_OK");
  EXPECT_FALSE(json.HasMember("unfinished_run"));
}

TEST(StatusJsonTest, HeadlineAndTablesCountWhatIsLostFromOneSource) {
  ServiceWorld world;
  world.source.edit_table = [](uint16_t, TableRecord* table) { table->partition_count = 3; };
  Recover(&world, "1,2,3");
  const std::shared_ptr<const PlanGlance> plan = world.service->status().plan;
  ASSERT_NE(plan, nullptr);
  EXPECT_EQ(plan->numbers.partitions_lost, 2);
  EXPECT_EQ(plan->tables.lost, 2);
  EXPECT_EQ(plan->tables.partitions, 3);
  EXPECT_EQ(plan->tables.rows.at(0).lost, 2);
  EXPECT_EQ(plan->tables.rows.at(0).heat, "+00");
}

TEST(StatusJsonTest, WhatTheFindingsSayWasSaidAgainAsTheNextStep) {
  ServiceWorld world;
  world.source.down[2] = true;
  Recover(&world, "1,2,3");
  const rapidjson::Document json = JsonOf(world);
  EXPECT_THAT(json["findings"][0]["text"].GetString(), HasSubstr("localhost:2"));
  EXPECT_THAT(json["next"].GetString(),
              AllOf(StartsWith("ERR_TRY_AGAIN: "), Not(HasSubstr("localhost:2")),
                    HasSubstr("Mend what the errors among the findings say"),
                    HasSubstr("Then send recover again.")));
}

TEST(StatusJsonTest, FindingsWereMissingWhileItWrites) {
  ServiceWorld world;
  std::string seen;
  world.source.down[3] = true;
  testing::InMemoryMetaStoreOptions store_options;
  store_options.injector = [&](const testing::StoreCall& call) {
    if (call.is_write() && seen.empty()) {
      seen = StatusJson(world.service->status(), world.clock.Now());
    }
    return std::optional<testing::StoreFault>();
  };
  testing::InMemoryMetaStore store(world.zookeeper, store_options);
  world.service->Lead(LeaderIdentity{.name = "meta1:34601", .address = std::nullopt}, &store, {});
  Recover(&world, "1,2,3", true);
  rapidjson::Document json;
  json.Parse(seen.c_str());
  ASSERT_FALSE(json.HasParseError());
  EXPECT_STREQ(json["state"].GetString(), "recovering");
  EXPECT_GT(json["findings_count"].GetInt(), 0);
  EXPECT_THAT(Strings(json["tables"], "name"), ElementsAre("temp"));
  EXPECT_THAT(Strings(json["tables"], "heat"), ElementsAre("-"));
}

TEST(WatchedPhaseTest, HowLongTheRestTakesFollowsFromTheSpeedSoFar) {
  WatchedPhase phase;
  phase.latest = {.phase = Phase::kWrite, .done = 400, .total = 1000, .note = ""};
  for (int i = 0; i <= 4; ++i) {
    phase.rate.Add(absl::UnixEpoch() + absl::Seconds(i), int64_t{100} * i);
  }
  const auto left = phase.TimeLeft(absl::UnixEpoch() + absl::Seconds(4));
  ASSERT_TRUE(left.has_value());
  EXPECT_NEAR(absl::ToDoubleSeconds(*left), 6, 0.5);
  // Nor is anything foretold of what waits for others, or stands still.
  EXPECT_EQ(phase.TimeLeft(absl::UnixEpoch() + absl::Seconds(60)), std::nullopt);
  phase.latest.phase = Phase::kCollect;
  EXPECT_EQ(phase.TimeLeft(absl::UnixEpoch() + absl::Seconds(4)), std::nullopt);
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
  ServiceWorld world;
  RunWatch watch(&source, &world.clock);
  NodeList list;
  for (const char* const text : {"a:1", "b:1", "c:2"}) {
    NodeListEntry& entry = list.entries.emplace_back();
    entry.text = text;
    entry.port = static_cast<uint16_t>(text[2] - '0');
  }
  watch.Begin(list);
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

TEST(MetricsTextTest, SaysWhatPeersDidToThePort) {
  RecoveryServiceStatus status;
  EXPECT_THAT(MetricsText(status), Not(HasSubstr("metarec_rpc_")));
  PortCounts& ports = status.ports.emplace();
  ports.tcp.open = 3;
  ports.tcp.accepted = 12;
  ports.tcp.refused = 1;
  ports.tcp.stalled = 2;
  ports.tcp.wrong_crc = 4;
  ports.tcp.shed = 6;
  ports.tcp.bytes = 7000;
  ports.udp.received = 50;
  ports.udp.malformed = 5;
  const std::string text = MetricsText(status);
  EXPECT_THAT(text, HasSubstr("\n# TYPE metarec_rpc_connections_open gauge\n"
                              "metarec_rpc_connections_open 3\n"));
  EXPECT_THAT(text, HasSubstr("\nmetarec_rpc_connections_accepted_total 12\n"));
  EXPECT_THAT(text, HasSubstr("\nmetarec_rpc_connections_refused_total 1\n"));
  EXPECT_THAT(text, HasSubstr("\nmetarec_rpc_connections_timed_out_total{reason=\"stalled\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("\nmetarec_rpc_bad_messages_total{reason=\"wrong_crc\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("\nmetarec_rpc_connections_shed_total 6\n"));
  EXPECT_THAT(text, HasSubstr("\nmetarec_rpc_queued_bytes 7000\n"));
  EXPECT_THAT(text, HasSubstr("\nmetarec_rpc_datagrams_received_total 50\n"));
  EXPECT_THAT(text, HasSubstr("\nmetarec_rpc_datagrams_ignored_total{reason=\"malformed\"} 5\n"));

  EXPECT_EQ(PortLine(ports),
            "port: 3 connections open, 12 accepted, 1 refused, 0 closed as idle, 2 as too slow, 4 "
            "for bad messages, 6 for holding too much; 7000 bytes queued; UDP: 50 received, 5 bad, "
            "0 dropped");
  ports.tcp.open = 1;
  EXPECT_THAT(PortLine(ports), HasSubstr("port: 1 connection open, "));
}

TEST(StatusJsonTest, APlanThatFailsAfterTheWaitDoesNotShowTheWaitAsStillToCome) {
  ServiceWorld world;
  world.source.status[2] = ReplicaStatus::kPrimary;
  int calls = 0;
  world.source.before_tables = [&]() -> asio::awaitable<void> {
    if (++calls == 4) {  // the second round
      world.source.status.clear();
      world.source.down[3] = true;
    }
    co_return;
  };
  Recover(&world, "1,2,3");
  const rapidjson::Document json = JsonOf(world);
  EXPECT_STREQ(json["error"].GetString(), "ERR_TRY_AGAIN");
  EXPECT_THAT(Strings(json["phases"], "phase"),
              ElementsAre("collect", "await_inactive", "write", "verify"));
  EXPECT_THAT(Strings(json["phases"], "state"),
              ElementsAre("failed", "done", "waiting", "waiting"));
}

TEST(StatusJsonTest, ANodeThatWillFailThePlanIsToldWhileLeasesAreWaitedFor) {
  ServiceWorld world;
  world.source.status[2] = ReplicaStatus::kPrimary;
  int calls = 0;
  std::string next;
  world.source.before_tables = [&]() -> asio::awaitable<void> {
    ++calls;
    if (calls == 4) world.source.down[3] = true;  // in the second round
    if (calls == 8) {                             // in the third
      next = JsonOf(world)["next"].GetString();
      world.source.status.clear();
    }
    co_return;
  };
  Recover(&world, "1,2,3");
  EXPECT_THAT(next, HasSubstr("1 node fails: localhost:3 with ERR_INVALID_DATA. "));
  EXPECT_THAT(next, HasSubstr("will end with ERR_TRY_AGAIN"));
  EXPECT_STREQ(JsonOf(world)["error"].GetString(), "ERR_TRY_AGAIN");
}

TEST(StatusJsonTest, AServerThatSendsBeaconsAndIsNotInTheListIsShownAndToldOf) {
  ServiceWorld world;
  world.source.status[2] = ReplicaStatus::kPrimary;
  int calls = 0;
  std::string next;
  world.source.before_tables = [&]() -> asio::awaitable<void> {
    ++calls;
    if (calls == 4) {  // in the second round
      const rpc::HandlerResult ignored = co_await world.service->Serve(ServiceWorld::Beacon(4));
      static_cast<void>(ignored);
    }
    if (calls == 8) {  // in the third
      next = JsonOf(world)["next"].GetString();
      world.source.status.clear();
    }
  };
  Recover(&world, "1,2,3");
  EXPECT_THAT(next,
              HasSubstr("1 server sends beacons but is not in the node list: 127.0.0.1:4 (its "
                        "beacons claim the name rs.example:4). Unless this is mended, the recovery "
                        "will end with ERR_TRY_AGAIN"));
  const rapidjson::Document json = JsonOf(world);
  EXPECT_STREQ(json["error"].GetString(), "ERR_TRY_AGAIN");
  EXPECT_STREQ(json["nodes"][0]["name"].GetString(), "127.0.0.1:4");
  EXPECT_STREQ(json["nodes"][0]["answer"].GetString(), "unlisted");
  EXPECT_THAT(json["nodes"][0]["state"].GetString(),
              AllOf(StartsWith("not in the node list; beacon "),
                    HasSubstr("; its beacons call it rs.example:4")));
  EXPECT_THAT(json["findings"][0]["text"].GetString(), HasSubstr("sends beacons but is not in"));
}

TEST(StatusJsonTest, BeaconsThatAreNotBelievedAreShownBeforeAnythingIsRecovered) {
  ServiceWorld world;
  world.Run([&]() -> asio::awaitable<void> {
    const rpc::HandlerResult ignored =
        co_await world.service->Serve(ServiceWorld::Beacon(1, 1, "evil.example:9"));
    static_cast<void>(ignored);
  });
  EXPECT_THAT(JsonOf(world)["nodes"][0]["state"].GetString(),
              HasSubstr("its beacons call it evil.example:9, which is doubtful: its port is not "
                        "that of the address 127.0.0.1:1"));
  Recover(&world, "1,2,3");
  const rapidjson::Document json = JsonOf(world);
  EXPECT_STREQ(json["findings"][0]["severity"].GetString(), "hazard");
  EXPECT_THAT(json["findings"][0]["text"].GetString(), HasSubstr("which is not believed"));
}

TEST(StatusJsonTest, AServerKnownByItsOtherAddressIsNoStranger) {
  ServiceWorld world;
  world.source.own_addresses[2] = {.ip = 0x7F000001, .port = 4};
  world.Run([&]() -> asio::awaitable<void> {
    const rpc::HandlerResult ignored = co_await world.service->Serve(ServiceWorld::Beacon(4));
    static_cast<void>(ignored);
  });
  Recover(&world, "1,2,3");
  const rapidjson::Document json = JsonOf(world);
  EXPECT_STREQ(json["error"].GetString(), "ERR_OK");
  EXPECT_EQ(json["nodes"].Size(), 3U);
}

TEST(StatusJsonTest, AListedServerThatIsSilentWasCalledAStrangerForItsBeaconsFromAnotherAddress) {
  ServiceWorld world;
  world.source.down[3] = true;
  world.Run([&]() -> asio::awaitable<void> {
    const rpc::HandlerResult ignored =
        co_await world.service->Serve(ServiceWorld::Beacon(4, 1, "localhost:3"));
    static_cast<void>(ignored);
  });
  Recover(&world, "1,2,3");
  const rapidjson::Document json = JsonOf(world);
  for (const auto& finding : json["findings"].GetArray()) {
    EXPECT_THAT(finding["text"].GetString(), Not(HasSubstr("sends beacons")));
  }
  ASSERT_EQ(json["nodes"].Size(), 3U);
  EXPECT_STREQ(json["nodes"][0]["name"].GetString(), "localhost:3");
  EXPECT_THAT(json["nodes"][0]["state"].GetString(),
              AllOf(StartsWith("failed: ERR_INVALID_DATA"), HasSubstr(", from 127.0.0.1:4")));
}

TEST(StatusJsonTest, WhoIsNotSeenToBeThereWasCalledUnlistedThoughThePlanOnlyWarns) {
  WorldSource source;
  ServiceWorld world;
  RunWatch watch(&source, &world.clock);
  watch.Begin(*ParseNodeListString("localhost:1"));
  RecoveryServiceStatus status;
  status.leadership.is_us = true;
  status.state = status.run_state = RecoveryState::kRecovering;
  status.run = &watch;
  status.nodes.emplace_back().address = {.ip = 0x0A000009, .port = 7};
  EXPECT_THAT(UnlistedServers(status), ::testing::IsEmpty());
  rapidjson::Document json;
  json.Parse(StatusJson(status, absl::UnixEpoch()));
  EXPECT_STREQ(json["nodes"][0]["answer"].GetString(), "unconfirmed");
  status.nodes[0].is_there = true;
  EXPECT_THAT(UnlistedServers(status), ElementsAre("10.0.0.9:7"));
  json.Parse(StatusJson(status, absl::UnixEpoch()));
  EXPECT_STREQ(json["nodes"][0]["answer"].GetString(), "unlisted");
}

}  // namespace
}  // namespace metarec
