#include "migration/procedure/operator_command.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/runtime/blocking_call.h"
#include "base/runtime/status_macros.h"

namespace metarec {
namespace {

std::vector<std::string> EnvironmentWith(
    const std::vector<std::pair<std::string, std::string>>& variables) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    bool is_replaced = false;
    for (const auto& [name, value] : variables) {
      is_replaced |= std::strncmp(*entry, absl::StrCat(name, "=").c_str(), name.size() + 1) == 0;
    }
    if (!is_replaced) environment.emplace_back(*entry);
  }
  for (const auto& [name, value] : variables) {
    environment.push_back(absl::StrCat(name, "=", value));
  }
  return environment;
}

// Bounds a command, whatever becomes of this process.
constexpr char kTimeout[] = "/usr/bin/timeout";
constexpr int kTimedOut = 124;
constexpr int kTimedOutAndKilled = 128 + SIGKILL;

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Blocks.
absl::Status RunToItsEnd(const OperatorCommand& command) {
  std::vector<std::string> words = {
      kTimeout,
      absl::StrCat("--kill-after=", absl::ToInt64Seconds(kCommandTimeToEnd)),
      absl::StrCat(std::max(absl::ToDoubleSeconds(command.time_max), 0.001)),
      "/bin/sh",
      "-c",
      command.command};
  std::vector<std::string> environment = EnvironmentWith(command.environment);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  // A server that the command starts must not keep our connections open.
  ::posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  // It must not end with us when a terminal interrupts us, nor inherit what we ignore.
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t all;
  ::sigfillset(&all);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
  const absl::Time begun = absl::Now();
  pid_t child = 0;
  const int error = ::posix_spawn(&child, kTimeout, &actions, &attributes, Pointers(words).data(),
                                  Pointers(environment).data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return absl::ErrnoToStatus(error, absl::StrCat("cannot start ", kTimeout));
  int ended = 0;
  while (::waitpid(child, &ended, 0) < 0) {
    if (errno != EINTR) return absl::ErrnoToStatus(errno, "cannot wait for the command");
  }
  if (WIFEXITED(ended) && WEXITSTATUS(ended) == 0) return absl::OkStatus();
  const bool took_too_long =
      WIFEXITED(ended) ? WEXITSTATUS(ended) == kTimedOut || WEXITSTATUS(ended) == kTimedOutAndKilled
                       : WTERMSIG(ended) == SIGKILL;
  if (took_too_long && absl::Now() - begun >= command.time_max) {
    return absl::DeadlineExceededError(absl::StrCat("has not ended within ",
                                                    absl::FormatDuration(command.time_max),
                                                    " and was killed, with what it had started"));
  }
  return absl::UnknownError(WIFEXITED(ended)
                                ? absl::StrCat("ended with exit code ", WEXITSTATUS(ended))
                                : absl::StrCat("was ended by signal ", WTERMSIG(ended)));
}

}  // namespace

asio::awaitable<absl::Status> RunOperatorCommand(OperatorCommand command, Clock* clock) {
  const auto ended = std::make_shared<absl::Status>();
  // timeout(1) ends it long before, unless not even a signal does.
  const absl::Time deadline = clock->Now() + command.time_max + 2 * kCommandTimeToEnd;
  const std::string text = command.command;
  std::function<void()> run = [ended, command = std::move(command)] {
    *ended = RunToItsEnd(command);
  };
  const absl::Status waited = co_await AwaitBlockingCall(clock, deadline, std::move(run));
  if (absl::IsCancelled(waited)) co_return waited;
  if (!waited.ok()) {
    co_return absl::Status(waited.code(),
                           absl::StrCat("the command '", text,
                                        "' has not ended in time, nor when it was killed: look at "
                                        "its processes before you go on"));
  }
  if (ended->ok()) co_return absl::OkStatus();
  co_return absl::Status(ended->code(),
                         absl::StrCat("the command '", text, "' ", ended->message()));
}

}  // namespace metarec
