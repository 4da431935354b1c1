// metarec is killed at a random moment of `apply` or `recover`, again and again.
//
// METAREC_KILL_RUNS (scripts/campaign-kill) sets how often, METAREC_KILL_SEED repeats the draws.

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <string>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <gtest/gtest.h>

#include "tests/kills/kill_world.h"

namespace metarec::tools {
namespace {

constexpr int kRuns = 6;
constexpr int kMeasureEvery = 20;  // runs

template <typename Number>
Number FromEnvironment(const char* name, Number otherwise) {
  const char* const text = std::getenv(name);
  Number number = otherwise;
  if (text != nullptr && !absl::SimpleAtoi(text, &number)) {
    ADD_FAILURE() << name << " must be a number";
  }
  return number;
}

// The machine may become faster or slower meanwhile.
KillWorld::Times Measure(Verb verb, KillWorld* world) {
  const KillWorld::Times first = world->Measure(verb);
  const KillWorld::Times second = world->Measure(verb);
  const KillWorld::Times& times = first.ended < second.ended ? first : second;
  std::cout << (verb == Verb::kApply ? "apply" : "recover") << " undisturbed: writes from "
            << times.begun << " to " << times.unlocked << ", ends after " << times.ended
            << std::endl;
  return times;
}

TEST(KilledAnywhereTest, OneCleanRunEndsInTheRightTree) {
  const int runs = FromEnvironment<int>("METAREC_KILL_RUNS", kRuns);
  const uint64_t seed = FromEnvironment<uint64_t>("METAREC_KILL_SEED", std::random_device()());
  std::mt19937_64 random(seed);
  auto made = KillWorld::Make(6, 300);
  ASSERT_TRUE(made.ok()) << made.status();
  KillWorld& world = **made;
  std::map<Verb, KillWorld::Times> times;
  std::cout << "seed " << seed << std::endl;

  std::map<Visible, int> hits;
  int right = 0;
  for (int run = 0; run < runs; ++run) {
    const Verb verb = run % 2 == 0 ? Verb::kApply : Verb::kRecover;
    if (run % kMeasureEvery < 2) times[verb] = Measure(verb, &world);
    // Every other pair anywhere, the others from when the first znodes are there. (It writes faster
    // when nobody looks.)
    const bool anywhere = run / 2 % 2 == 0;
    const absl::Duration whole =
        anywhere ? times[verb].ended : 0.6 * (times[verb].unlocked - times[verb].begun);
    const absl::Duration wait = std::uniform_real_distribution<double>(0, 1)(random) * whole;
    const std::string root = world.NewRoot();
    SCOPED_TRACE(absl::StrCat("run ", run));
    const auto process = world.Start(verb, root);
    if (!anywhere) {
      EXPECT_TRUE(Await([&] { return world.world().Get(root + "/apps").has_value(); }));
    }
    absl::SleepFor(wait);
    process->Signal(SIGKILL);
    process->Wait();
    ++hits[world.Judge(root)];
    world.ExpectOneCleanRunCompletes(verb, root);
    ASSERT_FALSE(HasFailure());
    ++right;
    world.Remove(root);
  }
  for (const auto& [visible, count] : hits) {
    std::cout << count << " of " << runs << " were killed " << VisibleName(visible) << std::endl;
  }
  std::cout << right << " of " << runs << " ended in the right tree by one clean run" << std::endl;
}

}  // namespace
}  // namespace metarec::tools
