#pragma once

#include <functional>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>

namespace metarec::tools {

// SIGINT and SIGTERM while it lives: the first one asks the command to end, a second one ends the
// process at once, whatever the command is doing. The handler itself brings the default action
// back, so this holds while the event loop is blocked in something that takes long, too. (asio's
// signal_set would swallow every signal until the loop runs again.)
//
// One at a time in a process; the handler needs globals.
class InterruptSignals {
 public:
  // Throws std::system_error when there are no descriptors left.
  explicit InterruptSignals(asio::io_context& context);
  // The actions that were there before.
  ~InterruptSignals();
  InterruptSignals(const InterruptSignals&) = delete;
  InterruptSignals& operator=(const InterruptSignals&) = delete;

  // Calls `on_first` from the loop once there was a signal. The loop goes on until StopWaiting().
  void Wait(std::function<void()> on_first);
  void StopWaiting();

  // Whether there was a signal.
  static bool received();

  // Readable once there was a signal: for blocking reads, which watch it beside what they read.
  // -1 while there is no InterruptSignals.
  static int descriptor();

 private:
  asio::posix::stream_descriptor woken_;  // the reading end of a pipe
};

}  // namespace metarec::tools
