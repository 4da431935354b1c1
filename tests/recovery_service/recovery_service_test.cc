#include "recovery_service/recovery_service.h"

#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "idl/task_codes.h"
#include "service_world.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using RecoveryResponse = idl::configuration_recovery_response;

// As an embedder's own handler answers; counts the calls.
asio::awaitable<rpc::HandlerResult> Answer(int* calls) {
  ++*calls;
  idl::configuration_cluster_info_response response;
  response.err = idl::error_code("ERR_OK");
  rpc::HandlerResult result;
  result.body = idl::EncodeBody(response);
  co_return result;
}

TEST(RecoveryServiceTest, RecoversOnRequestAndThenAnswersFromWhatItWrote) {
  ServiceWorld world;
  world.Run([&]() -> asio::awaitable<void> {
    const auto refused =
        Decoded<idl::configuration_list_apps_response>(co_await world.service->Serve(
            ServiceWorld::Ask(idl::kRpcCmListApps, idl::configuration_list_apps_request())));
    EXPECT_EQ(refused.err.name, "ERR_UNDER_RECOVERY");

    const auto recovered = Decoded<RecoveryResponse>(
        co_await world.service->Serve(ServiceWorld::StartRecovery("1,2,3")));
    EXPECT_EQ(recovered.err.name, "ERR_OK");
    EXPECT_EQ(recovered.hint_message, "");
    EXPECT_EQ(world.AppsState(), "unlock");

    const auto tables =
        Decoded<idl::configuration_list_apps_response>(co_await world.service->Serve(
            ServiceWorld::Ask(idl::kRpcCmListApps, idl::configuration_list_apps_request())));
    EXPECT_EQ(tables.err.name, "ERR_OK");
    EXPECT_EQ(tables.infos.size(), 1U);
    if (!tables.infos.empty()) {
      EXPECT_EQ(tables.infos.front().app_name, "temp");
    }
  });
  EXPECT_THAT(world.listener.states, ElementsAre("recovering", "recovered"));
  EXPECT_EQ(world.listener.tables, 1U);
}

TEST(RecoveryServiceTest, AFailureIsAnsweredAndTheNextRequestStartsAgain) {
  ServiceWorld world;
  world.source.down[3] = true;
  world.Run([&]() -> asio::awaitable<void> {
    const auto failed = Decoded<RecoveryResponse>(
        co_await world.service->Serve(ServiceWorld::StartRecovery("1,2,3")));
    EXPECT_EQ(failed.err.name, "ERR_TRY_AGAIN");
    EXPECT_EQ(failed.hint_message,
              "ERROR: collect app and replica info from node(localhost:3) failed with "
              "err(ERR_INVALID_DATA), you can skip it by set skip_bad_nodes option\n");
    EXPECT_EQ(world.service->state(), RecoveryState::kFailed);
    EXPECT_EQ(world.AppsState(), "(none)");

    const auto recovered = Decoded<RecoveryResponse>(
        co_await world.service->Serve(ServiceWorld::StartRecovery("1,2,3", true)));
    EXPECT_EQ(recovered.err.name, "ERR_OK");
    EXPECT_THAT(recovered.hint_message, HasSubstr("skip the bad node"));
  });
}

TEST(RecoveryServiceTest, WhatARootHoldsIsServedAndNotRecoveredAgain) {
  ServiceWorld world;
  world.service->ServeRecovered(ServiceWorld::ServedTopology());
  world.Run([&]() -> asio::awaitable<void> {
    const auto refused = Decoded<RecoveryResponse>(
        co_await world.service->Serve(ServiceWorld::StartRecovery("1,2,3")));
    EXPECT_EQ(refused.err.name, "ERR_SERVICE_ALREADY_RUNNING");
    EXPECT_EQ(refused.hint_message, "");
    EXPECT_EQ(world.source.table_queries, 0);
    // Who leads again recovers again, unless it finds something to serve.
    co_await world.service->StepDown();
    world.service->Lead(LeaderIdentity(), world.store.get(), {});
    const auto recovered = Decoded<RecoveryResponse>(
        co_await world.service->Serve(ServiceWorld::StartRecovery("1,2,3")));
    EXPECT_EQ(recovered.err.name, "ERR_OK");
  });
}

