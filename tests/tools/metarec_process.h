#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>

#include "testing/child_process.h"

namespace metarec::tools {

using MetarecProcess = testing::ChildProcess;

// Starts "metarec" or another program of ours. Its output goes into `<log>.out` and `<log>.err`.
inline absl::StatusOr<std::unique_ptr<MetarecProcess>> StartProgram(
    std::vector<std::string> arguments, const std::string& log,
    const std::string& program = "metarec") {
  arguments.insert(arguments.begin(), absl::StrCat(METAREC_BIN_DIR "/", program));
  testing::ChildProcessOptions options;
  options.log = log;
  return testing::ChildProcess::Start(std::move(arguments), std::move(options));
}

}  // namespace metarec::tools
