// The tree of a dead server in memory, as its DataTree had it: about 110 bytes and the name for a
// znode. Data stay in the files; a znode knows where they are. Its digest is kept up to date.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include "zk_store/tree/data_directory/transaction.h"
#include "zk_store/tree/tree_node.h"

namespace metarec {

// Where a znode's data are.
struct DataPlace {
  uint64_t offset = 0;
  uint32_t bytes = 0;
  uint16_t file = 0;  // in DataFiles
  bool is_null = false;
};

// ACLs, each kept once. Numbers are small and never reused.
class AclTable {
 public:
  AclTable();
  // The number of a serialized vector of ACLs; false if it is none.
  bool Add(absl::string_view bytes, uint32_t* number);
  const Acl& Get(uint32_t number) const { return acls_[number]; }

  static constexpr uint32_t kOpen = 0;
  static constexpr uint32_t kUnknown = 1;  // empty: no file holds it

 private:
  std::vector<Acl> acls_;
  absl::flat_hash_map<std::string, uint32_t> numbers_;
};

// Names of znodes. What was freed is gathered once it is more than what is in use.
class NameArena {
 public:
  static constexpr size_t kNameBytesMax = (1 << 20) - 8;
  // Where the name is; false if there is no more room (4 GiB) or it is too long.
  bool Add(absl::string_view name, uint32_t* place);
  absl::string_view Get(uint32_t place) const;
  void Free(uint32_t place);
  bool wants_gathering() const { return freed_bytes_ > (16 << 20) && freed_bytes_ > used_bytes_; }

 private:
  static constexpr int kBlockBits = 20;
  std::vector<std::unique_ptr<char[]>> blocks_;
  size_t block_used_ = size_t{1} << kBlockBits;
  int64_t used_bytes_ = 0;
  int64_t freed_bytes_ = 0;
};

// How a change fits the tree.
enum class ChangeFit { kFits, kNoNode, kNodeExists, kNoParent, kHasChildren, kBadPath };

class ReplayedTree {
 public:
  struct Stat {
    int64_t czxid = 0;
    int64_t mzxid = 0;
    int64_t pzxid = 0;
    int64_t ctime_ms = 0;
    int64_t mtime_ms = 0;
    int64_t owner = 0;
    int32_t version = 0;
    int32_t child_version = 0;  // creations of children; clients see another number
    int32_t acl_version = 0;
  };
  // Its index stays the same while it lives.
  struct Znode {
    Stat stat;
    uint32_t content_crc = 0;  // of path and data
    uint32_t parent = 0;
    uint32_t name = 0;
    uint32_t next = 0;  // in the same slot of the hash table, or among the free ones
    uint32_t acl : 30 = 0;
    uint32_t is_counted : 1 = 0;  // by the digest: all but those below /zookeeper
    uint32_t is_used : 1 = 0;
    uint32_t num_children = 0;
    uint32_t data_bytes = 0;
    uint64_t data_offset : 47 = 0;
    uint64_t data_is_null : 1 = 0;
    uint64_t data_file : 16 = 0;
  };
  static constexpr uint32_t kNone = 0xffffffff;
  static constexpr uint32_t kRoot = 0;

  ReplayedTree();
  ReplayedTree(ReplayedTree&&) = default;
  ReplayedTree& operator=(ReplayedTree&&) = default;

  // Makes the tree that a server has before its first transaction.
  void BeginEmpty();

  // From a snapshot, parents first. The root's path is "". kNodeExists if it was there.
  ChangeFit Insert(absl::string_view path, absl::string_view data, const DataPlace& place,
                   uint32_t acl, const Stat& stat);

  // As a server's own DataTree: what does not fit changes only what makes a second replay converge.
  ChangeFit Create(const ZnodeChange& change, const DataPlace& place, uint32_t acl, int64_t zxid,
                   int64_t time_ms);
  ChangeFit SetData(const ZnodeChange& change, const DataPlace& place, int64_t zxid,
                    int64_t time_ms);
  ChangeFit SetAcl(const ZnodeChange& change, uint32_t acl);
  // With its descendants.
  ChangeFit Delete(absl::string_view path, int64_t zxid);
  // All ephemeral znodes of a session.
  void DeleteEphemerals(int64_t session, int64_t zxid);

  // Whether `digest` is that of this tree (version 2). ZooKeeper sums CRC-32 of the paths in the
  // character set of its Java: UTF-8, or ASCII or Latin-1 if its locale says so.
  bool HasDigest(int64_t digest) const;

  uint32_t Find(absl::string_view path) const;
  const Znode& Get(uint32_t index) const {
    return blocks_[index >> kBlockBits][index & kBlockMask];
  }
  absl::string_view Name(uint32_t index) const { return names_.Get(Get(index).name); }
  std::string Path(uint32_t index) const;
  // Indexes are below this; some of them may be free.
  uint32_t index_end() const { return index_end_; }
  int64_t size() const { return size_; }
  DataPlace Place(uint32_t index) const;
  const absl::flat_hash_map<int64_t, absl::flat_hash_set<uint32_t>>& ephemerals() const {
    return ephemerals_;
  }

  AclTable& acls() { return acls_; }
  const AclTable& acls() const { return acls_; }

 private:
  static constexpr int kBlockBits = 14;
  static constexpr uint32_t kBlockMask = (1 << kBlockBits) - 1;
  // Java's character sets that a server's locale may choose.
  static constexpr int kCharsets = 3;
  using Sums = std::array<uint64_t, kCharsets>;

  Znode& At(uint32_t index) { return blocks_[index >> kBlockBits][index & kBlockMask]; }
  uint32_t FindChild(uint32_t parent, absl::string_view name) const;
  // Of a path's parent; `*name` is the rest. kNone if there is none or the path is none.
  uint32_t FindParent(absl::string_view path, absl::string_view* name);
  uint32_t Add(absl::string_view path, uint32_t parent, absl::string_view name,
               absl::string_view data, const DataPlace& place, uint32_t acl, const Stat& stat);
  void SetContent(uint32_t index, absl::string_view path, absl::string_view data,
                  const DataPlace& place);
  // Adds the znode's share to the digest, or takes it away. To be called around every change.
  void Count(uint32_t index, bool add);
  void RaiseChildVersion(uint32_t parent, int32_t child_version, int64_t zxid);
  void Remove(uint32_t index);
  void RemoveWithDescendants(uint32_t index);
  void Unlink(uint32_t index);
  size_t Slot(uint32_t parent, absl::string_view name) const;
  void Grow();
  void GatherNames();

  std::vector<std::unique_ptr<Znode[]>> blocks_;
  uint32_t index_end_ = 0;
  uint32_t free_ = kNone;
  int64_t size_ = 0;
  std::vector<uint32_t> slots_;
  NameArena names_;
  AclTable acls_;
  Sums digest_ = {};
  // CRCs of path and data of znodes whose path is not ASCII, in the other character sets.
  absl::flat_hash_map<uint32_t, std::array<uint32_t, kCharsets - 1>> other_crcs_;
  absl::flat_hash_map<int64_t, absl::flat_hash_set<uint32_t>> ephemerals_;
  // The parent that was looked for last; most changes have siblings as neighbours.
  std::string last_parent_path_;
  uint32_t last_parent_ = kNone;
};

}  // namespace metarec
