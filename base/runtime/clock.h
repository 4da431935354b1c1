// Time, as everything in the engine sees it: the seam behind which a simulation can put virtual
// time.

#pragma once

#include <absl/status/status.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

namespace metarec {

// Thread-safe. The only source of time for the engine: no other code asks the system.
class Clock {
 public:
  virtual ~Clock() = default;

  // Never goes backwards within one process, even when the system's wall clock does.
  virtual absl::Time Now() const = 0;

  // Completes at `deadline` with OK, or with kCancelled as soon as the awaiting coroutine is
  // cancelled (asio cancellation of type `terminal`). absl::InfiniteFuture() never completes by
  // itself.
  virtual asio::awaitable<absl::Status> SleepUntil(absl::Time deadline) = 0;

  asio::awaitable<absl::Status> SleepFor(absl::Duration duration) {
    return SleepUntil(Now() + duration);
  }
};

}  // namespace metarec
