#include "tools/cli/output_file.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/cli/interrupts.h"

namespace metarec::tools {
namespace {

constexpr int kLookAgainMs = 20;

bool IsNamedPipe(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISFIFO(info.st_mode);
}

// Opening it without O_NONBLOCK would wait for a reader, for any time and without a word.
absl::StatusOr<int> OpenPipe(const std::string& path, absl::Duration reader_timeout) {
  const absl::Time deadline = absl::Now() + reader_timeout;
  for (;;) {
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor >= 0) {
      ::fcntl(descriptor, F_SETFL, 0);  // what is written waits for the reader
      return descriptor;
    }
    if (errno != ENXIO) return CannotWriteTo(path);
    if (absl::Now() >= deadline) {
      return absl::UnavailableError(absl::StrCat("cannot write to ", path,
                                                 ": it is a named pipe, and nobody reads it (for ",
                                                 absl::FormatDuration(reader_timeout), ")"));
    }
    pollfd signals{InterruptSignals::descriptor(), POLLIN, 0};  // a negative one is passed over
    ::poll(&signals, 1, kLookAgainMs);
    if (InterruptSignals::received()) return absl::CancelledError("printing was interrupted");
  }
}

// The way to a file that has no name, to give it one.
std::string PathOf(int descriptor) { return absl::StrCat("/proc/self/fd/", descriptor); }

}  // namespace

absl::Status CannotWriteTo(absl::string_view path) {
  // What blocks is interrupted by the signal, and says so in its own way.
  if (InterruptSignals::received()) return absl::CancelledError("printing was interrupted");
  return absl::UnavailableError(absl::StrCat("cannot write to ", path, ": ", std::strerror(errno)));
}

absl::StatusOr<OutputFile> OutputFile::Open(const std::string& path,
                                            absl::Duration reader_timeout) {
  if (IsNamedPipe(path)) {
    absl::StatusOr<int> pipe = OpenPipe(path, reader_timeout);
    if (!pipe.ok()) return std::move(pipe).status();
    return OutputFile(path, *pipe);
  }
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) return CannotWriteTo(path);
  return OutputFile(path, descriptor);
}

absl::StatusOr<OutputFile> OutputFile::Replace(const std::string& path) {
  struct stat old {};
  const bool is_replaceable = ::lstat(path.c_str(), &old) == 0 && S_ISREG(old.st_mode) &&
                              old.st_nlink == 1 && ::access(path.c_str(), W_OK) == 0;
  if (!is_replaceable) return Open(path);
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  // Has no name, and so is gone if we are killed.
  const int descriptor = ::open(folder.c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
  if (descriptor < 0) return Open(path);
  const bool can_take_its_place = ::fchown(descriptor, old.st_uid, old.st_gid) == 0 &&
                                  ::fchmod(descriptor, old.st_mode & 0777) == 0 &&
                                  ::access(PathOf(descriptor).c_str(), F_OK) == 0;
  if (!can_take_its_place) {
    ::close(descriptor);
    return Open(path);
  }
  OutputFile file(path, descriptor);
  file.has_no_name_yet_ = true;
  return file;
}

absl::Status OutputFile::Finish() {
  if (!std::exchange(has_no_name_yet_, false)) return absl::OkStatus();
  // Only a rename replaces.
  const std::string name = absl::StrCat(path_, ".", ::getpid(), ".tmp");
  if (::linkat(AT_FDCWD, PathOf(descriptor_).c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) !=
      0) {
    return CannotWriteTo(path_);
  }
  if (::rename(name.c_str(), path_.c_str()) == 0) return absl::OkStatus();
  const absl::Status error = CannotWriteTo(path_);
  ::unlink(name.c_str());
  return error;
}

OutputFile::OutputFile(std::string path, int descriptor)
    : path_(std::move(path)), descriptor_(descriptor) {}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      has_no_name_yet_(std::exchange(other.has_no_name_yet_, false)) {}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(has_no_name_yet_, other.has_no_name_yet_);
  return *this;
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

absl::Status OutputFile::Write(absl::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor_, text.data(), text.size());
    if (written < 0 && (errno != EINTR || InterruptSignals::received())) {
      return CannotWriteTo(path_);
    }
    if (written > 0) text.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

}  // namespace metarec::tools
