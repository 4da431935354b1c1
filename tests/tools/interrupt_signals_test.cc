// What the first and the second signal do while the loop itself is blocked.

#include "tools/cli/interrupt_signals.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/tools/metarec_process.h"
#include "tools/cli/command_loop.h"

namespace metarec::tools {
namespace {

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
  StalledPipe() {
    std::string pattern = ::testing::TempDir() + "stalled_pipe_XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    EXPECT_EQ(::mkfifo(Pipe().c_str(), 0600), 0);
  }
  ~StalledPipe() override { std::filesystem::remove_all(folder_); }

  std::string Pipe() const { return folder_ + "/pipe"; }

  // `verb` with the pipe as its file; ended by one signal.
  void ExpectOneSignalToEnd(std::vector<std::string> arguments) {
    auto process = StartProgram(std::move(arguments), folder_ + "/log");
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

  std::string folder_;
};

TEST_F(StalledPipe, OfEvidenceEndsAtTheFirstSignal) {
  ExpectOneSignalToEnd({"plan", "--evidence", Pipe(), "--plan", folder_ + "/plan"});
}

TEST_F(StalledPipe, OfAPlanEndsAtTheFirstSignal) {
  ExpectOneSignalToEnd(
      {"apply", "--plan", Pipe(), "--zk", "127.0.0.1:1", "--root", "/pegasus/recovered"});
}

}  // namespace
}  // namespace metarec::tools
