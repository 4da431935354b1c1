#include "testing/simulated_cluster.h"

#include <fstream>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace metarec::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

SimulatedCluster Parsed(const std::string& json) {
  auto cluster = ParseSimulatedCluster(json);
  EXPECT_TRUE(cluster.ok()) << cluster.status();
  return cluster.ok() ? *std::move(cluster) : SimulatedCluster();
}
std::string ErrorOf(const std::string& json) {
  return std::string(ParseSimulatedCluster(json).status().message());
}

TEST(SimulatedCluster, LaysReplicasRoundRobinWithThePrimaryFirst) {
  SimulatedCluster cluster;
  cluster.AddNodes(4);
  ASSERT_TRUE(cluster.AddTable({.name = "t", .partition_count = 4, .max_replica_count = 2}).ok());
  for (int n = 0; n < 4; ++n) {
    const SimulatedNode& node = cluster.nodes[n];
    EXPECT_EQ(node.tables.size(), 1u);
    ASSERT_EQ(node.replicas.size(), 2u);
    for (const ReplicaRecord& replica : node.replicas) {
      const bool is_primary = replica.partition_index == n;
      EXPECT_TRUE(is_primary || replica.partition_index == (n + 3) % 4);
      EXPECT_EQ(replica.last_committed_decree, replica.last_prepared_decree - (is_primary ? 0 : 1));
      EXPECT_EQ(replica.status, ReplicaStatus::kInactive);
    }
  }
}

TEST(SimulatedCluster, NodesWithoutAReplicaDoNotDescribeTheTable) {
  SimulatedCluster cluster;
  cluster.AddNodes(3);
  ASSERT_TRUE(cluster.AddTable({.name = "t", .partition_count = 1, .max_replica_count = 2}).ok());
  EXPECT_EQ(cluster.nodes[1].tables.size(), 1u);
  EXPECT_THAT(cluster.nodes[2].tables, IsEmpty());
}

TEST(SimulatedCluster, TablesGetTheNextId) {
  SimulatedCluster cluster;
  cluster.AddNodes(1);
  const auto add = [&cluster](const std::string& name, int32_t id) {
    return cluster.AddTable(
        {.name = name, .partition_count = 1, .max_replica_count = 1, .app_id = id});
  };
  ASSERT_TRUE(add("a", 0).ok());
  ASSERT_TRUE(add("b", 7).ok());
  ASSERT_TRUE(add("c", 0).ok());
  EXPECT_EQ(cluster.nodes[0].tables[2].app_id, 8);
  // One name under two ids is what recovery must cope with; it takes an id of one's own.
  EXPECT_TRUE(add("a", 9).ok());
  EXPECT_FALSE(add("a", 0).ok());
  EXPECT_FALSE(add("d", 7).ok());
}

TEST(SimulatedCluster, TablesThatCannotBeAreRefused) {
  SimulatedCluster cluster;
  cluster.AddNodes(2);
  EXPECT_FALSE(cluster.AddTable({.name = "t", .partition_count = 0, .max_replica_count = 1}).ok());
  EXPECT_FALSE(cluster.AddTable({.name = "t", .partition_count = 1, .max_replica_count = 0}).ok());
  EXPECT_FALSE(cluster.AddTable({.name = "t", .partition_count = 1, .max_replica_count = 3}).ok());
  EXPECT_THAT(cluster.nodes[0].tables, IsEmpty());
}

TEST(SimulatedCluster, TableOnTheCommandLine) {
  const auto table = ParseSimulatedTable("temp:16:2");
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->name, "temp");
  EXPECT_EQ(table->partition_count, 16);
  EXPECT_EQ(table->max_replica_count, 2);
  EXPECT_EQ(ParseSimulatedTable("temp:16")->max_replica_count, 3);
  for (const char* text : {"", "temp", ":8", "temp:", "temp:x", "temp:8:y", "temp:8:1:1"}) {
    EXPECT_FALSE(ParseSimulatedTable(text).ok()) << text;
  }
}

TEST(SimulatedFault, EveryNameOfTheHelpIsUnderstood) {
  EXPECT_EQ(ParseFault("refuse")->kind, SimulatedFault::Kind::kRefuse);
  EXPECT_EQ(ParseFault("late:300")->delay, absl::Milliseconds(300));
  EXPECT_EQ(ParseFault("late 300")->delay, absl::Milliseconds(300));
  EXPECT_EQ(ParseFault("error:ERR_BUSY")->error, "ERR_BUSY");
  EXPECT_EQ(ParseFault("tables_only")->error, "ERR_INVALID_STATE");
  EXPECT_EQ(ParseFault("loading:2")->times, 2);
  EXPECT_EQ(*ParseFault(""), SimulatedFault());
  EXPECT_EQ(*ParseFault("none"), SimulatedFault());
  for (const char* text : {"fire", "late", "late:x", "late:-1", "error", "error:BUSY", "hang:1",
                           "loading:99999999999"}) {
    EXPECT_FALSE(ParseFault(text).ok()) << text;
  }
  EXPECT_THAT(std::string(ParseFault("fire").status().message()), HasSubstr("two_gigabytes"));
}

