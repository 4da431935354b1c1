#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/strings/string_view.h>

namespace metarec {

// Takes a text that may be long, piece by piece. After an error, give it nothing more.
using TextSink = absl::FunctionRef<absl::Status(absl::string_view text)>;

}  // namespace metarec
