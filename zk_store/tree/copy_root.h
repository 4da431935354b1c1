// The root of a copy's target, which is there before the copy's journal can be.

#pragma once

#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "zk_store/client/meta_store.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/tree/acl_policy.h"
#include "zk_store/tree/tree_node.h"

namespace metarec {

struct CopyRootOptions {
  std::string path;  // absolute
  TreeNode source;   // its data and kind
  CopiedAcl acl = CopiedAcl::kKeep;
  AclMap acl_map;
  bool plain_kinds = false;
};

struct MadeCopyRoot {
  // What was missing, the root last: absolute.
  std::vector<std::string> paths;
  // Of the root, as it was asked for: it may be CreatorOnlyAcl.
  Acl acl;
};

// Creates it, and what is missing above it, unless it is there. It gets an ACL under which the copy
// can go on: only these credentials may use it, if the session has any. Its own one is set later,
// as those of other znodes are. Store and budget must outlive the call.
asio::awaitable<absl::StatusOr<MadeCopyRoot>> CreateCopyRoot(MetaStore* store, RetryBudget* budget,
                                                             CopyRootOptions options);

}  // namespace metarec
