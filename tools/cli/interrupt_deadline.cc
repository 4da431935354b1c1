#include "tools/cli/interrupt_deadline.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <system_error>
#include <utility>

#include <absl/strings/string_view.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "tools/process/exit_code.h"

namespace metarec::tools {
namespace {

constexpr absl::string_view kEraseLine = "\r\033[K";

// Past all streams, which the other thread may be using.
void WriteToStderr(absl::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace

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
  if (::isatty(STDERR_FILENO) != 0) WriteToStderr(kEraseLine);
  WriteToStderr(last_words_());
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
