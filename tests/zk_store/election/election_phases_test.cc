// The phases of an election in two ensembles: how they are written down, and how they change.

#include "zk_store/election/election_phases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/zk_store/election/linked_world.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::StoreCall;
using testing::StoreFault;

TEST(PhaseRecordTest, IsReadAsItWasWritten) {
  const PhaseRecord record = {.phase = kBoth2,
                              .change = 7,
                              .side = EnsembleSide::kSecond,
                              .id = "pair-1",
                              .guard = "LOCKNODE0000000009",
                              .fence = 3};
  const std::string text = EncodePhaseRecord(record);
  EXPECT_EQ(text, "phase=both-2 change=7 side=2 id=pair-1 guard=LOCKNODE0000000009 fence=3");
  const auto parsed = ParsePhaseRecord(text);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(*parsed, record);
  EXPECT_EQ(*ParsePhaseRecord(EncodePhaseRecord({})), PhaseRecord());
  for (const bool alone : {false, true}) {
    const CandidateMarker marker = {.alone = alone, .id = alone ? "" : "pair-1"};
    EXPECT_EQ(*ParseCandidateMarker(EncodeCandidateMarker(marker)), marker);
  }
}

TEST(PhaseRecordTest, WhatMakesNoSenseIsNamed) {
  for (const std::string& text :
       {std::string(), std::string("phase=three change=1 side=1 id=a guard= fence=0"),
        std::string("phase=one change=-1 side=1 id=a guard= fence=0"),
        std::string("phase=one change=1 side=3 id=a guard= fence=0"),
        std::string("phase=one change=1 side=1 id=a guard="),
        // One change more, and it could not be read any more.
        std::string("phase=one change=9223372036854775807 side=1 id=a guard= fence=0"),
        std::string("phase=one change=1 side=1 id=a guard= fence=2147483647"),
        std::string("phase=one phase=two change=1 side=1 id=a guard= fence=0"),
        std::string(3000, 'x')}) {
    const auto parsed = ParsePhaseRecord(text);
    EXPECT_TRUE(absl::IsInvalidArgument(parsed.status())) << text;
    EXPECT_FALSE(ParseCandidateMarker(text).ok()) << text;
  }
}

TEST(PhaseRecordTest, TheRecordsOfTwoEnsemblesTellWhereAChangeIs) {
  const auto state = [](ElectionPhase first, int first_change, ElectionPhase second,
                        int second_change) {
    PhaseRecord one;
    one.phase = first;
    one.change = first_change;
    PhaseRecord two;
    two.phase = second;
    two.change = second_change;
    return PhaseStateOf(one, two);
  };
  EXPECT_TRUE(state(kBoth1, 3, kBoth1, 3).settled());
  const PhaseState forward = state(kBoth2, 4, kBoth1, 3);
  EXPECT_FALSE(forward.settled());
  EXPECT_EQ(forward.from, kBoth1);
  EXPECT_EQ(forward.to, kBoth2);
  const PhaseState back = state(kTwo, 4, kBoth2, 5);
  EXPECT_EQ(back.from, kTwo);
  EXPECT_EQ(back.to, kBoth2);
  EXPECT_TRUE(state(kBoth2, 4, kOne, 4).is_torn);
}

class ElectionPhasesTest : public LinkedWorld {
 protected:
  // Every phase in turn, and back.
  static constexpr ElectionPhase kTour[] = {kBoth1, kBoth2, kTwo, kBoth2, kBoth1, kOne};

  // A phase.
  static bool Writes(const StoreCall& call) {
    return call.kind == "multi" && call.path.find(".linked/") != std::string::npos;
  }
  void Reset() {
    for (const EnsembleSide side : kEnsembleSides) {
      zookeepers_[side] = std::make_shared<testing::InMemoryZooKeeper>();
    }
  }
};

