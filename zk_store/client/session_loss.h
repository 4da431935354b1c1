#pragma once

#include <absl/status/status.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "zk_store/client/meta_store.h"

namespace metarec {

// Returns when the session has ended (StoreError::kSessionExpired), or must be taken for ended
// because it has had no connection to a quorum for `disconnected_max` (kAborted); or kCancelled.
//
// A client that cannot reach ZooKeeper is not told that its session has expired. With an
// infinite `disconnected_max` it goes on waiting to be told.
asio::awaitable<absl::Status> AwaitSessionLoss(MetaStore* store, Clock* clock,
                                               absl::Duration disconnected_max);

}  // namespace metarec
