// SIGINT and SIGTERM. The first signal ends a command soon, also while its loop is blocked or it
// waits for somebody, and the command says how to go on. The second ends the process at once.

#include "tools/cli/interrupts.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testing/scratch_folder.h"
#include "testing/simulated_servers.h"
#include "testing/zookeeper_server.h"
#include "tests/tools/metarecd_world.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/output_arguments.h"

namespace metarec::tools {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr absl::Duration kTooLong = absl::Seconds(60);

// A command that never comes back to the loop, as one that plans for long; it sends itself
// `signals`.
ExitCode ComputeForEver(int signals) {
  CommandLoop loop;
  return loop.Run(
      "test", "",
      [signals](ProgressPrinter*) -> asio::awaitable<absl::StatusOr<ExitCode>> {
        for (int i = 0; i < signals; ++i) ::raise(SIGTERM);
        if (signals > 1) absl::SleepFor(kTooLong);
        co_return absl::CancelledError(InterruptSignals::received() ? "received" : "nothing");
      },
      ProgressPrinter::Style::kLines);
}

TEST(InterruptSignalsDeathTest, TheSecondEndsTheProcessEvenWhileTheLoopIsBlocked) {
  EXPECT_EXIT(ComputeForEver(2), ::testing::KilledBySignal(SIGTERM), "");
}

TEST(InterruptSignalsDeathTest, TheFirstIsNotLostWhileTheLoopIsBlocked) {
  EXPECT_EXIT(::_exit(static_cast<int>(ComputeForEver(1))), ::testing::ExitedWithCode(1),
              "metarec test: interrupted");
}

TEST(InterruptSignalsTest, AfterwardsTheFormerActionIsBack) {
  asio::io_context context;
  { const InterruptSignals signals(context); }
  struct sigaction action {};
  ASSERT_EQ(::sigaction(SIGINT, nullptr, &action), 0);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
  EXPECT_EQ(InterruptSignals::descriptor(), -1);
}

class StalledPipe : public ::testing::Test {
 protected:
  StalledPipe() { EXPECT_EQ(::mkfifo(Pipe().c_str(), 0600), 0); }

  std::string Pipe() const { return folder_.Path("pipe"); }

  // `verb` with the pipe as its file; ended by one signal.
  void ExpectOneSignalToEnd(std::vector<std::string> arguments) {
    auto process = StartProgram(std::move(arguments), folder_.Path("log"));
    ASSERT_TRUE(process.ok()) << process.status();
    // Succeeds as soon as the process has opened it for reading.
    int writer = -1;
    for (int i = 0; i < 60'000 && writer < 0; ++i) {
      writer = ::open(Pipe().c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
      if (writer < 0) absl::SleepFor(absl::Milliseconds(1));
    }
    ASSERT_GE(writer, 0);
    (*process)->Signal(SIGINT);
    EXPECT_EQ((*process)->Wait(kTooLong), 1);
    EXPECT_THAT((*process)->Errors(), HasSubstr("interrupted"));
    ::close(writer);
  }

  const testing::ScratchFolder folder_;
};

TEST_F(StalledPipe, OfEvidenceEndsAtTheFirstSignal) {
  ExpectOneSignalToEnd({"plan", "--evidence", Pipe(), "--plan", folder_.Path("plan")});
}

TEST_F(StalledPipe, OfAPlanEndsAtTheFirstSignal) {
  ExpectOneSignalToEnd(
      {"apply", "--plan", Pipe(), "--zk", "127.0.0.1:1", "--root", "/pegasus/recovered"});
}

// As ComputeForEver, with the progress of a verb that writes.
ExitCode ComputeTooLong(bool writing_began) {
  const char* const words[] = {"metarec", "apply", "--plan", "a plan"};
  RememberCommandLine(4, words);
  CommandLoop loop;
  return loop.Run(
      "apply", {"not said", /*does_write=*/true},
      [=](ProgressPrinter* progress) -> asio::awaitable<absl::StatusOr<ExitCode>> {
        Progress told;
        told.phase = writing_began ? Phase::kWrite : Phase::kCollect;
        progress->OnProgress(told);
        ::raise(SIGINT);
        absl::SleepFor(absl::Seconds(600));
        co_return ExitCode::kDone;
      },
      ProgressPrinter::Style::kLines);
}

TEST(InterruptDeadlineDeathTest, IsCutShortAndSaysHowToGoOn) {
  EXPECT_EXIT(ComputeTooLong(false), ::testing::ExitedWithCode(1),
              "metarec apply: interrupted before anything was written; run the same command again:"
              "\n  metarec apply --plan 'a plan'\n");
}

TEST(InterruptDeadlineDeathTest, ClaimsNothingAboutWhatIsWritten) {
  EXPECT_EXIT(ComputeTooLong(true), ::testing::ExitedWithCode(1),
              "metarec apply: interrupted while writing. Run the same command again, and it goes "
              "on where it was, or says that everything is written:"
              "\n  metarec apply --plan 'a plan'\n");
}

// Whether the thread waits for something.
bool Sleeps(int thread) {
  std::ifstream stat(absl::StrCat("/proc/self/task/", thread, "/stat"));
  std::string text;
  std::getline(stat, text);
  const size_t end_of_name = text.rfind(')');
  return end_of_name != std::string::npos && text.substr(end_of_name, 3) == ") S";
}

ExitCode PrintToAStdoutThatNobodyReads() {
  const testing::ScratchFolder folder;
  const FullPipe pipe(folder.Path("pipe"));
  ::dup2(pipe.writing_end(), STDOUT_FILENO);
  CommandLoop loop;
  return loop.Run(
      "test", "nothing was changed",
      [](ProgressPrinter*) -> asio::awaitable<absl::StatusOr<ExitCode>> {
        std::thread([printing = ::gettid()] {
          while (!Sleeps(printing)) absl::SleepFor(absl::Milliseconds(1));
          ::kill(::getpid(), SIGTERM);
        }).detach();
        const absl::Status printed = OutputArguments().Print("text");
        if (!printed.ok()) co_return printed;
        co_return ExitCode::kDone;
      },
      ProgressPrinter::Style::kLines);
}

// It said "cannot write to stdout: Interrupted system call".
TEST(InterruptedPrintingDeathTest, IsCalledAnInterruption) {
  EXPECT_EXIT(::_exit(static_cast<int>(PrintToAStdoutThatNobodyReads())),
              ::testing::ExitedWithCode(1), "metarec test: interrupted; nothing was changed");
}

TEST(InterruptDeadlineTest, WhatEndsInTimeIsLeftAlone) {
  CommandLoop loop;
  const ExitCode code =
      loop.Run("apply", "", [](ProgressPrinter*) -> asio::awaitable<absl::StatusOr<ExitCode>> {
        ::raise(SIGINT);
        co_return ExitCode::kDone;
      });
  EXPECT_EQ(code, ExitCode::kDone);
}

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
