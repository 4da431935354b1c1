// Failures of commands that ask meta servers, in the words of Pegasus's shell (INTEROP.md section
// 7.2).

#pragma once

#include <string>

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include "idl/placeholders_types.h"

namespace metarec {

// OK, or the PegasusError for what `server` answered, which says what to do. `hint` is the
// server's. `is_change`: metadata, or what a meta server does, was to be changed.
absl::Status AnswerStatus(const std::string& server, const idl::error_code& error,
                          absl::string_view hint = "", bool is_change = false);

// `why` with the line that the shell prints about it. OK and cancellations stay as they are.
absl::Status ShellFailure(const absl::Status& why, absl::string_view shell_text);

// The same, of a line that ends with the error's name: `beginning` is "list nodes failed, error=".
absl::Status ShellFailureOf(absl::string_view beginning, const absl::Status& why);

// The line that the shell prints; empty for a status that ShellFailure did not make.
std::string ShellTextOf(const absl::Status& status);

}  // namespace metarec
