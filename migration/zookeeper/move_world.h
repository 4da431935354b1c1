// All that a move looks at and changes from afar: both ZooKeepers, the meta servers and the replica
// servers.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "base/runtime/progress.h"
#include "idl/enums_types.h"
#include "idl/meta_admin_types.h"
#include "meta_recovery/job/recovery_job.h"
#include "migration/zookeeper/move_request.h"
#include "pegasus_client/cluster_listing.h"
#include "pegasus_client/meta_client.h"
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

struct MoveWorldOptions {
  absl::Duration connect_timeout = absl::Seconds(15);
  absl::Duration meta_timeout = absl::Seconds(10);
  absl::Duration port_timeout = absl::Seconds(3);
};

// Not thread-safe: used on `executor` (a single thread or a strand). What the surroundings name
// must outlive it.
class MoveWorld {
 public:
  MoveWorld(MoveSide from, MoveSide to, asio::any_io_executor executor, Surroundings surroundings,
            MoveWorldOptions options = {});
  ~MoveWorld();
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

  // Whoever of `metas` leads answers.
  asio::awaitable<absl::StatusOr<ClusterInfo>> AskCluster(std::vector<std::string> metas);
  asio::awaitable<absl::StatusOr<std::vector<TableView>>> AskTables(std::vector<std::string> metas,
                                                                    bool with_partitions);
  asio::awaitable<absl::StatusOr<std::vector<NodeView>>> AskNodes(std::vector<std::string> metas);
  // `level` is one of Pegasus's words: "blind".
  asio::awaitable<absl::Status> SetLevel(std::vector<std::string> metas, std::string level);

  asio::awaitable<absl::StatusOr<PortState>> LookAtPort(std::string address);

  // Asks replica servers.
  asio::awaitable<absl::StatusOr<Evidence>> Collect(std::vector<std::string> nodes);

  Clock* clock() const { return surroundings_.clock; }
  const Surroundings& surroundings() const { return surroundings_; }

 private:
  asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> Connect(MoveSide side) const;
  std::set<std::string> LockDirectories(MoveEnd end) const;
  absl::StatusOr<MetaClient*> ClientOf(const std::vector<std::string>& metas);

  const MoveSide from_;
  const MoveSide to_;
  const asio::any_io_executor executor_;
  const Surroundings surroundings_;
  const MoveWorldOptions options_;
  std::unique_ptr<MetaStore> from_store_;
  std::unique_ptr<MetaStore> to_store_;
  // One for each session that has ended: at most one in a session timeout.
  std::vector<std::unique_ptr<MetaStore>> ended_stores_;
  std::map<std::string, std::unique_ptr<MetaClient>> clients_;
};

// "m1:34601 and m2:34601".
std::string NamesOf(const std::vector<MoveServer>& servers);
std::vector<std::string> AddressesOf(const std::vector<MoveServer>& servers);
std::string NamesOf(const std::vector<MetaCandidate>& candidates);

}  // namespace metarec
