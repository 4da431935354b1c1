// A recovery is killed or lied to at every operation of its store: all of them, and all pairs.
//
// METAREC_CRASH_POINTS=all (scripts/campaign-crash-points) enumerates on the real ZooKeeper, too.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/slow_build.h"
#include "tests/crash_points/crash_world.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/election/leader_lock.h"

namespace metarec {
namespace {

using testing::StoreCall;
using testing::StoreFault;

struct FaultKind {
  absl::string_view name;
  StoreError error;
  bool is_death;     // nothing is executed later
  bool is_refusal;   // ZooKeeper names the operation of a transaction that failed
  bool is_outlived;  // the run goes on and ends well
};

constexpr FaultKind kDeath = {"process crash", StoreError::kClosed, true, false, false};
constexpr FaultKind kKinds[] = {
    kDeath,
    {"session expiry", StoreError::kSessionExpired, false, false, false},
    {"connection loss", StoreError::kConnectionLoss, false, false, true},
    {"timeout", StoreError::kOperationTimeout, false, false, true},
    {"no auth", StoreError::kNoAuth, false, true, false},
    {"node exists", StoreError::kNodeExists, false, true, false},
    {"too large", StoreError::kTooLarge, false, false, false},
};

struct CrashPoint {
  int64_t operation = 0;
  StoreFault::Moment moment = StoreFault::Moment::kBefore;
  FaultKind kind = kDeath;

  std::string Name() const {
    return absl::StrCat(kind.name, moment == StoreFault::Moment::kBefore ? " before " : " after ",
                        "operation ", operation);
  }
  testing::FaultInjector Injector() const {
    return [*this](const StoreCall& call) -> std::optional<StoreFault> {
      if (call.index != operation) return std::nullopt;
      StoreFault fault{moment, kind.error, kind.is_death};
      // What is created comes behind what is checked.
      if (kind.is_refusal && call.ops != nullptr) fault.failed_op = call.ops->size() - 1;
      return fault;
    };
  }
};

std::vector<CrashPoint> PointsOf(const FaultKind& kind, int64_t operations) {
  std::vector<CrashPoint> points;
  for (int64_t k = 0; k < operations; ++k) {
    points.push_back({k, StoreFault::Moment::kBefore, kind});
    points.push_back({k, StoreFault::Moment::kAfter, kind});
  }
  return points;
}

void ExpectTheSamePlanCompletes(CrashWorld* world) {
  const CrashRun again = world->Recover(world->plan());
  EXPECT_TRUE(again.status.ok()) << again.status;
  EXPECT_TRUE(world->IsComplete(world->Read()));
}

// What holds after whatever went wrong with a run.
void ExpectSafeAndResumable(CrashWorld* world) {
  const RootTree tree = world->Read();
  if (world->Judge(tree) != Visible::kNothing) {
    const CrashRun other = world->Recover(world->another_plan());
    EXPECT_TRUE(HasMark(other.status, ErrorMark::kRefused)) << other.status;
    EXPECT_EQ(world->Read(), tree);
  }
  ExpectTheSamePlanCompletes(world);
}

// Returns how often the faulty run itself ended well.
int64_t EnumerateSingleFaults(CrashWorld* world, const FaultKind& kind, int64_t step) {
  int64_t ended_well = 0;
  const int64_t operations = world->undisturbed_run().operations;
  const std::vector<CrashPoint> points = PointsOf(kind, operations);
  for (size_t i = 0; i < points.size(); i += step) {
    SCOPED_TRACE(points[i].Name());
    world->StartAfresh();
    const CrashRun run = world->Recover(world->plan(), points[i].Injector());
    EXPECT_LT(run.operations, 4 * operations);
    if (kind.is_outlived) {
      EXPECT_TRUE(run.status.ok()) << run.status;
    }
    EXPECT_FALSE(kind.is_death && run.status.ok());
    if (run.status.ok()) {
      ++ended_well;
      EXPECT_TRUE(world->IsComplete(world->Read()));
    }
    ExpectSafeAndResumable(world);
    if (::testing::Test::HasFailure()) break;
  }
  return ended_well;
}

void EnumerateAllKinds(CrashWorld* world, int64_t step) {
  const int64_t operations = world->undisturbed_run().operations;
  EXPECT_GE(operations, 25);
  for (const FaultKind& kind : kKinds) {
    const int64_t before = world->runs();
    const int64_t ended_well = EnumerateSingleFaults(world, kind, step);
    std::cout << kind.name << " before and after each of " << operations
              << " operations: " << world->runs() - before << " runs, " << ended_well
              << " of the disturbed ones ended well by themselves" << std::endl;
  }
}

TEST(CrashPointsTest, EveryFaultAtEveryOperationLeavesNothingHalfVisibleAndIsResumed) {
  CrashWorld world(CrashWorld::Kind::kInMemory);
  EnumerateAllKinds(&world, 1);
  std::cout << world.runs() << " runs" << std::endl;
}

TEST(CrashPointsTest, EveryPairOfCrashesIsResumed) {
  CrashWorld world(CrashWorld::Kind::kInMemory);
  const int64_t step = testing::InSlowBuild(11, 1);
  int64_t pairs = 0;
  for (const CrashPoint& first : PointsOf(kDeath, world.undisturbed_run().operations)) {
    // The resumed run may take more operations than the first: until one is not reached.
    bool is_reached = true;
    for (int64_t k = pairs % step; is_reached; k += step) {
      for (const auto moment : {StoreFault::Moment::kBefore, StoreFault::Moment::kAfter}) {
        const CrashPoint second{k, moment, kDeath};
        SCOPED_TRACE(absl::StrCat(first.Name(), ", then ", second.Name()));
        world.StartAfresh();
        EXPECT_FALSE(world.Recover(world.plan(), first.Injector()).status.ok());
        const CrashRun resumed = world.Recover(world.plan(), second.Injector());
        is_reached = resumed.operations > k;
        EXPECT_EQ(resumed.status.ok(), !is_reached) << resumed.status;
        world.Judge(world.Read());
        ExpectTheSamePlanCompletes(&world);
        ++pairs;
      }
      ASSERT_LT(k, 1000);
      ASSERT_FALSE(HasFailure());
    }
  }
  std::cout << pairs << " pairs of crashes, " << world.runs() << " runs" << std::endl;
}

TEST(CrashPointsOnZooKeeperTest, EveryCrashIsResumedThereToo) {
  CrashWorld world(CrashWorld::Kind::kZooKeeper);
  const char* const wanted = std::getenv("METAREC_CRASH_POINTS");
  if (wanted != nullptr && absl::string_view(wanted) == "all") {
    EnumerateAllKinds(&world, 1);
  } else {
    EnumerateSingleFaults(&world, kDeath, testing::InSlowBuild(7, 3));
    for (const FaultKind& kind : kKinds) EnumerateSingleFaults(&world, kind, 13);
  }
  std::cout << world.runs() << " runs on a real ZooKeeper" << std::endl;
}

// Somebody else writes into the root of a recovery, or takes the leadership, between any two of its
// operations: what is theirs stays as it is, and nothing that is not complete is unlocked.

constexpr char kTheirs[] = "theirs";

enum class Act { kAdd, kChange, kRemove };

struct StrangersWrite {
  Act act;
  std::string path;  // below the root

