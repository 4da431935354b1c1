#include <algorithm>
#include <sstream>

#include <gtest/gtest.h>

#include "tools/option_spelling.h"
#include "tools/output_arguments.h"
#include "tools/progress_printer.h"

namespace metarec::tools {
namespace {

TEST(OptionSpellingTest, DashesInLongOptionsAreUnderscores) {
  EXPECT_EQ(WithUnderscoresInOptions({"recover", "--node-list-file", "my-list", "-s", "a-b:1"}),
            (std::vector<std::string>{"recover", "--node_list_file", "my-list", "-s", "a-b:1"}));
  EXPECT_EQ(WithUnderscoresInOptions({"--zk-auth-file=my-file"}),
            (std::vector<std::string>{"--zk_auth_file=my-file"}));
  EXPECT_EQ(WithUnderscoresInOptions({"--", "--a-b"}), (std::vector<std::string>{"--", "--a-b"}));
}

TEST(JsonObjectTest, EscapesWhatServersSay) {
  EXPECT_EQ(JsonObject().Set("name", "a\"b\xff\nc").Set("n", int64_t{3}).Set("ok", true).ToText(),
            "{\"name\":\"a\\\"b\\\\xff\\\\x0ac\",\"n\":3,\"ok\":true}");
}

Progress Done(Phase phase, int64_t done, int64_t total) {
  Progress progress;
  progress.phase = phase;
  progress.done = done;
  progress.total = total;
  return progress;
}

class ManualClock final : public Clock {
 public:
  absl::Time Now() const override { return now; }
  asio::awaitable<absl::Status> SleepUntil(absl::Time) override { co_return absl::OkStatus(); }
  absl::Time now = absl::UnixEpoch();
};

TEST(ProgressPrinterTest, AQuickPhaseShowsNothing) {
  ManualClock clock;
  std::ostringstream out;
  ProgressPrinter printer(clock, out, ProgressPrinter::Style::kLines);
  printer.OnProgress(Done(Phase::kCollect, 0, 3));
  clock.now += absl::Milliseconds(900);
  printer.OnProgress(Done(Phase::kCollect, 3, 3));
  EXPECT_EQ(out.str(), "");
}

TEST(ProgressPrinterTest, ElsewhereThanOnATerminalALineAppearsNowAndThen) {
  ManualClock clock;
  std::ostringstream out;
  ProgressPrinter printer(clock, out, ProgressPrinter::Style::kLines);
  printer.OnProgress(Done(Phase::kWrite, 0, 100));
  for (int i = 1; i <= 12; ++i) {
    clock.now += absl::Seconds(1);
    printer.OnProgress(Done(Phase::kWrite, i, 100));
  }
  EXPECT_EQ(out.str(),
            "writing: 1 of 100 znodes\nwriting: 6 of 100 znodes\nwriting: 11 of 100 znodes\n");
}

TEST(ProgressPrinterTest, WaitingForLeasesIsShownAlthoughItAlternatesWithAsking) {
  ManualClock clock;
  std::ostringstream out;
  ProgressPrinter printer(clock, out, ProgressPrinter::Style::kLines);
  for (int round = 0; round < 4; ++round) {
    printer.OnProgress(Done(Phase::kCollect, 0, 3));
    printer.OnProgress(Done(Phase::kCollect, 3, 3));
    printer.OnProgress(Done(Phase::kAwaitInactive, 2, 9));
    for (int second = 0; second < 3; ++second) {
      clock.now += absl::Seconds(1);
      printer.Tick();
    }
  }
  EXPECT_EQ(out.str(),
            "collecting: 0 of 3 nodes\n"
            "waiting for leases to run out: 2 of 9 replicas inactive\n");
}

TEST(ProgressPrinterTest, TicksShowThatAJobIsAliveThatHasNothingToTell) {
  ManualClock clock;
  std::ostringstream lines;
  std::ostringstream bars;
  ProgressPrinter line_printer(clock, lines, ProgressPrinter::Style::kLines);
  ProgressPrinter bar_printer(clock, bars, ProgressPrinter::Style::kBar);
  line_printer.OnProgress(Done(Phase::kCollect, 1, 2));
  bar_printer.OnProgress(Done(Phase::kCollect, 1, 2));
  for (int second = 1; second <= 11; ++second) {
    clock.now += absl::Seconds(1);
    line_printer.Tick();
    bar_printer.Tick();
  }
  EXPECT_EQ(lines.str(), "collecting: 1 of 2 nodes\ncollecting: 1 of 2 nodes\n");
  const std::string drawn = bars.str();
  EXPECT_EQ(std::count(drawn.begin(), drawn.end(), '\r'), 11);
}

TEST(ProgressPrinterTest, NothingIsShownAgainOnceItWasCleared) {
  ManualClock clock;
  std::ostringstream out;
  ProgressPrinter printer(clock, out, ProgressPrinter::Style::kBar);
  printer.OnProgress(Done(Phase::kCollect, 1, 2));
  printer.Clear();
  clock.now += absl::Seconds(9);
  printer.Tick();
  EXPECT_EQ(out.str(), "");
}

TEST(ProgressPrinterTest, TheBarOfATerminalIsRemovedInTheEnd) {
  ManualClock clock;
  std::ostringstream out;
  {
    ProgressPrinter printer(clock, out, ProgressPrinter::Style::kBar);
    printer.OnProgress(Done(Phase::kCollect, 0, 2));
    clock.now += absl::Seconds(2);
    Progress progress = Done(Phase::kCollect, 1, 2);
    progress.failed = 1;
    progress.note = "x";
    printer.OnProgress(progress);
  }
  EXPECT_EQ(out.str(),
            "\r\033[K[###############...............] collecting: 1 of 2 nodes (1 failed), x"
            "\r\033[K");
}

}  // namespace
}  // namespace metarec::tools
