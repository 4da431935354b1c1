#include "base/runtime/task_group.h"

#include <algorithm>
#include <list>
#include <utility>
#include <vector>

#include <asio/post.hpp>
#include <asio/this_coro.hpp>

#include "base/runtime/cancellation.h"
#include "base/runtime/deadline_timer.h"
#include "base/runtime/event.h"

namespace metarec {
namespace {

asio::awaitable<void> AfterThisCall(asio::awaitable<void> task) {
  co_await Yield();
  co_await std::move(task);
}

// The work is asked for only where it runs.
asio::awaitable<void> Invoke(std::function<asio::awaitable<void>()>* work) { co_await (*work)(); }

}  // namespace

struct TaskGroup::State {
  explicit State(asio::any_io_executor executor_in) : executor(std::move(executor_in)) {}

  static asio::awaitable<void> AwaitEnd(std::shared_ptr<State> state);

  const asio::any_io_executor executor;
  std::list<CancellableTask> tasks;
  bool cancelled = false;
  std::shared_ptr<Event> ended;  // while somebody waits for the end of all
};

TaskGroup::TaskGroup(asio::any_io_executor executor)
    : state_(std::make_shared<State>(std::move(executor))) {}

TaskGroup::~TaskGroup() = default;

void TaskGroup::Spawn(asio::awaitable<void> task) {
  if (state_->cancelled) return;
  const auto place = state_->tasks.emplace(state_->tasks.end());
  place->Start(state_->executor, AfterThisCall(std::move(task)), [state = state_, place] {
    state->tasks.erase(place);
    if (state->tasks.empty() && state->ended) state->ended->Set();
  });
}

void TaskGroup::Cancel() {
  state_->cancelled = true;
  for (CancellableTask& task : state_->tasks) task.Cancel();
}

asio::awaitable<void> TaskGroup::Join() { return WithoutThrowing(State::AwaitEnd(state_)); }

asio::awaitable<void> TaskGroup::State::AwaitEnd(std::shared_ptr<State> state) {
  while (!state->tasks.empty()) {
    if (!state->ended || state->ended->is_set()) {
      state->ended = std::make_shared<Event>(state->executor);
    }
    const std::shared_ptr<Event> ended = state->ended;
    co_await ended->WaitRegardless();
  }
}

size_t TaskGroup::running() const { return state_->tasks.size(); }

namespace {

struct Lanes {
  Lanes(const asio::any_io_executor& executor, size_t count_in,
        std::function<asio::awaitable<void>(size_t)> task_in)
      : count(count_in), task(std::move(task_in)), all_done(executor) {}

  const size_t count;
  const std::function<asio::awaitable<void>(size_t)> task;
  Event all_done;
  size_t next = 0;
  size_t running = 0;
  bool cancelled = false;
};

// A lane takes the next index until none is left; `in_flight_max` lanes run side by side. A
// cancelled one lets its running task see the cancellation, and takes no other.
asio::awaitable<void> RunLane(Lanes* lanes) {
  while (lanes->next < lanes->count && !lanes->cancelled) {
    co_await lanes->task(lanes->next++);
  }
}

asio::awaitable<void> RunLanes(size_t count, size_t in_flight_max,
                               std::function<asio::awaitable<void>(size_t)> task) {
  if (count == 0) co_return;
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  Lanes lanes(executor, count, std::move(task));
  lanes.running = std::clamp<size_t>(in_flight_max, 1, count);
  std::vector<CancellableTask> running(lanes.running);
  for (CancellableTask& lane : running) {
    lane.Start(executor, RunLane(&lanes), [&lanes] {
      if (--lanes.running == 0) lanes.all_done.Set();
    });
  }
  const absl::Status waited = co_await lanes.all_done.Wait();
  if (waited.ok()) co_return;
  lanes.cancelled = true;
  for (CancellableTask& lane : running) lane.Cancel();
  // The lanes point into this frame, which must therefore outlive them.
  co_await lanes.all_done.WaitRegardless();
}

asio::awaitable<absl::Status> RunUntilDeadline(absl::Time deadline, Clock* clock,
                                               std::function<asio::awaitable<void>()> work) {
  if (co_await IsCancelled()) co_return absl::CancelledError("cancelled before it began");
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  absl::Status outcome;
  Event over(executor);
  CancellableTask task;
  task.Start(executor, Invoke(&work), [&over] { over.Set(); });
  const DeadlineTimer timer(executor, clock, deadline, [&] {
    if (!task.is_running()) return;
    outcome = absl::DeadlineExceededError("the deadline has passed");
    task.Cancel();
  });
  const absl::Status waited = co_await over.Wait();
  if (waited.ok()) co_return outcome;
  task.Cancel();
  // The work points into this frame, which must therefore outlive it.
  co_await over.WaitRegardless();
  co_return absl::CancelledError("cancelled");
}

struct Errand {
  explicit Errand(const asio::any_io_executor& home) : over(home) {}

  Event over;            // used where it is awaited
  CancellableTask task;  // used where the work runs
};

asio::awaitable<void> RunElsewhere(asio::any_io_executor executor,
                                   std::function<asio::awaitable<void>()> work) {
  const asio::any_io_executor home = co_await asio::this_coro::executor;
  auto errand = std::make_shared<Errand>(home);
  asio::post(executor, [executor, home, errand, work = &work]() mutable {
    errand->task.Start(executor, Invoke(work), [home, errand]() mutable {
      asio::post(home, [errand = std::move(errand)] { errand->over.Set(); });
    });
    // The last reference must be given up at home, where the errand's event belongs.
    asio::post(home, [errand = std::move(errand)] {});
  });
  const absl::Status waited = co_await errand->over.Wait();
  if (waited.ok()) co_return;
  asio::post(executor, [errand] { errand->task.Cancel(); });
  // The work points into this frame, which must therefore outlive it.
  co_await errand->over.WaitRegardless();
}

}  // namespace

asio::awaitable<void> ForEachBounded(size_t count, size_t in_flight_max,
                                     std::function<asio::awaitable<void>(size_t)> task) {
  return WithoutThrowing(RunLanes(count, in_flight_max, std::move(task)));
}

asio::awaitable<absl::Status> RunUntil(absl::Time deadline, Clock* clock,
                                       std::function<asio::awaitable<void>()> work) {
  return WithoutThrowing(RunUntilDeadline(deadline, clock, std::move(work)));
}

asio::awaitable<void> RunOn(asio::any_io_executor executor,
                            std::function<asio::awaitable<void>()> work) {
  return WithoutThrowing(RunElsewhere(std::move(executor), std::move(work)));
}

}  // namespace metarec
