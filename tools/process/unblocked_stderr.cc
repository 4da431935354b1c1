#include "tools/process/unblocked_stderr.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <iostream>
#include <streambuf>
#include <string>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/clock.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace metarec::tools {
namespace {

constexpr size_t kKeptBytesMax = 64 << 10;
// Of a pipe that poll calls writable, at least this much is free (PIPE_BUF).
constexpr size_t kPieceBytes = 4096;

bool AwaitReader(absl::Time deadline, int interrupt_descriptor) {
  pollfd watched[] = {{STDERR_FILENO, POLLOUT, 0}, {interrupt_descriptor, POLLIN, 0}};
  for (;;) {
    const absl::Duration left =
        std::clamp(deadline - absl::Now(), absl::ZeroDuration(), absl::Hours(1));
    // Rounded up: otherwise the last millisecond would be spent polling.
    const int timeout_ms = static_cast<int>(absl::ToInt64Milliseconds(left)) + 1;
    const int ready = ::poll(watched, 2, timeout_ms);
    if (ready > 0) return watched[0].revents != 0;
    if (ready < 0 && errno != EINTR) return false;
    if (absl::Now() >= deadline) return false;
  }
}

// What everybody writes to.
class Writer {
 public:
  void Write(absl::string_view text) {
    {
      absl::MutexLock lock(&mutex_);
      Keep(text);
      SendKept();
      if (!waits_) return;
    }
    AwaitAllSent(absl::InfiniteFuture());
  }

  void SetWaits(bool waits, int interrupt_descriptor) {
    absl::MutexLock lock(&mutex_);
    waits_ = waits;
    interrupt_descriptor_ = interrupt_descriptor;
  }

  void AwaitAllSent(absl::Time deadline) {
    for (;;) {
      int interrupt_descriptor = -1;
      {
        absl::MutexLock lock(&mutex_);
        SendKept();
        if (kept_.empty()) return;
        interrupt_descriptor = interrupt_descriptor_;
      }
      if (!AwaitReader(deadline, interrupt_descriptor)) return;
    }
  }

  void Forget() {
    absl::MutexLock lock(&mutex_);
    kept_.clear();
    drops_line_ = false;
  }

 private:
  void Keep(absl::string_view text) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (drops_line_) {
      // A bar is drawn again from the beginning of its line.
      const size_t end = text.find_first_of("\r\n");
      if (end == absl::string_view::npos) return;
      text.remove_prefix(text[end] == '\n' ? end + 1 : end);
      drops_line_ = false;
    }
    if (!waits_ && kept_.size() + text.size() > kKeptBytesMax) {
      SendKept();
      if (kept_.size() + text.size() > kKeptBytesMax) {
        drops_line_ = !text.empty() && text.back() != '\n';
        if (const size_t end = kept_.rfind('\n'); end != std::string::npos) kept_.resize(end + 1);
        return;
      }
    }
    kept_.append(text.data(), text.size());
  }

  void SendKept() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const ssize_t sent = WriteWithoutWaiting(STDERR_FILENO, kept_);
    if (sent < 0) {
      kept_.clear();
    } else {
      kept_.erase(0, static_cast<size_t>(sent));
    }
  }

  absl::Mutex mutex_;
  std::string kept_ ABSL_GUARDED_BY(mutex_);
  bool drops_line_ ABSL_GUARDED_BY(mutex_) = false;  // the rest of a line that was dropped
  bool waits_ ABSL_GUARDED_BY(mutex_) = false;
  int interrupt_descriptor_ ABSL_GUARDED_BY(mutex_) = -1;
};

// Never destroyed: others may write until the process ends.
Writer& TheWriter() {
  static auto* const writer = new Writer;
  return *writer;
}

class WriterBuffer final : public std::streambuf {
 protected:
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    TheWriter().Write(absl::string_view(text, static_cast<size_t>(size)));
    return size;
  }
  int_type overflow(int_type c) override {
    if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
    const char byte = traits_type::to_char_type(c);
    TheWriter().Write(absl::string_view(&byte, 1));
    return c;
  }
};

ssize_t WriteCookie(void* /*cookie*/, const char* text, size_t size) {
  TheWriter().Write(absl::string_view(text, size));
  return static_cast<ssize_t>(size);
}

std::FILE* WriterFile() {
  static std::FILE* const file = [] {
    cookie_io_functions_t functions{};
    functions.write = &WriteCookie;
    std::FILE* const opened = ::fopencookie(nullptr, "w", functions);
    if (opened != nullptr) std::setvbuf(opened, nullptr, _IOLBF, BUFSIZ);
    return opened;
  }();
  return file;
}

std::streambuf* TheBuffer() {
  static auto* const buffer = new WriterBuffer;
  return buffer;
}

}  // namespace

ssize_t WriteWithoutWaiting(int descriptor, absl::string_view text) {
  size_t written = 0;
  while (written < text.size()) {
    const absl::string_view piece = text.substr(written, kPieceBytes);
    ssize_t result = ::send(descriptor, piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (result < 0 && errno == ENOTSOCK) {
      pollfd ready{descriptor, POLLOUT, 0};
      if (::poll(&ready, 1, 0) == 0) break;
      result = ::write(descriptor, piece.data(), piece.size());
    }
    if (result < 0 && errno == EINTR) continue;
    if (result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (result <= 0) return -1;
    written += static_cast<size_t>(result);
  }
  return static_cast<ssize_t>(written);
}

UnblockedStderr::UnblockedStderr(absl::Duration patience)
    : patience_(patience), former_buffer_(std::cerr.rdbuf()), former_file_(stderr) {
  DoNotWait();
  std::cerr.rdbuf(TheBuffer());
  if (std::FILE* const file = WriterFile(); file != nullptr) stderr = file;
}

UnblockedStderr::~UnblockedStderr() {
  std::fflush(stderr);
  DoNotWait();
  TheWriter().AwaitAllSent(absl::Now() + patience_);
  TheWriter().Forget();
  stderr = former_file_;
  std::cerr.rdbuf(former_buffer_);
}

void UnblockedStderr::WaitFromNowOn(int interrupt_descriptor) {
  TheWriter().SetWaits(true, interrupt_descriptor);
}

void UnblockedStderr::DoNotWait() { TheWriter().SetWaits(false, -1); }

void UnblockedStderr::WriteLastWords(absl::string_view text) {
  DoNotWait();
  TheWriter().Write(text);
}

}  // namespace metarec::tools
