// Functions that are called when a time has passed: DeadlineTimer for one, TimeoutQueue for many
// that all wait equally long.

#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>

#include <absl/time/time.h>
#include <asio/any_io_executor.hpp>

#include "base/runtime/cancellation.h"
#include "base/runtime/clock.h"

namespace metarec {

// Calls a function on the executor when a deadline has passed, unless it is destroyed before.
//
// Not thread-safe: made, destroyed and fired on one executor (a single thread or a strand).
// `clock` must outlive it, and the moment after its destruction in which the sleep is unwound.
class DeadlineTimer {
 public:
  DeadlineTimer(const asio::any_io_executor& executor, Clock* clock, absl::Time deadline,
                std::function<void()> on_expiry);
  ~DeadlineTimer();
  DeadlineTimer(const DeadlineTimer&) = delete;
  DeadlineTimer& operator=(const DeadlineTimer&) = delete;

 private:
  // Emptied by the destructor.
  std::shared_ptr<std::function<void()>> on_expiry_;
  CancellableTask sleep_;
};

// One timeout for many things at once, such as all connections that are idle. A timer costs a few
// words: a list has them in the order of their deadlines, and only the first one's is slept for.
//
// Not thread-safe, and needs its clock, as DeadlineTimer.
class TimeoutQueue {
 public:
  TimeoutQueue(asio::any_io_executor executor, Clock* clock, absl::Duration timeout);
  TimeoutQueue(const TimeoutQueue&) = delete;
  TimeoutQueue& operator=(const TimeoutQueue&) = delete;

  // Calls a function when the queue's time has passed, unless it is destroyed before.
  class Timer {
   public:
    // `queue` must outlive it.
    Timer(TimeoutQueue* queue, std::function<void()> on_timeout);
    ~Timer();
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

   private:
    friend class TimeoutQueue;

    TimeoutQueue* const queue_;
    const absl::Time deadline_;
    const std::function<void()> on_timeout_;
    std::optional<std::list<Timer*>::iterator> place_;  // nullopt once it has gone off
  };

  // From now on no timer goes off, and nothing is slept for.
  void Stop();

 private:
  void SleepForTheFirst();
  void FireWhatIsDue();

  const asio::any_io_executor executor_;
  Clock* const clock_;
  const absl::Duration timeout_;
  std::list<Timer*> timers_;
  // For the first timer, or for one that was before it.
  std::optional<DeadlineTimer> alarm_;
  bool stopped_ = false;
};

}  // namespace metarec
