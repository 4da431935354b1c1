// Time that passes only when nothing is left to do.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include <absl/time/time.h>

#include "base/runtime/clock.h"

namespace metarec::simulation {

// What is going to happen, in the order of time; what happens at one moment, in the order in which
// it was planned.
class EventQueue {
 public:
  using Id = std::pair<absl::Time, uint64_t>;

  absl::Time now() const { return now_; }

  // In the past means now.
  Id At(absl::Time time, std::function<void()> happen);
  Id After(absl::Duration delay, std::function<void()> happen) {
    return At(now_ + delay, std::move(happen));
  }
  void Cancel(const Id& id) { events_.erase(id); }

  // Jumps to the next event and lets it happen; false when there is none.
  bool RunNext();
  int64_t events_run() const { return events_run_; }

 private:
  absl::Time now_ = absl::FromUnixSeconds(1'790'000'000);
  uint64_t last_ = 0;
  int64_t events_run_ = 0;
  std::map<Id, std::function<void()>> events_;
};

// The engine's view of it. `queue` must outlive the clock.
class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(EventQueue* queue) : queue_(queue) {}
  absl::Time Now() const override { return queue_->now(); }
  asio::awaitable<absl::Status> SleepUntil(absl::Time deadline) override;

 private:
  EventQueue* const queue_;
};

}  // namespace metarec::simulation
