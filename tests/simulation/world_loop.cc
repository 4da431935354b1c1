#include "world_loop.h"

#include <utility>

namespace metarec::simulation {
namespace {

constexpr int64_t kStepsMax = 400'000;
constexpr size_t kViolationsMax = 10;

}  // namespace

void WorldLoop::Violate(std::string what) {
  trace.Add(queue.now(), "VIOLATION", what);
  if (outcome_.violations.size() < kViolationsMax) outcome_.violations.push_back(std::move(what));
}

void WorldLoop::Pass(const std::function<bool()>& done, absl::Time horizon) {
  for (;;) {
    if (context.stopped()) context.restart();
    context.poll();
    if (done()) return;
    if (queue.now() > horizon) return Violate("does not end in its time");
    if (queue.events_run() > kStepsMax) return Violate("takes too many steps");
    if (!queue.RunNext()) return Violate("waits for what never comes");
  }
}

void WorldLoop::Pass(absl::Duration duration) {
  const absl::Time until = queue.now() + duration;
  bool is_over = false;
  queue.At(until, [&is_over] { is_over = true; });
  Pass([&is_over] { return is_over; }, until + absl::Minutes(1));
}

}  // namespace metarec::simulation
