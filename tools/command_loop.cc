#include "tools/command_loop.h"

#include <csignal>
#include <exception>
#include <iostream>
#include <utility>

#include <absl/strings/str_cat.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/signal_set.hpp>
#include <asio/this_coro.hpp>

#include "tools/command_errors.h"

namespace metarec::tools {
namespace {

asio::awaitable<absl::StatusOr<ExitCode>> WithoutThrowingOnCancellation(
    asio::awaitable<absl::StatusOr<ExitCode>> command) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_return co_await std::move(command);
}

}  // namespace

absl::StatusOr<ExitCode> CommandLoop::RunToItsEnd(
    asio::awaitable<absl::StatusOr<ExitCode>> command) {
  absl::StatusOr<ExitCode> outcome = absl::InternalError("the command did not end");
  asio::signal_set signals(context_, SIGINT, SIGTERM);
  signals.async_wait([&](const asio::error_code& error, int) {
    if (error) return;
    interrupted_ = true;
    signals.clear();  // the default action again: the next signal ends the process
    cancel_.emit(asio::cancellation_type::terminal);
  });
  asio::co_spawn(context_, WithoutThrowingOnCancellation(std::move(command)),
                 asio::bind_cancellation_slot(cancel_.slot(), [&](const std::exception_ptr& thrown,
                                                                  absl::StatusOr<ExitCode> result) {
                   signals.cancel();
                   if (thrown) std::rethrow_exception(thrown);
                   outcome = std::move(result);
                 }));
  context_.run();
  return outcome;
}

ExitCode CommandLoop::Run(absl::string_view verb, absl::string_view after_interruption,
                          Command command, ProgressPrinter::Style style) {
  absl::StatusOr<ExitCode> outcome = ExitCode::kFailed;
  {
    ProgressPrinter progress(clock_, std::cerr, style);
    outcome = RunToItsEnd(command(&progress));
  }
  if (outcome.ok()) return *outcome;
  if (interrupted_ && absl::IsCancelled(outcome.status())) {
    return Fail(verb, absl::CancelledError(absl::StrCat("interrupted; ", after_interruption)));
  }
  return Fail(verb, outcome.status());
}

}  // namespace metarec::tools
