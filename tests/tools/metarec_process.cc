#include "tests/tools/metarec_process.h"

#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace metarec::tools {
namespace {

constexpr absl::Duration kPollInterval = absl::Milliseconds(1);

std::string ContentOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetarecProcess>> MetarecProcess::Start(
    std::vector<std::string> arguments, const std::string& log, const std::string& program) {
  arguments.insert(arguments.begin(), absl::StrCat(METAREC_BIN_DIR "/", program));
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  constexpr int kWrite = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, (log + ".out").c_str(), kWrite, 0600);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, (log + ".err").c_str(), kWrite, 0600);
  pid_t child = 0;
  const int error = posix_spawn(&child, pointers[0], &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return absl::InternalError(absl::StrCat("cannot run ", pointers[0], ": ", strerror(error)));
  }
  return std::unique_ptr<MetarecProcess>(new MetarecProcess(child, log));
}

MetarecProcess::~MetarecProcess() {
  Signal(SIGKILL);
  Wait();
}

bool MetarecProcess::Runs() {
  if (child_ == 0) return false;
  int status = 0;
  const pid_t ended = waitpid(child_, &status, WNOHANG);
  if (ended == 0 || (ended < 0 && errno == EINTR)) return true;
  exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  child_ = 0;
  return false;
}

void MetarecProcess::Signal(int signal) const {
  if (child_ != 0) kill(child_, signal);
}

int MetarecProcess::Wait(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (Runs()) {
    if (absl::Now() > deadline) Signal(SIGKILL);
    absl::SleepFor(kPollInterval);
  }
  return exit_code_;
}

std::string MetarecProcess::Output() const { return ContentOf(log_ + ".out"); }
std::string MetarecProcess::Errors() const { return ContentOf(log_ + ".err"); }

}  // namespace metarec::tools
