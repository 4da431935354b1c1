#pragma once

#include <CLI/CLI.hpp>
#include <absl/status/status.h>

namespace metarec::tools {

// To be asked of a verb that was parsed, before it does anything. kInvalidArgument if two of its
// file options (type name FILE) mean one file, by whatever names: one of them would be overwritten.
// kFailedPrecondition if results would replace an evidence or plan file. kUnavailable if nothing
// can be written to what results go to. Leaves all files as they are.
absl::Status CheckFileOptions(const CLI::App& verb);

}  // namespace metarec::tools