TEST_F(ElectionPhasesTest, EachPhaseLeadsToItsNeighboursAndBack) {
  ASSERT_TRUE(Link().ok());
  EXPECT_EQ(PhaseIn(k1), kOne);
  EXPECT_EQ(PhaseIn(k2), kOne);
  // Ensemble 2 has a guard while nobody stands there.
  EXPECT_THAT(Standing(k1), IsEmpty());
  EXPECT_THAT(Standing(k2), SizeIs(1));
  for (const ElectionPhase phase : kTour) {
    const absl::Status moved = MoveTo(phase);
    ASSERT_TRUE(moved.ok()) << moved;
    EXPECT_EQ(PhaseIn(k1), phase);
    EXPECT_EQ(PhaseIn(k2), phase);
    EXPECT_THAT(Standing(k1), SizeIs(phase == kTwo ? 1 : 0));
    EXPECT_THAT(Standing(k2), SizeIs(phase == kOne ? 1 : 0));
    EXPECT_TRUE(MoveTo(phase).ok());
  }
  const absl::Status jump = MoveTo(kTwo);
  EXPECT_TRUE(absl::IsInvalidArgument(jump)) << jump;
}

TEST_F(ElectionPhasesTest, WhoeverIsKilledAnywhereIsTakenUpForwardOrBack) {
  for (const bool goes_back : {false, true}) {
    Reset();
    ASSERT_TRUE(Link().ok());
    ElectionPhase from = kOne;
    for (const ElectionPhase to : kTour) {
      bool was_killed = true;
      for (int64_t k = 0; was_killed; ++k) {
        SCOPED_TRACE(absl::StrCat(ElectionPhaseName(from), " to ", ElectionPhaseName(to),
                                  ", killed at ", k, goes_back ? ", and back" : ""));
        ASSERT_LT(k, 100);
        was_killed = false;
        int64_t operations = 0;
        const auto kill = [&](const StoreCall&) -> std::optional<StoreFault> {
          if (operations++ < k) return std::nullopt;
          was_killed = true;
          StoreFault fault;
          fault.error = StoreError::kClosed;
          fault.for_ever = true;
          // Half of the time it is executed.
          if (k % 2 == 1) fault.moment = StoreFault::Moment::kAfter;
          return fault;
        };
        Driver driver(this, {{kill, kill}});
        const absl::Status killed = Drive(driver.phases.MoveTo(to));
        EXPECT_NE(killed.ok(), was_killed) << killed;
        if (was_killed && goes_back) {
          // It may be complete all the same.
          const absl::Status back = MoveTo(from);
          ASSERT_TRUE(back.ok()) << back;
          EXPECT_EQ(PhaseIn(k1), from);
          EXPECT_EQ(PhaseIn(k2), from);
        } else if (was_killed) {
          const absl::Status on = MoveTo(to);
          ASSERT_TRUE(on.ok()) << on;
          const absl::Status back = MoveTo(from);
          ASSERT_TRUE(back.ok()) << back;
        }
      }
      EXPECT_EQ(PhaseIn(k1), to);
      EXPECT_EQ(PhaseIn(k2), to);
      from = to;
    }
  }
}

TEST_F(ElectionPhasesTest, LostAnswersAreNoReasonToWriteTwice) {
  ASSERT_TRUE(Link().ok());
  for (const ElectionPhase to : kTour) {
    int64_t operations = 0;
    const auto lose = [&](const StoreCall&) -> std::optional<StoreFault> {
      if (operations++ % 11 != 10) return std::nullopt;
      return StoreFault{StoreFault::Moment::kAfter, StoreError::kConnectionLoss};
    };
    Driver driver(this, {{lose, lose}});
    const absl::Status moved = Drive(driver.phases.MoveTo(to));
    ASSERT_TRUE(moved.ok()) << moved;
    EXPECT_EQ(PhaseIn(k1), to);
    EXPECT_EQ(PhaseIn(k2), to);
  }
}

