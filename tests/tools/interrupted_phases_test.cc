// Ctrl-C in each phase of the real program, against simulated replica servers and a real ZooKeeper:
// it ends soon, whoever it waits for, and says with which command line to go on.

#include <csignal>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/scratch_folder.h"
#include "testing/simulated_cluster_thread.h"
#include "testing/zookeeper_server.h"
#include "tests/tools/metarec_process.h"

namespace metarec::tools {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

// What takes a second at most, on a machine that is busy with something else.
constexpr absl::Duration kSoon = absl::Seconds(60);
constexpr char kForEver[] = "3600";
constexpr int kTriesToCatchIt = 10;

class InterruptedPhasesTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto server = testing::ZooKeeperServer::Start();
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = server->release();
  }
  static void TearDownTestSuite() { delete server_; }

  void SetUp() override { ASSERT_NE(server_, nullptr); }
  void TearDown() override {
    process_.reset();
    if (server_ != nullptr) server_->Resume();
  }

  // Three nodes with 10 tables of 1000 partitions.
  void Serve(testing::SimulatedFault::Kind fault_of_the_last = {}) {
    testing::SimulatedCluster cluster;
    cluster.AddNodes(3);
    for (int i = 0; i < 10; ++i) {
      ASSERT_TRUE(cluster.AddTable({.name = absl::StrCat("t", i), .partition_count = 1000}).ok());
    }
    cluster.nodes.back().fault.kind = fault_of_the_last;
    auto servers = testing::SimulatedClusterThread::Start(std::move(cluster));
    ASSERT_TRUE(servers.ok()) << servers.status();
    servers_ = *std::move(servers);
    folder_.Write("nodes", servers_->node_list_text());
  }

  void Start(const std::vector<std::string>& arguments) {
    command_line_ = METAREC_BIN_DIR "/metarec";
    for (const std::string& argument : arguments) absl::StrAppend(&command_line_, " ", argument);
    auto process = StartProgram(arguments, folder_.Path("log"));
    ASSERT_TRUE(process.ok()) << process.status();
    process_ = *std::move(process);
  }

  // Returns false when it ended before.
  bool Await(const std::function<bool()>& condition) {
    const absl::Time deadline = absl::Now() + kSoon;
    while (!condition()) {
      if (!process_->Runs() || absl::Now() > deadline) return false;
      absl::SleepFor(absl::Milliseconds(1));
    }
    return process_->Runs();
  }

  // What it says, below which stands the command line.
  std::string Interrupt() {
    process_->Signal(SIGINT);
    EXPECT_EQ(process_->Wait(kSoon), 1);
    EXPECT_THAT(process_->Errors(), HasSubstr(absl::StrCat(":\n  ", command_line_, "\n")));
    return process_->Errors();
  }

  std::vector<std::string> Recover(const std::string& root, const std::string& format) {
    return {"recover",
            "-f",
            folder_.Path("nodes"),
            "--zk",
            server_->hosts(),
            "--zk_timeout",
            kForEver,
            "--root",
            root,
            "-w",
            kForEver,
            "--format",
            format};
  }

  static testing::ZooKeeperServer* server_;
  const testing::ScratchFolder folder_;
  std::string command_line_;
  std::unique_ptr<testing::SimulatedClusterThread> servers_;
  std::unique_ptr<MetarecProcess> process_;
};

testing::ZooKeeperServer* InterruptedPhasesTest::server_ = nullptr;

TEST_F(InterruptedPhasesTest, WhileANodeHangs) {
  Serve(testing::SimulatedFault::Kind::kHang);
  Start({"collect", "-f", folder_.Path("nodes"), "--evidence", folder_.Path("evidence"),
         "--node_timeout", "3600", "--format", "json"});
  ASSERT_TRUE(Await([this] { return absl::StrContains(process_->Errors(), R"("done":2)"); }))
      << process_->Errors();
  EXPECT_THAT(Interrupt(), HasSubstr("metarec collect: interrupted; nothing was written; run the "
                                     "same command again:"));
  EXPECT_FALSE(std::filesystem::exists(folder_.Path("evidence")));
}

TEST_F(InterruptedPhasesTest, WhileZooKeeperDoesNotTakeTheConnection) {
  Serve();
  server_->Pause();
  Start(Recover("/connecting", "text"));
  ASSERT_TRUE(Await([this] { return absl::StrContains(process_->Output(), "Node list"); }))
      << process_->Errors();
  EXPECT_THAT(Interrupt(), HasSubstr("metarec recover: interrupted before anything was written; "
                                     "run the same command again:"));
}

TEST_F(InterruptedPhasesTest, WhileZooKeeperHangsInTheMiddleOfTheWriting) {
  Serve();
  bool is_caught = false;
  std::string root;
  for (int i = 0; i < kTriesToCatchIt && !is_caught; ++i) {
    root = absl::StrCat("/writing", i);
    Start(Recover(root, "json"));
    // The end of the planning is told when the writing begins.
    is_caught = Await([this] {
      const std::string told = process_->Errors();
      const size_t plan = told.find(R"({"progress":"plan")");
      return plan != std::string::npos && absl::StrContains(told.substr(plan), R"("final":true)");
    });
    server_->Pause();
    is_caught = is_caught && process_->Runs();
    if (!is_caught) server_->Resume();
  }
  ASSERT_TRUE(is_caught) << "it always ended too early to be interrupted";
  EXPECT_THAT(Interrupt(),
              AnyOf(HasSubstr("metarec recover: interrupted; no meta server starts from what was "
                              "written so far. Run the same command again, and it goes on where it "
                              "was:"),
                    HasSubstr("metarec recover: interrupted while writing. Run the same command "
                              "again, and it goes on where it was, or says that everything is "
                              "written:")));
  server_->Resume();
  Start(Recover(root, "text"));
  EXPECT_EQ(process_->Wait(), 0) << process_->Errors();
  EXPECT_THAT(process_->Output(), HasSubstr("Recover result: ERR_OK\n"));
}

}  // namespace
}  // namespace metarec::tools
