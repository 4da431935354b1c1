// What a move of a cluster to another ZooKeeper is asked to do: fixed when it is planned, and kept
// with its state.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "pegasus_client/config_edit.h"

namespace metarec {

enum class MoveWay {
  kCopy,      // the old tree is copied
  kRecovery,  // the metadata are rebuilt from what the replica servers hold
};

// "copy", "recovery".
absl::string_view MoveWayName(MoveWay way);

// Where the metadata are, or are to be.
struct MoveSide {
  std::string hosts;      // as [zookeeper] hosts_list has it, with a chroot if there is one
  std::string root;       // [meta_server] cluster_root
  std::string lock_root;  // [meta_server] distributed_lock_service_parameters
  std::string auth_file;  // credentials; empty: none
  // The same ZooKeeper as it is called from here; empty: by `hosts`.
  std::string reached_by = {};

  const std::string& Reach() const { return reached_by.empty() ? hosts : reached_by; }
  // Both under the chroot.
  std::string RealRoot() const;
  std::string RealLockRoot() const;
  // "zk1:2181,zk2:2181/chroot/pegasus/demo": for people, as the meta servers have it; and as
  // commands reach it from here.
  std::string Text() const;
  std::string Address() const;

  friend bool operator==(const MoveSide&, const MoveSide&) = default;
};

// The longest wait, command or lease that a request can name: a week.
inline constexpr int32_t kMoveSecondsMax = 7 * 86'400;

struct MoveServer {
  std::string address;  // host:port, as the cluster names it
  std::string config;   // the path of its config.ini; empty: it is not on this machine

  friend bool operator==(const MoveServer&, const MoveServer&) = default;
};

struct MoveRequest {
  MoveWay way = MoveWay::kCopy;
  MoveSide from;
  MoveSide to;
  std::vector<MoveServer> metas;   // the leader first
  std::vector<std::string> nodes;  // replica servers that are asked, host:port
  std::vector<std::string> alive;  // those that were alive, as the cluster names them
  std::vector<std::string> dead;   // those that were not
  std::string level;               // the leader's function level, "steady"
  // Commands for /bin/sh that are run for each server; empty: the operator is asked.
  std::string stop_meta;
  std::string start_meta;
  std::string edit_config;
  // What Pegasus's replica servers are configured with: how long they serve without a meta server.
  int64_t lease_seconds = 20;
  int64_t wait_seconds = 600;     // for each thing that is waited for
  int64_t command_seconds = 300;  // for each command
  bool accept_outage = false;     // although it may be longer than the lease
  bool carry_over = false;        // way recovery: from the old tree what can be read
  bool skip_bad_nodes = false;    // way recovery
  bool skip_lost_partitions = false;

  const MoveServer& leader() const { return metas.front(); }
  std::vector<MoveServer> followers() const { return {metas.begin() + 1, metas.end()}; }
  // What changes in each config.ini; `back`: what it was.
  std::vector<ConfigChange> ConfigChanges(bool back = false) const;

  friend bool operator==(const MoveRequest&, const MoveRequest&) = default;
};

// As a JSON object, and back. kInvalidArgument with what is wrong.
std::string EncodeMoveRequest(const MoveRequest& request);
absl::StatusOr<MoveRequest> DecodeMoveRequest(absl::string_view json);

// Where the lock root of a root goes if the root itself goes from `from` to `to`: along with it, if
// it is inside.
std::string MovedLockRoot(absl::string_view lock_root, absl::string_view from,
                          absl::string_view to);

}  // namespace metarec