TEST(RecoveryServiceTest, ARetryThatFailsLeavesWhatIsServed) {
  ServiceWorld world;
  world.source.down[3] = true;
  world.service->ServeRecovered(ServiceWorld::ServedTopology(), Retries::kAnswered);
  world.Run([&]() -> asio::awaitable<void> {
    const auto failed = Decoded<RecoveryResponse>(
        co_await world.service->Serve(ServiceWorld::StartRecovery("1,2,3")));
    EXPECT_EQ(failed.err.name, "ERR_TRY_AGAIN");
    EXPECT_EQ(world.service->state(), RecoveryState::kRecovered);
    EXPECT_EQ(world.service->status().run_state, RecoveryState::kFailed);
    EXPECT_EQ(world.AppsState(), "(none)");
    const auto tables =
        Decoded<idl::configuration_list_apps_response>(co_await world.service->Serve(
            ServiceWorld::Ask(idl::kRpcCmListApps, idl::configuration_list_apps_request())));
    EXPECT_EQ(tables.infos.size(), 2U);
    if (!tables.infos.empty()) {
      EXPECT_EQ(tables.infos.front().app_name, "served");
    }
  });
  EXPECT_EQ(world.listener.recoveries, 0);
  EXPECT_THAT(world.listener.states, ElementsAre("recovered"));
}

TEST(RecoveryServiceTest, AnEmbeddersOwnRpcIsServedAsItsPolicySays) {
  ServiceWorld world;
  int calls = 0;
  const rpc::Handler own =
      world.service->Gated([&calls](const rpc::Request&) { return Answer(&calls); });
  const rpc::Request request = ServiceWorld::RequestOf("RPC_OWN", "");
  world.service->gate().SetPolicy("RPC_OWN", GatePolicy::kOnceRecovered);
  world.Run([&]() -> asio::awaitable<void> {
    const auto refused = Decoded<idl::configuration_cluster_info_response>(co_await own(request));
    EXPECT_EQ(refused.err.name, "ERR_UNDER_RECOVERY");
    EXPECT_EQ(calls, 0);
    const auto recovered = Decoded<RecoveryResponse>(
        co_await world.service->Serve(ServiceWorld::StartRecovery("1,2,3")));
    EXPECT_EQ(recovered.err.name, "ERR_OK");
    const auto served = Decoded<idl::configuration_cluster_info_response>(co_await own(request));
    EXPECT_EQ(served.err.name, "ERR_OK");
    EXPECT_EQ(calls, 1);

    world.service->gate().SetPolicy("RPC_OWN", GatePolicy::kNever);
    const auto closed = Decoded<idl::configuration_cluster_info_response>(co_await own(request));
    EXPECT_EQ(closed.err.name, "ERR_UNDER_RECOVERY");
    world.service->Follow(std::nullopt);
    const auto elsewhere = Decoded<idl::configuration_cluster_info_response>(co_await own(request));
    EXPECT_EQ(elsewhere.err.name, "ERR_FORWARD_TO_OTHERS");
  });
  const RequestCounts counts = world.service->status().requests;
  EXPECT_EQ(counts.served, 2);
  EXPECT_EQ(counts.refused, 3);
}

TEST(RecoveryServiceTest, AFollowerNamesTheLeader) {
  ServiceWorld world;
  world.service->Follow(LeaderIdentity{.name = "meta2:34601",
                                       .address = Ipv4Endpoint{.ip = 0x0A000002, .port = 34601}});
  world.Run([&]() -> asio::awaitable<void> {
    rpc::Request request = ServiceWorld::StartRecovery("1,2,3");
    const rpc::HandlerResult forwarded = co_await world.service->Serve(request);
    EXPECT_EQ(forwarded.error_name, "ERR_FORWARD_TO_OTHERS");
    idl::rpc_address leader;
    EXPECT_TRUE(idl::DecodeBody(forwarded.body, &leader).ok());
    EXPECT_EQ(leader.ToString(), "10.0.0.2:34601");

    request.is_forward_supported = false;
    const auto refused = Decoded<RecoveryResponse>(co_await world.service->Serve(request));
    EXPECT_EQ(refused.err.name, "ERR_FORWARD_TO_OTHERS");

    rpc::Request query =
        ServiceWorld::Ask(idl::kRpcCmQueryPartitionConfigByIndex, idl::query_cfg_request());
    query.is_forward_supported = false;
    const auto told = Decoded<idl::query_cfg_response>(co_await world.service->Serve(query));
    EXPECT_EQ(told.err.name, "ERR_FORWARD_TO_OTHERS");
    EXPECT_EQ(told.partitions.size(), 1U);
    if (!told.partitions.empty()) {
      EXPECT_EQ(told.partitions.front().primary.ToString(), "10.0.0.2:34601");
    }

    const rpc::HandlerResult beacon = co_await world.service->Serve(ServiceWorld::Beacon(34801));
    idl::beacon_ack ack;
    EXPECT_TRUE(idl::DecodeBody(beacon.body, &ack).ok());
    EXPECT_FALSE(ack.is_master);
    EXPECT_EQ(ack.primary_node.ToString(), "10.0.0.2:34601");
  });
  EXPECT_EQ(world.source.replica_queries, 0);
}

