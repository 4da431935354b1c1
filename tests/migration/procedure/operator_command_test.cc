#include "migration/procedure/operator_command.h"

#include <csignal>
#include <fstream>
#include <iterator>
#include <optional>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  const absl::Status ended =
      RunIt({.command = "test $(cut -d' ' -f5 /proc/$$/stat) = $$", .environment = {}});
  EXPECT_TRUE(ended.ok()) << "it is in our own process group: " << ended;
}

TEST(OperatorCommandTest, DoesNotInheritIgnoredSignals) {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  const absl::Status ended = RunIt({.command = "kill -PIPE $$; exit 0", .environment = {}});
  std::signal(SIGPIPE, before);
  EXPECT_THAT(std::string(ended.message()), HasSubstr("was ended by signal 13"));
}

TEST(OperatorCommandTest, IsNotWaitedForForEver) {
  const absl::Status ended =
      RunIt({.command = "exec sleep 2", .environment = {}, .time_max = absl::Milliseconds(50)});
  EXPECT_TRUE(absl::IsDeadlineExceeded(ended)) << ended;
}

}  // namespace
}  // namespace metarec
