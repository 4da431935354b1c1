#include "rpc/timeout_queue.h"

#include <utility>

namespace metarec::rpc {

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

}  // namespace metarec::rpc
