#include "tools/process/standard_descriptors.h"

#include <csignal>

#include <fcntl.h>
#include <unistd.h>

namespace metarec::tools {

void PrepareStandardDescriptors() {
  for (int standard = STDIN_FILENO; standard <= STDERR_FILENO; ++standard) {
    if (::fcntl(standard, F_GETFD) >= 0) continue;
    // Gets the lowest number that is free: this one. Without /dev/null there is nothing to be done.
    [[maybe_unused]] const int opened =
        ::open("/dev/null", standard == STDOUT_FILENO ? O_RDONLY : O_RDWR);
  }
  std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace metarec::tools
