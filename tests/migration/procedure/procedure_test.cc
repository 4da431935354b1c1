#include "migration/procedure/procedure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/migration/procedure/toy_world.h"

namespace metarec {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr ToyFault::Kind kFaults[] = {ToyFault::Kind::kDieBefore, ToyFault::Kind::kDieAfter,
                                      ToyFault::Kind::kFailBefore, ToyFault::Kind::kFailAfter};

// Beyond the last moment nothing goes wrong any more.
constexpr int64_t kMomentsMax = 40;

TEST(ProcedureTest, TakesTheStepsInTheirOrderAndStopsWhereItIsStable) {
  ToyWorld world;
  EXPECT_TRUE(world.Live(/*aborts=*/false).ok());
  EXPECT_THAT(world.log, ElementsAre("+a", "+b", "+c", "+d"));
  EXPECT_TRUE(world.Live(/*aborts=*/false, Stage::kFinish).ok());
  EXPECT_THAT(world.log, ElementsAre("+a", "+b", "+c", "+d", "+e"));
  EXPECT_THAT(world.wrongs, IsEmpty());
}

TEST(ProcedureTest, DoesNothingTwice) {
  ToyWorld world;
  EXPECT_TRUE(world.Live(/*aborts=*/false).ok());
  EXPECT_TRUE(world.Live(/*aborts=*/false).ok());
  EXPECT_THAT(world.log, ElementsAre("+a", "+b", "+c", "+d"));
}

TEST(ProcedureTest, GoesOnAfterAnyFaultAtAnyMoment) {
  int64_t beyond = 0;
  for (const ToyFault::Kind kind : kFaults) {
    for (int64_t at = 0; at < kMomentsMax; ++at) {
      SCOPED_TRACE(absl::StrCat("fault ", static_cast<int>(kind), " at ", at));
      ToyWorld world({.kind = kind, .at = at});
      const absl::Status first = world.Live(/*aborts=*/false);
      if (world.moments <= at) ++beyond;
      world.ForgetFault();
      const absl::Status second = world.Live(/*aborts=*/false);
      EXPECT_TRUE(second.ok()) << first << second;
      EXPECT_THAT(world.log, ElementsAre("+a", "+b", "+c", "+d"));
      EXPECT_THAT(world.wrongs, IsEmpty());
    }
  }
  EXPECT_GT(beyond, 0);
  EXPECT_LT(beyond, 4 * kMomentsMax);
}

TEST(ProcedureTest, AbortLeavesTheWorldAsItWasFromAnyMoment) {
  for (const ToyFault::Kind kind : kFaults) {
    for (int64_t at = 0; at < kMomentsMax; ++at) {
      SCOPED_TRACE(absl::StrCat("fault ", static_cast<int>(kind), " at ", at));
      ToyWorld world({.kind = kind, .at = at});
      const absl::Status run = world.Live(/*aborts=*/false);
      world.ForgetFault();
      const absl::Status aborted = world.Live(/*aborts=*/true);
      EXPECT_TRUE(aborted.ok()) << run << aborted;
      for (const auto& [name, is_done] : world.is_done) EXPECT_FALSE(is_done) << name;
      EXPECT_THAT(world.wrongs, IsEmpty());
      EXPECT_TRUE(absl::IsFailedPrecondition(world.Live(/*aborts=*/false)));
    }
  }
}

TEST(ProcedureTest, AnAbortThatIsKilledIsGoneOnWith) {
  for (const ToyFault::Kind kind : kFaults) {
    for (int64_t at = 0; at < 2 * kMomentsMax; ++at) {
      SCOPED_TRACE(absl::StrCat("fault ", static_cast<int>(kind), " at ", at));
      ToyWorld world({.kind = kind, .at = at});
      const absl::Status run = world.Live(/*aborts=*/false);
      if (!run.ok()) continue;  // the fault is to come in the abort
      const absl::Status first = world.Live(/*aborts=*/true);
      world.ForgetFault();
      const absl::Status second = world.Live(/*aborts=*/true);
      EXPECT_TRUE(second.ok()) << first << second;
      for (const auto& [name, is_done] : world.is_done) EXPECT_FALSE(is_done) << name;
      EXPECT_THAT(world.wrongs, IsEmpty());
    }
  }
}

TEST(ProcedureTest, AViolatedGuardStopsBeforeTheStepAndIsLookedAtAgain) {
  ToyWorld world;
  world.broken_guard = "b";
  const absl::Status stopped = world.Live(/*aborts=*/false);
  EXPECT_TRUE(absl::IsFailedPrecondition(stopped)) << stopped;
  EXPECT_THAT(std::string(stopped.message()), HasSubstr("b: something stands in the way"));
  EXPECT_THAT(world.log, ElementsAre("+a"));
  world.broken_guard.reset();
  EXPECT_TRUE(world.Live(/*aborts=*/false).ok());
  EXPECT_THAT(world.log, ElementsAre("+a", "+b", "+c", "+d"));
}

TEST(ProcedureTest, AnOperatorWhoDoesNothingIsWaitedForUpToTheBound) {
  ToyWorld world;
  world.operator_is_there = false;
  const absl::Status waited = world.Live(/*aborts=*/false);
  EXPECT_TRUE(absl::IsDeadlineExceeded(waited)) << waited;
  EXPECT_THAT(std::string(waited.message()), HasSubstr("still waiting: c is not done"));
  // Ten minutes, and a line every 30 s: somebody who comes late sees what it waits for.
  EXPECT_EQ(world.waits.size(), 20u);
  EXPECT_THAT(world.waits, Each("c is not done"));
  EXPECT_THAT(world.requests, ElementsAre("+c"));
  world.operator_is_there = true;
  EXPECT_TRUE(world.Live(/*aborts=*/false).ok());
  EXPECT_THAT(world.wrongs, IsEmpty());
}

TEST(ProcedureTest, WithoutAWayBackNothingIsUndone) {
  ToyWorld world;
  ASSERT_TRUE(world.Live(/*aborts=*/false, Stage::kFinish).ok());
  const absl::Status refused = world.Live(/*aborts=*/true);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("What e has removed is gone."));
  EXPECT_THAT(world.log, ElementsAre("+a", "+b", "+c", "+d", "+e"));
}

