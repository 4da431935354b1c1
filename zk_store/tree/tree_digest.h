// What of a znode makes a difference between two trees, as a digest: path, data and ACL. Neither
// versions, transaction ids nor times, which a copy cannot keep, nor whether it is a container or
// has a TTL, which a running server does not tell. A tree file's end, `zk diff`, `zk export` and
// `zk rm --yes` all mean this one.

#pragma once

#include <memory>
#include <string>

#include <absl/strings/string_view.h>

#include "zk_store/tree/tree_node.h"

namespace metarec {

class Sha256;

bool SameData(const TreeNode& a, const TreeNode& b);
// With the TTL. `has_kinds`: whether the sources of both know them (TreeHead); otherwise only
// ephemeral nodes differ from others.
bool SameKind(const TreeNode& a, const TreeNode& b, bool has_kinds);

// SHA-256 over the znodes of a tree in path order, all but the ephemeral ones. Two trees have the
// same digest if these are the same. Not thread-safe.
class TreeDigest {
 public:
  enum class Ephemerals { kLeftOut, kIncluded };

  explicit TreeDigest(Ephemerals ephemerals = Ephemerals::kLeftOut);
  ~TreeDigest();
  TreeDigest(TreeDigest&&) noexcept;
  TreeDigest& operator=(TreeDigest&&) noexcept;

  void Add(const TreeNode& node);
  // What is to be said of the znodes that are added next: "missing".
  void AddWord(absl::string_view word);

  // "sha256:<64 hexadecimal digits>". Must be the last call.
  std::string Finish();

 private:
  void AddBuffer();

  Ephemerals ephemerals_;
  std::unique_ptr<Sha256> sha256_;
  std::string buffer_;
};

}  // namespace metarec
