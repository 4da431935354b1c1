// What a move would do to this cluster, found out before anything is changed.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "migration/zookeeper/move_request.h"
#include "migration/zookeeper/move_world.h"

namespace metarec {

// What the operator gave; the rest is read from the cluster.
struct MoveWishes {
  std::vector<std::string> metas;  // host:port each
  // Empty: what is recommended.
  std::string way;
  MoveSide to;  // lock_root, root: empty if they stay what they are
  // How the old ZooKeeper is reached from here; empty: as the cluster says.
  std::string from_hosts;
  std::string from_lock_root;  // empty: as a config.ini says, or lock/ in the root
  std::string from_auth_file;
  // "HOST:PORT=FILE", or "FILE" whose port says whose it is.
  std::vector<std::string> configs;
  std::vector<std::string> nodes;  // empty: all that are alive
  MoveRequest options;             // commands, bounds and flags
};

struct Preflight {
  MoveRequest request;  // with everything filled in
  std::string cluster_name;
  std::vector<std::string> facts;     // what was found, a line each
  std::vector<std::string> warnings;  // what one should know
  // What would be lost, by name; empty lists: nothing.
  std::vector<std::string> lost_by_copy;
  std::vector<std::string> lost_by_recovery;
  std::vector<std::string> kept_by_carry_over;  // of lost_by_recovery
  MoveWay recommended = MoveWay::kCopy;
  std::string why_recommended;
  // Why a run would be refused; empty: it would not.
  std::vector<std::string> refusals;
};

// Reads the cluster, its old tree, both ensembles and the files. What cannot be read becomes a
// refusal or a warning; an error means that there is nothing to say at all.
asio::awaitable<absl::StatusOr<Preflight>> LookBeforeMove(MoveWishes wishes, MoveWorld* world);

// The cluster's own word for where its metadata are, for the world to be made of. Needs meta
// servers that answer.
asio::awaitable<absl::StatusOr<MoveSide>> FindOldSide(const MoveWishes& wishes, MoveWorld* world);

}  // namespace metarec
