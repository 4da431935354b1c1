#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include "base/runtime/clock.h"
#include "testing/znode_tree.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/client/store_events.h"

namespace metarec::testing {

// A ZooKeeper server in memory, for any number of InMemoryMetaStore sessions
// (in_memory_meta_store.h). Everything happens in the calling thread, at once; not thread-safe. It
// has no notion of time: sessions expire by command.
class InMemoryZooKeeper {
 public:
  // `clock`, if given, must outlive this; it is used for the times in NodeStat.
  explicit InMemoryZooKeeper(const Clock* clock = nullptr) : clock_(clock) {}

  // From now on it takes TTL nodes, as a server with extendedTypesEnabled.
  void EnableExtendedTypes() { tree_.EnableExtendedTypes(); }

  // As if the session's client had been silent for too long: its ephemeral nodes vanish, its later
  // operations fail with kSessionExpired, its watches fire kSessionEnded.
  void ExpireSession(int64_t session_id);

  // From StopServing on operations fail with kConnectionLoss, not executed, and sessions are
  // kConnecting; sessions, watches and ephemeral nodes survive until Serve.
  void StopServing();
  void Serve();

  // `root` and all below it in the order of paths (of "/", without "/zookeeper").
  std::vector<DumpedNode> Dump(const std::string& root = "/") const { return tree_.Dump(root); }

  // Of the last write; failed ones count, as with the real one.
  int64_t last_zxid() const { return zxid_; }

 private:
  friend class InMemoryMetaStore;

  struct WatchTable : std::multimap<std::string, WatchSender> {};  // by path
  struct Session {
    ZnodeCaller caller;
    SessionTracker tracker;
    int64_t connections_lost = 0;
    WatchTable data_watches;
    WatchTable child_watches;
  };

  std::shared_ptr<Session> OpenSession(ZnodeCaller caller);
  // kExpired or kClosed.
  void EndSession(int64_t session_id, SessionState why);

  absl::StatusOr<std::vector<StoreOpResult>> Write(const Session& session,
                                                   absl::Span<const StoreOp> ops, bool is_multi,
                                                   const Acl& acl);
  void Announce(const std::vector<ZnodeChange>& changes);

  const Clock* const clock_;
  ZnodeTree tree_;
  bool serving_ = true;
  int64_t zxid_ = 0;
  int64_t last_session_id_ = 0x1000;
  std::map<int64_t, std::shared_ptr<Session>> sessions_;  // the live ones
};

}  // namespace metarec::testing
