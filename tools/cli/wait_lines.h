#pragma once

#include <utility>

#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/this_coro.hpp>

#include "base/runtime/clock.h"
#include "base/runtime/event.h"
#include "tools/cli/recover_texts.h"
#include "tools/cli/shell_output.h"

namespace metarec::tools {

// "Wait recovery for 0 seconds" after the first second, and so on, until it is cancelled.
inline asio::awaitable<void> PrintWaitLines(ShellOutput* output, Clock* clock) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const absl::Time start = clock->Now();
  for (int64_t second = 0;; ++second) {
    if (!(co_await clock->SleepUntil(start + absl::Seconds(second + 1))).ok()) co_return;
    output->Print(WaitLine(second));
  }
}

// The result of `recovery`, with such lines while it runs.
template <typename Result>
asio::awaitable<Result> WithWaitLines(asio::awaitable<Result> recovery, ShellOutput* output,
                                      Clock* clock) {
  const auto executor = co_await asio::this_coro::executor;
  asio::cancellation_signal stop;
  Event stopped(executor);
  asio::co_spawn(
      executor, PrintWaitLines(output, clock),
      asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr) { stopped.Set(); }));
  Result result = co_await std::move(recovery);
  stop.emit(asio::cancellation_type::terminal);
  co_await stopped.WaitRegardless();
  co_return result;
}

}  // namespace metarec::tools
