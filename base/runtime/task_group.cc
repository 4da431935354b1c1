#include "base/runtime/task_group.h"

#include <exception>
#include <list>
#include <utility>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include "base/runtime/event.h"

namespace metarec {
namespace {

asio::awaitable<void> WithoutThrowing(asio::awaitable<void> task) {
  co_await asio::this_coro::throw_if_cancelled(false);
  // co_spawn begins within its caller if that is on the executor already.
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  co_await asio::post(executor, asio::use_awaitable);
  co_await std::move(task);
}

}  // namespace

struct TaskGroup::State {
  explicit State(asio::any_io_executor executor_in) : executor(std::move(executor_in)) {}

  const asio::any_io_executor executor;
  std::list<asio::cancellation_signal> cancels;  // one per task
  bool cancelled = false;
  std::shared_ptr<Event> ended;  // while somebody waits for the end of all
};

TaskGroup::TaskGroup(asio::any_io_executor executor)
    : state_(std::make_shared<State>(std::move(executor))) {}

TaskGroup::~TaskGroup() = default;

void TaskGroup::Spawn(asio::awaitable<void> task) {
  if (state_->cancelled) return;
  const auto cancel = state_->cancels.emplace(state_->cancels.end());
  // asio still looks at the slot after the completion handler has run, hence the post.
  asio::co_spawn(
      state_->executor, WithoutThrowing(std::move(task)),
      asio::bind_cancellation_slot(cancel->slot(), [state = state_, cancel](std::exception_ptr) {
        asio::post(state->executor, [state, cancel] {
          state->cancels.erase(cancel);
          if (state->cancels.empty() && state->ended) state->ended->Set();
        });
      }));
}

void TaskGroup::Cancel() {
  state_->cancelled = true;
  for (asio::cancellation_signal& cancel : state_->cancels) {
    cancel.emit(asio::cancellation_type::terminal);
  }
}

asio::awaitable<void> TaskGroup::Join() {
  const std::shared_ptr<State> state = state_;
  while (!state->cancels.empty()) {
    if (!state->ended || state->ended->is_set()) {
      state->ended = std::make_shared<Event>(state->executor);
    }
    const std::shared_ptr<Event> ended = state->ended;
    co_await ended->WaitRegardless();
  }
}

size_t TaskGroup::running() const { return state_->cancels.size(); }

}  // namespace metarec
