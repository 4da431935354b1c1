#pragma once

#include <csignal>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <sys/types.h>

namespace metarec::tools {

// The real program as a child process. Its output goes into the files `<log>.out` and `<log>.err`.
class MetarecProcess {
 public:
  // `program`: "metarec" or another of ours.
  static absl::StatusOr<std::unique_ptr<MetarecProcess>> Start(
      std::vector<std::string> arguments, const std::string& log,
      const std::string& program = "metarec");
  // Kills it if it still runs.
  ~MetarecProcess();
  MetarecProcess(const MetarecProcess&) = delete;
  MetarecProcess& operator=(const MetarecProcess&) = delete;

  bool Runs();
  void Signal(int signal) const;
  // The exit code, or 128 + the signal that ended it. After `timeout` it is killed.
  int Wait(absl::Duration timeout = absl::Seconds(120));

  std::string Output() const;
  std::string Errors() const;

 private:
  MetarecProcess(pid_t child, std::string log) : child_(child), log_(std::move(log)) {}

  pid_t child_ = 0;  // 0: it has ended
  int exit_code_ = -1;
  const std::string log_;
};

}  // namespace metarec::tools
