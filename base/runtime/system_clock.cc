#include "base/runtime/system_clock.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <absl/time/clock.h>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>

#include "base/runtime/cancellation.h"

namespace metarec {
namespace {

absl::Duration MonotonicNow() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace

SystemClock::SystemClock() : wall_at_start_(absl::Now()), monotonic_at_start_(MonotonicNow()) {}

absl::Time SystemClock::Now() const {
  return wall_at_start_ + (MonotonicNow() - monotonic_at_start_);
}

asio::awaitable<absl::Status> SystemClock::SleepUntil(absl::Time deadline) {
  if (co_await IsCancelled()) co_return absl::CancelledError("the wait was cancelled");
  // A year stands for infinity: asio adds it to a time point, which must not overflow.
  const absl::Duration wait = std::min(deadline - Now(), absl::Hours(24 * 365));
  asio::steady_timer timer(co_await asio::this_coro::executor, absl::ToChronoNanoseconds(wait));
  auto waiting = timer.async_wait(kAwaitTuple);
  const auto [error] = co_await WithoutThrowing(std::move(waiting));
  if (error) co_return absl::CancelledError("the wait was cancelled");
  co_return absl::OkStatus();
}

}  // namespace metarec