TEST_F(ElectionPhasesTest, NumbersOfEnsemble2BeginAboveThoseOfEnsemble1) {
  ASSERT_TRUE(Link().ok());
  for (int i = 0; i < 1000; ++i) EnterPlain(k1, "old:1");
  ASSERT_TRUE(MoveTo(kBoth1).ok());
  ASSERT_TRUE(MoveTo(kBoth2).ok());
  EnterPlain(k2, "probe:1");
  Candidate* const a = Enter("a:1");
  ASSERT_TRUE(a->leads());
  EXPECT_GE(CandidateNumber(a->status().candidate), 1001);
  // And back.
  ASSERT_TRUE(MoveTo(kBoth1).ok());
  Candidate* const b = Enter("b:1");
  EXPECT_GT(CandidateNumber(b->status().candidate), CandidateNumber(a->status().candidate));
  EXPECT_THAT(Standing(k1), ElementsAre("a:1", "b:1"));
  EXPECT_THAT(Standing(k2), ElementsAre("a:1", "b:1"));
}

TEST_F(ElectionPhasesTest, TwoWhoBeginInOppositeDirectionsAreToldApart) {
  ASSERT_TRUE(Link().ok());
  ASSERT_TRUE(MoveTo(kBoth1).ok());
  // One goes back to `one` and is killed after its first write, which is in ensemble 2; the other
  // one has read both records before that.
  bool has_begun = false;
  const auto rival = [&](const StoreCall& call) -> std::optional<StoreFault> {
    if (!Writes(call) || std::exchange(has_begun, true)) return std::nullopt;
    const auto die = [](const StoreCall& later) -> std::optional<StoreFault> {
      if (!Writes(later)) return std::nullopt;
      return StoreFault{StoreFault::Moment::kAfter, StoreError::kClosed, true};
    };
    Driver back(this, {{die, die}});
    asio::io_context other;
    const absl::Status killed = RunAlone(&other, back.phases.MoveTo(kOne));
    EXPECT_FALSE(killed.ok());
    return std::nullopt;
  };
  Driver driver(this, {{rival, rival}});
  const absl::Status moved = Drive(driver.phases.MoveTo(kBoth2));
  EXPECT_TRUE(absl::IsFailedPrecondition(moved)) << moved;
  EXPECT_THAT(std::string(moved.message()), HasSubstr("from one to both-1 is half made"));
  EXPECT_TRUE(has_begun);
  // Somebody decides.
  Driver settler(this);
  const absl::Status completed = Drive(settler.phases.Complete());
  EXPECT_TRUE(completed.ok()) << completed;
  EXPECT_EQ(PhaseIn(k1), PhaseIn(k2));
}

TEST_F(ElectionPhasesTest, WhoKnowsNothingOfPhasesIsNamedBeforeAnythingIsWritten) {
  ASSERT_TRUE(Link().ok());
  const auto old = EnterPlain(k1, "old:34601");
  const absl::Status refused = MoveTo(kBoth1);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("old:34601 (LOCKNODE0000000001, session 0x1"));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("knows nothing of phases"));
  EXPECT_EQ(PhaseIn(k1), kOne);
}

TEST_F(ElectionPhasesTest, ANumberThatZooKeeperNeverGivesIsRefusedBeforeACounterIsRaised) {
  ASSERT_TRUE(Link().ok());
  Scribble(k1, kElection + std::string("/LOCKNODE9999999999"), "by hand");
  const absl::Status refused = MoveTo(kBoth1, /*misfits_allowed=*/true).ok()
                                   ? MoveTo(kBoth2, /*misfits_allowed=*/true)
                                   : absl::OkStatus();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("has the number 9999999999"));
}

TEST_F(ElectionPhasesTest, ARecordThatSomebodySpoiltIsNamedWithItsPathAndEnsemble) {
  ASSERT_TRUE(Link().ok());
  Scribble(k2, kElection + std::string(".linked/phase"), "");
  const absl::Status refused = MoveTo(kBoth1);
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("(in " + (kElection + std::string(".linked/phase")) + ")"));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("(ensemble 2)"));
}

TEST_F(ElectionPhasesTest, WhatWasToldOfARaiseReachesItsEnd) {
  ASSERT_TRUE(Link().ok());
  for (int i = 0; i < 1000; ++i) EnterPlain(k1, "old:1");
  ASSERT_TRUE(MoveTo(kBoth1).ok());
  int64_t told = 0;
  int64_t wanted = 0;
  Driver driver(this);
  ElectionPhasesOptions options = Driver::DriverOptions(false);
  options.on_raise = [&](EnsembleSide raised, int64_t counter, int64_t least) {
    EXPECT_EQ(raised, k2);
    EXPECT_LT(counter, least);
    ++told;
    wanted = least;
  };
  ElectionPhases phases(std::move(options), &driver.first, &driver.second, &clock_);
  ASSERT_TRUE(Drive(phases.MoveTo(kBoth2)).ok());
  EXPECT_GE(told, 2);
  EXPECT_GE(wanted, 1000);
}

