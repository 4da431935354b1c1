#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/strings/string_view.h>

namespace metarec {

// Where a text that may be long goes, piece by piece. After an error nothing more is to be given.
using TextSink = absl::FunctionRef<absl::Status(absl::string_view text)>;

}  // namespace metarec
