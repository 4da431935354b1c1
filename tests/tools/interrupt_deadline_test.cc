// A command that does not end when it is asked to.

#include <csignal>

#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <gtest/gtest.h>

#include "tools/cli/command_line.h"
#include "tools/cli/command_loop.h"

namespace metarec::tools {
namespace {

// As one that plans for long: it never comes back to the loop.
ExitCode ComputeForEver(bool writing_began) {
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
  EXPECT_EXIT(ComputeForEver(false), ::testing::ExitedWithCode(1),
              "metarec apply: interrupted before anything was written; run the same command again:"
              "\n  metarec apply --plan 'a plan'\n");
}

TEST(InterruptDeadlineDeathTest, ClaimsNothingAboutWhatIsWritten) {
  EXPECT_EXIT(ComputeForEver(true), ::testing::ExitedWithCode(1),
              "metarec apply: interrupted while writing. Run the same command again, and it goes "
              "on where it was, or says that everything is written:"
              "\n  metarec apply --plan 'a plan'\n");
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

}  // namespace
}  // namespace metarec::tools
