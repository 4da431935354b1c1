// What stock meta servers answered, against what the service answers to the same bytes, field by
// field. What may differ is listed in compared_answers.cc, with its reason; what is listed must
// occur.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/strip.h>
#include <gtest/gtest.h>

#include "captured_messages.h"
#include "captured_world.h"
#include "compared_answers.h"
#include "idl/client_types.h"
#include "idl/meta_admin_types.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"

namespace metarec {
namespace {

bool IsRefusal(const CapturedRequest& captured) {
  return absl::StrContains(captured.response, "ERR_UNDER_RECOVERY");
}

// Whether a meta server that served gave the captured answer.
bool IsServed(const CapturedRequest& captured) {
  if (captured.response.empty() || IsRefusal(captured)) return false;
  if (captured.task_code == idl::kRpcCmStartRecovery) return false;
  return absl::StartsWith(captured.task_code, "RPC_CM_") ||
         captured.task_code == idl::kRpcFdFailureDetectorPing ||
         captured.task_code == idl::kRpcCliCliCall;
}

// The Java clients came later than the others, when the cluster had been recovered many times.
bool IsOfJava(const CapturedRequest& captured) {
  if (!absl::StartsWith(captured.name, "thft/")) return false;
  return std::stoi(captured.name.substr(captured.name.rfind('.') + 1)) >= 9;
}
bool AsksForNewTable(const CapturedRequest& captured) {
  return captured.task_code == idl::kRpcCmQueryPartitionConfigByIndex &&
         absl::StrContains(captured.request, "javatable");
}

TEST_F(GoldenAnswersTest, UnderRecovery) {
  CapturedWorld world;
  for (const CapturedRequest& captured : CapturedRequests()) {
    if (IsRefusal(captured)) Compare("waiting", captured, world.Ask(captured.request));
  }
}

TEST_F(GoldenAnswersTest, WhatAMetaServerHasNoHandlerFor) {
  CapturedWorld world;
  int asked = 0;
  for (const CapturedRequest& captured : CapturedRequests()) {
    const absl::StatusOr<Answer> stock = ParseAnswer(captured.response);
    if (!stock.ok() || stock->error_name != "ERR_HANDLER_NOT_FOUND") continue;
    Compare("waiting", captured, world.Ask(captured.request));
    ++asked;
  }
  EXPECT_EQ(asked, 2);
}

TEST_F(GoldenAnswersTest, BeaconsUnderRecovery) {
  CapturedWorld world;
  const CapturedRequest& beacon = CapturedRequestOf("rpc/RPC_FD_FAILURE_DETECTOR_PING.3");
  Compare("first beacon", beacon, world.Ask(beacon.request, /*by_udp=*/true));
  Compare("waiting", beacon, world.Ask(beacon.request, /*by_udp=*/true));
}

TEST_F(GoldenAnswersTest, OnceRecovered) {
  CapturedWorld world;
  const CapturedRequest& start = CapturedRequestOf("rpc/RPC_CM_START_RECOVERY.1");
  Compare("waiting", start, world.Ask(start.request));
  for (const CapturedRequest& captured : CapturedRequests()) {
    if (!IsServed(captured) || IsOfJava(captured)) continue;
    const bool is_beacon = captured.task_code == idl::kRpcFdFailureDetectorPing;
    if (is_beacon) world.Ask(captured.request);
    Compare("recovered", captured, world.Ask(captured.request, is_beacon));
  }
}

// The tree that the stock meta server wrote from the same answers is what it went on with.
TEST_F(GoldenAnswersTest, OnceRecoveredAgainstTheStockMetaServersOwnRecovery) {
  CapturedWorld stock;
  stock.ServeFromTree("zk_after.jsonl");
  CapturedWorld world;
  world.Ask(CapturedRequestOf("rpc/RPC_CM_START_RECOVERY.1").request);
  int asked = 0;
  for (const CapturedRequest& captured : CapturedRequests()) {
    if (!IsServed(captured) || IsOfJava(captured)) continue;
    const std::string theirs = stock.Ask(captured.request);
    if (absl::StrContains(theirs, "ERR_UNDER_RECOVERY")) continue;
    if (!absl::StartsWith(captured.task_code, "RPC_CM_")) continue;
    CompareWith(theirs, "stock recovery", captured, world.Ask(captured.request));
    ++asked;
  }
  EXPECT_EQ(asked, 14);
}

TEST_F(GoldenAnswersTest, FromTheTreeOfTheClusterThatAnswered) {
  CapturedWorld world({.root = "/pegasus/onebox"});
  world.ServeFromTree("zk_before.jsonl");
  for (const CapturedRequest& captured : CapturedRequests()) {
    if (!IsServed(captured) || IsOfJava(captured)) continue;
    if (captured.task_code == idl::kRpcFdFailureDetectorPing) continue;
    Compare("tree", captured, world.Ask(captured.request));
  }
}

// Children that the split had not registered are told of, as without any replica; every client
// expects every index.
TEST_F(GoldenAnswersTest, FromATreeWithAnUnfinishedSplit) {
  CapturedWorld world({.evidence = "variants/m_split_interrupted", .root = "/pegasus/vm2"});
  world.ServeFromTree("variants/m_split_interrupted/zk_before.jsonl");
  idl::query_cfg_request query;
  query.app_name = "half3";
  rpc::Request request;
  request.task_code = idl::kRpcCmQueryPartitionConfigByIndex;
  request.body = idl::EncodeBody(query);
  idl::query_cfg_response told;
  world.Run([&]() -> asio::awaitable<void> {
    const rpc::HandlerResult result = co_await world.service->Serve(request);
    EXPECT_TRUE(idl::DecodeBody(result.body, &told).ok());
  });
  EXPECT_EQ(told.partition_count, 8);
  std::vector<int64_t> ballots;
  for (const idl::partition_configuration& partition : told.partitions) {
    EXPECT_EQ(partition.pid, (idl::gpid{19, static_cast<int32_t>(ballots.size())}));
    EXPECT_EQ(partition.primary.is_valid(), partition.ballot > 0);
    ballots.push_back(partition.ballot);
  }
  EXPECT_EQ(ballots, (std::vector<int64_t>{3, 3, 3, 3, 4, -1, -1, -1}));
}

TEST_F(GoldenAnswersTest, FromTheTreeThatJavaClientsSaw) {
  CapturedWorld world({.evidence = "variants/m_split_interrupted", .root = "/pegasus/vm2"});
  world.ServeFromTree("variants/m_split_interrupted/zk_before.jsonl");
  for (const CapturedRequest& captured : CapturedRequests()) {
    if (!IsServed(captured) || !IsOfJava(captured) || AsksForNewTable(captured)) continue;
    Compare("tree", captured, world.Ask(captured.request));
  }
}

// The cluster of one table that a captured answer tells of.
void ServeWhatItTells(const CapturedRequest& captured, RecoveryService* service) {
  idl::query_cfg_response told;
  ASSERT_TRUE(idl::DecodeBody(ParseAnswer(captured.response)->body, &told).ok());
  Topology topology;
  for (uint16_t port = 34801; port <= 34804; ++port) {
    topology.nodes.push_back(
        {.address = {.ip = 0x7F000001, .port = port}, .name = absl::StrCat("localhost:", port)});
  }
  const auto node_of = [](const idl::rpc_address& address) -> NodeIndex {
    return address.is_valid() ? address.port() - NodeIndex{34801} : kNoNode;
  };
  TopologyTable table;
  table.app_name = "javatable";
  table.app_id = told.app_id;
  table.partition_count = told.partition_count;
  table.partitions_count = static_cast<uint32_t>(told.partitions.size());
  topology.tables.push_back(std::move(table));
  for (const idl::partition_configuration& partition : told.partitions) {
    ASSERT_TRUE(partition.last_drops.empty());
    topology.partitions.push_back(
        {.index = partition.pid.partition_index,
         .secondaries_count = static_cast<uint32_t>(partition.secondaries.size()),
         .ballot = partition.ballot,
         .last_committed_decree = partition.last_committed_decree,
         .partition_flags = partition.partition_flags,
         .primary = node_of(partition.primary),
         .members_begin = static_cast<uint32_t>(topology.members.size())});
    for (const idl::rpc_address& node : partition.secondaries) {
      topology.members.push_back(node_of(node));
    }
  }
  service->ServeRecovered(std::move(topology));
}

TEST_F(GoldenAnswersTest, OfANewTableFromItsCreationToItsLastReplica) {
  int asked = 0;
  for (const CapturedRequest& captured : CapturedRequests()) {
    if (!AsksForNewTable(captured)) continue;
    CapturedWorld world;
    ServeWhatItTells(captured, world.service.get());
    EXPECT_EQ(world.Ask(captured.request), captured.response) << captured.name;
    ++asked;
  }
  EXPECT_EQ(asked, 7);
}

// What the shell printed of two clusters is what is answered from their trees.
TEST_F(GoldenAnswersTest, ClusterInfoIsWhatTheShellPrinted) {
  const auto expect_printed = [](const std::string& root, const std::string& tree,
                                 const std::string& printed) {
    CapturedWorld world({.root = root});
    world.ServeFromTree(tree);
    const CapturedRequest& captured = CapturedRequestOf("rpc/RPC_CM_CLUSTER_INFO.1");
    const MessageFields fields = FieldsOfFrame(captured, world.Ask(captured.request));
    int values = 0;
    for (const auto& [name, value] : fields) {
      absl::string_view key = name;
      if (!absl::ConsumePrefix(&key, "values.")) continue;
      EXPECT_TRUE(absl::StrContains(GoldenText(printed), absl::StrFormat("%-30s: %s", key, value)))
          << key << ": " << value;
      ++values;
    }
    EXPECT_EQ(values, 9);
  };
  expect_printed("/pegasus/onebox", "zk_before.jsonl", "text/A_cluster_info.txt");
  expect_printed("/pegasus/recovered", "zk_after_restart.jsonl",
                 "text/B_restarted_cluster_info.txt");
}

// The recover requests of all captured recoveries, against replica servers that do what they did
// then: the answers are the captured ones, hints included.

// A captured recovery, with what its replica servers did.
struct CapturedRecovery {
  std::string request;
  std::map<uint16_t, std::string> errors;  // by port
};

TEST_F(GoldenAnswersTest, OfRecoveriesOfEveryKind) {
  const std::string a = "variants/a_one_node_down";
  const std::string a2 = "variants/a2_one_node_hangs";
  const std::string e = "variants/e_node_list_errors";
  // In the order in which one meta server got them.
  const std::vector<std::pair<std::string, std::vector<CapturedRecovery>>> recoveries = {
      {a, {{"1", {}}, {"2", {}}, {"3", {{34803, "ERR_TIMEOUT"}}}}},
      {a2, {{"1", {{34803, "ERR_TIMEOUT"}}}, {"2", {}}, {"3", {}}}},
      {"variants/c2_name_conflicts", {{"1", {}}}},
      {e, {{"1", {}}, {"2", {{34601, "ERR_HANDLER_NOT_FOUND"}}}, {"3", {}}}},
      {"variants/f_ip_node_list", {{"1", {}}}},
      {"variants/f2_ip_and_name_node_list", {{"1", {}}}},
      {"variants/g_lease_not_expired", {{"1", {}}}},
      {"variants/k_four_nodes_one_stale", {{"1", {}}}},
  };
  for (const auto& [folder, steps] : recoveries) {
    CapturedWorld world({.evidence = folder, .node_timeout = absl::Milliseconds(500)});
    // Where leases had not run out, they do in the end.
    world.source.served_answers = 3;
    for (const CapturedRecovery& step : steps) {
      world.source.errors = step.errors;
      const CapturedRequest& captured =
          CapturedRequestOf(absl::StrCat(folder, "/rpc/RPC_CM_START_RECOVERY.", step.request));
      Compare("waiting", captured, world.Ask(captured.request));
    }
  }
}

// The stock meta server ended itself in the middle.
TEST_F(GoldenAnswersTest, OfRecoveriesThatWereNeverAnswered) {
  const auto error_of = [](const std::string& folder) {
    CapturedWorld world({.evidence = folder});
    const CapturedRequest& captured =
        CapturedRequestOf(absl::StrCat(folder, "/rpc/RPC_CM_START_RECOVERY.1"));
    EXPECT_EQ(captured.response, "");
    return FieldsOfFrame(captured, world.Ask(captured.request)).at("err");
  };
  EXPECT_EQ(error_of("variants/j_conflicting_app_record"), "ERR_OK");
  EXPECT_EQ(error_of("variants/m_split_interrupted"), "ERR_OK");
}

// docs/differences-from-pegasus.md has the table of what may differ.
TEST_F(GoldenAnswersTest, WhatIsListedIsDocumented) {
  const std::string document = GoldenText("../../docs/differences-from-pegasus.md");
  for (const ListedDifference& listed : ListedDifferences()) {
    EXPECT_TRUE(absl::StrContains(document, DocumentedAs(listed))) << DocumentedAs(listed);
  }
}

}  // namespace
}  // namespace metarec
