// How cancellation works in the engine.
//
// The owner of a coroutine cancels it through an asio::cancellation_signal (type `terminal`).
// Engine coroutines report that as absl::StatusCode::kCancelled and never throw: every coroutine
// that is handed to co_spawn starts with
//
//   co_await asio::this_coro::throw_if_cancelled(false);
//
// which holds for everything it awaits. asio delivers the signal to the operation that is pending
// at that moment only; whoever starts another one later must ask IsCancelled() first, as
// Clock::SleepUntil and Event::Wait do.
//
// GCC 12 miscompiles some coroutines. It destroys temporaries twice, or too early, when a co_await
//   - is on the right of && or ||, in a branch of ?:, or in the condition of a loop, or
//   - has a braced temporary ({}, Options{...}) in its full expression, as in Start(cluster, {}).
// Name the value first, or use a statement of its own. Nor may a capturing lambda that is a
// coroutine outlive the lambda object: its captures live there, with every compiler.

#pragma once

#include <asio/awaitable.hpp>
#include <asio/this_coro.hpp>

namespace metarec {

// Whether the awaiting coroutine has been cancelled.
inline asio::awaitable<bool> IsCancelled() {
  const auto state = co_await asio::this_coro::cancellation_state;
  co_return state.cancelled() != asio::cancellation_type::none;
}

}  // namespace metarec
