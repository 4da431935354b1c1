#pragma once

#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include "testing/data_directory_writer.h"

namespace metarec::scenarios {

// The files of a ZooKeeper server that does not run any more. Its clock began at 2023-11-14
// 22:13:20 UTC, and each transaction took a minute.
class DeadServer {
 public:
  DeadServer() { --server_.time_ms; }  // it grows before each transaction

  // Carries out one directive without its first word: "create /apps unlock". README.md beside this
  // file has them. The error says what is wrong with it.
  absl::Status Apply(absl::string_view directive);

  // Names in its version-2, and what is in these files; none if nothing was applied. To be called
  // once.
  std::vector<std::pair<std::string, std::string>> TakeFiles();

 private:
  void EndLog();

  testing::DataDirectoryWriter server_;
  std::vector<std::pair<std::string, std::string>> files_;
};

}  // namespace metarec::scenarios
