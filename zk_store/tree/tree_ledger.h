// What one pass over a tree has seen, in path order, outside of memory.

#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "zk_store/client/meta_store.h"
#include "zk_store/tree/tree_node.h"

namespace metarec {

// The beginning of a SHA-256 over data and ACL of a znode. Not over its kind, which a running
// server does not show.
using NodeFingerprint = std::array<uint8_t, 16>;
NodeFingerprint FingerprintOf(const TreeNode& node);

// The same over a path and the data, or the ACL, that a copy sets there.
NodeFingerprint ClaimOfData(const TreeNode& node);
NodeFingerprint ClaimOfAcl(absl::string_view path, const Acl& acl);

struct LedgerEntry {
  std::string path;
  // What of a NodeStat shows that the znode, its ACL or its children were changed.
  int64_t czxid = 0;
  int64_t mzxid = 0;
  int64_t pzxid = 0;
  int32_t child_version = 0;
  int32_t acl_version = 0;
  NodeFingerprint content = {};

  bool HasStatOf(const NodeStat& stat) const;
};

// Written once, then read any number of times. Lies in a file in TMPDIR that nobody else can open
// and that is gone with this, about 50 bytes and the end of the path for each znode. Not
// thread-safe. Blocks as files do. Errors name the folder.
class TreeLedger {
 public:
  static absl::StatusOr<TreeLedger> Create();

  absl::Status Append(const TreeNode& stat_and_path, const NodeFingerprint& content);

  // From the beginning on.
  absl::Status Rewind();
  // The next one; nullopt at the end.
  absl::StatusOr<std::optional<LedgerEntry>> Next();

 private:
  struct Close {
    void operator()(std::FILE* file) const { (void)std::fclose(file); }
  };
  explicit TreeLedger(std::FILE* file) : file_(file) {}

  std::unique_ptr<std::FILE, Close> file_;
  std::string last_path_;  // written or read
};

}  // namespace metarec
