#include "testing/znode_tree.h"

#include <algorithm>
#include <limits>

#include <absl/algorithm/container.h>
#include <absl/strings/escaping.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <openssl/sha.h>

#include "zk_store/tree/tree_node.h"

namespace metarec::testing {
namespace {

constexpr int32_t kRead = 1;
constexpr int32_t kWrite = 2;
constexpr int32_t kCreate = 4;
constexpr int32_t kDelete = 8;
constexpr int32_t kAdmin = 16;

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool IsEphemeral(CreateMode mode) {
  return mode == CreateMode::kEphemeral || mode == CreateMode::kEphemeralSequential;
}

bool IsSequential(CreateMode mode) {
  return mode == CreateMode::kPersistentSequential || mode == CreateMode::kEphemeralSequential;
}

bool VersionFits(int32_t wanted, int32_t actual) {
  return wanted == kAnyVersion || wanted == actual;
}

// Replaces the scheme `auth` by the caller's identities; nullopt for what ZooKeeper calls invalid.
std::optional<Acl> Resolve(const Acl& acl, const ZnodeCaller& caller) {
  Acl resolved;
  const auto add = [&resolved](AclEntry entry) {
    if (!absl::c_linear_search(resolved, entry)) resolved.push_back(std::move(entry));
  };
  for (const AclEntry& entry : acl) {
    if (entry.scheme == "auth") {
      if (caller.identities.empty()) return std::nullopt;
      for (const auto& [scheme, id] : caller.identities) {
        add(AclEntry{scheme, id, entry.permissions});
      }
    } else if ((entry.scheme == "world" && entry.id == "anyone") ||
               (entry.scheme == "digest" &&
                std::count(entry.id.begin(), entry.id.end(), ':') == 1)) {
      add(entry);
    } else {
      return std::nullopt;
    }
  }
  if (resolved.empty()) return std::nullopt;
  return resolved;
}

// ZooKeeper marks these kinds in the place of the owning session (zk_store/tree/tree_node.h).
int64_t OwnerOf(const CreateOp& op, int64_t session_id) {
  if (IsEphemeral(op.mode)) return session_id;
  if (op.mode == CreateMode::kContainer) return std::numeric_limits<int64_t>::min();
  if (op.mode == CreateMode::kTtl) {
    return static_cast<int64_t>(uint64_t{0xff} << 56 | static_cast<uint64_t>(op.ttl_ms));
  }
  return 0;
}

bool BelongsToASession(const NodeStat& stat) {
  return KindOfOwner(stat.ephemeral_owner) == NodeKind::kEphemeral;
}

}  // namespace

struct ZnodeTree::Pending {
  const ZnodeCaller& caller;
  const Transaction& transaction;
  Applied applied;
  std::vector<std::function<void()>> undo;
};

std::string DigestIdentity(absl::string_view credentials) {
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(credentials.data()), credentials.size(), digest);
  return absl::StrCat(
      credentials.substr(0, credentials.find(':')), ":",
      absl::Base64Escape(absl::string_view(reinterpret_cast<const char*>(digest), sizeof(digest))));
}

ZnodeTree::ZnodeTree() {
  nodes_["/"].acl = OpenAcl();
  for (const char* path : {"/zookeeper", "/zookeeper/config", "/zookeeper/quota"}) {
    Insert(path, Znode{.acl = OpenAcl()});
  }
}

NodeStat ZnodeTree::StatOf(const Znode& node) {
  NodeStat stat = node.stat;
  stat.data_bytes = static_cast<int32_t>(node.data.size());
  stat.num_children = static_cast<int32_t>(node.children.size());
  if (!BelongsToASession(node.stat)) stat.ephemeral_owner = 0;  // as servers show them
  // Creations plus deletions.
  stat.child_version = 2 * node.children_ever - stat.num_children;
  return stat;
}

