#include "zk_store/run_until.h"

#include <exception>
#include <utility>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/this_coro.hpp>

#include "runtime/cancellation.h"
#include "runtime/event.h"

namespace metarec {
namespace {

struct Race {
  explicit Race(const asio::any_io_executor& executor)
      : work_over(executor), alarm_over(executor) {}
  Event work_over;
  Event alarm_over;
  asio::cancellation_signal cancel_work;
  asio::cancellation_signal cancel_alarm;
  absl::Status outcome;
};

asio::awaitable<void> Work(std::function<asio::awaitable<void>()>* work) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await (*work)();
}

asio::awaitable<void> Alarm(Race* race, absl::Time deadline, Clock* clock) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const absl::Status slept = co_await clock->SleepUntil(deadline);
  if (!slept.ok() || race->work_over.is_set()) co_return;
  race->outcome = absl::DeadlineExceededError("the deadline has passed");
  race->cancel_work.emit(asio::cancellation_type::terminal);
}

}  // namespace

asio::awaitable<absl::Status> RunUntil(absl::Time deadline, Clock* clock,
                                       std::function<asio::awaitable<void>()> work) {
  if (co_await IsCancelled()) co_return absl::CancelledError("cancelled before it began");
  const auto executor = co_await asio::this_coro::executor;
  Race race(executor);
  asio::co_spawn(executor, Work(&work),
                 asio::bind_cancellation_slot(race.cancel_work.slot(), [&](std::exception_ptr) {
                   race.work_over.Set();
                   race.cancel_alarm.emit(asio::cancellation_type::terminal);
                 }));
  asio::co_spawn(executor, Alarm(&race, deadline, clock),
                 asio::bind_cancellation_slot(race.cancel_alarm.slot(),
                                              [&](std::exception_ptr) { race.alarm_over.Set(); }));
  // Both point into this frame, which must therefore outlive them even when it is cancelled.
  const bool throws_when_cancelled = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  if (!(co_await race.work_over.Wait()).ok()) {
    race.outcome = absl::CancelledError("cancelled");
    race.cancel_work.emit(asio::cancellation_type::terminal);
    co_await race.work_over.WaitRegardless();
  }
  race.cancel_alarm.emit(asio::cancellation_type::terminal);
  co_await race.alarm_over.WaitRegardless();
  co_await asio::this_coro::throw_if_cancelled(throws_when_cancelled);
  co_return race.outcome;
}

}  // namespace metarec
