// The mark that a finished move leaves in the old root: its /apps says where the cluster has moved
// to, so that no stock meta server starts from it (INTEROP.md section 6.3).

#pragma once

#include <optional>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "migration/zookeeper/tree_transfer.h"

namespace metarec {

// What /apps says then.
std::string MovedText(absl::string_view to, absl::string_view run_id);

struct MovedRoot {
  std::string text;
  // Nothing else is in the root but lock directories: the move was finished.
  bool is_finished = false;
};

// nullopt: there is no such mark.
asio::awaitable<absl::StatusOr<std::optional<MovedRoot>>> ReadMovedRoot(TreePlace place,
                                                                        std::string lock_root,
                                                                        Clock* clock);

// Deletes the mark, so that a cluster may be written there. OK if it is not there.
asio::awaitable<absl::Status> RemoveMovedText(TreePlace place, std::string text, Clock* clock);
// Puts it there again, and the root, if it is missing. OK if it is there.
asio::awaitable<absl::Status> PutBackMovedText(TreePlace place, std::string text);

}  // namespace metarec
