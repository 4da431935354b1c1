#include "base/runtime/event.h"

#include <asio/experimental/as_tuple.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include "base/runtime/cancellation.h"

namespace metarec {

Event::Event(const asio::any_io_executor& executor)
    : never_(executor, asio::steady_timer::time_point::max()) {}

void Event::Set() {
  is_set_ = true;
  never_.cancel();
}

asio::awaitable<absl::Status> Event::Wait() {
  if (is_set_) co_return absl::OkStatus();
  if (co_await IsCancelled()) co_return absl::CancelledError("the wait was cancelled");
  const bool throws_when_cancelled = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await never_.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
  co_await asio::this_coro::throw_if_cancelled(throws_when_cancelled);
  if (is_set_) co_return absl::OkStatus();
  co_return absl::CancelledError("the wait was cancelled");
}

asio::awaitable<void> Event::WaitRegardless() {
  const bool throws_when_cancelled = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  while (!is_set_) {
    co_await never_.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
  }
  co_await asio::this_coro::throw_if_cancelled(throws_when_cancelled);
}

}  // namespace metarec
