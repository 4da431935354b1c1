// What a MetaStore tells those who wait: changes of its session, and changes of watched nodes.

#pragma once

#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/synchronization/mutex.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "base/runtime/one_shot.h"

namespace metarec {

enum class SessionState {
  kConnecting,  // no connection at the moment; the session may still live
  kConnected,
  kReadOnly,    // connected to a server that has lost its quorum
  kExpired,     // final
  kAuthFailed,  // final
  kClosed,      // final: the store is being destroyed
};

absl::string_view SessionStateName(SessionState state);
bool IsFinal(SessionState state);

// The state of one session, and the coroutines that wait for it to change. Thread-safe.
class SessionTracker {
 public:
  SessionState Get() const;

  // A final state is only ever replaced by kClosed.
  void Set(SessionState state);

  // Completes with the current state as soon as it differs from `seen`; kCancelled when the
  // awaiting coroutine is cancelled. All waiters are released by Set(kClosed); the tracker may then
  // be destroyed before they have run.
  asio::awaitable<absl::StatusOr<SessionState>> AwaitChange(SessionState seen) const;

 private:
  mutable absl::Mutex mutex_;
  SessionState state_ ABSL_GUARDED_BY(mutex_) = SessionState::kConnecting;
  mutable std::vector<OneShotSender<SessionState>> waiters_ ABSL_GUARDED_BY(mutex_);
};

enum class WatchEventType {
  kCreated,
  kDeleted,
  kDataChanged,
  kChildrenChanged,
  kSessionEnded,  // the session expired or the store was destroyed: nothing will be seen any more
};

struct WatchEvent {
  WatchEventType type = WatchEventType::kSessionEnded;
  std::string path;
};
using WatchSender = OneShotSender<WatchEvent>;

// A one-shot watch. Make one, give it to a read (MetaStore::Get, Exists or Children), and it fires
// at most once. It is set only if the read succeeds (for Exists also if there is no node); after a
// failure it may be given to the next read. The store holds a sender: drop the watch to end it.
//
//   auto watch = std::make_shared<Watch>(co_await asio::this_coro::executor);
//   auto children = co_await store->Children(path, watch);
//   auto event = co_await watch->Wait();
//
// Used on one executor (a single thread or a strand), which may go once the watch is destroyed.
class Watch {
 public:
  explicit Watch(const asio::any_io_executor& executor) : event_(executor) {}

  // The event, or kCancelled when the awaiting coroutine is cancelled.
  asio::awaitable<absl::StatusOr<WatchEvent>> Wait();

  bool fired() const { return event_.has_value(); }

  // For stores: from any thread. The first event counts.
  WatchSender sender() const { return event_.sender(); }

 private:
  OneShotReceiver<WatchEvent> event_;
};

}  // namespace metarec