  std::string Name() const {
    static constexpr const char* kNames[] = {"adds ", "changes ", "removes "};
    return absl::StrCat("a stranger ", kNames[static_cast<size_t>(act)], path);
  }
};

const StrangersWrite kWrites[] = {
    {Act::kAdd, "/a_file"},
    {Act::kAdd, "/apps/99"},
    {Act::kAdd, "/apps/1/99"},
    {Act::kChange, "/apps"},
    {Act::kChange, "/apps/1"},
    {Act::kChange, "/apps/1/2"},
    {Act::kChange, "/apps/3/1"},
    {Act::kChange, "/metarec_journal"},
    {Act::kRemove, "/apps/1/2"},
    {Act::kRemove, "/apps/3/1"},
    {Act::kRemove, "/metarec_journal"},
};

// False where it cannot be done, since there is no such place yet.
bool Do(const StrangersWrite& write, CrashWorld* world) {
  switch (write.act) {
    case Act::kAdd:
      if (write.path == "/a_file" && !world->PutRoot().ok()) return false;
      return world->Put(write.path, kTheirs).ok();
    case Act::kChange:
      return world->Change(write.path, kTheirs).ok();
    case Act::kRemove:
      return world->Remove(write.path).ok();
  }
  return false;
}

// Whether an operation tells, if it comes after the write.
bool Sees(const RecordedCall& call, const StrangersWrite& write, const std::string& root) {
  const std::string path = root + write.path;
  const std::string parent = path.substr(0, path.rfind('/'));
  const auto concerns = [&](const std::string& one) {
    return std::find(call.paths.begin(), call.paths.end(), one) != call.paths.end();
  };
  if (call.kind == "children") return write.act != Act::kChange && concerns(parent);
  return concerns(path);
}

int64_t LastWrite(const CrashRun& run) {
  int64_t last = -1;
  for (int64_t i = 0; i < run.operations; ++i) {
    if (run.calls[i].is_write) last = i;
  }
  return last;
}

class SecondWriterTest : public ::testing::Test {
 protected:
  void ExpectTheirsIsThere(const StrangersWrite& write, const RootNode* as_written) {
    const RootTree tree = world_.Read();
    const auto found = tree.find(write.path);
    if (as_written == nullptr) {
      EXPECT_EQ(found, tree.end()) << "it was made again";
      return;
    }
    ASSERT_NE(found, tree.end());
    EXPECT_EQ(found->second, *as_written);
  }

