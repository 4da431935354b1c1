// What of a znode makes a difference between two trees, as a digest: path, data, ACL, and kind with
// its TTL. Not who owns an ephemeral znode, and neither versions, transaction ids nor times, which
// a copy cannot keep. A tree file's end, `zk diff`, `zk export` and `zk rm --yes` all mean this
// one.

#pragma once

#include <memory>
#include <string>

#include <absl/strings/string_view.h>

#include "zk_store/tree/tree_node.h"

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace metarec {

// Each compares what the digest is of. Both nodes are at the same path.
bool SameData(const TreeNode& a, const TreeNode& b);
bool SameKind(const TreeNode& a, const TreeNode& b);

// SHA-256 over znodes in the order in which they are added. Two trees have the same digest if they
// have the same znodes. The digest of a tree is that of all its znodes but the ephemeral ones, in
// path order. Not thread-safe.
class TreeDigest {
 public:
  TreeDigest();
  ~TreeDigest();
  TreeDigest(TreeDigest&&) noexcept;
  TreeDigest& operator=(TreeDigest&&) noexcept;

  void Add(const TreeNode& node);
  // Something about the node that is added next: "missing".
  void AddWord(absl::string_view word);

  // "sha256:<64 hexadecimal digits>". Must be the last call.
  std::string Finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
  std::string buffer_;
};

}  // namespace metarec
