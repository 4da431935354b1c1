#include "tools/cli/command_loop.h"

#include <exception>
#include <iostream>
#include <utility>

#include <absl/strings/str_cat.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>

#include "base/runtime/cancellation.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "tools/process/unblocked_stderr.h"
#include "zk_store/client/error_mark.h"

namespace metarec::tools {
namespace {

std::string& CommandLine() {
  static auto* const line = new std::string;
  return *line;
}

// How long a command that is asked to end has for it.
constexpr absl::Duration kPatience = absl::Milliseconds(500);
// How long the reader of stderr has to take the last words after an interruption.
constexpr absl::Duration kReaderPatience = absl::Seconds(1);

// With the command that is to be run again below it.
std::string WithCommandLine(absl::string_view words) {
  if (CommandLineAsTyped().empty()) return std::string(words);
  return absl::StrCat(words, ":\n  ", CommandLineAsTyped());
}

// Until it is cancelled.
asio::awaitable<void> KeepTicking(ProgressPrinter* progress, Clock* clock) {
  for (;;) {
    // A variable of its own: see cancellation.h on co_await in conditions.
    const absl::Status slept = co_await clock->SleepFor(ProgressPrinter::kTickInterval);
    if (!slept.ok()) co_return;
    progress->Tick();
  }
}

}  // namespace

void RememberCommandLine(int argc, const char* const* argv) {
  std::string& line = CommandLine();
  line.clear();
  for (int i = 0; i < argc; ++i) {
    absl::StrAppend(&line, i > 0 ? " " : "", ShellWord(argv[i]));
  }
}

const std::string& CommandLineAsTyped() { return CommandLine(); }

ExitCode Fail(absl::string_view verb, const absl::Status& status) {
  std::cout << std::flush;
  std::cerr << "metarec " << verb << ": " << PrintableLines(status.message()) << std::endl;
  if (HasMark(status, ErrorMark::kDiffers)) return ExitCode::kDifferences;
  return HasMark(status, ErrorMark::kRefused) || absl::IsDataLoss(status) ? ExitCode::kRefused
                                                                          : ExitCode::kFailed;
}

absl::StatusOr<ExitCode> CommandLoop::RunToItsEnd(asio::awaitable<absl::StatusOr<ExitCode>> work,
                                                  ProgressPrinter* progress,
                                                  InterruptSignals* signals) {
  absl::StatusOr<ExitCode> outcome = absl::InternalError("the command did not end");
  CancellableTask ticking;
  ticking.Start(context_.get_executor(), KeepTicking(progress, &clock_), nullptr);
  asio::co_spawn(context_, WithoutThrowing(std::move(work)),
                 asio::bind_cancellation_slot(cancel_.slot(), [&](const std::exception_ptr& thrown,
                                                                  absl::StatusOr<ExitCode> result) {
                   signals->StopWaiting();
                   ticking.Cancel();
                   if (thrown) std::rethrow_exception(thrown);
                   outcome = std::move(result);
                 }));
  context_.run();
  return outcome;
}

void CommandLoop::BeginToTell() { UnblockedStderr::WaitFromNowOn(InterruptSignals::descriptor()); }

void CommandLoop::SetAfterInterruption(const AfterInterruption& after_interruption) {
  absl::MutexLock lock(&mutex_);
  after_interruption_ = after_interruption;
}

std::string CommandLoop::WordsAfterInterruption(bool writing_began, bool cut_short) const {
  absl::MutexLock lock(&mutex_);
  std::string words;
  if (after_interruption_.writes && !writing_began) {
    words = "interrupted before anything was written; run the same command again";
  } else if (after_interruption_.writes && cut_short) {
    // The last transaction, which unlocks the tree, may be on its way to the server.
    words =
        "interrupted while writing. Run the same command again, and it goes on where it was, or "
        "says that everything is written";
  } else {
    words = absl::StrCat("interrupted; ", after_interruption_.text);
  }
  return after_interruption_.same_command ? WithCommandLine(words) : words;
}

ExitCode CommandLoop::Run(absl::string_view verb, const AfterInterruption& after_interruption,
                          Work work, ProgressPrinter::Style style) {
  SetAfterInterruption(after_interruption);
  UnblockedStderr unblocked(absl::InfiniteDuration());
  absl::StatusOr<ExitCode> outcome = ExitCode::kFailed;
  ProgressPrinter progress(clock_, std::cerr, style);
  {
    InterruptSignals signals(context_);
    signals.Wait([this] { cancel_.emit(asio::cancellation_type::terminal); });
    const InterruptDeadline deadline(InterruptSignals::descriptor(), kPatience, [&] {
      return absl::StrCat(
          "metarec ", verb, ": ",
          PrintableLines(WordsAfterInterruption(progress.writing_began(), /*cut_short=*/true)),
          "\n");
    });
    outcome = RunToItsEnd(work(&progress), &progress, &signals);
    UnblockedStderr::DoNotWait();  // the descriptor of the signals is about to go
  }
  progress.Clear();
  if (InterruptSignals::received()) unblocked.set_patience(kReaderPatience);
  if (outcome.ok()) return *outcome;
  if (!InterruptSignals::received() || !absl::IsCancelled(outcome.status())) {
    return Fail(verb, outcome.status());
  }
  return Fail(verb,
              absl::CancelledError(HasMark(outcome.status(), ErrorMark::kMayBeFinished)
                                       ? WithCommandLine(outcome.status().message())
                                       : WordsAfterInterruption(progress.writing_began(), false)));
}

}  // namespace metarec::tools