TEST_F(ElectionPhasesTest, AnotherPairIsNotTouched) {
  ASSERT_TRUE(Link().ok());
  EXPECT_TRUE(Link("another").ok());  // they are linked already
  const auto second = zookeepers_[k2];
  zookeepers_[k2] = std::make_shared<testing::InMemoryZooKeeper>();
  const absl::Status refused = MoveTo(kBoth1);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("is not linked with another one yet"));
  EXPECT_FALSE(Link("another").ok());
  std::swap(zookeepers_[k1], zookeepers_[k2]);
  zookeepers_[k1] = second;
  EXPECT_FALSE(MoveTo(kBoth1).ok());
}

TEST_F(ElectionPhasesTest, APairThatWasHalfLinkedIsLinkedByTheNextOne) {
  bool was_killed = true;
  for (int64_t k = 0; was_killed; ++k) {
    SCOPED_TRACE(absl::StrCat("killed at ", k));
    ASSERT_LT(k, 100);
    Reset();
    was_killed = false;
    int64_t operations = 0;
    const auto kill = [&](const StoreCall&) -> std::optional<StoreFault> {
      if (operations++ < k) return std::nullopt;
      was_killed = true;
      return StoreFault{k % 2 == 1 ? StoreFault::Moment::kAfter : StoreFault::Moment::kBefore,
                        StoreError::kClosed, true};
    };
    Driver driver(this, {{kill, kill}});
    Drive(driver.phases.Link("of the killed one")).IgnoreError();
    Drive(driver.phases.Link("killed")).IgnoreError();
    const absl::Status linked = Link("next");
    ASSERT_TRUE(linked.ok()) << linked;
    ASSERT_TRUE(MoveTo(kBoth1).ok());
  }
}

TEST_F(ElectionPhasesTest, TheFirstNumberAfterALinkIsNotThatOfTheGuard) {
  ASSERT_TRUE(Link().ok());  // before anybody ever stood anywhere
  Candidate* const a = Enter("a:1");
  EXPECT_GT(CandidateNumber(a->status().candidate), 0);
  Pass(absl::Seconds(10));
  ASSERT_TRUE(MoveTo(kBoth1).ok());
  EXPECT_TRUE(a->leads());
  EXPECT_EQ(a->terms, 1);
}

TEST_F(ElectionPhasesTest, WhoEntersEnsemble2WhileItIsLinkedIsNotLeftBeforeTheGuard) {
  std::unique_ptr<testing::InMemoryMetaStore> old;
  const auto enter = [&](const StoreCall& call) -> std::optional<StoreFault> {
    if (call.kind != "multi" || old != nullptr) return std::nullopt;
    old = std::make_unique<testing::InMemoryMetaStore>(zookeepers_[k2]);
    asio::io_context other;
    const absl::Status entered = RunAlone(&other, CreatePlain(old.get(), "old:1"));
    EXPECT_TRUE(entered.ok()) << entered;
    return std::nullopt;
  };
  Driver driver(this, {{nullptr, enter}});
  const absl::Status refused = Drive(driver.phases.Link(kPairId));
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("candidates stand in"));
  ASSERT_NE(old, nullptr);
  // Ensemble 1 is not linked; nobody has to look at ensemble 2.
  Candidate* const a = Enter("a:1");
  EXPECT_TRUE(a->leads());
  old.reset();
  const absl::Status linked = Link("next");
  EXPECT_TRUE(linked.ok()) << linked;
  const auto late = EnterPlain(k2, "late:1");
  EXPECT_THAT(Standing(k2), ElementsAre("the-election-has-moved.invalid:1", "late:1"));
}

}  // namespace
}  // namespace metarec
