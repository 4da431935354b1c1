// The collector against simulated replica servers, over real sockets.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/runtime/system_clock.h"
#include "replica_collector/collector.h"
#include "replica_collector/rpc_replica_source.h"
#include "testing/simulated_cluster.h"
#include "testing/simulated_servers.h"

namespace metarec {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::ParseFault;
using testing::SimulatedCluster;
using testing::SimulatedServers;

// Three nodes with the tables temp (8 partitions) and usertable (4).
SimulatedCluster ThreeNodes() {
  SimulatedCluster cluster;
  cluster.AddNodes(3);
  EXPECT_TRUE(cluster.AddTable({.name = "temp", .partition_count = 8}).ok());
  EXPECT_TRUE(cluster.AddTable({.name = "usertable", .partition_count = 4}).ok());
  return cluster;
}

CollectorOptions QuickOptions() {
  CollectorOptions options;
  options.node_timeout = absl::Seconds(20);
  options.backoff_min = absl::Milliseconds(1);
  options.backoff_max = absl::Milliseconds(2);
  return options;
}

class CollectorOverRpc : public ::testing::Test {
 protected:
  // Serves the cluster, collects, and stops. `list` makes the node list from the endpoints; by
  // default it has every node by its address.
  Evidence Collect(const SimulatedCluster& cluster, CollectorOptions options = QuickOptions()) {
    Evidence evidence;
    asio::co_spawn(context_, Run(cluster, std::move(options), &evidence),
                   [](std::exception_ptr error) { EXPECT_EQ(error, nullptr); });
    context_.run();
    context_.restart();
    return evidence;
  }

  // The evidence of node n2 when it has this fault.
  NodeEvidence WithFault(const std::string& fault, CollectorOptions options = QuickOptions()) {
    SimulatedCluster cluster = ThreeNodes();
    const auto parsed = ParseFault(fault);
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    cluster.nodes[1].fault = *parsed;
    const Evidence evidence = Collect(cluster, std::move(options));
    EXPECT_EQ(evidence.nodes.size(), 3u);
    EXPECT_TRUE(evidence.nodes[0].complete()) << evidence.nodes[0].error_detail;
    EXPECT_TRUE(evidence.nodes[2].complete()) << evidence.nodes[2].error_detail;
    return evidence.nodes[1];
  }

  void ExpectFailed(const NodeEvidence& node, const std::string& error) {
    EXPECT_EQ(node.error, error) << node.error_detail;
    EXPECT_FALSE(node.complete());
    EXPECT_THAT(node.tables, IsEmpty());
    EXPECT_THAT(node.replicas, IsEmpty());
    EXPECT_THAT(node.error_detail, HasSubstr(node.address.ToString()));
  }

  std::string host_;                     // in the node list; empty: the address
  std::vector<std::string> more_lines_;  // appended to the node list; $1 is the port of n1
  std::vector<Ipv4Endpoint> endpoints_;  // of the last cluster
  asio::io_context context_;

 private:
  asio::awaitable<void> Run(SimulatedCluster cluster, CollectorOptions options,
                            Evidence* evidence) {
    const auto executor = co_await asio::this_coro::executor;
    SimulatedServers servers(executor, &clock_);
    const testing::SimulatedServersOptions servers_options;
    const absl::Status started = co_await servers.Start(cluster, servers_options);
    EXPECT_TRUE(started.ok()) << started;
    endpoints_ = servers.endpoints();
    std::string text = servers.NodeListText(host_);
    for (const std::string& line : more_lines_) {
      absl::StrAppend(&text, line, ":", endpoints_[0].port, "\n");
    }
    for (char& c : text) c = c == '\n' ? ',' : c;
    const auto list = ParseNodeListString(text);
    EXPECT_TRUE(list.ok()) << list.status();

    rpc::Client client(executor, &clock_);
    RpcReplicaSource source(&client, &clock_);
    SilentProgress progress;
    Collector collector(std::move(options), &source, &clock_, &progress, [] { return 0.5; });
    auto collected = co_await collector.Collect(*list);
    EXPECT_TRUE(collected.ok()) << collected.status();
    *evidence = *std::move(collected);
    co_await servers.Stop();
  }

