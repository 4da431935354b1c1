// What a recovery from these replica servers would come to, asked of them while they still serve.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "migration/zookeeper/move_world.h"

namespace metarec {

struct RecoveryOutlook {
  // Why it would be refused: servers that do not answer, conflicts, partitions without a replica.
  // Each for people; empty: it would go through.
  std::vector<std::string> obstacles;
  // What it would lose, as the options accept.
  std::vector<std::string> losses;
  // What could go wrong after it.
  std::vector<std::string> hazards;
};

struct RecoveryAccepts {
  bool skip_bad_nodes = false;
  bool skip_lost_partitions = false;
};

// As `metarec plan`, but that replicas are still served does not matter.
asio::awaitable<absl::StatusOr<RecoveryOutlook>> LookAtRecovery(std::vector<std::string> nodes,
                                                                RecoveryAccepts accepts,
                                                                MoveWorld* world);

// What it means that the cluster says of these servers that they are not alive, and that they are
// not asked.
void AddDeadServers(const std::vector<std::string>& dead, RecoveryAccepts accepts,
                    RecoveryOutlook* outlook);

}  // namespace metarec
