// Options of a SIDE that is the data directory of a ZooKeeper server which does not run any more.

#pragma once

#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "tools/process/command.h"
#include "zk_store/tree/data_directory/data_directory.h"

namespace metarec::tools {

class OfflineArguments {
 public:
  // Their names begin with `prefix`: "--" or "--from_".
  void AddTo(Command& verb, const std::string& prefix, const std::string& group);

  // OK, or which of them is wrong; or, if the side is no data directory, which of them was given.
  absl::Status Check(absl::string_view side, bool is_data_directory) const;

  // Once they are checked.
  DataDirectoryOptions ToOptions() const;

  // As they are typed: "--from_at".
  std::string at_option() const { return options_.front().name(); }
  std::string accept_inconsistent_option() const { return options_.back().name(); }

 private:
  std::string at_;
  std::string log_folder_;
  bool accept_inconsistent_ = false;
  std::vector<CommandOption> options_;  // that of at_ first, that of accept_inconsistent_ last
};

// "0x1f" is a zxid; "2026-11-30T00:10:00Z", "2026-11-30 00:10:00 UTC" (as our own verbs print it)
// and "@1796000000" (Unix seconds) are times. Sets one of two members. kInvalidArgument for
// anything else.
absl::Status ParseAt(absl::string_view text, DataDirectoryOptions* options);

}  // namespace metarec::tools
