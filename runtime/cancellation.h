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
