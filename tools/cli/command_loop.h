#pragma once

#include <functional>
#include <string>

#include <absl/base/thread_annotations.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/synchronization/mutex.h>
#include <asio/awaitable.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/io_context.hpp>

#include "base/runtime/system_clock.h"
#include "tools/cli/interrupt_signals.h"
#include "tools/cli/progress_printer.h"
#include "tools/process/exit_code.h"

namespace metarec::tools {

// The event loop of one command: single-threaded, on the calling thread. SIGINT and SIGTERM cancel
// the command; one that has not ended half a second later is cut short (interrupt_deadline.h), and
// a second signal ends the process at once (interrupt_signals.h).
class CommandLoop {
 public:
  // What a verb does. The progress is shown on stderr.
  using Command =
      std::function<asio::awaitable<absl::StatusOr<ExitCode>>(ProgressPrinter* progress)>;

  // In what state things are after an interruption, and how to go on.
  struct AfterInterruption {
    // NOLINTNEXTLINE(google-explicit-constructor): most verbs have but a text.
    AfterInterruption(const char* says, bool does_write = false) : text(says), writes(does_write) {}
    std::string text;
    bool writes;               // `text` holds once there was progress of writing
    bool same_command = true;  // is what to run then; it is shown below the text
  };

  // Runs it to its end and prints its error, if any.
  ExitCode Run(absl::string_view verb, AfterInterruption after_interruption, Command command,
               ProgressPrinter::Style style = ProgressPrinter::StyleOfStderr());

  // From now on something else holds. To be called by the command.
  void SetAfterInterruption(AfterInterruption after_interruption);

  Clock& clock() { return clock_; }

 private:
  absl::StatusOr<ExitCode> RunToItsEnd(asio::awaitable<absl::StatusOr<ExitCode>> command,
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
