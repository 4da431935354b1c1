// metarec is killed at a random moment of `apply` or `recover`, again and again.
//
// METAREC_KILL_RUNS (scripts/campaign-kill) sets how often, METAREC_KILL_SEED repeats the draws.

#include <algorithm>
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

template <typename Number>
Number FromEnvironment(const char* name, Number otherwise) {
  const char* const text = std::getenv(name);
  Number number = otherwise;
  if (text != nullptr && !absl::SimpleAtoi(text, &number)) {
    ADD_FAILURE() << name << " must be a number";
  }
  return number;
}

TEST(KilledAnywhereTest, OneCleanRunEndsInTheRightTree) {
  const int runs = FromEnvironment<int>("METAREC_KILL_RUNS", kRuns);
  const uint64_t seed = FromEnvironment<uint64_t>("METAREC_KILL_SEED", std::random_device()());
  std::mt19937_64 random(seed);
  auto made = KillWorld::Make(6, 300);
  ASSERT_TRUE(made.ok()) << made.status();
  KillWorld& world = **made;
  std::map<Verb, KillWorld::Times> times;
  for (const Verb verb : {Verb::kApply, Verb::kRecover}) {
    const KillWorld::Times first = world.Measure(verb);
    const KillWorld::Times second = world.Measure(verb);
    times[verb] = first.ended < second.ended ? first : second;
    std::cout << (verb == Verb::kApply ? "apply" : "recover") << " undisturbed: writes from "
              << times[verb].begun << " to " << times[verb].unlocked << ", ends after "
              << times[verb].ended << std::endl;
  }
  std::cout << "seed " << seed << std::endl;

  std::map<Visible, int> hits;
  int right = 0;
  for (int run = 0; run < runs; ++run) {
    const Verb verb = run % 2 == 0 ? Verb::kApply : Verb::kRecover;
    // Every other pair anywhere, the others about the writing.
    const bool anywhere = run / 2 % 2 == 0;
    const absl::Duration from = anywhere ? absl::ZeroDuration() : times[verb].begun * 0.9;
    const absl::Duration to = anywhere ? times[verb].ended : times[verb].unlocked;
    const absl::Duration at = from + std::uniform_real_distribution<double>(0, 1)(random) *
                                         std::max(to - from, absl::ZeroDuration());
    const std::string root = world.NewRoot();
    SCOPED_TRACE(absl::StrCat("run ", run, ", killed after ", absl::FormatDuration(at)));
    const auto process = world.Start(verb, root);
    absl::SleepFor(at);
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
