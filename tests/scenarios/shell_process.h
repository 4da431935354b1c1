#pragma once

#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/time/time.h>

namespace metarec::scenarios {

struct ShellResult {
  std::string standard_output;
  std::string standard_error;
  int exit_code = 0;  // 128 + signal if one ended it
  bool timed_out = false;
};

// Runs `command` with /bin/sh in `directory` and waits for it. `environment` holds the variables
// to set on top of this process's. After `timeout` the command and its children are killed.
absl::StatusOr<ShellResult> RunShell(
    const std::string& command, const std::string& directory,
    const std::vector<std::pair<std::string, std::string>>& environment, absl::Duration timeout);

}  // namespace metarec::scenarios
