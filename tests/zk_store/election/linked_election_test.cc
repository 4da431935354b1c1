// A candidate in two ensembles at once.

#include "zk_store/election/linked_election.h"

#include <algorithm>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/zk_store/election/linked_world.h"
#include "zk_store/client/error_mark.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::StoreCall;
using testing::StoreFault;

class LinkedElectionTest : public LinkedWorld {
 protected:
  // Links the two and goes to that phase.
  void GoTo(ElectionPhase phase) {
    ASSERT_TRUE(Link().ok());
    for (const ElectionPhase step : kElectionPhases) {
      if (step > phase) break;
      const absl::Status moved = MoveTo(step);
      ASSERT_TRUE(moved.ok()) << moved;
    }
  }
  // A write by the leader, in a session of its own.
  absl::Status WriteFenced(EnsembleSide side, std::vector<StoreOp> fence) {
    testing::InMemoryMetaStore store(zookeepers_[side]);
    fence.push_back(SetOp{"/pegasus", "written"});
    return Drive(Write(&store, std::move(fence)));
  }
  static asio::awaitable<absl::Status> Write(MetaStore* store, std::vector<StoreOp> ops) {
    const auto written = co_await store->Multi(std::move(ops));
    co_return written.status();
  }
};

TEST_F(LinkedElectionTest, BeforeAnybodyLinksTwoItIsAnElectionInOne) {
  Candidate* const a = Enter("a:1");
  Candidate* const b = Enter("b:1");
  EXPECT_TRUE(a->leads());
  EXPECT_FALSE(b->leads());
  EXPECT_EQ(b->status().leader,
            (LockLeader{"a:1", absl::StrCat(kElection, "/LOCKNODE0000000000"), false}));
  EXPECT_THAT(Standing(k1), ElementsAre("a:1", "b:1"));
  EXPECT_THAT(zookeepers_[k2]->Dump(), SizeIs(1));
  Stop(a);
  Pass(absl::Seconds(1));
  EXPECT_TRUE(b->leads());
}

TEST_F(LinkedElectionTest, OneLeaderLeadsThroughAllPhasesAndBack) {
  Candidate* const a = Enter("a:1");
  Candidate* const b = Enter("b:1");
  Candidate* const c = Enter("c:1");
  ASSERT_TRUE(Link().ok());
  Pass(absl::Seconds(30));  // until all have seen that they fit
  for (int round = 0; round < 2; ++round) {
    for (const ElectionPhase phase : {kBoth1, kBoth2, kTwo, kBoth2, kBoth1, kOne}) {
      SCOPED_TRACE(ElectionPhaseName(phase));
      const absl::Status moved = MoveTo(phase);
      ASSERT_TRUE(moved.ok()) << moved;
      Pass(absl::Seconds(2));
      EXPECT_TRUE(a->leads());
      EXPECT_EQ(a->terms, 1);
      EXPECT_EQ(b->terms + c->terms, 0);
      EXPECT_EQ(c->status().leader->name, "a:1");
      EXPECT_EQ(c->status().phase, phase);
      for (const EnsembleSide side : kEnsembleSides) {
        const bool stand = OnlySide(phase).value_or(side) == side;
        EXPECT_THAT(Numbers(side), SizeIs(stand ? 3 : 0)) << EnsembleWords(side);
        EXPECT_EQ(a->election->Fence(side).empty(), !stand);
      }
      if (!OnlySide(phase).has_value()) {
        EXPECT_EQ(Numbers(k1), Numbers(k2));
      }
    }
  }
}

TEST_F(LinkedElectionTest, WhenEitherSessionEndsTheOtherIsClosedAtOnceAndTheNextOneLeads) {
  for (const ElectionPhase phase : {kBoth1, kBoth2}) {
    for (const EnsembleSide side : kEnsembleSides) {
      SCOPED_TRACE(absl::StrCat(ElectionPhaseName(phase), ", ", EnsembleWords(side)));
      for (const auto& candidate : candidates_) Stop(candidate.get());
      Pass(absl::Seconds(1));
      for (const EnsembleSide each : kEnsembleSides) {
        zookeepers_[each] = std::make_shared<testing::InMemoryZooKeeper>();
      }
      GoTo(phase);
      Candidate* const a = Enter("a:1");
      Candidate* const b = Enter("b:1");
      ASSERT_TRUE(a->leads());
      zookeepers_[side]->ExpireSession(SessionOf("a:1", side));
      Pass(absl::Milliseconds(1));
      EXPECT_FALSE(a->leads());
      EXPECT_TRUE(b->leads());
      EXPECT_THAT(Standing(k1), ElementsAre("b:1"));
      EXPECT_THAT(Standing(k2), ElementsAre("b:1"));
      Pass(absl::Seconds(5));
      EXPECT_TRUE(b->leads());
      EXPECT_THAT(Standing(k1), ElementsAre("b:1", "a:1"));
      EXPECT_THAT(Standing(k2), ElementsAre("b:1", "a:1"));
    }
  }
}