TEST(RecoveryServiceTest, OnlyOperatorsMayStartARecoveryOrSendCommands) {
  RecoveryServiceOptions options = ServiceWorld::Options();
  options.operators = *AllowedNetworks::Parse("10.0.0.0/8");
  ServiceWorld world(std::move(options));
  world.Run([&]() -> asio::awaitable<void> {
    const auto denied = Decoded<RecoveryResponse>(
        co_await world.service->Serve(ServiceWorld::StartRecovery("1,2,3")));
    EXPECT_EQ(denied.err.name, "ERR_ACL_DENY");
    EXPECT_EQ(world.source.table_queries, 0);
    idl::command command;
    command.cmd = "server-stat";
    std::string text;
    const rpc::HandlerResult answer =
        co_await world.service->Serve(ServiceWorld::Ask(idl::kRpcCliCliCall, command));
    EXPECT_TRUE(idl::DecodeBody(answer.body, &text).ok());
    EXPECT_THAT(text, HasSubstr("ERR_ACL_DENY"));
    rpc::Request allowed = ServiceWorld::StartRecovery("1,2,3");
    allowed.peer.ip = 0x0A010203;
    const auto recovered = Decoded<RecoveryResponse>(co_await world.service->Serve(allowed));
    EXPECT_EQ(recovered.err.name, "ERR_OK");
  });
}

TEST(RecoveryServiceTest, RemoteCommandsAreAnsweredInEveryState) {
  ServiceWorld world;
  world.Run([&]() -> asio::awaitable<void> {
    auto run = [&](const char* name) -> asio::awaitable<std::string> {
      idl::command command;
      command.cmd = name;
      const rpc::HandlerResult answer =
          co_await world.service->Serve(ServiceWorld::Ask(idl::kRpcCliCliCall, command));
      std::string text;
      EXPECT_TRUE(idl::DecodeBody(answer.body, &text).ok());
      co_return text;
    };
    EXPECT_EQ(co_await run("recovery-status"), "recovery: waiting");
    EXPECT_EQ(co_await run("rm -rf"), "unknown command 'rm -rf'");
    EXPECT_THAT(co_await run("help"), HasSubstr("server-info"));
    EXPECT_THAT(co_await run("server-info"), HasSubstr("\"version\":\"1.2.3\""));
    co_await world.service->Serve(ServiceWorld::StartRecovery("1,2,3"));
    EXPECT_THAT(co_await run("recovery-status"), StartsWith("recovery: recovered: RECOVERED"));
  });
}

TEST(RecoveryServiceTest, WhatCannotBeDecodedIsRefusedWithoutHarm) {
  ServiceWorld world;
  world.Run([&]() -> asio::awaitable<void> {
    for (const char* code :
         {idl::kRpcCmStartRecovery, idl::kRpcFdFailureDetectorPing, idl::kRpcCliCliCall}) {
      for (const char* body : {"", "garbage", "\x0c"}) {
        const rpc::HandlerResult result =
            co_await world.service->Serve(ServiceWorld::RequestOf(code, body));
        EXPECT_EQ(result.error_name, "ERR_INVALID_DATA") << code;
      }
    }
    const auto empty =
        Decoded<RecoveryResponse>(co_await world.service->Serve(ServiceWorld::StartRecovery("")));
    EXPECT_EQ(empty.err.name, "ERR_INVALID_PARAMETERS");
    EXPECT_THAT(empty.hint_message, HasSubstr("no replica server"));
  });
  EXPECT_EQ(world.service->state(), RecoveryState::kWaiting);
}

