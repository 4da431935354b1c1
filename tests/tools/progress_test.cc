// Progress as it is shown: from values and a clock that is set by hand.

#include <algorithm>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <absl/strings/str_split.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include "tools/cli/migrate/migrate_console.h"
#include "tools/cli/progress_printer.h"

namespace metarec::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

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
            "writing: 1 of 100 znodes\n"
            "writing: 6 of 100 znodes, 1.0/s, about 2 min left\n"
            "writing: 11 of 100 znodes, 1.0/s, about 90 s left\n");
}

TEST(MigrateConsoleTest, AnUndoneStepWasSaidToBeDone) {
  ManualClock clock;
  std::ostringstream out;
  ProgressPrinter printer(clock, out, ProgressPrinter::Style::kLines);
  MigrateConsole console(&printer);
  Step step;
  step.name = "start_leader";
  ::testing::internal::CaptureStderr();
  console.OnBegin(step, step.back.deed);
  console.OnEnd(step, "nobody is a candidate");
  console.OnBegin(step, step.deed);
  console.OnEnd(step, "m1 leads");
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("start_leader is undone: nobody is a candidate\n"));
  EXPECT_THAT(said, HasSubstr("start_leader is done: m1 leads\n"));
}

TEST(ProgressPrinterTest, NothingIsLeftWhenAllIsDone) {
  ManualClock clock;
  std::ostringstream out;
  ProgressPrinter printer(clock, out, ProgressPrinter::Style::kLines);
  for (int second = 0; second <= 4; ++second) {
    printer.OnProgress(Done(Phase::kWrite, second, 10));
    clock.now += absl::Seconds(1);
  }
  clock.now += absl::Milliseconds(-900);  // so soon that the rate is not told of it
  printer.OnProgress(Done(Phase::kWrite, 10, 10));
  EXPECT_THAT(out.str(), EndsWith("\nwriting: 10 of 10 znodes, 1.0/s\n"));
}

TEST(ProgressPrinterTest, WaitingForLeasesBeganWithALineOnTheNodesThatAreAskedAgain) {
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
            "waiting for leases to run out: 2 of 9 replicas inactive\n"
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
            "\r\033[K[##########..........] 50% collecting: 1 of 2 nodes (1 failed), x"
            "\r\033[K");
}

ProgressView Writing(int64_t done) {
  ProgressView view;
  view.progress = Done(Phase::kWrite, done, 1'000'000);
  return view;
}

