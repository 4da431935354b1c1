#pragma once

#include <cstddef>
#include <memory>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

namespace metarec {

// Coroutines that run in the background on behalf of an object, which can end them all and await
// that.
//
// Not thread-safe: used on `executor` (a single thread or a strand), where the tasks run, too. Join
// must have ended before it is destroyed, or the executor's context must never run again.
class TaskGroup {
 public:
  explicit TaskGroup(asio::any_io_executor executor);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Begins `task` soon, not within this call. It reports its own errors; a cancellation is told to
  // it as cancellation.h says, without an exception. After Cancel nothing is begun any more.
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

}  // namespace metarec
