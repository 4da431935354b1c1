#include "testing/child_process.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/time/clock.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace metarec::testing {
namespace {

constexpr absl::Duration kStopTimeout = absl::Seconds(10);
constexpr absl::Duration kPollInterval = absl::Milliseconds(1);

absl::Status Errno(absl::string_view what) {
  return absl::InternalError(absl::StrCat(what, ": ", std::strerror(errno)));
}

// What the child needs between fork and exec, where it must not allocate anything.
struct Launch {
  char* const* arguments;
  char* const* environment;
  const char* folder;  // null: ours
  std::array<const char*, 2> logs;
  int input;   // -1: none
  int output;  // -1: a log
  pid_t parent;
};

int OpenLog(const char* path) { return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600); }

[[noreturn]] void Execute(const Launch& launch) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != launch.parent) _exit(127);  // it died before we asked to be told
  setpgid(0, 0);
  if (launch.folder != nullptr && chdir(launch.folder) != 0) _exit(127);
  const int input = launch.input >= 0 ? launch.input : open("/dev/null", O_RDONLY);
  const int output = launch.output >= 0 ? launch.output : OpenLog(launch.logs[0]);
  const int errors = OpenLog(launch.logs[1]);
  if (input < 0 || output < 0 || errors < 0) _exit(127);
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(errors, STDERR_FILENO);
  close_range(3, ~0U, 0);
  execve(launch.arguments[0], launch.arguments, launch.environment);
  _exit(127);
}

std::vector<char*> Pointers(std::vector<std::string>* texts) {
  std::vector<char*> pointers;
  for (std::string& text : *texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> MergedEnvironment(
    const std::vector<std::pair<std::string, std::string>>& added) {
  std::vector<std::string> merged;
  for (char** entry = environ; *entry != nullptr; ++entry) merged.emplace_back(*entry);
  for (const auto& [name, value] : added) {
    const std::string prefix = name + "=";
    std::erase_if(merged, [&](const std::string& entry) { return entry.rfind(prefix, 0) == 0; });
    merged.push_back(prefix + value);
  }
  return merged;
}

struct Pipe {
  ~Pipe() {
    for (const int end : ends) {
      if (end >= 0) close(end);
    }
  }
  // Gives up the end that we keep.
  int Take(size_t end) { return std::exchange(ends[end], -1); }
  std::array<int, 2> ends = {-1, -1};
};

std::string ContentOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(std::vector<std::string> command,
                                                                  ChildProcessOptions options) {
  Pipe input;
  Pipe output;
  if (options.is_talked_to &&
      (pipe2(input.ends.data(), O_CLOEXEC) != 0 || pipe2(output.ends.data(), O_CLOEXEC) != 0)) {
    return Errno("cannot make a pipe");
  }
  std::vector<std::string> variables = MergedEnvironment(options.environment);
  const std::vector<char*> arguments = Pointers(&command);
  const std::vector<char*> environment = Pointers(&variables);
  const std::string out = options.log + ".out";
  const std::string err = options.log + ".err";
  const Launch launch = {.arguments = arguments.data(),
                         .environment = environment.data(),
                         .folder = options.folder.empty() ? nullptr : options.folder.c_str(),
                         .logs = {out.c_str(), err.c_str()},
                         .input = input.ends[0],
                         .output = output.ends[1],
                         .parent = getpid()};
  const pid_t pid = fork();
  if (pid == 0) Execute(launch);
  if (pid < 0) return Errno(absl::StrCat("cannot run ", command[0]));
  setpgid(pid, pid);  // whoever of us comes first
  return std::unique_ptr<ChildProcess>(
      new ChildProcess(pid, input.Take(1), output.Take(0), std::move(options.log)));
}

ChildProcess::~ChildProcess() {
  if (Runs()) {
    kill(-pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (input_ >= 0) close(input_);
  if (output_ >= 0) close(output_);
}

bool ChildProcess::Runs() {
  if (pid_ == 0) return false;
  int status = 0;
  const pid_t ended = waitpid(pid_, &status, WNOHANG);
  if (ended == 0 || (ended < 0 && errno == EINTR)) return true;
  exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  pid_ = 0;
  return false;
}

void ChildProcess::Signal(int signal) const {
  if (pid_ != 0) kill(pid_, signal);
}

int ChildProcess::Wait(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (Runs()) {
    if (absl::Now() > deadline) {
      has_timed_out_ = true;
      kill(-pid_, SIGKILL);
    }
    absl::SleepFor(kPollInterval);
  }
  return exit_code_;
}

void ChildProcess::Stop() {
  Signal(SIGTERM);
  Wait(kStopTimeout);
}

std::string ChildProcess::Output() const { return ContentOf(log_ + ".out"); }
std::string ChildProcess::Errors() const { return ContentOf(log_ + ".err"); }

absl::Status ChildProcess::WriteLine(std::string line) const {
  line += '\n';
  const ssize_t written = write(input_, line.data(), line.size());
  if (written == static_cast<ssize_t>(line.size())) return absl::OkStatus();
  return Errno("cannot write to a child process");
}

absl::StatusOr<std::string> ChildProcess::ReadLine(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  for (;;) {
    const size_t end = pending_.find('\n');
    if (end != std::string::npos) {
      std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return line;
    }
    pollfd readable = {.fd = output_, .events = POLLIN, .revents = 0};
    const int64_t left_ms = absl::ToInt64Milliseconds(deadline - absl::Now());
    if (left_ms <= 0) return absl::DeadlineExceededError("a child process says nothing");
    if (poll(&readable, 1, static_cast<int>(left_ms)) <= 0) continue;
    std::array<char, 65536> buffer;
    const ssize_t size = read(output_, buffer.data(), buffer.size());
    if (size <= 0) return absl::OutOfRangeError("a child process has ended");
    pending_.append(buffer.data(), static_cast<size_t>(size));
  }
}

absl::StatusOr<int64_t> ChildProcess::AnonymousMemory() const {
  std::ifstream file(absl::StrCat("/proc/", pid_, "/status"));
  std::string line;
  while (std::getline(file, line)) {
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(": \t"), absl::SkipEmpty());
    int64_t kilobytes = 0;
    if (words.size() == 3 && words[0] == "RssAnon" && absl::SimpleAtoi(words[1], &kilobytes)) {
      return kilobytes * 1024;
    }
  }
  return absl::NotFoundError("the process has ended, or /proc does not tell its memory");
}

}  // namespace metarec::testing
