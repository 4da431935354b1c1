#include "zk_store/client/store_events.h"

#include <utility>

#include <asio/post.hpp>
#include <asio/this_coro.hpp>

#include "base/runtime/status_macros.h"

namespace metarec {

absl::string_view SessionStateName(SessionState state) {
  switch (state) {
    case SessionState::kConnecting:
      return "connecting";
    case SessionState::kConnected:
      return "connected";
    case SessionState::kReadOnly:
      return "read-only";
    case SessionState::kExpired:
      return "expired";
    case SessionState::kAuthFailed:
      return "authentication failed";
    case SessionState::kClosed:
      return "closed";
  }
  return "unknown";
}

bool IsFinal(SessionState state) {
  return state == SessionState::kExpired || state == SessionState::kAuthFailed ||
         state == SessionState::kClosed;
}

SessionState SessionTracker::Get() const {
  absl::MutexLock lock(&mutex_);
  return state_;
}

void SessionTracker::Set(SessionState state) {
  absl::MutexLock lock(&mutex_);
  if (state == state_ || state_ == SessionState::kClosed) return;
  if (IsFinal(state_) && state != SessionState::kClosed) return;
  state_ = state;
  for (const std::weak_ptr<Waiter>& weak : waiters_) {
    const std::shared_ptr<Waiter> waiter = weak.lock();
    if (waiter == nullptr) continue;  // was cancelled
    asio::post(waiter->executor, [waiter, state] {
      waiter->state = state;
      waiter->changed.Set();
    });
  }
  waiters_.clear();
}

asio::awaitable<absl::StatusOr<SessionState>> SessionTracker::AwaitChange(SessionState seen) const {
  auto waiter = std::make_shared<Waiter>(co_await asio::this_coro::executor);
  {
    absl::MutexLock lock(&mutex_);
    if (state_ != seen) co_return state_;
    // Waiters that were cancelled must not pile up.
    std::erase_if(waiters_, [](const std::weak_ptr<Waiter>& other) { return other.expired(); });
    waiters_.push_back(waiter);
  }
  METAREC_CO_RETURN_IF_ERROR(co_await waiter->changed.Wait());
  co_return waiter->state;
}

Watch::Watch(const asio::any_io_executor& executor) : executor_(executor), fired_(executor) {}

asio::awaitable<absl::StatusOr<WatchEvent>> Watch::Wait() {
  METAREC_CO_RETURN_IF_ERROR(co_await fired_.Wait());
  co_return event_;
}

void Watch::Fire(const std::weak_ptr<Watch>& weak, WatchEvent event) {
  const std::shared_ptr<Watch> watch = weak.lock();
  if (watch == nullptr) return;
  asio::post(watch->executor_, [watch, event = std::move(event)]() mutable {
    if (watch->fired_.is_set()) return;
    watch->event_ = std::move(event);
    watch->fired_.Set();
  });
}

}  // namespace metarec