TEST(ProcedureTest, AWayBackThatHasClosedIsSeenBeforeAnythingIsUndone) {
  ToyWorld world;
  ASSERT_TRUE(world.Live(/*aborts=*/false).ok());
  world.way_back_is_open = false;
  const absl::Status refused = world.Live(/*aborts=*/true);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("d has gone beyond it"));
  EXPECT_THAT(world.log, ElementsAre("+a", "+b", "+c", "+d"));
  // The run itself is not harmed by it.
  EXPECT_TRUE(world.Live(/*aborts=*/false).ok());
}

TEST(ProcedureTest, WhatMustHoldMeanwhileStopsAnActInTheMiddle) {
  asio::io_context context;
  testing::EventQueue queue;
  testing::VirtualClock clock(&queue);
  ToyWorld world;
  bool is_blind = true;
  bool was_cancelled = false;
  Step step;
  step.name = "copy";
  const auto act = [&]() -> asio::awaitable<absl::Status> {
    const absl::Status slept = co_await clock.SleepFor(absl::Hours(1));
    was_cancelled = absl::IsCancelled(slept);
    co_return slept;
  };
  const auto look = [&]() -> asio::awaitable<absl::StatusOr<Sight>> {
    co_return is_blind ? Sight::Holds("") : Sight::Lacks("the leader is not blind any more");
  };
  const auto never = []() -> asio::awaitable<absl::StatusOr<Sight>> {
    co_return Sight::Lacks("no copy");
  };
  step.deed.act = act;
  step.deed.meanwhile = look;
  step.deed.after = never;
  ProcedureHead head;
  head.request = "{}";
  head.steps = {"copy"};
  ProcedureState state(head);
  Procedure procedure(
      {step}, &state, [](const ProcedureState&) { return absl::OkStatus(); }, &clock, &world);
  std::optional<absl::Status> ended;
  asio::co_spawn(context, procedure.Run(Stage::kRun),
                 [&](const std::exception_ptr&, absl::Status status) { ended = status; });
  queue.After(absl::Minutes(5), [&] { is_blind = false; });
  while (!ended.has_value()) {
    context.restart();
    context.poll();
    if (!ended.has_value() && !queue.RunNext()) break;
  }
  ASSERT_TRUE(ended.has_value());
  EXPECT_TRUE(absl::IsFailedPrecondition(*ended)) << *ended;
  EXPECT_THAT(std::string(ended->message()), HasSubstr("the leader is not blind any more"));
  EXPECT_TRUE(was_cancelled);
  EXPECT_LT(clock.Now(), absl::FromUnixSeconds(1'790'000'000) + absl::Minutes(6));
  EXPECT_EQ(state.StateOf("copy"), StepState::kBegun);
  EXPECT_EQ(world.acting.size(), 10u) << "an act of five minutes was not heard of";
}

TEST(ProcedureTest, WhatSpeaksForAWayBackIsSaidBeforeItIsTaken) {
  ToyWorld world;
  ASSERT_TRUE(world.Live(/*aborts=*/false).ok());
  ASSERT_TRUE(world.Live(/*aborts=*/true).ok());
  EXPECT_THAT(world.ways_back, ElementsAre("d: n3 was not asked"));
}

TEST(ProcedureTest, AnActThatHasFailedIsNotWaitedForAsIfItHadBeenKilled) {
  asio::io_context context;
  testing::EventQueue queue;
  testing::VirtualClock clock(&queue);
  ToyWorld world;
  int acts = 0;
  Step step;
  step.name = "stop";
  step.deed.act = [&]() -> asio::awaitable<absl::Status> {
    co_return ++acts == 1 ? absl::UnknownError("exit code 3") : absl::OkStatus();
  };
  step.deed.after = [&]() -> asio::awaitable<absl::StatusOr<Sight>> {
    co_return acts == 2 ? Sight::Holds("stopped") : Sight::Lacks("still there");
  };
  step.deed.settles_in = absl::Minutes(5);
  ProcedureHead head;
  head.request = "{}";
  head.steps = {"stop"};
  ProcedureState state(head);
  Procedure procedure(
      {step}, &state, [](const ProcedureState&) { return absl::OkStatus(); }, &clock, &world);
  const absl::Time began = clock.Now();
  for (const bool succeeds : {false, true}) {
    std::optional<absl::Status> ended;
    asio::co_spawn(context, procedure.Run(Stage::kRun),
                   [&](const std::exception_ptr&, absl::Status status) { ended = status; });
    while (!ended.has_value()) {
      context.restart();
      context.poll();
      if (!ended.has_value() && !queue.RunNext()) break;
    }
    ASSERT_TRUE(ended.has_value());
    EXPECT_EQ(ended->ok(), succeeds) << *ended;
  }
  EXPECT_LT(clock.Now() - began, absl::Minutes(1));
}

// The failed look was noted as a failed act, which has had its time: the command was run a second
// time while the first one still went on.
TEST(ProcedureTest, AnActThatWasKilledIsWaitedForAlthoughALookMeanwhileFailed) {
  asio::io_context context;
  testing::EventQueue queue;
  testing::VirtualClock clock(&queue);
  ToyWorld world;
  bool can_see = false;
  int acts = 0;
  Step step;
  step.name = "stop";
  step.deed.act = [&]() -> asio::awaitable<absl::Status> {
    ++acts;
    co_return absl::OkStatus();
  };
  step.deed.after = [&]() -> asio::awaitable<absl::StatusOr<Sight>> {
    if (!can_see) co_return absl::UnavailableError("no route to the server");
    co_return acts == 1 ? Sight::Holds("stopped") : Sight::Lacks("still there");
  };
  step.deed.settles_in = absl::Minutes(5);
  step.deed.wait_max = absl::Minutes(1);
  ProcedureHead head;
  head.request = "{}";
  head.steps = {"stop"};
  ProcedureState state(head);
  state.Add({.kind = EventKind::kBegun, .step = "stop", .at = "", .text = ""});
  Procedure procedure(
      {step}, &state, [](const ProcedureState&) { return absl::OkStatus(); }, &clock, &world);
  for (const bool sees : {false, true}) {
    can_see = sees;
    const absl::Time began = clock.Now();
    std::optional<absl::Status> ended;
    asio::co_spawn(context, procedure.Run(Stage::kRun),
                   [&](const std::exception_ptr&, absl::Status status) { ended = status; });
    while (!ended.has_value()) {
      context.restart();
      context.poll();
      if (!ended.has_value() && !queue.RunNext()) break;
    }
    ASSERT_TRUE(ended.has_value());
    EXPECT_EQ(ended->ok(), sees) << *ended;
    EXPECT_EQ(acts, sees ? 1 : 0);
    EXPECT_GE(clock.Now() - began, absl::Minutes(5)) << "the act that was killed may still go on";
  }
}

TEST(ProcedureTest, FactsOfAStepThatWasBegunAreNotOverwritten) {
  ProcedureState state;
  state.Note("old_level", "steady");
  state.set_keeps_facts(true);
  state.Note("old_level", "blind");
  state.Note("other", "new");
  state.set_keeps_facts(false);
  EXPECT_EQ(state.Fact("old_level"), "steady");
  EXPECT_EQ(state.Fact("other"), "new");
  state.Note("old_level", "lively");
  EXPECT_EQ(state.Fact("old_level"), "lively");
}

TEST(ProcedureTest, StepsOfAnotherVersionAreRefused) {
  ToyWorld world;
  std::vector<Step> steps = world.Steps();
  EXPECT_TRUE(Procedure::CheckSteps(steps, world.NewState()).ok());
  steps.pop_back();
  EXPECT_TRUE(absl::IsFailedPrecondition(Procedure::CheckSteps(steps, world.NewState())));
}

}  // namespace
}  // namespace metarec
