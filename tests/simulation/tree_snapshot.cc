#include "tree_snapshot.h"

#include <absl/strings/str_cat.h>

namespace metarec::simulation {

std::map<std::pair<std::string, std::string>, int32_t> PermissionsOf(const Acl& acl) {
  std::map<std::pair<std::string, std::string>, int32_t> permissions;
  for (const AclEntry& entry : acl) permissions[{entry.scheme, entry.id}] |= entry.permissions;
  return permissions;
}

TreeSnapshot SnapshotOf(const testing::ZnodeTree& tree, const std::string& root) {
  TreeSnapshot snapshot;
  tree.ForEach(root, [&](const std::string& path, const NodeData& node, const Acl& acl) {
    if (node.stat.ephemeral_owner != 0) return;
    const std::string relative = root == "/" ? (path == "/" ? "" : path) : path.substr(root.size());
    snapshot[relative] = {node.data, node.null_data, PermissionsOf(acl), node.stat.czxid};
  });
  return snapshot;
}

std::string DifferenceOf(const TreeSnapshot& expected, const TreeSnapshot& found) {
  for (const auto& [path, node] : expected) {
    const auto other = found.find(path);
    if (other == found.end()) return absl::StrCat("'", path, "' is missing");
    if (node == other->second) continue;
    return absl::StrCat("'", path, "' has another ",
                        node.acl != other->second.acl ? "ACL" : "content");
  }
  for (const auto& [path, node] : found) {
    if (!expected.contains(path)) return absl::StrCat("'", path, "' is extra");
  }
  return "";
}

}  // namespace metarec::simulation
