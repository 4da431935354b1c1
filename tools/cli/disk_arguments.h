// What servers that do not run have on their disks: the options of `collect`.

#pragma once

#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "replica_collector/evidence.h"
#include "tools/cli/node_arguments.h"
#include "tools/process/command.h"

namespace metarec::tools {

class DiskArguments {
 public:
  void AddTo(Command& verb);

  bool given() const { return !data_dirs_.empty() || !files_.empty(); }
  absl::Status Check() const;

  // Reads what the options name, and adds it to `evidence`, to which running servers belong that
  // were asked before. Lines for people about what does not count are appended to `notes`.
  asio::awaitable<absl::Status> AddEvidence(Clock* clock, absl::Duration identify_timeout,
                                            Evidence* evidence, std::string* notes) const;

 private:
  asio::awaitable<absl::StatusOr<NodeEvidence>> ReadDisks(Clock* clock,
                                                          absl::Duration identify_timeout) const;

  std::string data_dirs_;  // joined with commas
  std::string as_;
  std::vector<std::string> files_;
};

}  // namespace metarec::tools
