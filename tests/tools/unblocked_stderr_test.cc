#include "tools/process/unblocked_stderr.h"

#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/time/clock.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "testing/scratch_folder.h"
#include "tests/tools/metarecd_world.h"

namespace metarec::tools {
namespace {

// With a stderr that is the pipe, for as long as it lives.
class StderrOf {
 public:
  explicit StderrOf(const FullPipe& pipe) : saved_(::dup(STDERR_FILENO)) {
    ::dup2(pipe.writing_end(), STDERR_FILENO);
  }
  ~StderrOf() {
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
  }

 private:
  const int saved_;
};

TEST(UnblockedStderrTest, WhatAReaderDoesNotTakeIsKeptUntilItDoes) {
  const testing::ScratchFolder folder;
  const FullPipe pipe(folder.Path("pipe"));
  const StderrOf redirected(pipe);
  {
    const UnblockedStderr unblocked(absl::ZeroDuration());
    std::cerr << "one" << std::endl;
    std::fprintf(stderr, "two\n");
    pipe.Drain();
    std::cerr << "three" << std::endl;
  }
  EXPECT_EQ(pipe.Drain(), "one\ntwo\nthree\n");
  std::cerr << "as before" << std::endl;
  EXPECT_EQ(pipe.Drain(), "as before\n");
}

TEST(UnblockedStderrTest, WhenTooMuchIsKeptWholeLinesAreDropped) {
  const testing::ScratchFolder folder;
  const FullPipe pipe(folder.Path("pipe"));
  const StderrOf redirected(pipe);
  {
    const UnblockedStderr unblocked(absl::ZeroDuration());
    for (int i = 0; i < 10'000; ++i) std::cerr << "a line with " << i << " in it" << std::endl;
    pipe.Drain();
  }
  const std::vector<std::string> lines = absl::StrSplit(pipe.Drain(), '\n', absl::SkipEmpty());
  EXPECT_GT(lines.size(), 1000u);
  EXPECT_LT(lines.size(), 10'000u);
  for (const std::string& line : lines) {
    EXPECT_TRUE(absl::StartsWith(line, "a line with ") && absl::EndsWith(line, " in it")) << line;
  }
}

TEST(UnblockedStderrTest, ResultsWaitForTheReader) {
  const testing::ScratchFolder folder;
  const FullPipe pipe(folder.Path("pipe"));
  const StderrOf redirected(pipe);
  std::string text;
  {
    const UnblockedStderr unblocked(absl::InfiniteDuration());
    UnblockedStderr::WaitFromNowOn(-1);
    pipe.Drain();
    std::thread reader([&] {
      while (text.size() < 1'000'000) {
        text += pipe.Drain();
        absl::SleepFor(absl::Milliseconds(1));
      }
    });
    std::cerr << std::string(1'000'000, 'x') << std::flush;
    reader.join();
  }
  EXPECT_EQ(text.size(), 1'000'000u);
}

}  // namespace
}  // namespace metarec::tools
