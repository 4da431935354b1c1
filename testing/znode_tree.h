#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <absl/functional/function_ref.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include "zk_store/client/meta_store.h"

namespace metarec::testing {

struct DumpedNode {
  std::string path;
  std::string data;
  int32_t version = 0;
  bool ephemeral = false;  // belongs to a session
  int64_t owner = 0;  // as a snapshot of the server has it: shows containers and TTL nodes, too

  friend bool operator==(const DumpedNode&, const DumpedNode&) = default;
};

// Who asks: the session and the identities that its credentials prove.
struct ZnodeCaller {
  int64_t session_id = 0;
  std::vector<std::pair<std::string, std::string>> identities;  // scheme, id
};

// What watches must hear of: kCreated, kDeleted or kDataChanged.
struct ZnodeChange {
  WatchEventType type;
  std::string path;
};

// The identity that the digest scheme derives from "user:password".
std::string DigestIdentity(absl::string_view credentials);

// ZooKeeper's tree with its rules, without sessions and time: those are the caller's. Begins with
// "/" and "/zookeeper", as a real one does.
class ZnodeTree {
 public:
  ZnodeTree();

  struct Transaction {
    int64_t zxid = 0;
    int64_t now_ms = 0;
    Acl acl;  // for the nodes that are created
  };
  struct Applied {
    std::vector<StoreOpResult> results;
    std::vector<ZnodeChange> changes;
  };
  // All of `ops` or none. Errors are as MakeStoreError makes them, or MakeMultiError for
  // `is_multi`.
  absl::StatusOr<Applied> Apply(absl::Span<const StoreOp> ops, bool is_multi,
                                const ZnodeCaller& caller, const Transaction& transaction);

  absl::StatusOr<NodeData> Get(const std::string& path, const ZnodeCaller& caller) const;
  std::optional<NodeStat> Exists(const std::string& path) const;
  absl::StatusOr<NodeChildren> Children(const std::string& path, const ZnodeCaller& caller) const;
  absl::StatusOr<NodeAcl> GetAcl(const std::string& path, const ZnodeCaller& caller) const;

  // From now on it takes TTL nodes, as a server with extendedTypesEnabled.
  void EnableExtendedTypes() { has_extended_types_ = true; }

  // Deletes the ephemeral nodes of a session.
  std::vector<ZnodeChange> DropEphemerals(int64_t session_id, int64_t zxid);

  // `root` and all below it in the order of paths, without "/zookeeper".
  std::vector<DumpedNode> Dump(const std::string& root) const;
  // The same, with all that a znode has.
  void ForEach(
      const std::string& root,
      absl::FunctionRef<void(const std::string& path, const NodeData& data, const Acl& acl)> see)
      const;

 private:
  struct Znode {
    std::string data = {};
    bool null_data = false;
    Acl acl = {};
    NodeStat stat = {};         // child_version, data_bytes and num_children are filled by StatOf
    int32_t children_ever = 0;  // gives sequence numbers
    std::set<std::string> children = {};
  };
  struct Pending;  // a transaction that is being applied, with what undoes it

  static NodeStat StatOf(const Znode& node);
  static bool Allows(const Znode& node, int32_t permission, const ZnodeCaller& caller);
  const Znode* Find(const std::string& path) const;
  Znode* Find(const std::string& path);

  StoreError ApplyCreate(const CreateOp& op, Pending* pending);
  StoreError ApplySet(const SetOp& op, Pending* pending);
  StoreError ApplyDelete(const DeleteOp& op, Pending* pending);
  StoreError ApplyCheck(const CheckOp& op, Pending* pending);
  StoreError ApplySetAcl(const SetAclOp& op, Pending* pending);
  StoreError ApplyAny(const StoreOp& op, Pending* pending);
  void Insert(const std::string& path, Znode node);
  Znode Remove(const std::string& path);

  bool has_extended_types_ = false;
  std::map<std::string, Znode> nodes_;  // by path
  std::map<int64_t, std::set<std::string>> ephemerals_;
};

}  // namespace metarec::testing
