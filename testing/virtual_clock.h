// Time that passes only when somebody says so: for tests that neither sleep nor depend on how fast
// they run. On one thread.

#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include <absl/status/status.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>
#include <asio/this_coro.hpp>

#include "base/runtime/clock.h"
#include "base/runtime/event.h"

namespace metarec::testing {

// What is going to happen, ordered by time. Of two events at one time the one planned first happens
// first.
class EventQueue {
 public:
  using Id = std::pair<absl::Time, uint64_t>;

  absl::Time now() const { return now_; }

  // A time in the past means now.
  Id At(absl::Time time, std::function<void()> happen) {
    const Id id(std::max(time, now_), ++last_);
    events_.emplace(id, std::move(happen));
    return id;
  }
  Id After(absl::Duration delay, std::function<void()> happen) {
    return At(now_ + delay, std::move(happen));
  }
  void Cancel(const Id& id) { events_.erase(id); }

  // Jumps to the next event and runs it. False if there is none.
  bool RunNext() {
    if (events_.empty()) return false;
    auto next = events_.extract(events_.begin());
    now_ = next.key().first;
    ++events_run_;
    next.mapped()();
    return true;
  }

  // Runs what happens until then, one event after the other, and goes on to that time.
  void Advance(absl::Duration duration) {
    const absl::Time then = now_ + duration;
    while (!events_.empty() && events_.begin()->first.first <= then) RunNext();
    now_ = then;
  }

  int64_t events_run() const { return events_run_; }

 private:
  absl::Time now_ = absl::FromUnixSeconds(1'790'000'000);
  uint64_t last_ = 0;
  int64_t events_run_ = 0;
  std::map<Id, std::function<void()>> events_;
};

// The time of a queue, as the engine sees it. Even a sleep until now ends only when the queue runs.
class VirtualClock final : public Clock {
 public:
  // `queue` must outlive the clock.
  explicit VirtualClock(EventQueue* queue) : queue_(queue) {}

  absl::Time Now() const override { return queue_->now(); }

  asio::awaitable<absl::Status> SleepUntil(absl::Time deadline) override {
    const auto executor = co_await asio::this_coro::executor;
    const auto reached = std::make_shared<Event>(executor);
    EventQueue::Id id;
    if (deadline != absl::InfiniteFuture()) {
      id = queue_->At(deadline, [reached] { reached->Set(); });
    }
    ++sleepers_;
    const absl::Status status = co_await reached->Wait();
    --sleepers_;
    queue_->Cancel(id);
    co_return status;
  }

  // How many coroutines sleep.
  int sleepers() const { return sleepers_; }

 private:
  EventQueue* const queue_;
  int sleepers_ = 0;
};

// A clock with a queue of its own, for tests beside real sockets: the test advances it.
class ManualClock final : public Clock {
 public:
  absl::Time Now() const override { return queue_.now(); }

  asio::awaitable<absl::Status> SleepUntil(absl::Time deadline) override {
    if (deadline <= Now()) co_return absl::OkStatus();
    co_return co_await clock_.SleepUntil(deadline);
  }

  void Advance(absl::Duration duration) { queue_.Advance(duration); }

 private:
  EventQueue queue_;
  VirtualClock clock_{&queue_};
};

}  // namespace metarec::testing
