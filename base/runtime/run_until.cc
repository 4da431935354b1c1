#include "base/runtime/run_until.h"

#include <exception>
#include <utility>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/this_coro.hpp>

#include "base/runtime/cancellation.h"
#include "base/runtime/deadline_timer.h"
#include "base/runtime/event.h"

namespace metarec {
namespace {

asio::awaitable<void> Work(std::function<asio::awaitable<void>()>* work) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await (*work)();
}

}  // namespace

asio::awaitable<absl::Status> RunUntil(absl::Time deadline, Clock* clock,
                                       std::function<asio::awaitable<void>()> work) {
  if (co_await IsCancelled()) co_return absl::CancelledError("cancelled before it began");
  const auto executor = co_await asio::this_coro::executor;
  absl::Status outcome;
  Event over(executor);
  asio::cancellation_signal cancel;
  asio::co_spawn(
      executor, Work(&work),
      asio::bind_cancellation_slot(cancel.slot(), [&over](std::exception_ptr) { over.Set(); }));
  const DeadlineTimer timer(executor, clock, deadline, [&] {
    if (over.is_set()) return;
    outcome = absl::DeadlineExceededError("the deadline has passed");
    cancel.emit(asio::cancellation_type::terminal);
  });
  const absl::Status waited = co_await over.Wait();
  if (!waited.ok()) {
    outcome = absl::CancelledError("cancelled");
    cancel.emit(asio::cancellation_type::terminal);
    // The work points into this frame, which must therefore outlive it.
    co_await over.WaitRegardless();
  }
  co_return outcome;
}

}  // namespace metarec
