// A program as a child process: run to its end, watched, signalled, or talked to by lines.

#pragma once

#include <csignal>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <sys/types.h>

namespace metarec::testing {

struct ChildProcessOptions {
  std::string folder = {};  // it runs there; empty: where we do
  // Variables on top of this process's.
  std::vector<std::pair<std::string, std::string>> environment = {};
  // What it prints goes into the files `<log>.out` and `<log>.err`.
  std::string log = {};
  // Its stdin and stdout are pipes for WriteLine and ReadLine. Otherwise stdin is empty.
  bool is_talked_to = false;
};

// Not thread-safe. The child dies with the thread that started it, which should therefore be the
// main one.
class ChildProcess {
 public:
  // command[0] is a path.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(std::vector<std::string> command,
                                                             ChildProcessOptions options);
  // Kills it, and what it has started, if it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  bool Runs();
  void Signal(int signal) const;
  // The exit code, or 128 + the signal that ended it. After `timeout` it is killed with all that it
  // has started.
  int Wait(absl::Duration timeout = absl::Seconds(120));
  // Whether Wait killed it.
  bool has_timed_out() const { return has_timed_out_; }
  // Asks it to end (SIGTERM), and kills it if it has not in ten seconds.
  void Stop();

  // What it has printed so far.
  std::string Output() const;
  std::string Errors() const;

  absl::Status WriteLine(std::string line) const;
  // Without its newline. kDeadlineExceeded, or kOutOfRange when it has ended.
  absl::StatusOr<std::string> ReadLine(absl::Duration timeout);

  // Bytes of its own, without what it maps from files.
  absl::StatusOr<int64_t> AnonymousMemory() const;

 private:
  ChildProcess(pid_t pid, int input, int output, std::string log)
      : pid_(pid), input_(input), output_(output), log_(std::move(log)) {}

  pid_t pid_;  // 0: it has ended; else that of its process group, too
  const int input_;
  const int output_;  // -1: it is not talked to
  const std::string log_;
  std::string pending_;
  int exit_code_ = -1;
  bool has_timed_out_ = false;
};

}  // namespace metarec::testing