TEST_F(LinkedElectionTest, ALeaderThatEitherEnsembleDoesNotAnswerStopsBeforeItsSessionEnds) {
  GoTo(kBoth1);
  Candidate* const a = Enter("a:1");
  ASSERT_TRUE(a->leads());
  zookeepers_[k2]->StopServing();
  Pass(absl::Seconds(14));
  EXPECT_TRUE(a->leads());
  Pass(absl::Seconds(7));  // two thirds of the session's timeout since the last answer
  EXPECT_FALSE(a->leads());
  EXPECT_THAT(Standing(k1), ElementsAre("a:1"));
  zookeepers_[k2]->Serve();
  Pass(absl::Seconds(4));
  EXPECT_TRUE(a->leads());
  EXPECT_THAT(Numbers(k1), ElementsAre("LOCKNODE0000000001"));  // as before
}

TEST_F(LinkedElectionTest, ACandidateThatHearsNothingFromOneLeavesTheOther) {
  GoTo(kBoth2);
  Candidate* const a = Enter("a:1");
  ASSERT_TRUE(a->leads());
  zookeepers_[k2]->StopServing();
  Pass(absl::Seconds(45));
  EXPECT_THAT(Standing(k1), IsEmpty());
  EXPECT_THAT(a->status().trouble, HasSubstr("ensemble 2"));
  zookeepers_[k2]->Serve();
  Pass(absl::Seconds(15));
  EXPECT_TRUE(a->leads());
}

TEST_F(LinkedElectionTest, InPhaseOneAndTwoTheOtherEnsembleIsNotNeeded) {
  Candidate* const a = Enter("a:1");
  ASSERT_TRUE(Link().ok());
  Pass(absl::Seconds(30));
  zookeepers_[k2]->StopServing();
  Pass(absl::Minutes(2));
  EXPECT_TRUE(a->leads());
  EXPECT_EQ(a->terms, 1);
  zookeepers_[k2]->Serve();
  Pass(absl::Seconds(10));
  for (const ElectionPhase phase : {kBoth1, kBoth2, kTwo}) ASSERT_TRUE(MoveTo(phase).ok());
  zookeepers_[k1]->StopServing();
  Pass(absl::Minutes(2));
  EXPECT_TRUE(a->leads());
  EXPECT_EQ(a->terms, 1);
  Stop(a);
  Candidate* const b = Enter("b:1");
  Pass(absl::Seconds(30));
  EXPECT_TRUE(b->leads());
}

TEST_F(LinkedElectionTest, AnOperationThatFailsAnywhereLeavesOneCandidateWhoLeads) {
  for (const ElectionPhase phase : {kOne, kBoth1, kBoth2, kTwo}) {
    for (const EnsembleSide faulty : kEnsembleSides) {
      for (const auto moment : {StoreFault::Moment::kBefore, StoreFault::Moment::kAfter}) {
        for (int64_t k = 0; k < 14; ++k) {
          SCOPED_TRACE(absl::StrCat(ElectionPhaseName(phase), ", ", EnsembleWords(faulty), ", ", k,
                                    moment == StoreFault::Moment::kAfter ? ", executed" : ""));
          for (const EnsembleSide side : kEnsembleSides) {
            zookeepers_[side] = std::make_shared<testing::InMemoryZooKeeper>();
          }
          GoTo(phase);
          Injectors injectors;
          injectors[faulty] = [k, moment](const StoreCall& call) -> std::optional<StoreFault> {
            if (call.index != k) return std::nullopt;
            return StoreFault{moment, StoreError::kConnectionLoss};
          };
          Candidate* const a = Enter(Options("a:1", std::move(injectors)));
          Pass(absl::Seconds(4));
          EXPECT_TRUE(a->leads());
          for (const EnsembleSide side : kEnsembleSides) {
            const bool stands = OnlySide(phase).value_or(side) == side;
            EXPECT_THAT(Numbers(side), SizeIs(stands ? 1 : 0)) << EnsembleWords(side);
          }
          if (!OnlySide(phase).has_value()) {
            EXPECT_EQ(Numbers(k1), Numbers(k2));
          }
          Stop(a);
          Pass(absl::Milliseconds(10));
          EXPECT_THAT(Numbers(k1), IsEmpty());
          EXPECT_THAT(Numbers(k2), IsEmpty());
        }
      }
    }
  }
}