TEST(RecoveryServiceTest, ClusterInfoAndPartitionsAreToldAsAMetaServerTellsThem) {
  ServiceWorld world;
  world.Run([&]() -> asio::awaitable<void> {
    co_await world.service->Serve(ServiceWorld::StartRecovery("1,2,3"));
    const auto info =
        Decoded<idl::configuration_cluster_info_response>(co_await world.service->Serve(
            ServiceWorld::Ask(idl::kRpcCmClusterInfo, idl::configuration_cluster_info_request())));
    EXPECT_EQ(info.keys.size(), 9U);
    EXPECT_EQ(info.values.at(0), "meta1:34601,meta2:34601");
    EXPECT_EQ(info.values.at(1), "meta1:34601");
    EXPECT_EQ(info.values.at(3), ServiceWorld::kRoot);
    EXPECT_EQ(info.values.at(6), "0.47");

    idl::query_cfg_request query;
    query.app_name = "temp";
    const auto partitions = Decoded<idl::query_cfg_response>(co_await world.service->Serve(
        ServiceWorld::Ask(idl::kRpcCmQueryPartitionConfigByIndex, query)));
    EXPECT_EQ(partitions.err.name, "ERR_OK");
    EXPECT_EQ(partitions.partitions.size(), 1U);
    if (!partitions.partitions.empty()) {
      EXPECT_EQ(partitions.partitions.front().primary.port(), 1);
      EXPECT_EQ(partitions.partitions.front().hp_last_drops.size(), 2U);
    }
    query.app_name = "nobody";
    const auto unknown = Decoded<idl::query_cfg_response>(co_await world.service->Serve(
        ServiceWorld::Ask(idl::kRpcCmQueryPartitionConfigByIndex, query)));
    EXPECT_EQ(unknown.err.name, "ERR_OBJECT_NOT_FOUND");

    idl::configuration_meta_control_request control;
    control.level = idl::meta_function_level::fl_invalid;
    const auto asked = Decoded<idl::configuration_meta_control_response>(
        co_await world.service->Serve(ServiceWorld::Ask(idl::kRpcCmControlMeta, control)));
    EXPECT_EQ(asked.err.name, "ERR_OK");
    control.level = idl::meta_function_level::fl_lively;
    const auto set = Decoded<idl::configuration_meta_control_response>(
        co_await world.service->Serve(ServiceWorld::Ask(idl::kRpcCmControlMeta, control)));
    EXPECT_EQ(set.err.name, "ERR_UNDER_RECOVERY");
    // A move to another ZooKeeper sets the leader to blind before it copies.
    control.level = idl::meta_function_level::fl_blind;
    const auto blind = Decoded<idl::configuration_meta_control_response>(
        co_await world.service->Serve(ServiceWorld::Ask(idl::kRpcCmControlMeta, control)));
    EXPECT_EQ(blind.err.name, "ERR_OK");
    EXPECT_EQ(blind.old_level, idl::meta_function_level::fl_steady);
    const idl::configuration_cluster_info_request again;
    const auto told = Decoded<idl::configuration_cluster_info_response>(
        co_await world.service->Serve(ServiceWorld::Ask(idl::kRpcCmClusterInfo, again)));
    EXPECT_THAT(told.values, ::testing::Contains("blind"));
  });
}

// The error of any answer: behind the wrapper's field and its own come its length and its text.
std::string FirstFieldOf(const std::string& body) {
  constexpr size_t kText = 10;
  return body.size() < kText ? "(none)" : body.substr(kText, static_cast<size_t>(body[kText - 1]));
}

