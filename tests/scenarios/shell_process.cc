#include "tests/scenarios/shell_process.h"

#include <array>
#include <csignal>
#include <cstring>

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace metarec::scenarios {
namespace {

constexpr size_t kOutputBytesMax = 4 << 20;

class Pipe {
 public:
  Pipe() { open_ = pipe2(ends_.data(), O_CLOEXEC) == 0; }
  ~Pipe() {
    CloseWriteEnd();
    if (open_) close(ends_[0]);
  }
  bool open() const { return open_; }
  int read_end() const { return ends_[0]; }
  int write_end() const { return ends_[1]; }
  void CloseWriteEnd() {
    if (open_ && ends_[1] >= 0) close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
  bool open_ = false;
};

// Appends what can be read; false at the end of the stream.
bool ReadSome(int descriptor, std::string* text) {
  std::array<char, 16384> buffer;
  const ssize_t bytes = read(descriptor, buffer.data(), buffer.size());
  if (bytes <= 0) return bytes < 0 && errno == EINTR;
  if (text->size() < kOutputBytesMax) text->append(buffer.data(), bytes);
  return true;
}

void ReadUntilClosed(int out, int err, absl::Time deadline, pid_t group, ShellResult* result) {
  bool out_open = true;
  bool err_open = true;
  while (out_open || err_open) {
    std::array<pollfd, 2> polled{pollfd{out_open ? out : -1, POLLIN, 0},
                                 pollfd{err_open ? err : -1, POLLIN, 0}};
    const int64_t left_ms = absl::ToInt64Milliseconds(deadline - absl::Now());
    const int ready = left_ms <= 0 ? 0 : poll(polled.data(), polled.size(), left_ms);
    if (ready == 0) {
      result->timed_out = true;
      kill(-group, SIGKILL);
      return;
    }
    if (polled[0].revents != 0) out_open = ReadSome(out, &result->standard_output);
    if (polled[1].revents != 0) err_open = ReadSome(err, &result->standard_error);
  }
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

}  // namespace

absl::StatusOr<ShellResult> RunShell(
    const std::string& command, const std::string& directory,
    const std::vector<std::pair<std::string, std::string>>& environment, absl::Duration timeout) {
  Pipe out;
  Pipe err;
  if (!out.open() || !err.open()) return absl::InternalError("pipe2 failed");

  std::vector<std::string> variables = MergedEnvironment(environment);
  std::vector<char*> variable_pointers;
  for (std::string& variable : variables) variable_pointers.push_back(variable.data());
  variable_pointers.push_back(nullptr);
  std::string shell = "/bin/sh";
  std::string option = "-c";
  std::string script = command;
  std::array<char*, 4> arguments{shell.data(), option.data(), script.data(), nullptr};

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out.write_end(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.write_end(), STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);

  pid_t child = 0;
  const int error = posix_spawn(&child, shell.c_str(), &actions, &attributes, arguments.data(),
                                variable_pointers.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return absl::InternalError(absl::StrCat("cannot run sh: ", strerror(error)));

  out.CloseWriteEnd();
  err.CloseWriteEnd();
  ShellResult result;
  ReadUntilClosed(out.read_end(), err.read_end(), absl::Now() + timeout, child, &result);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  result.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return result;
}

}  // namespace metarec::scenarios
