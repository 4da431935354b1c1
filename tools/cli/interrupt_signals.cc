#include "tools/cli/interrupt_signals.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

#include <asio/error_code.hpp>
#include <fcntl.h>
#include <unistd.h>

namespace metarec::tools {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM};

struct sigaction former_actions[std::size(kSignals)];
std::atomic<bool> was_received = false;
std::atomic<int> pipe_to_read = -1;
std::atomic<int> pipe_to_write = -1;
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

// Async-signal-safe.
void OnSignal(int /*signal*/) {
  const int error = errno;
  struct sigaction default_action {};
  default_action.sa_handler = SIG_DFL;
  for (const int signal : kSignals) ::sigaction(signal, &default_action, nullptr);
  was_received = true;
  const char byte = 0;
  // What is written wakes the loop. A full pipe has woken it already.
  [[maybe_unused]] const ssize_t written = ::write(pipe_to_write, &byte, 1);
  errno = error;
}

int MakePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot make a pipe");
  }
  pipe_to_read = ends[0];
  pipe_to_write = ends[1];
  return ends[0];
}

}  // namespace

InterruptSignals::InterruptSignals(asio::io_context& context) : woken_(context, MakePipe()) {
  was_received = false;
  // Without SA_RESTART: what blocks shall look whether it is to end.
  struct sigaction action {};
  action.sa_handler = &OnSignal;
  for (size_t i = 0; i < std::size(kSignals); ++i) {
    ::sigaction(kSignals[i], &action, &former_actions[i]);
  }
}

InterruptSignals::~InterruptSignals() {
  for (size_t i = 0; i < std::size(kSignals); ++i) {
    ::sigaction(kSignals[i], &former_actions[i], nullptr);
  }
  pipe_to_read = -1;
  ::close(pipe_to_write.exchange(-1));
}

void InterruptSignals::Wait(std::function<void()> on_first) {
  woken_.async_wait(asio::posix::stream_descriptor::wait_read,
                    [on_first = std::move(on_first)](const asio::error_code& error) {
                      if (!error) on_first();
                    });
}

void InterruptSignals::StopWaiting() { woken_.cancel(); }

bool InterruptSignals::received() { return was_received; }

int InterruptSignals::descriptor() { return pipe_to_read; }

}  // namespace metarec::tools
