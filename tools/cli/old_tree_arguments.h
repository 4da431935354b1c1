// OLD TREES: old copies of ZooKeeper's tree, as evidence beside what the replica servers say.

#pragma once

#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <absl/types/span.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "meta_recovery/old_tree/old_tree.h"
#include "meta_recovery/planner/plan_options.h"
#include "tools/process/command.h"

namespace metarec::tools {

// How to get into a root that a running ZooKeeper still serves.
struct OldTreeAccess {
  std::string auth_file;  // "" for none
  absl::Duration timeout = absl::Seconds(15);
};

// kInvalidArgument for what is no SIDE (side_arguments.h).
absl::Status CheckOldTrees(absl::Span<const std::string> sides);

// Reads tree files, roots that are still served, and data directories; several directories of one
// ensemble together. Blocks while it reads a file. Errors name the side, and are final.
asio::awaitable<absl::StatusOr<std::vector<OldTree>>> ReadOldTreesOf(std::vector<std::string> sides,
                                                                     OldTreeAccess access,
                                                                     Clock* clock);

// Adds what --carry names to `options`: "duplications". kInvalidArgument for anything else.
absl::Status AddCarried(absl::Span<const std::string> names, PlanOptions* options);

class OldTreeArguments {
 public:
  void AddTo(Command& verb);

  absl::Status Check() const;
  absl::Status ApplyTo(PlanOptions* options) const { return AddCarried(carry_, options); }
  bool given() const { return !sides_.empty(); }

  asio::awaitable<absl::StatusOr<std::vector<OldTree>>> Read(Clock* clock) const {
    return ReadOldTreesOf(sides_, {auth_file_, absl::Seconds(timeout_seconds_)}, clock);
  }

 private:
  std::vector<std::string> sides_;
  std::vector<std::string> carry_;
  std::string auth_file_;
  double timeout_seconds_ = 15;
};

}  // namespace metarec::tools
