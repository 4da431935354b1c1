// SIGINT and SIGTERM: asking a command to end, and ending the process if it does not.

#pragma once

#include <functional>
#include <string>
#include <thread>

#include <absl/time/time.h>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>

namespace metarec::tools {

// Handles SIGINT and SIGTERM while it lives: the first one asks the command to end, a second one
// ends the process at once, whatever the command is doing. The handler itself restores the default
// action, so the second one also works while the event loop is blocked in something long. (asio's
// signal_set would swallow every signal until the loop runs again.)
//
// One at a time in a process, because the handler needs globals.
class InterruptSignals {
 public:
  // Throws std::system_error when there are no descriptors left.
  explicit InterruptSignals(asio::io_context& context);
  // Restores the former actions.
  ~InterruptSignals();
  InterruptSignals(const InterruptSignals&) = delete;
  InterruptSignals& operator=(const InterruptSignals&) = delete;

  // Calls `on_first` from the loop once there was a signal. The loop goes on until StopWaiting().
  void Wait(std::function<void()> on_first);
  void StopWaiting();

  // Whether there was a signal.
  static bool received();

  // Readable once there was a signal. Blocking reads watch it beside what they read.
  // -1 while there is no InterruptSignals.
  static int descriptor();

 private:
  asio::posix::stream_descriptor woken_;  // the reading end of a pipe
};

// Ends the process if a command has been asked to end and does not end within `patience`, because
// it computes, or waits for something that cannot be interrupted. The exit code is kFailed, after
// some last words on stderr. That is as safe as any other death of the process
// (docs/architecture.md), and whoever presses Ctrl-C has an answer within a second.
class InterruptDeadline {
 public:
  // `asked_to_end` is a descriptor that becomes readable then. It must outlive this object, and is
  // not read from. `last_words` is called on a thread of this class.
  InterruptDeadline(int asked_to_end, absl::Duration patience,
                    std::function<std::string()> last_words);
  // The command has ended.
  ~InterruptDeadline();
  InterruptDeadline(const InterruptDeadline&) = delete;
  InterruptDeadline& operator=(const InterruptDeadline&) = delete;

 private:
  void Watch() const;
  // False: the command has ended before.
  bool AwaitRequest() const;
  bool AwaitEnd() const;  // false: not in time

  const int asked_to_end_;
  const absl::Duration patience_;
  const std::function<std::string()> last_words_;
  int ended_[2] = {-1, -1};  // a pipe, which is closed
  std::thread thread_;
};

}  // namespace metarec::tools