TEST_F(LinkedElectionTest, AnotherSecondEnsembleIsNamedAndNeverLeads) {
  Candidate* const a = Enter("a:1");
  ASSERT_TRUE(Link().ok());
  const auto right = zookeepers_[k2];
  zookeepers_[k2] = std::make_shared<testing::InMemoryZooKeeper>();
  LinkedElectionOptions options = Options("wrong:1");
  zookeepers_[k2] = right;
  Candidate* const wrong = Enter(std::move(options));
  Pass(absl::Seconds(30));
  EXPECT_THAT(wrong->status().trouble, HasSubstr("are not the two in which the election"));
  const absl::Status refused = MoveTo(kBoth1);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("wrong:1"));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("is not configured for"));
  // Whoever goes on nevertheless loses that candidate, not the leader.
  const absl::Status moved = MoveTo(kBoth1, /*misfits_allowed=*/true);
  ASSERT_TRUE(moved.ok()) << moved;
  Pass(absl::Seconds(30));
  EXPECT_TRUE(a->leads());
  EXPECT_EQ(a->terms, 1);
  EXPECT_THAT(Standing(k1), ElementsAre("a:1"));
  Stop(a);
  Pass(absl::Seconds(60));
  EXPECT_EQ(wrong->terms, 0);
}

TEST_F(LinkedElectionTest, ExchangedEnsemblesAreRefused) {
  GoTo(kBoth1);
  LinkedElectionOptions options = Options("a:1");
  std::swap(options.connect[k1], options.connect[k2]);
  Candidate* const a = Enter(std::move(options));
  Pass(absl::Seconds(5));
  EXPECT_EQ(a->terms, 0);
  EXPECT_THAT(a->status().trouble, HasSubstr("exchange the two"));
}

TEST_F(LinkedElectionTest, ACandidateThatKnowsOneEnsembleLeavesWhenTheElectionStandsInTwo) {
  LinkedElectionOptions options = Options("a:1");
  options.connect[k2] = nullptr;
  Candidate* const a = Enter(std::move(options));
  Candidate* const b = Enter("b:1");
  ASSERT_TRUE(a->leads());
  ASSERT_TRUE(Link().ok());
  Pass(absl::Seconds(30));
  EXPECT_FALSE(MoveTo(kBoth1).ok());
  ASSERT_TRUE(MoveTo(kBoth1, /*misfits_allowed=*/true).ok());
  Pass(absl::Seconds(3));
  EXPECT_TRUE(b->leads());
  EXPECT_THAT(a->status().trouble, HasSubstr("this candidate knows one"));
  EXPECT_THAT(Standing(k1), ElementsAre("b:1"));
}

TEST_F(LinkedElectionTest, AProgramThatKnowsNothingOfPhasesIsSeenAndNamedAndNotFollowed) {
  GoTo(kBoth1);
  Candidate* const a = Enter("a:1");
  const auto old = EnterPlain(k1, "old:1");
  Candidate* const b = Enter("b:1");
  EXPECT_EQ(b->status().leader->name, "a:1");
  Stop(a);
  Pass(absl::Seconds(1));
  // It leads as far as it knows: we do not, and say why.
  EXPECT_FALSE(b->leads());
  EXPECT_EQ(b->status().leader, std::nullopt);
  zookeepers_[k1]->ExpireSession(SessionOf("old:1", k1));
  Pass(absl::Seconds(1));
  EXPECT_TRUE(b->leads());
}

TEST_F(LinkedElectionTest, AnOldProgramGetsNoLowerNumberThanATwinThatCounts) {
  // How far the counter of the ensemble without numbers is behind; and who leads enters before or
  // after the election stands in both.
  for (const int behind : {0, 1, 7, 1000}) {
    for (const ElectionPhase phase : {kBoth1, kBoth2}) {
      for (const bool enters_before : {false, true}) {
        SCOPED_TRACE(absl::StrCat(behind, " behind in ", ElectionPhaseName(phase),
                                  enters_before ? ", entered before" : ""));
        for (const EnsembleSide side : kEnsembleSides) {
          zookeepers_[side] = std::make_shared<testing::InMemoryZooKeeper>();
        }
        const EnsembleSide numbers = NumbersFrom(phase);
        const EnsembleSide twins = OtherSide(numbers);
        GoTo(enters_before && phase == kBoth1 ? kOne : enters_before ? kTwo : phase);
        for (int i = 0; i < behind; ++i) EnterPlain(numbers, "gone:1");
        Candidate* const a = Enter("a:1");
        Pass(absl::Seconds(10));
        ASSERT_TRUE(MoveTo(phase).ok());
        ASSERT_TRUE(a->leads());
        const auto old = EnterPlain(twins, "old:1");
        EXPECT_THAT(Standing(twins), ElementsAre("a:1", "old:1"));
        EXPECT_TRUE(a->leads());
        Pass(absl::Seconds(1));
        EXPECT_TRUE(a->leads());
        EXPECT_EQ(a->terms, 1);
        Stop(a);
        Pass(absl::Seconds(1));
      }
    }
  }
}

