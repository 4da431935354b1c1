#include "base/runtime/blocking_call.h"

#include <cstddef>
#include <deque>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/strings/str_cat.h>
#include <absl/synchronization/mutex.h>
#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>

#include "base/runtime/cancellation.h"
#include "base/runtime/deadline_timer.h"
#include "base/runtime/event.h"
#include "base/runtime/status_macros.h"

namespace metarec {
namespace {

constexpr size_t kAwaitedMax = 64;
constexpr size_t kThreadsMax = 1024;

struct Call {
  std::function<void()> run;  // used by the thread that has taken it
  // The rest is guarded by CallThreads.
  std::function<void()> on_return;  // null once nobody waits
  bool running = false;
};

// Threads that nobody joins, because nobody can make a system call return. They end when there is
// nothing left to call.
class CallThreads {
 public:
  // Never destroyed: a call may return while the process ends.
  static CallThreads& Get() {
    static CallThreads& threads = *new CallThreads;
    return threads;
  }

  absl::Status Start(std::shared_ptr<Call> call) {
    absl::MutexLock lock(&mutex_);
    waiting_.push_back(std::move(call));
    absl::Status started = AddThread();
    if (started.ok() || threads_ > 0) return absl::OkStatus();  // one of those will come to it
    waiting_.pop_back();
    return started;
  }

  // Afterwards `call` reaches neither its waiter nor the executor of that.
  void Abandon(const std::shared_ptr<Call>& call) {
    absl::MutexLock lock(&mutex_);
    const bool was_awaited = std::exchange(call->on_return, nullptr) != nullptr;
    std::erase(waiting_, call);
    if (!was_awaited || !call->running) return;
    ++abandoned_;
    // It keeps its thread, but no other call from its turn.
    if (!waiting_.empty()) AddThread().IgnoreError();
  }

 private:
  absl::Status AddThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (threads_ - abandoned_ >= kAwaitedMax || threads_ >= kThreadsMax) return absl::OkStatus();
    try {
      std::thread([this] { Work(); }).detach();
    } catch (const std::system_error& error) {
      return absl::ResourceExhaustedError(error.what());
    }
    ++threads_;
    return absl::OkStatus();
  }

  void Work() {
    while (const std::shared_ptr<Call> call = Next()) {
      call->run();
      call->run = nullptr;
      absl::MutexLock lock(&mutex_);
      call->running = false;
      if (call->on_return) {
        std::exchange(call->on_return, nullptr)();
      } else {
        --abandoned_;
      }
    }
  }

  // Null when the thread has to end.
  std::shared_ptr<Call> Next() {
    absl::MutexLock lock(&mutex_);
    if (waiting_.empty() || threads_ - abandoned_ > kAwaitedMax) {
      --threads_;
      return nullptr;
    }
    std::shared_ptr<Call> call = std::move(waiting_.front());
    waiting_.pop_front();
    call->running = true;
    return call;
  }

  absl::Mutex mutex_;
  std::deque<std::shared_ptr<Call>> waiting_ ABSL_GUARDED_BY(mutex_);
  size_t threads_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t abandoned_ ABSL_GUARDED_BY(mutex_) = 0;  // threads in a call that nobody waits for
};

// Abandoned when it goes out of scope, be it with the frame of a coroutine whose executor is
// destroyed.
class StartedCall {
 public:
  explicit StartedCall(std::shared_ptr<Call> call) : call_(std::move(call)) {}
  ~StartedCall() { CallThreads::Get().Abandon(call_); }
  StartedCall(const StartedCall&) = delete;
  StartedCall& operator=(const StartedCall&) = delete;

 private:
  const std::shared_ptr<Call> call_;
};

struct Wait {
  explicit Wait(const asio::any_io_executor& executor) : over(executor) {}
  Event over;
  bool returned = false;
};

}  // namespace

asio::awaitable<absl::Status> AwaitBlockingCall(Clock* clock, absl::Time deadline,
                                                std::function<void()> call) {
  if (co_await IsCancelled()) co_return absl::CancelledError("cancelled before it began");
  if (deadline <= clock->Now()) co_return absl::DeadlineExceededError("there was no time left");
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto wait = std::make_shared<Wait>(executor);
  const auto shared = std::make_shared<Call>();
  shared->run = std::move(call);
  shared->on_return = [executor, wait] {
    asio::post(executor, [wait] {
      wait->returned = true;
      wait->over.Set();
    });
  };
  METAREC_CO_RETURN_IF_ERROR(CallThreads::Get().Start(shared));
  const StartedCall started(shared);
  const DeadlineTimer timer(executor, clock, deadline, [wait] { wait->over.Set(); });
  METAREC_CO_RETURN_IF_ERROR(co_await wait->over.Wait());
  if (wait->returned) co_return absl::OkStatus();
  co_return absl::DeadlineExceededError("it did not return in time");
}

asio::awaitable<absl::StatusOr<ResolverResults>> AskResolver(Clock* clock, absl::Time deadline,
                                                             std::string what,
                                                             ResolverQuestion question) {
  struct Answer {
    asio::error_code error;
    ResolverResults results;
  };
  const auto answer = std::make_shared<Answer>();
  const std::function<void()> call = [answer, question = std::move(question)] {
    asio::io_context unused;
    asio::ip::tcp::resolver resolver(unused);
    answer->results = question(resolver, answer->error);
  };
  const absl::Status answered = co_await AwaitBlockingCall(clock, deadline, call);
  if (absl::IsDeadlineExceeded(answered)) {
    co_return absl::DeadlineExceededError(
        absl::StrCat("the resolver did not answer in time for ", what));
  }
  METAREC_CO_RETURN_IF_ERROR(answered);
  if (answer->error) {
    co_return absl::NotFoundError(absl::StrCat(what, ": ", answer->error.message()));
  }
  co_return std::move(answer->results);
}

}  // namespace metarec
