// How a verb runs once its arguments are known: its event loop, its errors, its interruption.

#pragma once

#include <functional>
#include <string>

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/synchronization/mutex.h>
#include <asio/awaitable.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/io_context.hpp>

#include "base/runtime/system_clock.h"
#include "tools/cli/interrupts.h"
#include "tools/cli/progress_printer.h"
#include "tools/process/exit_code.h"

namespace metarec::tools {

// How the process was started, as one types it. It is shown after an interruption, as the command
// to run again. Set once, by main, before anything else.
void RememberCommandLine(int argc, const char* const* argv);
// "" if it is not known.
const std::string& CommandLineAsTyped();

// Prints "metarec <verb>: <message>" on stderr and returns how the process ends: kRefused for the
// error of a guard and for a file whose digest does not match (kDataLoss), else kFailed.
ExitCode Fail(absl::string_view verb, const absl::Status& status);

// The event loop of one command: single-threaded, on the calling thread. SIGINT and SIGTERM cancel
// the command. One that has not ended half a second later is cut short, and a second signal ends
// the process at once (interrupts.h). While the command works, it does not wait for a reader of
// stderr (tools/process/unblocked_stderr.h).
class CommandLoop {
 public:
  // What a verb does. The progress is shown on stderr.
  using Work = std::function<asio::awaitable<absl::StatusOr<ExitCode>>(ProgressPrinter* progress)>;

  // In what state things are after an interruption, and how to go on.
  struct AfterInterruption {
    // NOLINTNEXTLINE(google-explicit-constructor): most verbs have only a text.
    AfterInterruption(const char* says, bool does_write = false) : text(says), writes(does_write) {}
    std::string text;
    bool writes;               // `text` is true only once writing has begun
    bool same_command = true;  // is to be run then: it is shown below the text
  };

  // Runs it to its end and prints its error, if any.
  ExitCode Run(absl::string_view verb, const AfterInterruption& after_interruption, Work work,
               ProgressPrinter::Style style = ProgressPrinter::StyleOfStderr());

  // Something else is true from now on. To be called by the command.
  void SetAfterInterruption(const AfterInterruption& after_interruption);

  // The work is done and its result is printed from now on: that waits for a reader of stderr.
  // To be called by the command.
  static void BeginToTell();

  Clock& clock() { return clock_; }

 private:
  absl::StatusOr<ExitCode> RunToItsEnd(asio::awaitable<absl::StatusOr<ExitCode>> work,
                                       ProgressPrinter* progress, InterruptSignals* signals);

  // What is said when the command ended as it was asked to, or was cut short.
  std::string WordsAfterInterruption(bool writing_began, bool cut_short) const;

  asio::io_context context_{1};
  SystemClock clock_;
  asio::cancellation_signal cancel_;
  mutable absl::Mutex mutex_;
  AfterInterruption after_interruption_ ABSL_GUARDED_BY(mutex_) = "";
};

}  // namespace metarec::tools
