#include "tools/cli/command_line.h"

#include <absl/strings/str_cat.h>

#include "base/text/shell_word.h"

namespace metarec::tools {
namespace {

std::string& CommandLine() {
  static auto* const line = new std::string;
  return *line;
}

}  // namespace

void RememberCommandLine(int argc, const char* const* argv) {
  std::string& line = CommandLine();
  line.clear();
  for (int i = 0; i < argc; ++i) {
    absl::StrAppend(&line, i > 0 ? " " : "", ShellWord(argv[i]));
  }
}

const std::string& CommandLineAsTyped() { return CommandLine(); }

}  // namespace metarec::tools
