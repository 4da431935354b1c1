#include "tools/process/program_start.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace metarec::tools {

void PrepareStandardDescriptors() {
  for (int standard = STDIN_FILENO; standard <= STDERR_FILENO; ++standard) {
    if (::fcntl(standard, F_GETFD) >= 0) continue;
    // Gets the lowest free number, which is this one. Without /dev/null nothing can be done.
    [[maybe_unused]] const int opened =
        ::open("/dev/null", standard == STDOUT_FILENO ? O_RDONLY : O_RDWR);
  }
  std::signal(SIGPIPE, SIG_IGN);
}

std::vector<std::string> ReadableArguments(const std::vector<std::string>& arguments) {
  std::vector<std::string> readable;
  bool only_words = false;
  for (std::string argument : arguments) {
    only_words = only_words || argument == "--";
    if (only_words || argument.rfind("--", 0) != 0) {
      readable.push_back(std::move(argument));
      continue;
    }
    const auto name_end = std::find(argument.begin(), argument.end(), '=');
    std::replace(argument.begin() + 2, name_end, '-', '_');
    const bool is_empty = name_end != argument.end() && name_end + 1 == argument.end();
    if (is_empty) argument.pop_back();
    readable.push_back(std::move(argument));
    if (is_empty) readable.emplace_back();
  }
  return readable;
}

}  // namespace metarec::tools
