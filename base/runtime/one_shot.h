// One value that another thread hands to a coroutine.

#pragma once

#include <memory>
#include <optional>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/synchronization/mutex.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/post.hpp>

#include "base/runtime/event.h"

namespace metarec {

template <typename Value>
class OneShotSender;

// Where the coroutine waits. Used on one executor (a single thread or a strand). Once it is
// destroyed no sender touches that executor any more, which may then be destroyed, too. It may even
// be destroyed while the coroutine waits. But an io_context that destroys itself empties its queue
// without a lock: a coroutine that was cancelled, or whose value came, must have been resumed
// before, or the senders' threads must have ended.
template <typename Value>
class OneShotReceiver {
 public:
  explicit OneShotReceiver(const asio::any_io_executor& executor)
      : arrival_(std::make_shared<Arrival>(executor)), mailbox_(std::make_shared<Mailbox>()) {
    absl::MutexLock lock(&mailbox_->mutex);
    mailbox_->arrival = arrival_;
  }
  ~OneShotReceiver() {
    std::shared_ptr<Arrival> unused;
    absl::MutexLock lock(&mailbox_->mutex);
    unused.swap(mailbox_->arrival);
  }
  OneShotReceiver(const OneShotReceiver&) = delete;
  OneShotReceiver& operator=(const OneShotReceiver&) = delete;

  OneShotSender<Value> sender() const { return OneShotSender<Value>(mailbox_); }

  // OK once the value has arrived, kCancelled when the awaiting coroutine is cancelled.
  asio::awaitable<absl::Status> Wait() { return arrival_->arrived.Wait(); }

  bool has_value() const { return arrival_->value.has_value(); }
  // Only if there is one.
  Value& value() { return *arrival_->value; }

 private:
  friend class OneShotSender<Value>;

  // Used on `executor` only.
  struct Arrival {
    explicit Arrival(const asio::any_io_executor& executor_)
        : executor(executor_), arrived(executor_) {}
    const asio::any_io_executor executor;
    Event arrived;
    std::optional<Value> value;
  };
  // Where sender and receiver find, or no longer find, each other.
  struct Mailbox {
    absl::Mutex mutex;
    // Null once a value was sent, or the receiver is gone.
    std::shared_ptr<Arrival> arrival ABSL_GUARDED_BY(mutex);
  };

  const std::shared_ptr<Arrival> arrival_;
  const std::shared_ptr<Mailbox> mailbox_;
};

// What the other thread holds. Copies send to the same receiver. Thread-safe; may outlive the
// receiver and its executor.
template <typename Value>
class OneShotSender {
 public:
  // The first value that any copy sends counts. Never runs the coroutine by itself.
  void Send(Value value) const {
    absl::MutexLock lock(&mailbox_->mutex);
    if (mailbox_->arrival == nullptr) return;
    // The receiver cannot go before the mutex is released. What is posted has the only other
    // reference, so that none is left to be dropped on this thread.
    auto& arrival = *mailbox_->arrival;
    asio::post(arrival.executor,
               [owner = std::move(mailbox_->arrival), value = std::move(value)]() mutable {
                 owner->value = std::move(value);
                 owner->arrived.Set();
               });
  }

  // Whether nobody waits (any more) for a value.
  bool expired() const {
    absl::MutexLock lock(&mailbox_->mutex);
    return mailbox_->arrival == nullptr;
  }

 private:
  friend class OneShotReceiver<Value>;
  using Mailbox = typename OneShotReceiver<Value>::Mailbox;

  explicit OneShotSender(std::shared_ptr<Mailbox> mailbox) : mailbox_(std::move(mailbox)) {}

  std::shared_ptr<Mailbox> mailbox_;
};

}  // namespace metarec
