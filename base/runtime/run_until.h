#pragma once

#include <functional>

#include <absl/status/status.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"

namespace metarec {

// Runs `work` on the caller's executor and cancels it at `deadline` or when the caller is
// cancelled; in any case it has returned when this completes. OK if it was left to itself,
// kDeadlineExceeded or kCancelled otherwise. `work` must not throw. `clock` must
// outlive this and the moment after it in which its sleep is unwound (deadline_timer.h).
asio::awaitable<absl::Status> RunUntil(absl::Time deadline, Clock* clock,
                                       std::function<asio::awaitable<void>()> work);

}  // namespace metarec
