#include "base/runtime/deadline_timer.h"

#include <utility>

#include <asio/awaitable.hpp>

namespace metarec {
namespace {

asio::awaitable<void> Sleep(Clock* clock, absl::Time deadline,
                            std::shared_ptr<std::function<void()>> on_expiry) {
  const absl::Status slept = co_await clock->SleepUntil(deadline);
  if (slept.ok() && *on_expiry) std::exchange(*on_expiry, nullptr)();
}

}  // namespace

DeadlineTimer::DeadlineTimer(const asio::any_io_executor& executor, Clock* clock,
                             absl::Time deadline, std::function<void()> on_expiry) {
  if (deadline == absl::InfiniteFuture()) return;
  on_expiry_ = std::make_shared<std::function<void()>>(std::move(on_expiry));
  sleep_.Start(executor, Sleep(clock, deadline, on_expiry_), nullptr);
}

DeadlineTimer::~DeadlineTimer() {
  if (on_expiry_ != nullptr) *on_expiry_ = nullptr;
  sleep_.Cancel();
}

TimeoutQueue::TimeoutQueue(asio::any_io_executor executor, Clock* clock, absl::Duration timeout)
    : executor_(std::move(executor)), clock_(clock), timeout_(timeout) {}

TimeoutQueue::Timer::Timer(TimeoutQueue* queue, std::function<void()> on_timeout)
    : queue_(queue),
      deadline_(queue->clock_->Now() + queue->timeout_),
      on_timeout_(std::move(on_timeout)),
      place_(queue->timers_.insert(queue->timers_.end(), this)) {
  queue_->SleepForTheFirst();
}

TimeoutQueue::Timer::~Timer() {
  if (place_) queue_->timers_.erase(*place_);
}

void TimeoutQueue::Stop() {
  stopped_ = true;
  alarm_.reset();
}

void TimeoutQueue::SleepForTheFirst() {
  if (alarm_ || stopped_ || timers_.empty()) return;
  alarm_.emplace(executor_, clock_, timers_.front()->deadline_, [this] { FireWhatIsDue(); });
}

void TimeoutQueue::FireWhatIsDue() {
  alarm_.reset();
  const absl::Time now = clock_->Now();
  while (!timers_.empty() && timers_.front()->deadline_ <= now) {
    Timer* const timer = timers_.front();
    timers_.pop_front();
    timer->place_.reset();
    timer->on_timeout_();
  }
  SleepForTheFirst();
}

}  // namespace metarec
