// The operator's command line: docs/cli.md.

#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include <glog/logging.h>
#include <malloc.h>

#include "tools/cli/command_loop.h"
#include "tools/cli/verb_parser.h"
#include "tools/cli/verbs.h"
#include "tools/process/exit_code.h"
#include "tools/process/program_start.h"

int main(int argc, char** argv) {
  using namespace metarec::tools;
  // What the nodes said is freed piece by piece while the plan is made from it. The pieces only go
  // back to the system if each was mapped by itself, and glibc would raise this bound as it goes.
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
  PrepareStandardDescriptors();
  RememberCommandLine(argc, argv);
  FLAGS_logtostderr = true;
  FLAGS_minloglevel = google::GLOG_WARNING;
  google::InitGoogleLogging(argv[0]);
  try {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    return static_cast<int>(RunCommandLine(VerbTable(), VerbGroups(), arguments));
  } catch (const std::exception& error) {
    std::cerr << "metarec: unexpected error: " << error.what() << std::endl;
    return static_cast<int>(ExitCode::kFailed);
  }
}
