// The parts of a preflight: what each finds goes into the Preflight.

#pragma once

#include <cstddef>
#include <string>

#include <absl/status/status.h>
#include <asio/awaitable.hpp>

#include "migration/zookeeper/preflight.h"

namespace metarec {

struct Looking {
  MoveWorld* world;
  Preflight* found;
  Clock* clock() const { return world->clock(); }
};

// How many names a line of it has.
inline constexpr size_t kPreflightNamesMax = 10;

// The configurations of the meta servers; preflight_configs.cc.

// Notes a --config with the server that it is of.
absl::Status TakeConfig(const std::string& config, MoveRequest* request);
// Each edit is tried, since it would fail while the cluster is down.
void TryEdits(Preflight* found);
// The lock root that the first config.ini says; Pegasus's own place without one.
std::string LockRootOf(const MoveWishes& wishes, const std::string& root);

// Errors of these mean that it could not be seen; preflight_trees.cc.

asio::awaitable<absl::Status> LookWhetherOne(Looking looking);
asio::awaitable<absl::Status> LookAtTarget(Looking looking);
asio::awaitable<absl::Status> LookAtOldTree(Looking looking);

}  // namespace metarec