bool ZnodeTree::Allows(const Znode& node, int32_t permission, const ZnodeCaller& caller) {
  return std::any_of(node.acl.begin(), node.acl.end(), [&](const AclEntry& entry) {
    if ((entry.permissions & permission) == 0) return false;
    if (entry.scheme == "world") return true;
    return std::find(caller.identities.begin(), caller.identities.end(),
                     std::pair(entry.scheme, entry.id)) != caller.identities.end();
  });
}

const ZnodeTree::Znode* ZnodeTree::Find(const std::string& path) const {
  const auto found = nodes_.find(path);
  return found == nodes_.end() ? nullptr : &found->second;
}

ZnodeTree::Znode* ZnodeTree::Find(const std::string& path) {
  const auto found = nodes_.find(path);
  return found == nodes_.end() ? nullptr : &found->second;
}

absl::StatusOr<ZnodeTree::Applied> ZnodeTree::Apply(absl::Span<const StoreOp> ops, bool is_multi,
                                                    const ZnodeCaller& caller,
                                                    const Transaction& transaction) {
  Pending pending{caller, transaction, {}, {}};
  for (size_t i = 0; i < ops.size(); ++i) {
    pending.applied.results.emplace_back();
    const StoreOp& op = ops[i];
    const StoreError error = ApplyAny(op, &pending);
    if (error == StoreError::kNone) continue;
    std::for_each(pending.undo.rbegin(), pending.undo.rend(), [](auto& undo) { undo(); });
    return is_multi ? MakeMultiError(error, i, ops.size(), OpName(op), OpPath(op))
                    : MakeStoreError(error, OpName(op), OpPath(op));
  }
  return std::move(pending.applied);
}

StoreError ZnodeTree::ApplyAny(const StoreOp& op, Pending* pending) {
  if (const auto* create = std::get_if<CreateOp>(&op)) return ApplyCreate(*create, pending);
  if (const auto* set = std::get_if<SetOp>(&op)) return ApplySet(*set, pending);
  if (const auto* remove = std::get_if<DeleteOp>(&op)) return ApplyDelete(*remove, pending);
  if (const auto* set_acl = std::get_if<SetAclOp>(&op)) return ApplySetAcl(*set_acl, pending);
  return ApplyCheck(std::get<CheckOp>(op), pending);
}

StoreError ZnodeTree::ApplyCreate(const CreateOp& op, Pending* pending) {
  if (op.mode == CreateMode::kTtl && !has_extended_types_) return StoreError::kUnsupported;
  const std::optional<Acl> acl =
      Resolve(op.acl.value_or(pending->transaction.acl), pending->caller);
  if (!acl.has_value()) return StoreError::kInvalidAcl;
  const std::string parent_path = ParentOf(op.path);
  Znode* parent = Find(parent_path);
  if (parent == nullptr) return op.path == "/" ? StoreError::kNodeExists : StoreError::kNoNode;
  if (!Allows(*parent, kCreate, pending->caller)) return StoreError::kNoAuth;
  std::string path = op.path;
  if (IsSequential(op.mode))
    absl::StrAppend(&path, absl::StrFormat("%010d", parent->children_ever));
  if (Find(path) != nullptr) return StoreError::kNodeExists;
  if (BelongsToASession(parent->stat)) return StoreError::kNoChildrenForEphemerals;
  const int64_t old_pzxid = parent->stat.pzxid;
  const auto [zxid, now_ms, unused] = pending->transaction;
  Znode node{.data = op.data, .null_data = op.null_data, .acl = *acl};
  node.stat.czxid = node.stat.mzxid = node.stat.pzxid = zxid;
  node.stat.ctime_ms = node.stat.mtime_ms = now_ms;
  node.stat.ephemeral_owner = OwnerOf(op, pending->caller.session_id);
  Insert(path, std::move(node));
  ++parent->children_ever;
  parent->stat.pzxid = zxid;
  pending->undo.push_back([this, path, parent, old_pzxid] {
    Remove(path);
    --parent->children_ever;
    parent->stat.pzxid = old_pzxid;
  });
  pending->applied.results.back().created_path = path;
  pending->applied.changes.push_back({WatchEventType::kCreated, path});
  return StoreError::kNone;
}