TEST(SimulatedClusterFile, CountOfNodesAndTables) {
  const SimulatedCluster cluster =
      Parsed(R"({"nodes": 3, "tables": [{"name": "temp", "partitions": 8},
                                         {"name": "single", "partitions": 2, "replicas": 1}]})");
  ASSERT_EQ(cluster.nodes.size(), 3u);
  EXPECT_EQ(cluster.nodes[0].name, "n1");
  EXPECT_EQ(cluster.nodes[0].tables.size(), 2u);
  EXPECT_EQ(cluster.nodes[0].replicas.size(), 9u);
}

TEST(SimulatedClusterFile, NodesInFull) {
  const SimulatedCluster cluster = Parsed(R"({"nodes": [
    {"name": "a", "fault": "late:5",
     "tables": [{"app_id": 2, "app_name": "t", "partition_count": 4, "envs": {"k": "v"},
                 "duplicating": true}],
     "replicas": [{"pid": "2.3", "ballot": 7, "last_committed_decree": 9,
                   "last_prepared_decree": 11, "status": "PS_ERROR"}, {"pid": "2.0"}]},
    {}]})");
  ASSERT_EQ(cluster.nodes.size(), 2u);
  const SimulatedNode& node = cluster.nodes[0];
  EXPECT_EQ(node.name, "a");
  EXPECT_EQ(node.fault.delay, absl::Milliseconds(5));
  EXPECT_EQ(node.tables[0].app_name, "t");
  EXPECT_EQ(node.tables[0].status, TableStatus::kAvailable);
  EXPECT_EQ(node.tables[0].init_partition_count, 4);
  EXPECT_TRUE(node.tables[0].duplicating);
  EXPECT_EQ(node.tables[0].envs.at("k"), "v");
  EXPECT_THAT(node.replicas,
              ElementsAre(ReplicaRecord{2, 3, 7, 9, 11, 9, ReplicaStatus::kError},
                          ReplicaRecord{2, 0, 3, 0, 0, 0, ReplicaStatus::kInactive}));
  EXPECT_EQ(cluster.nodes[1].name, "n2");
}

TEST(SimulatedClusterFile, MistakesAreNamedWithTheirPlace) {
  EXPECT_THAT(ErrorOf("{"), HasSubstr("no JSON: byte 1"));
  EXPECT_THAT(ErrorOf("[]"), HasSubstr("the cluster is not an object"));
  EXPECT_THAT(ErrorOf("{}"), HasSubstr("the cluster.nodes is missing or empty"));
  EXPECT_THAT(ErrorOf(R"({"nodes": 0})"), HasSubstr("is not from 1 to"));
  EXPECT_THAT(ErrorOf(R"({"nodes": 1, "tabels": []})"), HasSubstr("the cluster.tabels"));
  EXPECT_THAT(ErrorOf(R"({"nodes": [{"fault": "fire"}]})"), HasSubstr("nodes[0].fault"));
  EXPECT_THAT(ErrorOf(R"({"nodes": [{}, {"replicas": [{"pid": "2"}]}]})"),
              HasSubstr("nodes[1].replicas[0].pid"));
  EXPECT_THAT(ErrorOf(R"({"nodes": [{"replicas": [{"pid": "2.1", "status": "PS_X"}]}]})"),
              HasSubstr("nodes[0].replicas[0].status"));
  EXPECT_THAT(ErrorOf(R"({"nodes": [{"tables": [{"app_id": "2"}]}]})"),
              HasSubstr("nodes[0].tables[0].app_id is not an integer"));
  EXPECT_THAT(ErrorOf(R"({"nodes": 2, "tables": [{"name": "t"}]})"),
              HasSubstr("tables[0]: table 't' needs from 1 to 2 replicas"));
  EXPECT_THAT(ErrorOf(R"({"nodes": [{"name": "a"}, {"name": "a"}]})"),
              HasSubstr("two nodes are named 'a'"));
  EXPECT_THAT(ErrorOf(std::string(1'000'000, '[')), HasSubstr("no JSON"));
}

TEST(SimulatedClusterFile, MissingFileIsNotFound) {
  EXPECT_EQ(ReadSimulatedCluster("/none/such").status().code(), absl::StatusCode::kNotFound);
}

TEST(ClusterFromEvidence, ServesWhatWasCollectedAndRefusesWhereNobodyAnswered) {
  Evidence evidence;
  evidence.nodes.resize(2);
  evidence.nodes[0].tables.emplace_back(TableRecord());
  evidence.nodes[0].replicas.resize(3);
  evidence.nodes[1].error = "ERR_TIMEOUT";
  const SimulatedCluster cluster = ClusterFromEvidence(evidence);
  ASSERT_EQ(cluster.nodes.size(), 2u);
  EXPECT_EQ(cluster.nodes[0].replicas.size(), 3u);
  EXPECT_EQ(cluster.nodes[0].fault.kind, SimulatedFault::Kind::kNone);
  EXPECT_EQ(cluster.nodes[1].fault.kind, SimulatedFault::Kind::kRefuse);
}

}  // namespace
}  // namespace metarec::testing