  // The run in whose middle it happens.
  void Disturb(const StrangersWrite& write, int64_t k);

  // Another run of the same plan, when `before` is what is there.
  void ExpectRefusedOrMended(const StrangersWrite& write, const RootTree& before) {
    const CrashRun again = world_.Recover(world_.plan());
    if (write.act == Act::kRemove && before.at("/apps").data == "lock" &&
        write.path != "/metarec_journal") {
      EXPECT_TRUE(again.status.ok()) << again.status;
      EXPECT_TRUE(world_.IsComplete(world_.Read()));
      return;
    }
    // What was finished before is refused if it differs in what a run looks at.
    const int answers = int{HasMark(again.status, ErrorMark::kRefused)} +
                        int{HasMark(again.status, ErrorMark::kDiffers)} +
                        int{again.already_finished};
    EXPECT_EQ(answers, 1) << again.status;
    EXPECT_EQ(world_.Read(), before);
  }

  CrashWorld world_{CrashWorld::Kind::kInMemory};
  int64_t cases_ = 0;
  int64_t too_late_ = 0;   // after its last look at that place, before it unlocks
  int64_t after_end_ = 0;  // after it has unlocked
};

void SecondWriterTest::Disturb(const StrangersWrite& write, int64_t k) {
  world_.StartAfresh();
  bool done = false;
  RootNode theirs;
  const CrashRun run =
      world_.Recover(world_.plan(), [&](const StoreCall& call) -> std::optional<StoreFault> {
        if (call.index != k) return std::nullopt;
        done = Do(write, &world_);
        if (done && write.act != Act::kRemove) theirs = world_.Read().at(write.path);
        return std::nullopt;
      });
  if (!done) return;
  ++cases_;
  ExpectTheirsIsThere(write, write.act == Act::kRemove ? nullptr : &theirs);

  // Up to operation k it is the undisturbed run.
  const int64_t unlocking = LastWrite(world_.undisturbed_run());
  bool is_seen = false;
  for (int64_t i = k; i <= LastWrite(run); ++i) {
    is_seen |= Sees(run.calls[i], write, world_.root());
  }
  RootTree tree = world_.Read();
  const auto apps = tree.find("/apps");
  const bool is_unlocked = apps != tree.end() && apps->second.data == "unlock";
  if (!is_unlocked && k <= unlocking) {
    EXPECT_FALSE(run.status.ok());
    EXPECT_TRUE(HasMark(run.status, ErrorMark::kRefused) ||
                HasMark(run.status, ErrorMark::kDisturbed))
        << run.status;
    ExpectRefusedOrMended(write, tree);
    return;
  }
  EXPECT_FALSE(is_seen) << "unlocked all the same";
  ++(k > unlocking ? after_end_ : too_late_);
  // Everything else is complete.
  if (write.act == Act::kAdd) {
    tree.erase(write.path);
    EXPECT_TRUE(world_.IsComplete(tree));
  }
}

TEST_F(SecondWriterTest, BetweenAnyTwoOperationsTheirsIsUntouchedAndWhatIsSeenKeepsItLocked) {
  const int64_t operations = world_.undisturbed_run().operations;
  for (const StrangersWrite& write : kWrites) {
    for (int64_t k = 0; k < operations; ++k) {
      SCOPED_TRACE(absl::StrCat(write.Name(), " before operation ", k));
      Disturb(write, k);
      ASSERT_FALSE(HasFailure());
    }
  }
  std::cout << cases_ << " strangers' writes between operations, " << too_late_
            << " of them after the last look at what they changed, and " << after_end_
            << " after the end; " << world_.runs() << " runs" << std::endl;
  EXPECT_GT(cases_, 100);
}

TEST_F(SecondWriterTest, AfterACrashAnywhereTheNextRunTouchesNothingOfTheirs) {
  const int64_t operations = world_.undisturbed_run().operations;
  for (const StrangersWrite& write : kWrites) {
    for (int64_t k = 0; k < operations; ++k) {
      for (const auto moment : {StoreFault::Moment::kBefore, StoreFault::Moment::kAfter}) {
        SCOPED_TRACE(absl::StrCat("crash at operation ", k, ", then ", write.Name()));
        world_.StartAfresh();
        const CrashRun run =
            world_.Recover(world_.plan(), [&](const StoreCall& call) -> std::optional<StoreFault> {
              if (call.index != k) return std::nullopt;
              return StoreFault{moment, StoreError::kClosed, true};
            });
        EXPECT_FALSE(run.status.ok());
        if (!Do(write, &world_)) continue;
        ++cases_;
        ExpectRefusedOrMended(write, world_.Read());
        ASSERT_FALSE(HasFailure());
      }
    }
  }
  std::cout << cases_ << " strangers' writes after crashes, " << world_.runs() << " runs"
            << std::endl;
  EXPECT_GT(cases_, 100);
}

class LostLeadershipTest : public ::testing::Test {
 protected:
  std::unique_ptr<LeaderLock> Lead(MetaStore* session, const std::string& name) {
    LeaderLockOptions options;
    options.lock_root = world_.root() + "/lock";
    options.own_name = name;
    auto lock = std::make_unique<LeaderLock>(options, session, world_.clock());
    const absl::Status acquired = world_.Run(lock->Acquire());
    EXPECT_TRUE(acquired.ok()) << acquired;
    return lock;
  }

