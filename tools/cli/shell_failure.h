#pragma once

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include "tools/process/exit_code.h"

namespace metarec::tools {

// The shell's line on stdout, where the shell prints it even with -o, or an object with --format
// json; what it means and what to do on stderr. kRefused if that is what the server did
// (ERR_ACL_DENY, ERR_BUSY), else kFailed.
ExitCode PrintShellFailure(absl::string_view verb, const absl::Status& status, bool json);

}  // namespace metarec::tools