TEST_F(LinkedElectionTest, TheGuardKeepsOldProgramsFromLeadingWhereTheElectionHasLeft) {
  GoTo(kTwo);
  Candidate* const a = Enter("a:1");
  EXPECT_TRUE(a->leads());
  const auto old = EnterPlain(k1, "old:1");
  EXPECT_THAT(Standing(k1), ElementsAre("the-election-has-moved.invalid:1", "old:1"));
  // There is no way back while it stands there.
  EXPECT_FALSE(MoveTo(kBoth2).ok());
  EXPECT_TRUE(a->leads());
}

TEST_F(LinkedElectionTest, AnOldProgramThatStandsThereKeepsTheElectionFromLeaving) {
  GoTo(kBoth1);
  Candidate* const a = Enter("a:1");
  const auto old = EnterPlain(k1, "old:1");
  ASSERT_TRUE(MoveTo(kBoth2, /*misfits_allowed=*/true).ok());
  const absl::Status refused = MoveTo(kTwo);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  const absl::Status late = MoveTo(kTwo, /*misfits_allowed=*/true);
  EXPECT_TRUE(absl::IsDeadlineExceeded(late)) << late;
  EXPECT_THAT(std::string(late.message()), HasSubstr("old:1"));
  ASSERT_TRUE(MoveTo(kBoth2, /*misfits_allowed=*/true).ok());
  EXPECT_EQ(a->terms, 1);
  EXPECT_TRUE(a->leads());
}

TEST_F(LinkedElectionTest, AFenceHoldsNoLongerThanTheLeadership) {
  GoTo(kBoth1);
  Candidate* const a = Enter("a:1");
  Candidate* const b = Enter("b:1");
  PerSide<std::vector<StoreOp>> fences;
  for (const EnsembleSide side : kEnsembleSides) {
    fences[side] = a->election->Fence(side);
    ASSERT_THAT(fences[side], SizeIs(2));
    EXPECT_TRUE(WriteFenced(side, fences[side]).ok());
    EXPECT_THAT(b->election->Fence(side), IsEmpty());
  }
  zookeepers_[k1]->ExpireSession(SessionOf("a:1", k1));
  Pass(absl::Milliseconds(1));
  ASSERT_TRUE(b->leads());
  for (const EnsembleSide side : kEnsembleSides) {
    EXPECT_FALSE(WriteFenced(side, fences[side]).ok());
    EXPECT_TRUE(WriteFenced(side, b->election->Fence(side)).ok());
  }
}

TEST_F(LinkedElectionTest, AFenceInTheEnsembleThatIsLeftFallsBeforeAnybodyLeadsByTheOtherAlone) {
  GoTo(kBoth2);
  Candidate* const a = Enter("a:1");
  const std::vector<StoreOp> left = a->election->Fence(k1);
  const std::vector<StoreOp> stays = a->election->Fence(k2);
  // Half a change: one is killed after its first write.
  const auto kill = [](const StoreCall& call) -> std::optional<StoreFault> {
    if (call.kind != "multi" || call.path.find(".linked/") == std::string::npos) {
      return std::nullopt;
    }
    return StoreFault{StoreFault::Moment::kAfter, StoreError::kClosed, true};
  };
  Driver driver(this, {{kill, nullptr}});
  EXPECT_FALSE(Drive(driver.phases.MoveTo(kTwo)).ok());
  EXPECT_FALSE(WriteFenced(k1, left).ok());
  EXPECT_TRUE(WriteFenced(k2, stays).ok());
  Pass(absl::Seconds(1));
  EXPECT_TRUE(a->leads());
  EXPECT_EQ(a->terms, 1);
  EXPECT_THAT(a->election->Fence(k1), IsEmpty());
}

