#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <sys/types.h>

namespace metarec::benchmarks {

// A program that is talked to by lines. What it writes to stderr goes into a file. It dies with the
// thread that started it, which should therefore be the main one.
class ChildProcess {
 public:
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(std::vector<std::string> command,
                                                             const std::string& stderr_file);
  // Kills it if it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  absl::Status WriteLine(std::string line) const;
  // Without its newline. kDeadlineExceeded, or kOutOfRange when it has ended.
  absl::StatusOr<std::string> ReadLine(absl::Duration timeout);

  // Asks it to end (SIGTERM), and kills it when it has not in ten seconds.
  void Stop();

  // Bytes of its own, without what it maps from files.
  absl::StatusOr<int64_t> AnonymousMemory() const;

 private:
  ChildProcess(pid_t pid, int input, int output) : pid_(pid), input_(input), output_(output) {}
  bool HasEnded();

  pid_t pid_;  // 0: it has ended
  const int input_;
  const int output_;
  std::string pending_;
};

}  // namespace metarec::benchmarks
