#include "testing/simulated_cluster.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/runtime/system_clock.h"
#include "replica_collector/collector.h"
#include "replica_collector/rpc_replica_source.h"
#include "testing/scratch_folder.h"
#include "testing/simulated_servers.h"

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

SimulatedCluster TwoNodes() {
  SimulatedCluster cluster;
  cluster.AddNodes(2);
  EXPECT_TRUE(
      cluster.AddTable({.name = "temp", .partition_count = 4, .max_replica_count = 2}).ok());
  return cluster;
}

// What a collector hears from the nodes of this list.
Evidence Collect(const std::string& node_list) {
  std::string text = node_list;
  for (char& c : text) c = c == '\n' ? ',' : c;
  const auto list = ParseNodeListString(text);
  EXPECT_TRUE(list.ok()) << list.status();

  asio::io_context context;
  SystemClock clock;
  absl::StatusOr<Evidence> evidence = absl::UnknownError("not finished");
  // Owns the client, whose open connections would keep the context busy.
  const auto root = [&]() -> asio::awaitable<void> {
    rpc::Client client(context.get_executor(), &clock);
    RpcReplicaSource source(&client, &clock);
    SilentProgress progress;
    Collector collector({}, &source, &clock, &progress, [] { return 0.0; });
    evidence = co_await collector.Collect(*list);
  };
  asio::co_spawn(context, root, asio::detached);
  context.run();
  EXPECT_TRUE(evidence.ok()) << evidence.status();
  return *std::move(evidence);
}

TEST(SimulatedClusterThread, ServesUntilItIsDestroyed) {
  auto cluster = SimulatedClusterThread::Start(TwoNodes());
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  const std::string node_list = (*cluster)->node_list_text();
  EXPECT_EQ(CountServing(Collect(node_list)), (ServingCount{0, 8, 0}));
  cluster->reset();
  for (const NodeEvidence& node : Collect(node_list).nodes) {
    EXPECT_EQ(node.error, "ERR_NETWORK_FAILURE");
  }
}

TEST(SimulatedClusterThread, NodeChangesWhileItRunsAndKeepsItsPort) {
  auto cluster = SimulatedClusterThread::Start(TwoNodes());
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  const std::string& node_list = (*cluster)->node_list_text();

  SimulatedNode node = TwoNodes().nodes[1];
  node.fault = *ParseFault("refuse");
  ASSERT_TRUE((*cluster)->SetNode(node).ok());
  EXPECT_EQ(Collect(node_list).nodes[1].error, "ERR_NETWORK_FAILURE");

  node.fault = {};
  node.replicas[0].ballot = 99;
  ASSERT_TRUE((*cluster)->SetNode(node).ok());
  EXPECT_TRUE(Collect(node_list).nodes[1].replicas == node.replicas);

  node.name = "n7";
  EXPECT_EQ((*cluster)->SetNode(node).code(), absl::StatusCode::kNotFound);
}

TEST(SimulatedClusterThread, AddressPerNodeGivesLoopbackAddresses) {
  auto cluster = SimulatedClusterThread::Start(TwoNodes(), {.address_per_node = true});
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  EXPECT_EQ((*cluster)->endpoints()[0].ip, 0x7F000001u);
  EXPECT_EQ((*cluster)->endpoints()[1].ip, 0x7F000002u);
}

TEST(SimulatedClusterThread, PortThatIsTakenOrOfNobodyIsAnError) {
  auto first = SimulatedClusterThread::Start(TwoNodes());
  ASSERT_TRUE(first.ok()) << first.status();
  const uint16_t taken = (*first)->endpoints()[0].port;
  const absl::Status status =
      SimulatedClusterThread::Start(TwoNodes(), {.ports = {{"n2", taken}}}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat(taken)));
  EXPECT_EQ(SimulatedClusterThread::Start(TwoNodes(), {.ports = {{"n9", taken}}}).status().code(),
            absl::StatusCode::kNotFound);
}

// The program metarec-sim.
class SimulatorProgram : public ::testing::Test {
 protected:
  ~SimulatorProgram() override {
    if (process_ > 0) Stop(SIGKILL);
  }

