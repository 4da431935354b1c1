#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/synchronization/mutex.h>

#include "zk_store/client/meta_store.h"
#include "zk_store/client/store_events.h"
#include "zk_store/client/zookeeper_options.h"

struct _zhandle;  // libzookeeper's  NOLINT(bugprone-reserved-identifier)

namespace metarec {

class NativeAcl;

// libzookeeper's C API as C++. Only this code is called back by it, and only this and
// zookeeper_native.h see its handle, its codes and its structs.
//
// Thread-safe. Every `done` is called exactly once, on a thread of libzookeeper, on the caller's
// (when the request could not even be queued), or on the one that destroys the handle, which ends
// what is in flight with kClosed and joins libzookeeper's threads; nothing is called afterwards.
// The handle must not be destroyed from within a `done`, which must neither block nor throw.
class ZooKeeperHandle {
 public:
  template <typename Result>
  using Done = std::function<void(Result)>;

  // Starts libzookeeper's two threads, which connect in the background: `session` tells. Looks the
  // hosts' names up synchronously. `hosts` must be valid.
  static absl::StatusOr<std::unique_ptr<ZooKeeperHandle>> Open(const ZooKeeperOptions& options,
                                                               const std::string& hosts);
  ~ZooKeeperHandle();
  ZooKeeperHandle(const ZooKeeperHandle&) = delete;
  ZooKeeperHandle& operator=(const ZooKeeperHandle&) = delete;

  void AddAuth(const StoreAuth& auth, Done<absl::Status> done);
  void Get(std::string path, std::shared_ptr<Watch> watch, Done<absl::StatusOr<NodeData>> done);
  void Exists(std::string path, std::shared_ptr<Watch> watch,
              Done<absl::StatusOr<std::optional<NodeStat>>> done);
  void Children(std::string path, std::shared_ptr<Watch> watch,
                Done<absl::StatusOr<NodeChildren>> done);
  void GetAcl(std::string path, Done<absl::StatusOr<NodeAcl>> done);
  void Create(CreateOp op, Done<absl::StatusOr<std::string>> done);
  void Set(SetOp op, Done<absl::StatusOr<NodeStat>> done);
  void Delete(DeleteOp op, Done<absl::Status> done);
  void SetAcl(SetAclOp op, Done<absl::Status> done);
  void Multi(std::vector<StoreOp> ops, Done<absl::StatusOr<std::vector<StoreOpResult>>> done);
  void Sync(std::string path, Done<absl::Status> done);

  const SessionTracker& session() const { return session_; }
  ZooKeeperSession credentials() const;
  // Of the session, once there is one.
  absl::Duration session_timeout() const;

  struct CallBase;  // a request in flight

 private:
  struct Callbacks;  // libzookeeper calls its static functions

  explicit ZooKeeperHandle(const ZooKeeperOptions& options);

  // Registers `watch` (which may be null) and returns the id that libzookeeper gives back with
  // its event; 0 for none.
  uint64_t AddWatch(const std::shared_ptr<Watch>& watch);
  void RemoveWatch(uint64_t id);
  void FireAllWatches();
  void FailAllCalls();

  void OnSessionState(int state);
  absl::Status Error(int code, absl::string_view operation, absl::string_view path) const;

  const std::unique_ptr<NativeAcl> acl_;
  SessionTracker session_;
  _zhandle* zookeeper_ = nullptr;

  absl::Mutex mutex_;
  absl::flat_hash_set<CallBase*> calls_ ABSL_GUARDED_BY(mutex_);  // owned
  uint64_t last_watch_id_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<uint64_t, WatchSender> watches_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace metarec
