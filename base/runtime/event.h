#pragma once

#include <absl/status/status.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>

namespace metarec {

// Something that happens once, and coroutines that wait for it. Set before Wait is not lost.
//
// Not thread-safe: used on one executor (a single thread or a strand). All waiters must have
// returned before it is destroyed. Reads no clock.
class Event {
 public:
  explicit Event(const asio::any_io_executor& executor);

  void Set();
  bool is_set() const { return is_set_; }

  // OK once Set was called, kCancelled when the waiting coroutine is, or was already, cancelled.
  asio::awaitable<absl::Status> Wait();

  // Returns only once Set was called: for a cancelled coroutine that must still await others.
  asio::awaitable<void> WaitRegardless();

 private:
  asio::awaitable<void> WaitUntilSet();

  bool is_set_ = false;
  asio::steady_timer never_;  // never expires; its cancellation is what wakes the waiters
};

}  // namespace metarec
