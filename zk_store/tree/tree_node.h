// One znode of a tree, wherever the tree comes from: a live ZooKeeper, a tree file, or the data
// directory of a server that does not run any more. Knows nothing of Pegasus.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/strings/string_view.h>

#include "zk_store/client/meta_store.h"

namespace metarec {

enum class NodeKind { kPersistent, kEphemeral, kContainer, kTtl };

// "persistent", "ephemeral", "container" or "ttl".
absl::string_view NodeKindName(NodeKind kind);

// The kind that ZooKeeper encodes in the owner of a znode: 0 is persistent, the least int64_t a
// container, a first byte of 0xff a TTL znode (its other 40 bits are the TTL in milliseconds), and
// anything else the session of an ephemeral one. That is what its files hold. To clients a running
// server gives the sessions only, and 0 for all others.
NodeKind KindOfOwner(int64_t ephemeral_owner);
// Of a TTL znode's owner, in milliseconds.
int64_t TtlOfOwner(int64_t ephemeral_owner);
// The owners of the other two kinds.
int64_t OwnerOfContainer();
int64_t OwnerOfTtl(int64_t ttl_ms);

struct TreeNode {
  std::string path;  // relative to the root of the tree: "" is the root itself, else "/a/b"
  std::string data;
  bool null_data = false;  // ZooKeeper tells no data from empty data; `data` is empty then
  Acl acl;
  NodeStat stat;  // as a client of the server sees it

  NodeKind kind() const { return KindOfOwner(stat.ephemeral_owner); }
};

// Less than, equal to or greater than 0, in path order: a parent comes before its children, and all
// of its descendants before its next sibling; siblings come in the order of their names' bytes.
// That is the order of the bytes of the paths if '/' were less than every other byte. All sources
// and files of trees are in this order, so that two of them can be merged in one pass.
int ComparePaths(absl::string_view a, absl::string_view b);

struct PathOrder {
  using is_transparent = void;
  bool operator()(absl::string_view a, absl::string_view b) const { return ComparePaths(a, b) < 0; }
};

// Whether `path`, of the tree whose root is at the absolute path `root`, is ZooKeeper's own:
// kSystemPath, or below it. That is never a part of the tree of "/".
bool IsSystemPath(absl::string_view root, absl::string_view path);

}  // namespace metarec
