// Whether the old and the new ZooKeeper are one, and the old and the new root one tree: under
// whatever names, servers and chroots they were given.

#pragma once

#include <string>

#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "migration/zookeeper/move_world.h"

namespace metarec {

// ZooKeeper has no name of its own. But no two have created the same znodes in the same
// transactions at the same time: so the old root, all above it and the candidates in its lock
// directories are looked at from both sides. Only reads. A ZooKeeper that was made of a copy of the
// other's data has no living candidate in common with it.
asio::awaitable<absl::StatusOr<bool>> AreOneZooKeeper(MoveWorld* world);

// What is wrong with the new place if both are in one ZooKeeper: a sentence, or "".
std::string WhyNotWithinOne(const MoveSide& from, const MoveSide& to);

}  // namespace metarec
