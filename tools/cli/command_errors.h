#pragma once

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include "tools/process/exit_code.h"

namespace metarec::tools {

// Prints "metarec <verb>: <message>" on stderr and says how the process ends: kRefused for the
// error of a guard and for a file whose digest does not match (kDataLoss), else kFailed.
ExitCode Fail(absl::string_view verb, const absl::Status& status);

}  // namespace metarec::tools
