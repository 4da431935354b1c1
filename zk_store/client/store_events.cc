#include "zk_store/client/store_events.h"

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
  for (const OneShotSender<SessionState>& waiter : waiters_) waiter.Send(state);
  waiters_.clear();
}

asio::awaitable<absl::StatusOr<SessionState>> SessionTracker::AwaitChange(SessionState seen) const {
  OneShotReceiver<SessionState> changed(co_await asio::this_coro::executor);
  {
    absl::MutexLock lock(&mutex_);
    if (state_ != seen) co_return state_;
    // Waiters that were cancelled must not pile up.
    std::erase_if(waiters_, [](const auto& other) { return other.expired(); });
    waiters_.push_back(changed.sender());
  }
  METAREC_CO_RETURN_IF_ERROR(co_await changed.Wait());
  co_return changed.value();
}

asio::awaitable<absl::StatusOr<WatchEvent>> Watch::Wait() {
  METAREC_CO_RETURN_IF_ERROR(co_await event_.Wait());
  co_return event_.value();
}

}  // namespace metarec
