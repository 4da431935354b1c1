// The seam between metarec and ZooKeeper: the operations that recovery needs, asynchronous, with
// ZooKeeper's semantics. ZooKeeperMetaStore is the real thing, testing::InMemoryMetaStore its twin.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "zk_store/client/store_error.h"
#include "zk_store/client/store_events.h"

namespace metarec {

// Matches every version of a node.
inline constexpr int32_t kAnyVersion = -1;

struct NodeStat {
  int64_t czxid = 0;          // transaction that created the node
  int64_t mzxid = 0;          // ... that last set its data
  int64_t pzxid = 0;          // ... that last created or deleted a child
  int64_t ctime_ms = 0;       // Unix time; as ZooKeeper's clock saw it
  int64_t mtime_ms = 0;       //
  int32_t version = 0;        // number of Sets
  int32_t child_version = 0;  // number of child creations and deletions
  int32_t acl_version = 0;    // number of SetAcls
  // Session id; 0: persistent. Also 0 of containers and TTL nodes: servers do not show them to
  // clients as what they are.
  int64_t ephemeral_owner = 0;
  int32_t data_bytes = 0;
  int32_t num_children = 0;
};

// Whether two stats, read from what may be one ZooKeeper under two names, are of one znode: no two
// were created by the same transaction at the same millisecond, unless one ZooKeeper's data were
// copied from the other's.
inline bool IsOneZnode(const NodeStat& a, const NodeStat& b) {
  return a.czxid == b.czxid && a.ctime_ms == b.ctime_ms && a.ephemeral_owner == b.ephemeral_owner;
}

struct NodeData {
  std::string data;
  NodeStat stat;
  bool null_data = false;  // ZooKeeper tells no data from empty data; `data` is empty then
};

struct NodeChildren {
  std::vector<std::string> names;  // in no particular order
  NodeStat stat;
};

// One entry of an ACL. Permissions are ZooKeeper's bits: read 1, write 2, create 4, delete 8,
// admin 16.
struct AclEntry {
  std::string scheme = "world";
  std::string id = "anyone";
  int32_t permissions = 31;

  friend bool operator==(const AclEntry&, const AclEntry&) = default;
};
using Acl = std::vector<AclEntry>;

// world:anyone with all permissions, as Pegasus creates its nodes; the default.
Acl OpenAcl();
// All permissions for the creator of the node, i.e. for the session's credentials.
Acl CreatorOnlyAcl();

struct NodeAcl {
  Acl acl;
  NodeStat stat;
};

enum class CreateMode {
  kPersistent,
  kEphemeral,
  kPersistentSequential,
  kEphemeralSequential,
  // The server deletes it some time after its last child is gone. Not within a Multi: libzookeeper
  // does not understand the answer.
  kContainer,
  // The server deletes it once it had no children and no new data for its TTL. kUnsupported unless
  // the servers have extendedTypesEnabled. Not within a Multi: libzookeeper cannot send it.
  kTtl,
};

// The longest TTL that ZooKeeper takes, in milliseconds: 40 bits.
inline constexpr int64_t kTtlMaxMs = (int64_t{1} << 40) - 1;

struct CreateOp {
  std::string path;
  std::string data;
  CreateMode mode = CreateMode::kPersistent;
  bool null_data = false;                 // no data, which is not the same as empty data
  std::optional<Acl> acl = std::nullopt;  // instead of the store's
  int64_t ttl_ms = 0;                     // of a kTtl: from 1 to kTtlMaxMs
};

struct SetOp {
  std::string path;
  std::string data;
  int32_t version = kAnyVersion;
  bool null_data = false;
};

struct DeleteOp {
  std::string path;
  int32_t version = kAnyVersion;
};

// Succeeds if the node exists and has this version; changes nothing. Only within a Multi.
struct CheckOp {
  std::string path;
  int32_t version = kAnyVersion;
};

// Replaces the ACL. `acl_version` is NodeStat::acl_version or kAnyVersion. Not within a Multi:
// ZooKeeper cannot do that.
struct SetAclOp {
  std::string path;
  Acl acl;
  int32_t acl_version = kAnyVersion;
};

using StoreOp = std::variant<CreateOp, SetOp, DeleteOp, CheckOp, SetAclOp>;

struct StoreOpResult {
  std::string created_path;  // of a CreateOp: the path made, with the sequence number
  NodeStat stat;             // of a SetOp: the node's after it
};

// A session with a ZooKeeper ensemble.
//
// An operation is submitted when its awaitable is first awaited, before the awaiting coroutine is
// suspended; it completes on that coroutine's executor (a single thread or a strand). Any number
// may be in flight; ZooKeeper executes them in the order in which they were submitted. Each
// completes in bounded time: if no server can be reached, with kConnectionLoss or
// kOperationTimeout. A cancelled operation returns absl::StatusCode::kCancelled at once; it may be
// executed nevertheless. Errors carry a StoreError (store_error.h) and name operation and path.
//
// Paths are absolute ("/a/b"), without trailing slash, empty or dotted components; anything else
// is kBadArguments. Created nodes get the ACL that the store was made with, unless they bring their
// own.
//
// Destroying the store ends the session: its ephemeral nodes vanish, what is in flight ends with
// kClosed, watches fire kSessionEnded. The callers' execution contexts must outlive the store,
// unless its implementation says otherwise (ZooKeeperMetaStore does).
class MetaStore {
 public:
  virtual ~MetaStore() = default;
  MetaStore(const MetaStore&) = delete;
  MetaStore& operator=(const MetaStore&) = delete;

