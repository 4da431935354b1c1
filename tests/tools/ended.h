#pragma once

#include <string>

namespace metarec::tools {

// How a program ended, and what it printed.
struct Ended {
  int exit_code = -1;
  std::string out;
  std::string err;
};

}  // namespace metarec::tools
