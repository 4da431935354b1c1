// All that a move looks at and changes from afar: both ZooKeepers, the meta servers, the replica
// servers, and what the operator's commands do. NetworkedMoveWorld is the real one.

#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "meta_recovery/job/recovery_job.h"
#include "migration/procedure/operator_command.h"
#include "migration/zookeeper/move_request.h"
#include "pegasus_client/cluster_listing.h"
#include "replica_collector/evidence.h"
#include "zk_store/client/meta_store.h"

namespace metarec {

// What the leader says of its cluster (INTEROP.md section 3.6).
struct ClusterInfo {
  std::string answered_by;
  std::vector<std::string> meta_servers;
  std::string leader;
  std::string zookeeper_hosts;
  std::string zookeeper_root;
  std::string level;  // without "fl_"
  std::string cluster_name;
};

// Which of the two ZooKeepers.
enum class MoveEnd { kFrom, kTo };

// One that is a candidate in a lock directory.
struct MetaCandidate {
  std::string path;
  std::string name;
};

// What tells whether anybody was a candidate since, although he may have gone.
struct LockDirectoryAge {
  std::string path;
  int64_t czxid = 0;    // 0: it is not there
  int64_t created = 0;  // children that were ever created
};

enum class PortState {
  kOpen,
  kClosed,   // connections are refused
  kUnknown,  // nobody answers at all
};

// Not thread-safe: used on one executor (a single thread or a strand). What the surroundings name
// must outlive it.
class MoveWorld {
 public:
  virtual ~MoveWorld();
  MoveWorld(const MoveWorld&) = delete;
  MoveWorld& operator=(const MoveWorld&) = delete;

  // A session, which is opened when it is first needed, and anew when it has ended. Valid as long
  // as this lives, also once its session has ended: an act may hold it while a look opens another.
  asio::awaitable<absl::StatusOr<MetaStore*>> Store(MoveEnd end);
  const MoveSide& side(MoveEnd end) const { return end == MoveEnd::kFrom ? from_ : to_; }

  // Of the lock directory that the side names, and of those where Pegasus's own configurations have
  // it: in the root and in its lock/. The leader first.
  asio::awaitable<absl::StatusOr<std::vector<MetaCandidate>>> Candidates(MoveEnd end);

  // Of the same directories, in the order of their paths.
  asio::awaitable<absl::StatusOr<std::vector<LockDirectoryAge>>> LockAges(MoveEnd end);

  // Asks replica servers.
  asio::awaitable<absl::StatusOr<Evidence>> Collect(std::vector<std::string> nodes);

  // Whoever of `metas` leads answers.
  virtual asio::awaitable<absl::StatusOr<ClusterInfo>> AskCluster(
      std::vector<std::string> metas) = 0;
  virtual asio::awaitable<absl::StatusOr<std::vector<TableView>>> AskTables(
      std::vector<std::string> metas) = 0;
  virtual asio::awaitable<absl::StatusOr<std::vector<NodeView>>> AskNodes(
      std::vector<std::string> metas) = 0;
  // `level` is one of Pegasus's words: "blind".
  virtual asio::awaitable<absl::Status> SetLevel(std::vector<std::string> metas,
                                                 std::string level) = 0;

  virtual asio::awaitable<absl::StatusOr<PortState>> LookAtPort(std::string address) = 0;
  // As RunOperatorCommand.
  virtual asio::awaitable<absl::Status> RunCommand(OperatorCommand command) = 0;

  Clock* clock() const { return surroundings_.clock; }
  const Surroundings& surroundings() const { return surroundings_; }

 protected:
  MoveWorld(MoveSide from, MoveSide to, Surroundings surroundings);

 private:
  virtual asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> Connect(MoveEnd end) = 0;
  std::set<std::string> LockDirectories(MoveEnd end) const;

  const MoveSide from_;
  const MoveSide to_;
  const Surroundings surroundings_;
  std::unique_ptr<MetaStore> from_store_;
  std::unique_ptr<MetaStore> to_store_;
  // One for each session that has ended: at most one in a session timeout.
  std::vector<std::unique_ptr<MetaStore>> ended_stores_;
};

// "m1:34601 and m2:34601".
std::string NamesOf(const std::vector<MoveServer>& servers);
std::vector<std::string> AddressesOf(const std::vector<MoveServer>& servers);
std::string NamesOf(const std::vector<MetaCandidate>& candidates);

}  // namespace metarec
