#include "tools/cli/interrupts.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <system_error>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <asio/error_code.hpp>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "tools/process/exit_code.h"
#include "tools/process/unblocked_stderr.h"

namespace metarec::tools {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM};

struct sigaction former_actions[std::size(kSignals)];
std::atomic<bool> was_received = false;
std::atomic<int> pipe_to_read = -1;
std::atomic<int> pipe_to_write = -1;
std::atomic<bool> is_watching = false;
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

// The pipe is made once and never closed: a handler may run on any thread, and may be about to
// write into it when the main thread has ended what it watches.
int PipeWithoutSignals() {
  if (pipe_to_read < 0) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
      throw std::system_error(errno, std::generic_category(), "cannot make a pipe");
    }
    pipe_to_write = ends[1];
    pipe_to_read = ends[0];
  }
  char former[16];
  while (::read(pipe_to_read, former, sizeof(former)) > 0) continue;
  return pipe_to_read;
}

constexpr absl::string_view kEraseShownLine = "\r\033[K";

}  // namespace

InterruptSignals::InterruptSignals(asio::io_context& context)
    : woken_(context, PipeWithoutSignals()) {
  was_received = false;
  is_watching = true;
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
  is_watching = false;
  woken_.release();
}

void InterruptSignals::Wait(std::function<void()> on_first) {
  woken_.async_wait(asio::posix::stream_descriptor::wait_read,
                    [on_first = std::move(on_first)](const asio::error_code& error) {
                      if (!error) on_first();
                    });
}

void InterruptSignals::StopWaiting() { woken_.cancel(); }

bool InterruptSignals::received() { return was_received; }

int InterruptSignals::descriptor() { return is_watching ? pipe_to_read.load() : -1; }

InterruptDeadline::InterruptDeadline(int asked_to_end, absl::Duration patience,
                                     std::function<std::string()> last_words)
    : asked_to_end_(asked_to_end), patience_(patience), last_words_(std::move(last_words)) {
  if (::pipe2(ended_, O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot make a pipe");
  }
  // Signals are for the thread that may be blocked in something which they interrupt.
  sigset_t all;
  sigset_t former;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &former);
  thread_ = std::thread([this] { Watch(); });
  ::pthread_sigmask(SIG_SETMASK, &former, nullptr);
}

InterruptDeadline::~InterruptDeadline() {
  ::close(ended_[1]);
  thread_.join();
  ::close(ended_[0]);
}

void InterruptDeadline::Watch() const {
  if (!AwaitRequest() || AwaitEnd()) return;
  const absl::string_view erase = ::isatty(STDERR_FILENO) != 0 ? kEraseShownLine : "";
  UnblockedStderr::WriteLastWords(absl::StrCat(erase, last_words_()));
  std::_Exit(static_cast<int>(ExitCode::kFailed));
}

bool InterruptDeadline::AwaitRequest() const {
  pollfd watched[] = {{ended_[0], POLLIN, 0}, {asked_to_end_, POLLIN, 0}};
  while (::poll(watched, std::size(watched), -1) < 0) {
    if (errno != EINTR) return false;
  }
  return watched[0].revents == 0;
}

bool InterruptDeadline::AwaitEnd() const {
  pollfd ended{ended_[0], POLLIN, 0};
  const absl::Time deadline = absl::Now() + patience_;
  for (;;) {
    const absl::Duration left = std::max(absl::ZeroDuration(), deadline - absl::Now());
    const int ready = ::poll(&ended, 1, static_cast<int>(absl::ToInt64Milliseconds(left)));
    if (ready >= 0) return ready > 0;
    if (errno != EINTR) return true;
  }
}

}  // namespace metarec::tools
