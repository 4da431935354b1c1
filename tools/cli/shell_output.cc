#include "tools/cli/shell_output.h"

#include <cerrno>
#include <cstring>
#include <iostream>

#include <absl/strings/str_cat.h>

namespace metarec::tools {

ShellOutput::ShellOutput(const OutputArguments& arguments)
    : silent_(arguments.json()),
      to_file_(!silent_ && !arguments.file().empty()),
      name_(to_file_ ? arguments.file() : "stdout") {
  if (to_file_) file_.open(name_);
  Check();
}

void ShellOutput::Print(absl::string_view text) {
  if (silent_) return;
  (to_file_ ? static_cast<std::ostream&>(file_) : std::cout) << text << std::flush;
  Check();
}

void ShellOutput::Check() {
  if (to_file_ ? file_.good() : std::cout.good()) return;
  status_.Update(
      absl::UnavailableError(absl::StrCat("cannot write to ", name_, ": ", std::strerror(errno))));
}

}  // namespace metarec::tools
