// What is in a tree, and whether two are the same: the simulation's own idea of it, which shares
// nothing with the engine's.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "testing/znode_tree.h"

namespace metarec::simulation {

struct SnapshotNode {
  std::string data;
  bool null_data = false;
  // Permissions by scheme and id.
  std::map<std::pair<std::string, std::string>, int32_t> acl;
  int64_t czxid = 0;  // not compared

  friend bool operator==(const SnapshotNode& a, const SnapshotNode& b) {
    return a.data == b.data && a.null_data == b.null_data && a.acl == b.acl;
  }
};

// By path relative to the root, "" for itself; without ephemeral znodes.
using TreeSnapshot = std::map<std::string, SnapshotNode>;

std::map<std::pair<std::string, std::string>, int32_t> PermissionsOf(const Acl& acl);
TreeSnapshot SnapshotOf(const testing::ZnodeTree& tree, const std::string& root);
// The first difference in words; empty: they are the same.
std::string DifferenceOf(const TreeSnapshot& expected, const TreeSnapshot& found);

}  // namespace metarec::simulation
