#include "migration/procedure/operator_command.h"

#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include <absl/time/clock.h>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/runtime/system_clock.h"

namespace metarec {
namespace {

using ::testing::HasSubstr;

absl::Status RunIt(OperatorCommand command) {
  asio::io_context context;
  SystemClock clock;
  std::optional<absl::Status> ended;
  asio::co_spawn(context, RunOperatorCommand(std::move(command), &clock),
                 [&](const std::exception_ptr&, absl::Status status) { ended = status; });
  context.run();
  return *ended;
}

TEST(OperatorCommandTest, GetsTheServerInItsEnvironment) {
  const std::string path = ::testing::TempDir() + "/operator_command_test.out";
  const absl::Status ended =
      RunIt({.command = "echo $METAREC_META > " + path,
             .environment = {{"METAREC_META", "m2:34601"}, {"METAREC_OTHER", "a b"}}});
  EXPECT_TRUE(ended.ok()) << ended;
  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "m2:34601\n");
}

TEST(OperatorCommandTest, ItsFailureIsTold) {
  const absl::Status ended = RunIt({.command = "exit 3", .environment = {}});
  EXPECT_THAT(std::string(ended.message()), HasSubstr("'exit 3' ended with exit code 3"));
  const absl::Status killed = RunIt({.command = "kill -9 $$", .environment = {}});
  EXPECT_THAT(std::string(killed.message()), HasSubstr("was ended by signal 9"));
}

TEST(OperatorCommandTest, AnInterruptAtTheTerminalDoesNotEndItWithUs) {
  const std::string ours = std::to_string(getpgrp());
  const absl::Status ended =
      RunIt({.command = "test $(cut -d' ' -f5 /proc/$$/stat) != " + ours, .environment = {}});
  EXPECT_TRUE(ended.ok()) << "it is in our own process group: " << ended;
}

TEST(OperatorCommandTest, DoesNotInheritIgnoredSignals) {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  const absl::Status ended = RunIt({.command = "kill -PIPE $$; exit 0", .environment = {}});
  std::signal(SIGPIPE, before);
  EXPECT_THAT(std::string(ended.message()), HasSubstr("was ended by signal 13"));
}

TEST(OperatorCommandTest, ACommandThatWasGivenUpDoesNothingAnyMore) {
  const std::string path = ::testing::TempDir() + "/given_up.out";
  std::remove(path.c_str());
  const absl::Status ended =
      RunIt({.command = "(sleep 1; echo late > " + path + ") & sleep 1; wait",
             .environment = {},
             .time_max = absl::Milliseconds(200)});
  EXPECT_TRUE(absl::IsDeadlineExceeded(ended)) << ended;
  EXPECT_THAT(std::string(ended.message()), HasSubstr("and was killed, with what it had started"));
  absl::SleepFor(absl::Milliseconds(1500));
  EXPECT_FALSE(std::ifstream(path).is_open());
}

TEST(OperatorCommandTest, OneThatDoesNotHeedTheRequestToEndIsKilled) {
  const absl::Time begun = absl::Now();
  const absl::Status ended = RunIt({.command = "trap '' TERM; while :; do sleep 0.1; done",
                                    .environment = {},
                                    .time_max = absl::Milliseconds(100)});
  EXPECT_TRUE(absl::IsDeadlineExceeded(ended)) << ended;
  EXPECT_LT(absl::Now() - begun, absl::Seconds(60));
}

}  // namespace
}  // namespace metarec
