#include "base/runtime/event.h"

#include <utility>

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
  auto wait = never_.async_wait(kAwaitTuple);
  co_await WithoutThrowing(std::move(wait));
  if (is_set_) co_return absl::OkStatus();
  co_return absl::CancelledError("the wait was cancelled");
}

asio::awaitable<void> Event::WaitRegardless() { return WithoutThrowing(WaitUntilSet()); }

asio::awaitable<void> Event::WaitUntilSet() {
  while (!is_set_) co_await never_.async_wait(kAwaitTuple);
}

}  // namespace metarec