  SystemClock clock_;
};

TEST_F(CollectorOverRpc, HealthyNodesGiveExactlyWhatTheyHold) {
  SimulatedCluster cluster = ThreeNodes();
  cluster.nodes[0].tables[0].envs = {{"rocksdb.usage_scenario", "normal"}};
  cluster.nodes[0].tables[0].duplicating = true;
  cluster.nodes[1].tables[1].atomic_idempotent = true;
  cluster.nodes[2].replicas[3].status = ReplicaStatus::kPartitionSplit;
  cluster.nodes[2].replicas[4].status = static_cast<ReplicaStatus>(77);
  const Evidence evidence = Collect(cluster);
  ASSERT_EQ(evidence.nodes.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    const NodeEvidence& node = evidence.nodes[i];
    EXPECT_EQ(node.error, "ERR_OK") << node.error_detail;
    EXPECT_EQ(node.address, endpoints_[i]);
    EXPECT_THAT(node.listed_as, ::testing::ElementsAre(endpoints_[i].ToString()));
    EXPECT_EQ(node.attempts, 1);
    EXPECT_TRUE(std::vector<TableRecord>(node.tables.begin(), node.tables.end()) ==
                cluster.nodes[i].tables);
    EXPECT_TRUE(node.replicas == cluster.nodes[i].replicas);
    EXPECT_EQ(node.replicas.size(), 12u);
  }
}

TEST_F(CollectorOverRpc, NodesThatTheSystemChosePortsForAscendByAddress) {
  Collect(ThreeNodes());
  EXPECT_LT(endpoints_[0], endpoints_[1]);
  EXPECT_LT(endpoints_[1], endpoints_[2]);
}

TEST_F(CollectorOverRpc, ManyReplicasArriveWhole) {
  SimulatedCluster cluster;
  cluster.AddNodes(1);
  ASSERT_TRUE(
      cluster.AddTable({.name = "t", .partition_count = 50'000, .max_replica_count = 1}).ok());
  const Evidence evidence = Collect(cluster);
  EXPECT_TRUE(evidence.nodes[0].replicas == cluster.nodes[0].replicas);
}

TEST_F(CollectorOverRpc, NodeWithoutAnythingIsComplete) {
  SimulatedCluster cluster;
  cluster.AddNodes(1);
  const Evidence evidence = Collect(cluster);
  EXPECT_TRUE(evidence.nodes[0].complete());
  EXPECT_THAT(evidence.nodes[0].replicas, IsEmpty());
}

TEST_F(CollectorOverRpc, RefusedConnectionIsNetworkFailureAfterAFewTries) {
  const NodeEvidence node = WithFault("refuse");
  ExpectFailed(node, "ERR_NETWORK_FAILURE");
  EXPECT_EQ(node.attempts, 3);
}

TEST_F(CollectorOverRpc, NodeThatNeverAnswersIsTimeout) {
  CollectorOptions options = QuickOptions();
  options.attempt_timeout = absl::Milliseconds(100);
  const NodeEvidence node = WithFault("hang", options);
  ExpectFailed(node, "ERR_TIMEOUT");
  EXPECT_EQ(node.attempts, 3);
}

TEST_F(CollectorOverRpc, LateAnswerCountsWhenItComesInTime) {
  EXPECT_TRUE(WithFault("late:50").complete());
  CollectorOptions options = QuickOptions();
  options.node_timeout = absl::Milliseconds(100);
  ExpectFailed(WithFault("late:10000", options), "ERR_TIMEOUT");
}

TEST_F(CollectorOverRpc, ErrorOfTheRpcLayerKeepsItsName) {
  const NodeEvidence node = WithFault("error:ERR_ACL_DENY");
  ExpectFailed(node, "ERR_ACL_DENY");
  EXPECT_EQ(node.attempts, 1);
}

TEST_F(CollectorOverRpc, ErrorInsideTheAnswerFailsTheNode) {
  ExpectFailed(WithFault("response_error:ERR_INVALID_STATE"), "ERR_INVALID_STATE");
}

TEST_F(CollectorOverRpc, ErrorThatIsNoNameIsUnknown) {
  ExpectFailed(WithFault("error:ERR_\x1b[2J\nREADY"), "ERR_UNKNOWN");
  ExpectFailed(WithFault("response_error:ERR_\x1b[2J\nREADY"), "ERR_UNKNOWN");
  ExpectFailed(WithFault("response_error:ERR_" + std::string(44, 'E')), "ERR_UNKNOWN");
}

TEST_F(CollectorOverRpc, AnswerThatBreaksOffIsNetworkFailure) {
  ExpectFailed(WithFault("close"), "ERR_NETWORK_FAILURE");
}

TEST_F(CollectorOverRpc, GarbageIsInvalidData) {
  const NodeEvidence node = WithFault("garbage");
  ExpectFailed(node, "ERR_INVALID_DATA");
  EXPECT_EQ(node.attempts, 1);
}

TEST_F(CollectorOverRpc, WrongCrcIsInvalidData) {
  ExpectFailed(WithFault("wrong_crc"), "ERR_INVALID_DATA");
}

TEST_F(CollectorOverRpc, AnnouncedTwoGigabytesAreInvalidDataAndNotAllocated) {
  ExpectFailed(WithFault("two_gigabytes"), "ERR_INVALID_DATA");
}

TEST_F(CollectorOverRpc, HalfAnsweredNodeCountsAsFailedAndNothingOfItIsKept) {
  ExpectFailed(WithFault("tables_only:ERR_INVALID_STATE"), "ERR_INVALID_STATE");
  ExpectFailed(WithFault("replicas_only:ERR_ACL_DENY"), "ERR_ACL_DENY");
}

TEST_F(CollectorOverRpc, LoadingNodeIsAskedAgainUntilItIsThere) {
  const NodeEvidence node = WithFault("loading:6");
  EXPECT_TRUE(node.complete()) << node.error_detail;
  EXPECT_EQ(node.replicas.size(), 12u);
  EXPECT_EQ(node.attempts, 7);
}

TEST_F(CollectorOverRpc, NodeThatLoadsForTooLongIsHandlerNotFound) {
  CollectorOptions options = QuickOptions();
  // Enough for one answer at least.
  options.node_timeout = absl::Seconds(2);
  options.backoff_min = options.backoff_max = absl::Milliseconds(50);
  ExpectFailed(WithFault("loading:1000000", options), "ERR_HANDLER_NOT_FOUND");
}

TEST_F(CollectorOverRpc, ReplicasThatAreStillServedAreCounted) {
  SimulatedCluster cluster = ThreeNodes();
  EXPECT_EQ(CountServing(Collect(cluster)), (ServingCount{0, 36, 0}));
  cluster.nodes[0].fault = *ParseFault("serving");
  const Evidence evidence = Collect(cluster);
  EXPECT_EQ(CountServing(evidence), (ServingCount{12, 36, 1}));
  EXPECT_EQ(evidence.nodes[0].replicas[0].status, ReplicaStatus::kPrimary);
  EXPECT_EQ(evidence.nodes[0].replicas[1].status, ReplicaStatus::kSecondary);
}

TEST_F(CollectorOverRpc, ServerUnderTwoNamesIsOneNodeWithBothEntries) {
  host_ = "localhost";
  more_lines_ = {"127.0.0.1"};
  const Evidence evidence = Collect(ThreeNodes());
  ASSERT_EQ(evidence.nodes.size(), 3u);
  EXPECT_THAT(evidence.nodes[0].listed_as,
              ::testing::ElementsAre(absl::StrCat("localhost:", endpoints_[0].port),
                                     absl::StrCat("127.0.0.1:", endpoints_[0].port)));
}

TEST_F(CollectorOverRpc, NameIsWhatTheAddressResolvesBackTo) {
  const Evidence evidence = Collect(ThreeNodes());
  const NodeEvidence& node = evidence.nodes[0];
  // Whether 127.0.0.1 has a name depends on the machine.
  if (node.name_source == NodeNameSource::kReverseLookup) {
    EXPECT_THAT(node.name, ::testing::EndsWith(absl::StrCat(":", node.address.port)));
  } else {
    EXPECT_EQ(node.name, node.listed_as[0]);
  }
}

TEST_F(CollectorOverRpc, TheAddressThatAServerGivesAsItsOwnIsKept) {
  SimulatedCluster cluster = ThreeNodes();
  cluster.nodes[1].own_address = Ipv4Endpoint{.ip = 0x0A141E02, .port = 34811};
  const Evidence evidence = Collect(cluster);
  EXPECT_EQ(evidence.nodes[0].own_address, endpoints_[0]);
  EXPECT_EQ(evidence.nodes[1].own_address.ToString(), "10.20.30.2:34811");
}

TEST_F(CollectorOverRpc, HostThatCannotBeResolvedIsABadNodeWithoutAddress) {
  more_lines_ = {"no-such-host..invalid"};
  const Evidence evidence = Collect(ThreeNodes());
  ASSERT_EQ(evidence.nodes.size(), 4u);
  const NodeEvidence& node = evidence.nodes[3];
  EXPECT_EQ(node.error, "ERR_NETWORK_FAILURE");
  EXPECT_EQ(node.address, Ipv4Endpoint());
  EXPECT_EQ(node.attempts, 0);
  EXPECT_THAT(node.error_detail, HasSubstr("no-such-host..invalid"));
}

}  // namespace
}  // namespace metarec
