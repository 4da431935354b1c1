// How cancellation works in the engine, and the one place that knows asio's rules for it.
//
// The owner of a coroutine cancels it (CancellableTask, TaskGroup). Engine coroutines report that
// as absl::StatusCode::kCancelled and never throw. asio throws into a cancelled coroutine unless it
// is told otherwise, at the beginning and for everything that the coroutine awaits:
//
//   co_await asio::this_coro::throw_if_cancelled(false);
//
// A CancellableTask does that. asio delivers the signal only to the operation that is pending at
// that moment; a coroutine that starts another one later must ask IsCancelled() first, as
// Clock::SleepUntil and Event::Wait do.
//
// GCC 12 miscompiles some coroutines. It destroys temporaries twice, or too early, when a co_await
//   - is on the right of && or ||, in a branch of ?:, or in the condition of a loop, or
//   - has in its full expression a braced temporary ({}, Options{...}), as in Start(cluster, {}),
//   or
//     a lambda with a capture that has a destructor.
// Name the value first, or use a statement of its own. Nor may a capturing lambda that is a
// coroutine outlive the lambda object: its captures live there, with every compiler.

#pragma once

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

namespace metarec {

// Completes asio's operations with [error, ...] instead of an exception. A cancelled coroutine
// still gets one, unless it is told otherwise as above.
inline constexpr auto kAwaitTuple = asio::experimental::as_tuple(asio::use_awaitable);

// Whether the awaiting coroutine has been cancelled.
inline asio::awaitable<bool> IsCancelled() {
  const auto state = co_await asio::this_coro::cancellation_state;
  co_return state.cancelled() != asio::cancellation_type::none;
}

// Awaits `operation` without an exception when this coroutine is cancelled meanwhile: for what
// embedders may call from coroutines that asio throws into.
template <typename Result>
asio::awaitable<Result> WithoutThrowing(asio::awaitable<Result> operation) {
  const bool throws_when_cancelled = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  if constexpr (std::is_void_v<Result>) {
    co_await std::move(operation);
    co_await asio::this_coro::throw_if_cancelled(throws_when_cancelled);
  } else {
    Result result = co_await std::move(operation);
    co_await asio::this_coro::throw_if_cancelled(throws_when_cancelled);
    co_return result;
  }
}

// Lets everything else that is ready on the executor run first: between the pieces of a long
// computation, so that nobody has to wait for all of it. Ask IsCancelled() after it.
asio::awaitable<void> Yield();

// A coroutine in the background, and the means to cancel it.
//
// Not thread-safe: started and cancelled on the task's executor (a single thread or a strand). It
// may be destroyed while the task runs, which then goes on.
class CancellableTask {
 public:
  // Begins `work`, within this call if that is on `executor`; once. `work` must not throw. Once
  // nothing is left of it, `on_end` is called on the executor; never, if the executor's context is
  // destroyed before.
  void Start(const asio::any_io_executor& executor, asio::awaitable<void> work,
             std::function<void()> on_end);

  // Does nothing if the task has ended, or was never started.
  void Cancel();

  bool is_running() const;

 private:
  struct State;
  static asio::awaitable<void> Run(asio::awaitable<void> work);

  // Belongs to the coroutine and its completion, and goes with the executor's context.
  std::weak_ptr<State> state_;
};

}  // namespace metarec