  // Data and stat; kNoNode if there is none. The watch fires on the next change of the node's data
  // and on its deletion.
  asio::awaitable<absl::StatusOr<NodeData>> Get(std::string path,
                                                std::shared_ptr<Watch> watch = nullptr);

  // nullopt if there is no such node. The watch fires when the node is created, set or deleted.
  asio::awaitable<absl::StatusOr<std::optional<NodeStat>>> Exists(
      std::string path, std::shared_ptr<Watch> watch = nullptr);

  // The names (not paths) of the children. The watch fires when a child is created or deleted, and
  // when the node itself is deleted.
  asio::awaitable<absl::StatusOr<NodeChildren>> Children(std::string path,
                                                         std::shared_ptr<Watch> watch = nullptr);

  // The ACL and the stat; kNoNode. Needs the permission to read or to administer the node. To who
  // may not administer it, servers hide the passwords of "digest" entries: their ids are "user:x".
  asio::awaitable<absl::StatusOr<NodeAcl>> GetAcl(std::string path);

  // Returns the path made: for the sequential modes `path` with 10 digits appended. The parent
  // must exist.
  asio::awaitable<absl::StatusOr<std::string>> Create(std::string path, std::string data,
                                                      CreateMode mode = CreateMode::kPersistent);
  asio::awaitable<absl::StatusOr<std::string>> Create(CreateOp op);

  asio::awaitable<absl::StatusOr<NodeStat>> Set(std::string path, std::string data,
                                                int32_t version = kAnyVersion);
  asio::awaitable<absl::StatusOr<NodeStat>> Set(SetOp op);

  asio::awaitable<absl::Status> Delete(std::string path, int32_t version = kAnyVersion);

  // kBadVersion if the ACL has another version; kInvalidAcl for one that is empty, or that this
  // server does not understand.
  asio::awaitable<absl::Status> SetAcl(std::string path, Acl acl, int32_t acl_version);

  // All or nothing, as one transaction; each operation sees the effects of those before it. On
  // failure FailedOpOf(status) tells which one failed. An empty list is kBadArguments.
  asio::awaitable<absl::StatusOr<std::vector<StoreOpResult>>> Multi(std::vector<StoreOp> ops);

  // Later reads of this session see everything that was written by anyone before this.
  asio::awaitable<absl::Status> Sync(std::string path);

  // Thread-safe.
  virtual SessionState session_state() const = 0;
  // Completes with the new state as soon as it differs from `seen`. Every state after a final one
  // (kExpired, kAuthFailed, kClosed) is the same one, so that waiting for a change of a final state
  // ends with kClosed or with cancellation only.
  virtual asio::awaitable<absl::StatusOr<SessionState>> AwaitSessionChange(SessionState seen) = 0;
  // ZooKeeper's id of the session: what NodeStat::ephemeral_owner has.
  virtual int64_t session_id() const = 0;
  // How long ZooKeeper keeps the session without hearing of it, as it has agreed to; infinite if
  // that is not known.
  virtual absl::Duration session_timeout() const { return absl::InfiniteDuration(); }

  // No request may be longer; one that is fails with kTooLarge and is not sent. (ZooKeeper drops
  // the connection, and with it everything in flight, on a request beyond its jute.maxbuffer.)
  size_t request_bytes_max() const { return request_bytes_max_; }
  const Acl& acl() const { return acl_; }

  // What `op` adds to the length of a Multi, in bytes.
  size_t OpBytes(const StoreOp& op) const;
  // The length of a Multi of no operations. A Multi of `ops` fits if this plus the sum of their
  // OpBytes is at most request_bytes_max().
  static constexpr size_t kMultiOverheadBytes = 17;

 protected:
  // An empty `acl` stands for OpenAcl().
  MetaStore(Acl acl, size_t request_bytes_max);

 private:
  // As above, with arguments that are known to be valid.
  virtual asio::awaitable<absl::StatusOr<NodeData>> DoGet(std::string path,
                                                          std::shared_ptr<Watch> watch) = 0;
  virtual asio::awaitable<absl::StatusOr<std::optional<NodeStat>>> DoExists(
      std::string path, std::shared_ptr<Watch> watch) = 0;
  virtual asio::awaitable<absl::StatusOr<NodeChildren>> DoChildren(
      std::string path, std::shared_ptr<Watch> watch) = 0;
  virtual asio::awaitable<absl::StatusOr<NodeAcl>> DoGetAcl(std::string path) = 0;
  virtual asio::awaitable<absl::StatusOr<std::string>> DoCreate(CreateOp op) = 0;
  virtual asio::awaitable<absl::StatusOr<NodeStat>> DoSet(SetOp op) = 0;
  virtual asio::awaitable<absl::Status> DoDelete(DeleteOp op) = 0;
  virtual asio::awaitable<absl::Status> DoSetAcl(SetAclOp op) = 0;
  virtual asio::awaitable<absl::StatusOr<std::vector<StoreOpResult>>> DoMulti(
      std::vector<StoreOp> ops) = 0;
  virtual asio::awaitable<absl::Status> DoSync(std::string path) = 0;

  absl::Status CheckRequest(const StoreOp& op) const;

  const Acl acl_;
  const size_t acl_bytes_;
  const size_t request_bytes_max_;
};

// "create", "set", "delete", "check" or "set the ACL of".
absl::string_view OpName(const StoreOp& op);
const std::string& OpPath(const StoreOp& op);

// OK, or kBadArguments with the reason: the rules for MetaStore's paths. For a sequential creation
// (`prefix`) a trailing slash is fine.
absl::Status CheckPath(absl::string_view operation, absl::string_view path, bool prefix = false);

}  // namespace metarec