StoreError ZnodeTree::ApplySet(const SetOp& op, Pending* pending) {
  Znode* node = Find(op.path);
  if (node == nullptr) return StoreError::kNoNode;
  if (!Allows(*node, kWrite, pending->caller)) return StoreError::kNoAuth;
  if (!VersionFits(op.version, node->stat.version)) return StoreError::kBadVersion;
  pending->undo.push_back([node, data = node->data, is_null = node->null_data, stat = node->stat] {
    node->data = data;
    node->null_data = is_null;
    node->stat = stat;
  });
  node->data = op.data;
  node->null_data = op.null_data;
  ++node->stat.version;
  node->stat.mzxid = pending->transaction.zxid;
  node->stat.mtime_ms = pending->transaction.now_ms;
  pending->applied.results.back().stat = StatOf(*node);
  pending->applied.changes.push_back({WatchEventType::kDataChanged, op.path});
  return StoreError::kNone;
}

StoreError ZnodeTree::ApplyDelete(const DeleteOp& op, Pending* pending) {
  if (op.path == "/") return StoreError::kBadArguments;
  const Znode* node = Find(op.path);
  if (node == nullptr) return StoreError::kNoNode;
  Znode* parent = Find(ParentOf(op.path));
  if (!Allows(*parent, kDelete, pending->caller)) return StoreError::kNoAuth;
  if (!VersionFits(op.version, node->stat.version)) return StoreError::kBadVersion;
  if (!node->children.empty()) return StoreError::kNotEmpty;
  const int64_t old_pzxid = parent->stat.pzxid;
  parent->stat.pzxid = pending->transaction.zxid;
  pending->undo.push_back([this, path = op.path, parent, old_pzxid, removed = Remove(op.path)] {
    Insert(path, removed);
    parent->stat.pzxid = old_pzxid;
  });
  pending->applied.changes.push_back({WatchEventType::kDeleted, op.path});
  return StoreError::kNone;
}

StoreError ZnodeTree::ApplyCheck(const CheckOp& op, Pending* pending) {
  const Znode* node = Find(op.path);
  if (node == nullptr) return StoreError::kNoNode;
  if (!Allows(*node, kRead, pending->caller)) return StoreError::kNoAuth;
  return VersionFits(op.version, node->stat.version) ? StoreError::kNone : StoreError::kBadVersion;
}

StoreError ZnodeTree::ApplySetAcl(const SetAclOp& op, Pending* pending) {
  std::optional<Acl> acl = Resolve(op.acl, pending->caller);
  if (!acl.has_value()) return StoreError::kInvalidAcl;
  Znode* node = Find(op.path);
  if (node == nullptr) return StoreError::kNoNode;
  if (!Allows(*node, kAdmin, pending->caller)) return StoreError::kNoAuth;
  if (!VersionFits(op.acl_version, node->stat.acl_version)) return StoreError::kBadVersion;
  pending->undo.push_back([node, old = node->acl] {
    node->acl = old;
    --node->stat.acl_version;
  });
  node->acl = *std::move(acl);
  ++node->stat.acl_version;
  return StoreError::kNone;
}

// The parent exists.
void ZnodeTree::Insert(const std::string& path, Znode node) {
  if (BelongsToASession(node.stat)) ephemerals_[node.stat.ephemeral_owner].insert(path);
  nodes_.at(ParentOf(path)).children.insert(NameOf(path));
  nodes_.insert_or_assign(path, std::move(node));
}