  void Start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), METAREC_BIN_DIR "/metarec-sim");
    std::vector<char*> words;
    for (std::string& argument : arguments) words.push_back(argument.data());
    words.push_back(nullptr);
    process_ = ::fork();
    if (process_ == 0) {
      const std::string output = folder_.Path("output");
      if (::freopen(output.c_str(), "w", stdout) == nullptr || ::dup2(1, 2) < 0) ::_exit(126);
      ::execv(words[0], words.data());
      ::_exit(127);
    }
  }
  // How the process ended: its exit code, or -1 by a signal.
  int Wait() {
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  int Stop(int signal) {
    ::kill(process_, signal);
    return Wait();
  }

  std::string ContentOf(const std::string& name) const {
    std::ifstream in(folder_.Path(name));
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  // Polls, as another program would.
  bool AppearsWithinAMinute(const std::string& name) const {
    for (int i = 0; i < 6'000; ++i) {
      if (std::filesystem::exists(folder_.Path(name))) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  const ScratchFolder folder_;
  pid_t process_ = 0;
};

TEST_F(SimulatorProgram, ServesTheListedNodesUntilSigterm) {
  Start({"--nodes", "3", "--table", "temp:8", "--table", "usertable:4", "--fault",
         "n2=error:ERR_BUSY", "--fault", "n2=error:ERR_ACL_DENY", "--node-list",
         folder_.Path("list")});
  ASSERT_TRUE(AppearsWithinAMinute("list")) << ContentOf("output");
  const Evidence evidence = Collect(ContentOf("list"));
  ASSERT_EQ(evidence.nodes.size(), 3u);
  EXPECT_EQ(evidence.nodes[0].replicas.size(), 12u);
  EXPECT_EQ(evidence.nodes[1].error, "ERR_ACL_DENY");
  EXPECT_EQ(evidence.nodes[2].tables.size(), 2u);
  EXPECT_EQ(Stop(SIGTERM), 0);
}

TEST_F(SimulatorProgram, ServesAClusterFile) {
  std::ofstream(folder_.Path("cluster.json"))
      << R"({"nodes": [{"name": "a", "replicas": [{"pid": "1.0", "ballot": 42}]}]})";
  Start({"--cluster", folder_.Path("cluster.json"), "--node_list", folder_.Path("list")});
  ASSERT_TRUE(AppearsWithinAMinute("list")) << ContentOf("output");
  EXPECT_EQ(Collect(ContentOf("list")).nodes[0].replicas.at(0).ballot, 42);
  EXPECT_EQ(Stop(SIGINT), 0);
}

TEST_F(SimulatorProgram, WrongArgumentsAreExplained) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{}, "there is no node: give --nodes"},
      {{"--nodes", "2", "--table", "temp"}, "write NAME:PARTITIONS"},
      {{"--nodes", "2", "--fault", "n1"}, "write NODE=VALUE"},
      {{"--nodes", "2", "--fault", "n9=hang"}, "there is no node 'n9'"},
      {{"--nodes", "2", "--fault", "n1=fire"}, "cannot understand the fault 'fire'"},
      {{"--nodes", "2", "--port", "n1=70000"}, "is not a port"},
      {{"--cluster", "/none/such"}, "cannot open /none/such"},
      {{"--evidence", "/none/such"}, "cannot open /none/such"},
      {{"--nodes", "1", "--node_list", "/none/such/list"}, "cannot write the node list"},
      {{"--bogus"}, "--bogus"},
  };
  for (const auto& [arguments, expected] : cases) {
    Start(arguments);
    EXPECT_EQ(Wait(), 1) << expected;
    EXPECT_THAT(ContentOf("output"), HasSubstr(expected));
  }
}

// What mkdtemp returned was not looked at: tests went on with a folder of no name.
TEST(ScratchFolderTest, AFolderThatCannotBeMadeIsAClearError) {
  const ScratchFolder made;
  const char* const before = std::getenv("TMPDIR");
  const std::string restored = before == nullptr ? "" : before;
  ::setenv("TMPDIR", made.Path("missing").c_str(), 1);
  const absl::StatusOr<std::string> folder = MakeTemporaryFolder("test");
  EXPECT_EQ(folder.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(folder.status().message()),
              HasSubstr("cannot make a temporary folder in " + made.Path("missing") +
                        "; let TMPDIR name a folder that exists"));
  EXPECT_DEATH({ const ScratchFolder never; }, "cannot make a temporary folder in");
  ::setenv("TMPDIR", restored.c_str(), 1);
  EXPECT_TRUE(std::filesystem::is_empty(made.path()));
}

}  // namespace
}  // namespace metarec::testing
