#include "virtual_clock.h"

#include <algorithm>
#include <memory>

#include <asio/this_coro.hpp>

#include "base/runtime/event.h"

namespace metarec::simulation {

EventQueue::Id EventQueue::At(absl::Time time, std::function<void()> happen) {
  const Id id(std::max(time, now_), ++last_);
  events_.emplace(id, std::move(happen));
  return id;
}

bool EventQueue::RunNext() {
  if (events_.empty()) return false;
  auto next = events_.extract(events_.begin());
  now_ = next.key().first;
  ++events_run_;
  next.mapped()();
  return true;
}

asio::awaitable<absl::Status> VirtualClock::SleepUntil(absl::Time deadline) {
  const auto executor = co_await asio::this_coro::executor;
  const auto reached = std::make_shared<Event>(executor);
  if (deadline == absl::InfiniteFuture()) co_return co_await reached->Wait();
  const EventQueue::Id id = queue_->At(deadline, [reached] { reached->Set(); });
  const absl::Status status = co_await reached->Wait();
  queue_->Cancel(id);
  co_return status;
}

}  // namespace metarec::simulation
