#pragma once

#include <string>

#include <absl/strings/string_view.h>

namespace metarec {

// `text` as one word of a shell command, in quotes if it needs them.
std::string ShellWord(absl::string_view text);

}  // namespace metarec
