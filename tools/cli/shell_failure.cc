#include "tools/cli/shell_failure.h"

#include <iostream>
#include <string>

#include "idl/error_names.h"
#include "pegasus_client/shell_failure.h"
#include "rpc/pegasus_status.h"
#include "tools/cli/output_arguments.h"

namespace metarec::tools {
namespace {

// The same whatever was asked for.
ExitCode ExitCodeOf(const absl::Status& status) {
  const std::string error_name = rpc::PegasusErrorName(status);
  const bool is_refused = error_name == idl::kErrAclDeny || error_name == idl::kErrBusy;
  return is_refused ? ExitCode::kRefused : ExitCode::kFailed;
}

}  // namespace

ExitCode PrintShellFailure(absl::string_view verb, const absl::Status& status, bool json) {
  const std::string text = ShellTextOf(status);
  if (json) {
    std::cout << JsonObject()
                     .Set("error", rpc::PegasusErrorName(status))
                     .Set("message", text.empty() ? std::string(status.message()) : text)
                     .ToLine();
  } else if (!text.empty()) {
    std::cout << text << "\n";
  }
  std::cout << std::flush;
  std::cerr << "metarec " << verb << ": " << status.message() << std::endl;
  return ExitCodeOf(status);
}

}  // namespace metarec::tools
