#include "base/runtime/cancellation.h"

#include <exception>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>

namespace metarec {

asio::awaitable<void> Yield() {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  asio::awaitable<void> turn = asio::post(executor, asio::use_awaitable);
  co_await WithoutThrowing(std::move(turn));
}

struct CancellableTask::State {
  asio::cancellation_signal signal;
  std::function<void()> on_end;
  bool has_ended = false;
};

void CancellableTask::Start(const asio::any_io_executor& executor, asio::awaitable<void> work,
                            std::function<void()> on_end) {
  const auto state = std::make_shared<State>();
  state->on_end = std::move(on_end);
  state_ = state;
  asio::co_spawn(
      executor, Run(std::move(work)),
      asio::bind_cancellation_slot(state->signal.slot(), [executor, state](std::exception_ptr) {
        state->has_ended = true;
        // asio still looks at the slot after this handler has run, hence the post.
        asio::post(executor, [state] {
          if (state->on_end) std::exchange(state->on_end, nullptr)();
        });
      }));
}

asio::awaitable<void> CancellableTask::Run(asio::awaitable<void> work) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await std::move(work);
}

void CancellableTask::Cancel() {
  const std::shared_ptr<State> state = state_.lock();
  if (state == nullptr || state->has_ended) return;
  state->signal.emit(asio::cancellation_type::terminal);
}

bool CancellableTask::is_running() const {
  const std::shared_ptr<State> state = state_.lock();
  return state != nullptr && !state->has_ended;
}

}  // namespace metarec
