#include "base/runtime/for_each_bounded.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/this_coro.hpp>

#include "base/runtime/event.h"

namespace metarec {
namespace {

struct Lanes {
  Lanes(const asio::any_io_executor& executor, size_t count_, size_t lane_count,
        std::function<asio::awaitable<void>(size_t)> task_)
      : count(count_), task(std::move(task_)), cancel(lane_count), all_done(executor) {}

  const size_t count;
  const std::function<asio::awaitable<void>(size_t)> task;
  std::vector<asio::cancellation_signal> cancel;  // one per lane
  Event all_done;
  size_t next = 0;
  size_t running = 0;
  bool cancelled = false;
};

// A lane takes the next index until none is left; `in_flight_max` lanes run side by side.
asio::awaitable<void> RunLane(Lanes* lanes) {
  // A cancelled lane lets its running task see the cancellation, and takes no other.
  co_await asio::this_coro::throw_if_cancelled(false);
  while (lanes->next < lanes->count && !lanes->cancelled) {
    co_await lanes->task(lanes->next++);
  }
}

}  // namespace

asio::awaitable<void> ForEachBounded(size_t count, size_t in_flight_max,
                                     std::function<asio::awaitable<void>(size_t)> task) {
  if (count == 0) co_return;
  const auto executor = co_await asio::this_coro::executor;
  const size_t lane_count = std::clamp<size_t>(in_flight_max, 1, count);
  Lanes lanes(executor, count, lane_count, std::move(task));
  lanes.running = lane_count;
  for (asio::cancellation_signal& signal : lanes.cancel) {
    asio::co_spawn(executor, RunLane(&lanes),
                   asio::bind_cancellation_slot(signal.slot(), [&lanes](std::exception_ptr) {
                     if (--lanes.running == 0) lanes.all_done.Set();
                   }));
  }
  // The lanes point into this frame, so that it must outlive them even when it is cancelled.
  const bool throws_when_cancelled = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  if (!(co_await lanes.all_done.Wait()).ok()) {
    lanes.cancelled = true;
    for (asio::cancellation_signal& signal : lanes.cancel) {
      signal.emit(asio::cancellation_type::terminal);
    }
    co_await lanes.all_done.WaitRegardless();
  }
  co_await asio::this_coro::throw_if_cancelled(throws_when_cancelled);
}

}  // namespace metarec
