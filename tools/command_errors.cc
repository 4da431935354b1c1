#include "tools/command_errors.h"

#include <iostream>

#include "zk_store/refusal.h"

namespace metarec::tools {

ExitCode Fail(absl::string_view verb, const absl::Status& status) {
  std::cout << std::flush;
  std::cerr << "metarec " << verb << ": " << status.message() << std::endl;
  return IsRefused(status) || absl::IsDataLoss(status) ? ExitCode::kRefused : ExitCode::kFailed;
}

ExitCode FlushStdout(absl::string_view verb, ExitCode exit_code) {
  if (std::cout.flush()) return exit_code;
  std::cerr << "metarec " << verb << ": cannot write to stdout" << std::endl;
  return ExitCode::kFailed;
}

}  // namespace metarec::tools