TEST(ProgressTextTest, ALineTellsHowFarHowFastAndHowLong) {
  ProgressView view = Writing(523'000);
  EXPECT_EQ(ProgressLine(view), "writing: 523000 of 1000000 znodes");
  view.per_second = 58'123.4;
  view.left = absl::Seconds(8.2);
  view.progress.note = "no connection";
  EXPECT_EQ(ProgressLine(view),
            "writing: 523000 of 1000000 znodes, 58123/s, about 8 s left, no connection");
}

TEST(ProgressTextTest, TimeLeftHasThePrecisionThatAnEstimateHas) {
  const auto left = [](absl::Duration duration) {
    ProgressView view = Writing(1);
    view.left = duration;
    return ProgressLine(view).substr(std::string("writing: 1 of 1000000 znodes, ").size());
  };
  EXPECT_EQ(left(absl::Milliseconds(20)), "about 1 s left");
  EXPECT_EQ(left(absl::Seconds(43)), "about 45 s left");
  EXPECT_EQ(left(absl::Seconds(200)), "about 3 min left");
  EXPECT_EQ(left(absl::Hours(3)), "about 3 h left");
}

TEST(ProgressTextTest, CollectingTellsWhatTheNodesReported) {
  ProgressView view;
  view.progress = Done(Phase::kCollect, 37, 400);
  view.progress.failed = 1;
  view.progress.replicas = 281'000;
  view.per_second = 2.5;
  EXPECT_EQ(ProgressLine(view), "collecting: 37 of 400 nodes (1 failed), 281000 replicas, 2.5/s");
}

TEST(ProgressTextTest, WhatVerifyFindsAreDifferencesAndNoFailures) {
  ProgressView view;
  view.progress = Done(Phase::kVerify, 3, 9);
  view.progress.failed = 2;
  EXPECT_EQ(ProgressLine(view), "verifying: 3 of 9 znodes (2 differences)");
  EXPECT_EQ(ProgressJson(view),
            R"({"progress":"verify","units":"znodes","done":3,"total":9,"failed":2,)"
            R"("differences":2,"elapsed_seconds":0.000,"final":false})");
  view.progress.failed = 1;
  EXPECT_EQ(ProgressLine(view), "verifying: 3 of 9 znodes (1 difference)");
  view.progress.phase = Phase::kRead;
  EXPECT_EQ(ProgressLine(view), "reading: 3 of 9 znodes (1 problem)");
  EXPECT_THAT(ProgressJson(view), HasSubstr(R"("failed":1,"problems":1,)"));
}

TEST(ProgressTextTest, WhenLeasesRunOutIsNotForetold) {
  ProgressView view;
  view.progress = Done(Phase::kAwaitInactive, 2, 9);
  view.per_second = 1;
  view.left = absl::Seconds(7);
  EXPECT_EQ(ProgressLine(view), "waiting for leases to run out: 2 of 9 replicas inactive");
  EXPECT_THAT(ProgressJson(view), Not(HasSubstr("seconds_left")));
}

TEST(ProgressTextTest, ABarFitsIntoTheWindow) {
  ProgressView view = Writing(999'999);
  view.left = absl::Seconds(1);
  view.progress.note = "a note";
  EXPECT_EQ(ProgressBar(view, 200),
            "[###################.] 99% writing: 999999 of 1000000 znodes, about 1 s left, a note");
  EXPECT_EQ(ProgressBar(view, 80),
            "[###################.] 99% writing: 999999 of 1000000 znodes, about 1 s left");
  EXPECT_EQ(ProgressBar(view, 36), "[###################.] 99% writing:");
  EXPECT_EQ(ProgressBar(view, 0), "");
  view.progress = Done(Phase::kPlan, 0, 0);
  view.progress.note = "\xc3\xa4\xc3\xa4";
  EXPECT_EQ(ProgressBar(view, 80), "planning, about 1 s left, \xc3\xa4\xc3\xa4");
}

TEST(ProgressTextTest, WhatServersSayReachesNoTerminalRaw) {
  ProgressView view = Writing(1);
  view.progress.note = "n1\x1b[2J\n";
  EXPECT_THAT(ProgressLine(view), EndsWith(", n1\\x1b[2J\\x0a"));
}

TEST(ProgressTextTest, AnObjectForProgramsLeavesOutWhatIsNotKnown) {
  ProgressView view;
  view.progress = Done(Phase::kWrite, 0, 0);
  view.elapsed = absl::Milliseconds(1500);
  EXPECT_EQ(ProgressJson(view), R"({"progress":"write","units":"znodes","done":0,"failed":0,)"
                                R"("elapsed_seconds":1.500,"final":false})");
  view.progress = Done(Phase::kCollect, 3, 4);
  view.progress.replicas = 12;
  view.progress.note = "n\"1";
  view.per_second = 2;
  view.left = absl::Seconds(0.5);
  EXPECT_EQ(ProgressJson(view),
            R"({"progress":"collect","units":"nodes","done":3,"total":4,"failed":0,"replicas":12,)"
            R"("elapsed_seconds":1.500,"per_second":2.0,"seconds_left":0.5,"final":false,)"
            R"("note":"n\"1"})");
}

std::vector<std::string> Lines(const std::string& text) {
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

// "phase done/total", with a ! for the final one of a phase.
std::vector<std::string> Told(const std::string& text) {
  std::vector<std::string> told;
  for (const std::string& line : Lines(text)) {
    rapidjson::Document json;
    json.Parse(line.c_str());
    EXPECT_TRUE(json.IsObject()) << line;
    if (!json.IsObject()) continue;
    told.push_back(std::string(json["progress"].GetString()) + " " +
                   std::to_string(json["done"].GetInt64()) + (json["final"].GetBool() ? "!" : ""));
  }
  return told;
}

TEST(ProgressPrinterTest, ForProgramsEachPhaseEndsWithAFinalObject) {
  ManualClock clock;
  std::ostringstream out;
  ProgressPrinter printer(clock, out, ProgressPrinter::Style::kJson);
  printer.OnProgress(Done(Phase::kCollect, 0, 2));
  printer.OnProgress(Done(Phase::kCollect, 2, 2));
  printer.OnProgress(Done(Phase::kWrite, 0, 5));
  clock.now += absl::Seconds(1);
  printer.OnProgress(Done(Phase::kWrite, 3, 5));
  printer.Clear();
  EXPECT_THAT(Told(out.str()), ElementsAre("collect 0", "collect 2!", "write 3", "write 3!"));
}

TEST(ProgressPrinterTest, AProgramIsToldFourTimesASecondAtMost) {
  ManualClock clock;
  std::ostringstream out;
  ProgressPrinter printer(clock, out, ProgressPrinter::Style::kJson);
  for (int i = 0; i < 1000; ++i) {
    printer.OnProgress(Done(Phase::kWrite, i, 1000));
    clock.now += absl::Milliseconds(1);
  }
  EXPECT_EQ(Lines(out.str()).size(), 4u);
}

TEST(ProgressPrinterTest, OfPhasesThatAlternateAProgramSeesOneEndEach) {
  ManualClock clock;
  std::ostringstream out;
  ProgressPrinter printer(clock, out, ProgressPrinter::Style::kJson);
  for (int round = 0; round < 3; ++round) {
    printer.OnProgress(Done(Phase::kCollect, 3, 3));
    clock.now += absl::Milliseconds(10);
    printer.OnProgress(Done(Phase::kAwaitInactive, round, 9));
    clock.now += absl::Milliseconds(10);
  }
  printer.OnProgress(Done(Phase::kWrite, 0, 9));
  EXPECT_THAT(Told(out.str()), ElementsAre("collect 3", "collect 3!", "await_inactive 2!"));
}

}  // namespace
}  // namespace metarec::tools
