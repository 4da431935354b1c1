#pragma once

#include <fstream>
#include <string>

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include "tools/cli/output_arguments.h"

namespace metarec::tools {

// What Pegasus's shell would print on stdout or, with -o, into the file. With --format json it is
// not printed at all: stdout gets an object in the end and nothing else.
class ShellOutput {
 public:
  explicit ShellOutput(const OutputArguments& arguments);

  void Print(absl::string_view text);

  bool to_file() const { return to_file_; }
  // What went wrong first.
  const absl::Status& status() const { return status_; }

 private:
  void Check();

  const bool silent_;
  const bool to_file_;
  const std::string name_;
  std::ofstream file_;
  absl::Status status_;
};

}  // namespace metarec::tools