  // The leader's run, with `injector`; then another one's, who leads from then on.
  CrashRun RunAndTakeOver(const std::function<testing::FaultInjector(LeaderLock*)>& injector) {
    world_.StartAfresh();
    const auto first = Lead(world_.session(), "first:1");
    const CrashRun run = world_.Recover(world_.plan(), injector(first.get()), first->Fence());
    const RootTree left = world_.Read();
    world_.Judge(left);
    (void)world_.Remove(first->znode_path().substr(world_.root().size()));
    const auto session = world_.NewSession();
    const auto second = Lead(session.get(), "second:1");
    EXPECT_EQ(world_.Read(), left);
    const CrashRun taken_over =
        world_.Recover(world_.plan(), nullptr, second->Fence(), session.get());
    EXPECT_TRUE(taken_over.status.ok()) << taken_over.status;
    EXPECT_TRUE(world_.IsComplete(world_.Read()));
    return run;
  }

  CrashWorld world_{CrashWorld::Kind::kInMemory};
};

TEST_F(LostLeadershipTest, LostBetweenAnyTwoOperationsNothingIsWrittenAndTheNextOneFinishes) {
  int64_t k = 0;
  int64_t fenced = 0;
  for (bool is_reached = true; is_reached; ++k) {
    SCOPED_TRACE(absl::StrCat("lost before operation ", k));
    RootTree at_loss;
    is_reached = false;
    const CrashRun run = RunAndTakeOver([&](LeaderLock* lock) -> testing::FaultInjector {
      return [&, lock](const StoreCall& call) -> std::optional<StoreFault> {
        if (call.index != k) return std::nullopt;
        is_reached = true;
        EXPECT_TRUE(world_.Remove(lock->znode_path().substr(world_.root().size())).ok());
        at_loss = world_.Read();
        return std::nullopt;
      };
    });
    if (!is_reached) {
      EXPECT_TRUE(run.status.ok()) << run.status;
      break;
    }
    // The lock is not needed any more once everything is unlocked.
    const auto apps = at_loss.find("/apps");
    const bool was_complete = apps != at_loss.end() && apps->second.data == "unlock";
    EXPECT_EQ(run.status.ok(), was_complete) << run.status;
    EXPECT_EQ(HasMark(run.status, ErrorMark::kFenced), !was_complete) << run.status;
    fenced += was_complete ? 0 : 1;
    ASSERT_FALSE(HasFailure());
    ASSERT_LT(k, 1000);
  }
  EXPECT_GE(fenced, 20);
  std::cout << "leadership lost before each of " << k << " operations, " << fenced
            << " of them before the end; " << world_.runs() << " runs" << std::endl;
}

TEST_F(LostLeadershipTest, ALeaderThatCrashesAnywhereIsFollowedByOneThatFinishes) {
  int64_t crashes = 0;
  for (bool is_reached = true; is_reached; ++crashes) {
    SCOPED_TRACE(absl::StrCat("crash ", crashes));
    const CrashRun run = RunAndTakeOver([&](LeaderLock*) -> testing::FaultInjector {
      return [&](const StoreCall& call) -> std::optional<StoreFault> {
        if (call.index != crashes / 2) return std::nullopt;
        return StoreFault{
            crashes % 2 == 0 ? StoreFault::Moment::kBefore : StoreFault::Moment::kAfter,
            StoreError::kClosed, true};
      };
    });
    is_reached = run.operations > crashes / 2;
    EXPECT_EQ(run.status.ok(), !is_reached) << run.status;
    ASSERT_FALSE(HasFailure());
    ASSERT_LT(crashes, 2000);
  }
  std::cout << crashes << " crashes of leaders, " << world_.runs() << " runs" << std::endl;
}

}  // namespace

}  // namespace metarec
