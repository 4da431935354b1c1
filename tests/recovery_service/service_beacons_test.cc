// What beacons do to the service, and what it makes of them.

#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service_world.h"

namespace metarec {
namespace {

using ::testing::HasSubstr;
using RecoveryResponse = idl::configuration_recovery_response;

TEST(ServiceBeaconsTest, ABeaconIsAnsweredWithMastershipOnceAllReplicasAreInactive) {
  ServiceWorld world;
  world.source.status[34801] = ReplicaStatus::kPrimary;
  world.Run([&]() -> asio::awaitable<void> {
    idl::beacon_ack ack;
    auto beat = [&]() -> asio::awaitable<void> {
      const rpc::HandlerResult result = co_await world.service->Serve(ServiceWorld::Beacon(34801));
      EXPECT_TRUE(idl::DecodeBody(result.body, &ack).ok());
      co_await Settle();
    };
    co_await beat();
    EXPECT_FALSE(ack.is_master);
    EXPECT_TRUE(ack.allowed);
    EXPECT_FALSE(ack.primary_node.is_valid());
    EXPECT_EQ(ack.this_node.port(), 34601);
    EXPECT_EQ(ack.hp_this_node.ToString(), "meta1:34601");
    EXPECT_EQ(ack.time, 1795221132467);
    co_await beat();
    EXPECT_FALSE(ack.is_master);  // a query said that it serves

    world.source.status[34801] = ReplicaStatus::kInactive;
    co_await beat();
    EXPECT_FALSE(ack.is_master);  // asked again by this beacon
    co_await beat();
    EXPECT_TRUE(ack.is_master);
    EXPECT_EQ(ack.primary_node.port(), 34601);
    EXPECT_EQ(ack.hp_primary_node.ToString(), "meta1:34601");
    const int queries = world.source.replica_queries;
    co_await beat();
    EXPECT_TRUE(ack.is_master);
    EXPECT_EQ(world.source.replica_queries, queries);
  });
}

TEST(ServiceBeaconsTest, ANodesOwnNameGoesIntoTheTree) {
  ServiceWorld world;
  world.Run([&]() -> asio::awaitable<void> {
    co_await world.service->Serve(ServiceWorld::Beacon(1));
    const auto recovered = Decoded<RecoveryResponse>(
        co_await world.service->Serve(ServiceWorld::StartRecovery("1,2,3")));
    EXPECT_EQ(recovered.err.name, "ERR_OK");
  });
  EXPECT_EQ(world.service->status().result->plan->topology.nodes.at(0).name, "rs.example:1");
  EXPECT_EQ(world.service->status().result->plan->topology.nodes.at(1).name, "localhost:2");
}

TEST(ServiceBeaconsTest, AServerThatSendsBeaconsButIsNotInTheListWasLeftOutWithoutAWord) {
  ServiceWorld world;
  world.Run([&]() -> asio::awaitable<void> {
    for (const uint16_t port : {1, 4, 5}) co_await world.service->Serve(ServiceWorld::Beacon(port));
    const auto failed = Decoded<RecoveryResponse>(
        co_await world.service->Serve(ServiceWorld::StartRecovery("1,2,3")));
    EXPECT_EQ(failed.err.name, "ERR_TRY_AGAIN");
    EXPECT_EQ(failed.hint_message,
              "ERROR: node(127.0.0.1:4) sends beacons but is not in the node list, add it to the "
              "list, or you can skip it by set skip_bad_nodes option; its beacons claim "
              "name(rs.example:4)\n"
              "ERROR: node(127.0.0.1:5) sends beacons but is not in the node list, add it to the "
              "list, or you can skip it by set skip_bad_nodes option; its beacons claim "
              "name(rs.example:5)\n");
    EXPECT_EQ(world.AppsState(), "(none)");

    const auto skipped = Decoded<RecoveryResponse>(
        co_await world.service->Serve(ServiceWorld::StartRecovery("1,2,3", true)));
    EXPECT_EQ(skipped.err.name, "ERR_OK");
    EXPECT_THAT(skipped.hint_message,
                HasSubstr("WARNING: node(127.0.0.1:4) sends beacons but is not in the node list, "
                          "skip the bad node; its beacons claim name(rs.example:4)\n"));
  });
}

TEST(ServiceBeaconsTest, ABeaconThatComesWhileLeasesRunOutCountsToo) {
  ServiceWorld world;
  world.source.status[1] = ReplicaStatus::kPrimary;
  bool is_first = true;
  world.source.before_tables = [&]() -> asio::awaitable<void> {
    if (std::exchange(is_first, false)) {
      co_await world.service->Serve(ServiceWorld::Beacon(4));
      world.source.status.clear();
    }
  };
  world.Run([&]() -> asio::awaitable<void> {
    const auto failed = Decoded<RecoveryResponse>(
        co_await world.service->Serve(ServiceWorld::StartRecovery("1,2,3")));
    EXPECT_EQ(failed.err.name, "ERR_TRY_AGAIN");
    EXPECT_THAT(failed.hint_message, HasSubstr("node(127.0.0.1:4) sends beacons"));
  });
}

TEST(ServiceBeaconsTest, ABeaconWithAnotherPortThanItsAddressGaveTheNodeItsName) {
  ServiceWorld world;
  world.Run([&]() -> asio::awaitable<void> {
    co_await world.service->Serve(ServiceWorld::Beacon(1, 1, "evil.example:9"));
    const auto recovered = Decoded<RecoveryResponse>(
        co_await world.service->Serve(ServiceWorld::StartRecovery("1,2,3")));
    EXPECT_EQ(recovered.err.name, "ERR_OK");
    EXPECT_EQ(recovered.hint_message,
              "WARNING: beacon of node(localhost:1) claims name(evil.example:9), not believed "
              "because its port is not that of the address 127.0.0.1:1; use name(localhost:1)\n");
  });
  EXPECT_EQ(world.service->status().result->plan->topology.nodes.at(0).name, "localhost:1");
}

TEST(ServiceBeaconsTest, ANameThatIsNoHostPortInABeaconEndedTheRecovery) {
  ServiceWorld world;
  world.Run([&]() -> asio::awaitable<void> {
    co_await world.service->Serve(ServiceWorld::Beacon(1, 1, "a b\n:1"));
    const auto recovered = Decoded<RecoveryResponse>(
        co_await world.service->Serve(ServiceWorld::StartRecovery("1,2,3")));
    EXPECT_EQ(recovered.err.name, "ERR_OK");
    EXPECT_THAT(recovered.hint_message, HasSubstr("not believed because it is no host:port"));
  });
}

}  // namespace
}  // namespace metarec
