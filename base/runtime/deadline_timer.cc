#include "base/runtime/deadline_timer.h"

#include <exception>
#include <utility>

#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>

namespace metarec {

struct DeadlineTimer::Sleep {
  asio::cancellation_signal cancel;
  std::function<void()> on_expiry;
};

DeadlineTimer::DeadlineTimer(const asio::any_io_executor& executor, Clock* clock,
                             absl::Time deadline, std::function<void()> on_expiry) {
  if (deadline == absl::InfiniteFuture()) return;
  auto sleep = std::make_shared<Sleep>();
  sleep->on_expiry = std::move(on_expiry);
  sleep_ = sleep;
  // asio still looks at the slot after the completion handler has run, hence the post.
  asio::co_spawn(
      executor, Run(clock, deadline, sleep),
      asio::bind_cancellation_slot(sleep->cancel.slot(), [executor, sleep](std::exception_ptr) {
        asio::post(executor, [sleep] {});
      }));
}

DeadlineTimer::~DeadlineTimer() {
  const std::shared_ptr<Sleep> sleep = sleep_.lock();
  if (sleep == nullptr) return;
  sleep->on_expiry = nullptr;
  sleep->cancel.emit(asio::cancellation_type::terminal);
}

asio::awaitable<void> DeadlineTimer::Run(Clock* clock, absl::Time deadline,
                                         std::shared_ptr<Sleep> sleep) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const absl::Status slept = co_await clock->SleepUntil(deadline);
  if (slept.ok() && sleep->on_expiry) std::exchange(sleep->on_expiry, nullptr)();
}

}  // namespace metarec