TEST_F(LinkedElectionTest, WhoeverNeedsANumberCompletesAChangeThatNobodyGoesOnWith) {
  GoTo(kBoth1);
  const auto kill = [](const StoreCall& call) -> std::optional<StoreFault> {
    if (call.kind != "multi" || call.path.find(".linked/") == std::string::npos) {
      return std::nullopt;
    }
    return StoreFault{StoreFault::Moment::kAfter, StoreError::kClosed, true};
  };
  Driver driver(this, {{kill, nullptr}});
  EXPECT_FALSE(Drive(driver.phases.MoveTo(kBoth2)).ok());
  EXPECT_NE(PhaseIn(k1), PhaseIn(k2));
  Candidate* const a = Enter("a:1");
  EXPECT_THAT(Standing(k1), IsEmpty());  // nobody gives numbers
  Pass(absl::Seconds(5));
  EXPECT_TRUE(a->leads());
  EXPECT_EQ(PhaseIn(k1), kBoth2);
  EXPECT_EQ(PhaseIn(k2), kBoth2);
}

TEST_F(LinkedElectionTest, ACandidateThatCannotStandInBothGivesItsPlaceUp) {
  GoTo(kBoth1);
  Injectors injectors;
  // Ensemble 2 forgets to answer whatever it is asked to create.
  injectors[k2] = [](const StoreCall& call) -> std::optional<StoreFault> {
    if (call.kind != "multi") return std::nullopt;
    return StoreFault{StoreFault::Moment::kBefore, StoreError::kConnectionLoss};
  };
  Candidate* const a = Enter(Options("a:1", std::move(injectors)));
  Candidate* const b = Enter("b:1");
  EXPECT_THAT(Standing(k1), ElementsAre("a:1", "b:1"));
  EXPECT_FALSE(b->leads());
  Pass(absl::Seconds(11));
  EXPECT_TRUE(b->leads());
  EXPECT_EQ(a->terms, 0);
  EXPECT_EQ(Standing(k1).front(), "b:1");
}

TEST_F(LinkedElectionTest, WhoeverStoppedForLongerThanItsSessionDoesNotTakeItselfForTheLeader) {
  GoTo(kBoth1);
  Candidate* const a = Enter("a:1");
  ASSERT_TRUE(a->leads());
  // Time passes, and the process does nothing: no round, no event.
  queue_.At(clock_.Now() + absl::Seconds(21), [] {});
  while (queue_.now() < clock_.Now() + absl::Seconds(20) && a->leads()) {
    ASSERT_TRUE(queue_.RunNext());
  }
  EXPECT_FALSE(a->leads());
  EXPECT_THAT(a->election->Fence(k1), IsEmpty());
}

// Nobody answers any more: leadership ends between two rounds, and nothing happens at that moment.
TEST_F(LinkedElectionTest, LeadershipThatEndsByItselfIsToldAtThatMoment) {
  GoTo(kBoth1);
  bool is_silent = false;
  const testing::FaultInjector injector =
      [&is_silent](const StoreCall&) -> std::optional<StoreFault> {
    if (!is_silent) return std::nullopt;
    return StoreFault{StoreFault::Moment::kBefore, StoreError::kConnectionLoss};
  };
  Candidate* const a = Enter(Options("a:1", {{injector, injector}}));
  ASSERT_TRUE(a->leads());
  absl::Time told = absl::InfiniteFuture();
  const auto await_loss = [&]() -> asio::awaitable<void> {
    EXPECT_TRUE((co_await a->election->AwaitLoss()).ok());
    told = clock_.Now();
  };
  asio::co_spawn(io_, await_loss(), asio::detached);
  is_silent = true;
  const absl::Time from = clock_.Now();
  // Every moment at which something happens is looked at, and so is the one in which it ends.
  absl::Time ended = absl::InfiniteFuture();
  while (told == absl::InfiniteFuture() && clock_.Now() < from + absl::Seconds(60)) {
    Poll();
    if (!a->leads()) ended = std::min(ended, clock_.Now());
    if (told == absl::InfiniteFuture() && !queue_.RunNext()) break;
  }
  EXPECT_EQ(told, ended);
  EXPECT_LE(told, from + absl::Seconds(20));  // two thirds of the session's timeout
}

TEST_F(LinkedElectionTest, AwaitsLeadershipAndItsLoss) {
  GoTo(kBoth1);
  Candidate* const a = Enter("a:1");
  Candidate* const b = Enter("b:1");
  EXPECT_TRUE(Drive(a->election->AwaitLeadership()).ok());
  zookeepers_[k2]->ExpireSession(SessionOf("a:1", k2));
  EXPECT_TRUE(Drive(a->election->AwaitLoss()).ok());
  EXPECT_TRUE(Drive(b->election->AwaitLeadership()).ok());
  EXPECT_TRUE(b->leads());
}

}  // namespace
}  // namespace metarec
