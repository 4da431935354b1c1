#pragma once

#include <functional>
#include <memory>

#include <absl/time/time.h>
#include <asio/any_io_executor.hpp>

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
  struct Sleep;
  static asio::awaitable<void> Run(Clock* clock, absl::Time deadline, std::shared_ptr<Sleep> sleep);

  // Expired when the sleeping coroutine is gone, with which there is nothing left to cancel.
  std::weak_ptr<Sleep> sleep_;
};

}  // namespace metarec
