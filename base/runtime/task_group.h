// Coroutines that run beside the one that starts them, and whose end it awaits: many for an object
// (TaskGroup), some at a time of many (ForEachBounded), one with a deadline (RunUntil), one on
// another executor (RunOn). None of these tasks may throw; a cancellation is told to them as
// cancellation.h says, without an exception.

#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include <absl/status/status.h>
#include <absl/time/time.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"

namespace metarec {

// Tasks in the background on behalf of an object, which can end them all and await that.
//
// Not thread-safe: used on `executor` (a single thread or a strand), where the tasks run, too. Join
// must have ended before it is destroyed, or the executor's context must never run again.
class TaskGroup {
 public:
  explicit TaskGroup(asio::any_io_executor executor);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Begins `task` soon, not within this call. It reports its own errors. After Cancel nothing is
  // begun any more.
  void Spawn(asio::awaitable<void> task);

  void Cancel();

  // Awaits the end of all tasks, whether the caller is cancelled or not. Cancel first, or it waits
  // for them to end by themselves, those that are spawned meanwhile included.
  asio::awaitable<void> Join();

  size_t running() const;

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

// Runs `task(0) .. task(count - 1)` on the caller's executor, at most `in_flight_max` (>= 1) at a
// time, started in ascending order; completes when all of them have. Tasks report their own errors.
// When the caller is cancelled, no further task is started and running ones are cancelled and
// awaited.
asio::awaitable<void> ForEachBounded(size_t count, size_t in_flight_max,
                                     std::function<asio::awaitable<void>(size_t)> task);

// Runs `work` on the caller's executor and cancels it at `deadline` or when the caller is
// cancelled; in any case it has returned when this completes. OK if it was left to itself,
// kDeadlineExceeded or kCancelled otherwise. `clock` must outlive this and the moment after it in
// which its sleep is unwound (deadline_timer.h).
asio::awaitable<absl::Status> RunUntil(absl::Time deadline, Clock* clock,
                                       std::function<asio::awaitable<void>()> work);

// Runs `work` on `executor` (a single thread or a strand), and resumes where this is awaited once
// it has returned. A cancellation of the awaiting coroutine is passed on, and the end of `work`
// awaited nevertheless.
//
// The threads of `executor` must have ended (an asio::thread_pool: be joined) before the context of
// the awaiting coroutine is destroyed.
asio::awaitable<void> RunOn(asio::any_io_executor executor,
                            std::function<asio::awaitable<void>()> work);

}  // namespace metarec
