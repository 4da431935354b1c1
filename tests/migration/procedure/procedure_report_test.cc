#include "migration/procedure/procedure_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json/json_reader.h"
#include "tests/migration/procedure/toy_world.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ProcedureReportTest : public ::testing::Test {
 protected:
  void Happen(EventKind kind, const std::string& step, const std::string& text = "") {
    state_.Add({.kind = kind, .step = step, .at = "2026-11-29T00:00:01Z", .text = text});
  }
  void Do(const std::string& step) {
    Happen(EventKind::kBegun, step);
    Happen(EventKind::kDone, step, step + " is done");
  }
  ProcedureStatus Status() { return StatusOf(state_, world_.Steps(), /*is_running=*/false); }

  ToyWorld world_;
  ProcedureState state_ = world_.NewState();
};

TEST_F(ProcedureReportTest, SaysWhatIsNextAndWhatCanBeUndone) {
  EXPECT_EQ(Status().phase, ProcedurePhase::kPlanned);
  Do("look");
  Do("a");
  Happen(EventKind::kBegun, "b");
  Happen(EventKind::kFailed, "b", "no answer");
  const ProcedureStatus status = Status();
  EXPECT_EQ(status.phase, ProcedurePhase::kUnderWay);
  EXPECT_EQ(status.next_step, "b");
  EXPECT_THAT(status.to_undo, ElementsAre("b", "a"));
  const std::string text = StatusText(status, "move.state");
  EXPECT_THAT(text, HasSubstr("begun, failed"));
  EXPECT_THAT(text, HasSubstr("no answer"));
  EXPECT_THAT(text, HasSubstr("next: metarec migrate run --state move.state   (b)\n"));
  EXPECT_THAT(text,
              HasSubstr("way back: metarec migrate abort --state move.state   (undoes b, a)"));
}

TEST_F(ProcedureReportTest, IsStableBetweenRunAndFinish) {
  for (const char* step : {"look", "a", "b", "c", "d"}) Do(step);
  EXPECT_EQ(Status().phase, ProcedurePhase::kStable);
  EXPECT_THAT(StatusText(Status(), "s"), HasSubstr("next: metarec migrate finish --state s   (e)"));
  Do("e");
  const ProcedureStatus status = Status();
  EXPECT_EQ(status.phase, ProcedurePhase::kFinished);
  EXPECT_THAT(status.to_undo, IsEmpty());
  EXPECT_EQ(status.no_way_back, "e: What e has removed is gone.");
  EXPECT_THAT(StatusText(status, "s"), Not(HasSubstr("next:")));
}

TEST_F(ProcedureReportTest, OfAnAbortSaysHowToGoOn) {
  Do("look");
  Do("a");
  Do("b");
  Happen(EventKind::kAbortBegun, "");
  Happen(EventKind::kUndoBegun, "b");
  Happen(EventKind::kUndone, "b");
  const ProcedureStatus status = Status();
  EXPECT_EQ(status.phase, ProcedurePhase::kAborting);
  EXPECT_THAT(StatusText(status, "s"), HasSubstr("next: metarec migrate abort --state s"));
  EXPECT_EQ(status.next_step, "a");
}

TEST_F(ProcedureReportTest, WithoutAWayBackNoStepCanBeUndone) {
  for (const char* const step : {"look", "a", "b", "c", "d", "e"}) Do(step);
  const ProcedureStatus status = Status();
  EXPECT_NE(status.no_way_back, "");
  for (const StepStatus& step : status.steps) EXPECT_FALSE(step.can_be_undone) << step.name;
}

TEST_F(ProcedureReportTest, AsJson) {
  Do("look");
  JsonDocument json;
  ASSERT_TRUE(json.Parse(StatusJson(Status()))) << json.error();
  EXPECT_EQ(json.root().Find("phase").String(), "under_way");
  EXPECT_EQ(json.root().Find("next_verb").String(), "run");
  EXPECT_EQ(json.root().Find("next_step").String(), "a");
  EXPECT_EQ(json.root().Find("steps").size(), 6u);
  EXPECT_EQ(json.root().Find("steps")[0].Find("state").String(), "done");
}

TEST_F(ProcedureReportTest, TheRunbookHasEveryStepWithItsChecksAndItsWayBack) {
  const std::string text = RunbookText(world_.Steps());
  EXPECT_THAT(text, HasSubstr("2. a: Do a\n"
                              "    before:  nothing stands in the way\n"
                              "    after:   a is done\n"
                              "    by hand: do a\n"
                              "    back:    Undo a\n"
                              "             undo a\n"));
  EXPECT_THAT(text, HasSubstr("    you do:  do c\n"));
  EXPECT_THAT(text, HasSubstr("with metarec migrate finish:\n\n6. e: Do e\n"));
  EXPECT_THAT(text, HasSubstr("    back:    none. What e has removed is gone.\n"));
}

}  // namespace
}  // namespace metarec
