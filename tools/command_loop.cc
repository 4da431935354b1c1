#include "tools/command_loop.h"

#include <exception>
#include <iostream>
#include <utility>

#include <absl/strings/str_cat.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/this_coro.hpp>

#include "tools/command_errors.h"
#include "tools/interrupt_signals.h"
#include "zk_store/refusal.h"

namespace metarec::tools {
namespace {

asio::awaitable<absl::StatusOr<ExitCode>> WithoutThrowingOnCancellation(
    asio::awaitable<absl::StatusOr<ExitCode>> command) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_return co_await std::move(command);
}

// Until it is cancelled.
asio::awaitable<void> KeepTicking(ProgressPrinter* progress, Clock* clock) {
  co_await asio::this_coro::throw_if_cancelled(false);
  for (;;) {
    // A variable of its own: GCC 12 miscompiles a co_await in the condition of a loop.
    const absl::Status slept = co_await clock->SleepFor(ProgressPrinter::kTickInterval);
    if (!slept.ok()) co_return;
    progress->Tick();
  }
}

}  // namespace

absl::StatusOr<ExitCode> CommandLoop::RunToItsEnd(asio::awaitable<absl::StatusOr<ExitCode>> command,
                                                  ProgressPrinter* progress) {
  absl::StatusOr<ExitCode> outcome = absl::InternalError("the command did not end");
  InterruptSignals signals(context_);
  signals.Wait([this] { cancel_.emit(asio::cancellation_type::terminal); });
  asio::cancellation_signal stop_ticking;
  asio::co_spawn(context_, KeepTicking(progress, &clock_),
                 asio::bind_cancellation_slot(stop_ticking.slot(), [](std::exception_ptr) {}));
  asio::co_spawn(context_, WithoutThrowingOnCancellation(std::move(command)),
                 asio::bind_cancellation_slot(cancel_.slot(), [&](const std::exception_ptr& thrown,
                                                                  absl::StatusOr<ExitCode> result) {
                   signals.StopWaiting();
                   stop_ticking.emit(asio::cancellation_type::terminal);
                   if (thrown) std::rethrow_exception(thrown);
                   outcome = std::move(result);
                 }));
  context_.run();
  return outcome;
}

ExitCode CommandLoop::Run(absl::string_view verb, AfterInterruption after_interruption,
                          Command command, ProgressPrinter::Style style) {
  absl::StatusOr<ExitCode> outcome = ExitCode::kFailed;
  bool writing_began = false;
  {
    ProgressPrinter progress(clock_, std::cerr, style);
    outcome = RunToItsEnd(command(&progress), &progress);
    writing_began = progress.writing_began();
  }
  if (outcome.ok()) return *outcome;
  if (InterruptSignals::received() && absl::IsCancelled(outcome.status()) &&
      !MayBeFinished(outcome.status())) {
    if (after_interruption.writes && !writing_began) {
      return Fail(verb,
                  absl::CancelledError("interrupted before anything was written; run the same "
                                       "command again"));
    }
    return Fail(verb, absl::CancelledError(absl::StrCat("interrupted; ", after_interruption.text)));
  }
  return Fail(verb, outcome.status());
}

}  // namespace metarec::tools