ZnodeTree::Znode ZnodeTree::Remove(const std::string& path) {
  Znode node = std::move(nodes_.extract(path).mapped());
  nodes_.at(ParentOf(path)).children.erase(NameOf(path));
  if (BelongsToASession(node.stat)) ephemerals_[node.stat.ephemeral_owner].erase(path);
  return node;
}

absl::StatusOr<NodeData> ZnodeTree::Get(const std::string& path, const ZnodeCaller& caller) const {
  const Znode* node = Find(path);
  if (node == nullptr) return MakeStoreError(StoreError::kNoNode, "get", path);
  if (!Allows(*node, kRead, caller)) return MakeStoreError(StoreError::kNoAuth, "get", path);
  return NodeData{node->data, StatOf(*node), node->null_data};
}

std::optional<NodeStat> ZnodeTree::Exists(const std::string& path) const {
  const Znode* node = Find(path);
  if (node == nullptr) return std::nullopt;
  return StatOf(*node);
}

absl::StatusOr<NodeChildren> ZnodeTree::Children(const std::string& path,
                                                 const ZnodeCaller& caller) const {
  const Znode* node = Find(path);
  if (node == nullptr) return MakeStoreError(StoreError::kNoNode, "children", path);
  if (!Allows(*node, kRead, caller)) return MakeStoreError(StoreError::kNoAuth, "children", path);
  return NodeChildren{{node->children.begin(), node->children.end()}, StatOf(*node)};
}

absl::StatusOr<NodeAcl> ZnodeTree::GetAcl(const std::string& path,
                                          const ZnodeCaller& caller) const {
  constexpr absl::string_view kKind = "get the ACL of";
  const Znode* node = Find(path);
  if (node == nullptr) return MakeStoreError(StoreError::kNoNode, kKind, path);
  if (!Allows(*node, kRead | kAdmin, caller)) {
    return MakeStoreError(StoreError::kNoAuth, kKind, path);
  }
  NodeAcl found{node->acl, StatOf(*node)};
  if (Allows(*node, kAdmin, caller)) return found;
  for (AclEntry& entry : found.acl) {
    if (entry.scheme == "digest") entry.id = entry.id.substr(0, entry.id.find(':')) + ":x";
  }
  return found;
}

std::vector<ZnodeChange> ZnodeTree::DropEphemerals(int64_t session_id, int64_t zxid) {
  std::vector<ZnodeChange> changes;
  const std::set<std::string> paths = ephemerals_[session_id];
  for (const std::string& path : paths) {
    Remove(path);
    nodes_.at(ParentOf(path)).stat.pzxid = zxid;
    changes.push_back({WatchEventType::kDeleted, path});
  }
  ephemerals_.erase(session_id);
  return changes;
}

std::vector<DumpedNode> ZnodeTree::Dump(const std::string& root) const {
  std::vector<DumpedNode> dump;
  const std::string below = root == "/" ? "/" : root + "/";
  for (const auto& [path, node] : nodes_) {
    if (path != root && !absl::StartsWith(path, below)) continue;
    if (path == "/zookeeper" || absl::StartsWith(path, "/zookeeper/")) continue;
    dump.push_back({path, node.data, node.stat.version, BelongsToASession(node.stat),
                    node.stat.ephemeral_owner});
  }
  return dump;
}

void ZnodeTree::ForEach(
    const std::string& root,
    absl::FunctionRef<void(const std::string& path, const NodeData& data, const Acl& acl)> see)
    const {
  const std::string below = root == "/" ? "/" : root + "/";
  for (auto it = nodes_.lower_bound(root); it != nodes_.end(); ++it) {
    const auto& [path, node] = *it;
    if (!absl::StartsWith(path, root)) break;
    if (path != root && !absl::StartsWith(path, below)) continue;
    if (path == "/zookeeper" || absl::StartsWith(path, "/zookeeper/")) continue;
    see(path, NodeData{node.data, StatOf(node), node.null_data}, node.acl);
  }
}

}  // namespace metarec::testing
