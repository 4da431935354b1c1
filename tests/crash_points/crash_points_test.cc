// A recovery is killed or lied to at every operation of its store: all of them, and all pairs.
//
// METAREC_CRASH_POINTS=all (scripts/campaign-crash-points) enumerates on the real ZooKeeper, too.

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <gtest/gtest.h>

#include "tests/crash_points/crash_world.h"
#include "zk_store/topology/refusal.h"

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
    EXPECT_TRUE(IsRefused(other.status)) << other.status;
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
  const int64_t step = SanitizerStep(11);
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
    EnumerateSingleFaults(&world, kDeath, 2 * SanitizerStep(3) + 1);
    for (const FaultKind& kind : kKinds) EnumerateSingleFaults(&world, kind, 13);
  }
  std::cout << world.runs() << " runs on a real ZooKeeper" << std::endl;
}

}  // namespace
}  // namespace metarec
