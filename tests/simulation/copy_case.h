// A copy of a tree from one ZooKeeper to another and what happens meanwhile, as data.

#pragma once

#include <string>
#include <vector>

#include "transfer_case.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/tree/acl_policy.h"

namespace metarec::simulation {

// Who may do what to a znode.
enum class CopyAcl {
  kOpen,
  kAdmin,     // the copier's user may everything, others nothing
  kNarrow,    // the copier's user may read and administer
  kReadable,  // the copier's user may everything, others read
  kHidden,    // the copier's user may nothing
};
inline constexpr int64_t kCopyAcls = 5;
// The identities: the copier's user, and another one.
std::pair<std::string, std::string> CopierIdentity();
std::pair<std::string, std::string> OtherIdentity();
Acl AclOf(CopyAcl acl);

struct CopyNode {
  std::string path;  // relative to the root; "" is the root
  std::string data;
  bool null_data = false;
  CreateMode mode = CreateMode::kPersistent;
  CopyAcl acl = CopyAcl::kOpen;
};

// What is in the target before.
enum class CopyTarget {
  kAbsent,
  kEmpty,    // its root, without data
  kOccupied  // some of the source's, some other
};

// What another copy into the same target was told to do, TransferItem::b of kRival.
enum class RivalCommand { kTheSame, kAnother };
inline constexpr int64_t kRivalCommands = 2;
// Of TransferItem::b of kStranger: WriteAsStranger knows.
inline constexpr int64_t kStrangerDeeds = 9;

struct CopyCase : TransferCase {
  std::string from_root;
  std::string to_root;
  std::vector<CopyNode> source;  // parents first; without ephemeral ones
  CopyTarget target = CopyTarget::kAbsent;
  std::vector<CopyNode> occupied;  // of kOccupied
  CopiedAcl acl = CopiedAcl::kKeep;
  bool has_acl_map = false;
  bool plain_kinds = false;
  bool has_credentials = true;
  bool update = false;
  bool delete_extra = false;
  int passes_max = 3;
  size_t ops_max = 1;
  size_t in_flight_max = 1;

  // Whether nothing but misfortune keeps a copy from succeeding.
  bool IsSimple() const;
};

// The case without the items `dropped`; the other items stay as they are.
CopyCase MakeCopyCase(uint64_t seed, std::set<size_t> dropped = {});

}  // namespace metarec::simulation
