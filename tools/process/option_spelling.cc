#include "tools/process/option_spelling.h"

#include <algorithm>

namespace metarec::tools {

std::vector<std::string> WithUnderscoresInOptions(std::vector<std::string> arguments) {
  for (std::string& argument : arguments) {
    if (argument == "--") break;
    if (argument.rfind("--", 0) != 0) continue;
    const auto name_end = std::find(argument.begin(), argument.end(), '=');
    std::replace(argument.begin() + 2, name_end, '-', '_');
  }
  return arguments;
}

}  // namespace metarec::tools