// An embedder may set any policy for any RPC, with or without a handler for it.
TEST(RecoveryServiceTest, APolicyThatLetsEverythingThroughDoesNotAnswerFromWhatIsNotThere) {
  constexpr GatePolicy kPolicies[] = {GatePolicy::kAlways, GatePolicy::kByLeader,
                                      GatePolicy::kOnceRecovered, GatePolicy::kNever};
  for (const GatePolicy policy : kPolicies) {
    ServiceWorld world;
    for (const MetaRpc& rpc : MetaRpcs()) {
      world.service->gate().SetPolicy(std::string(rpc.task_code), policy);
    }
    const auto ask = [&](const std::string& code) -> asio::awaitable<std::string> {
      const rpc::HandlerResult result = co_await world.service->Serve(
          ServiceWorld::Ask(code, idl::configuration_recovery_request()));
      if (result.error_name == "ERR_OK") co_return FirstFieldOf(result.body);
      co_return result.error_name;
    };
    world.Run([&]() -> asio::awaitable<void> {
      for (const absl::string_view task_code : idl::MetaServerTaskCodes()) {
        const std::string code(task_code);
        const bool is_answered = FindMetaRpc(code)->answer != nullptr;
        const bool is_open = policy == GatePolicy::kAlways || policy == GatePolicy::kByLeader;
        const std::string waiting = co_await ask(code);
        if (code == idl::kRpcCmStartRecovery) {
          EXPECT_EQ(waiting, is_open ? "ERR_INVALID_PARAMETERS" : "ERR_UNDER_RECOVERY");
        } else {
          EXPECT_EQ(waiting,
                    is_open && !is_answered ? "ERR_HANDLER_NOT_FOUND" : "ERR_UNDER_RECOVERY")
              << code;
        }
      }
      co_await world.service->StepDown();
      for (const absl::string_view task_code : idl::MetaServerTaskCodes()) {
        const std::string code(task_code);
        const bool is_answered = FindMetaRpc(code)->answer != nullptr;
        const std::string following = co_await ask(code);
        EXPECT_EQ(following, policy == GatePolicy::kAlways && !is_answered
                                 ? "ERR_HANDLER_NOT_FOUND"
                                 : "ERR_FORWARD_TO_OTHERS")
            << code;
      }
    });
  }
}

TEST(RecoveryServiceTest, AClosedGateAnswersNoBeaconAndRefusesCommandsAsText) {
  ServiceWorld world;
  world.service->gate().SetPolicy(idl::kRpcFdFailureDetectorPing, GatePolicy::kNever);
  world.service->gate().SetPolicy(idl::kRpcCliCliCall, GatePolicy::kNever);
  world.Run([&]() -> asio::awaitable<void> {
    const rpc::HandlerResult beacon = co_await world.service->Serve(ServiceWorld::Beacon(34801));
    EXPECT_FALSE(beacon.is_answered);
    idl::command command;
    command.cmd = "help";
    const rpc::HandlerResult answer =
        co_await world.service->Serve(ServiceWorld::Ask(idl::kRpcCliCliCall, command));
    std::string text;
    EXPECT_TRUE(idl::DecodeBody(answer.body, &text).ok());
    EXPECT_EQ(text, "ERR_UNDER_RECOVERY");
  });
}

TEST(RecoveryServiceTest, AnswersNameNodesWithThePortThatTheTreeNames) {
  ServiceWorld world;
  Topology topology = ServiceWorld::ServedTopology();
  topology.nodes[0].name = "rs1.example:34901";  // as somebody else may have written it
  world.service->ServeRecovered(std::move(topology));
  world.Run([&]() -> asio::awaitable<void> {
    const auto nodes =
        Decoded<idl::configuration_list_nodes_response>(co_await world.service->Serve(
            ServiceWorld::Ask(idl::kRpcCmListNodes, idl::configuration_list_nodes_request())));
    EXPECT_EQ(nodes.infos.size(), 3U);
    if (!nodes.infos.empty()) {
      EXPECT_EQ(nodes.infos[0].node.ToString(), "127.0.0.1:1");
      EXPECT_EQ(nodes.infos[0].hp_node.ToString(), "rs1.example:34901");
    }
    idl::query_cfg_request query;
    query.app_name = "served";
    const auto partitions = Decoded<idl::query_cfg_response>(co_await world.service->Serve(
        ServiceWorld::Ask(idl::kRpcCmQueryPartitionConfigByIndex, query)));
    EXPECT_EQ(partitions.partitions.size(), 2U);
    if (!partitions.partitions.empty()) {
      EXPECT_EQ(partitions.partitions[0].hp_primary.ToString(), "rs1.example:34901");
    }
  });
}

}  // namespace
}  // namespace metarec
