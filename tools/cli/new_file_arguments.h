#pragma once

#include <string>

#include <CLI/CLI.hpp>
#include <absl/status/status.h>

namespace metarec::tools {

// The evidence or plan file that a verb writes, and --overwrite.
class NewFileArguments {
 public:
  // `option`: "--plan", for example.
  void AddTo(CLI::App& verb, const char* option);

  const std::string& path() const { return path_; }
  bool overwrite() const { return overwrite_; }

  // Whether it can be written, kAlreadyExists if it is there and may not be replaced: to be asked
  // before anything that takes long. Whoever writes it looks again.
  absl::Status Check() const;

 private:
  std::string path_;
  bool overwrite_ = false;
};

}  // namespace metarec::tools
