#include "testing/simulated_servers.h"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
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

namespace metarec::testing {
namespace {

using ::testing::HasSubstr;

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

}  // namespace
}  // namespace metarec::testing
