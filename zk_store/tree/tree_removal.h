// Deletes a tree: what somebody has seen of it, and nothing else.
//
// First the tree is read, and its digest is compared with the one that the caller was shown. Then
// it is read again, and deleted behind that walk, leaves first. Nothing is deleted that was created
// or set since the digest was right: by then a journal znode is in the tree's root, and whatever is
// newer than that is somebody else's. With the journal a run that ended too early can be gone on
// with, under the same digest.
//
// "/" can only be cleared of an unfinished copy that found it empty: then all but /zookeeper goes,
// and "/" itself stays, without the data that the copy gave it.

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/tree/tree_copy.h"
#include "zk_store/tree/tree_node.h"
#include "zk_store/tree/tree_writer.h"

namespace metarec {

struct TreeRemovalOptions {
  std::string root;  // absolute; /zookeeper is refused
  std::string name;  // for messages: "zk1:2181/pegasus"
  // Of TreeSurvey::digest. Empty: only look.
  std::string digest;
  // Instead of a digest: the tree is the caller's, whatever is in it when this begins, and
  // whoever's unfinished work it is. OK if there is none.
  bool whole = false;
  // With `whole`: what a later transaction has created or set is not the caller's, and then nothing
  // is deleted. 0: there is no such.
  int64_t newest_zxid = 0;
  TreeWriterOptions writer;
};

struct TreeRemovalEvents {
  // Now and then: "read" or "delete", and znodes so far.
  std::function<void(absl::string_view activity, int64_t znodes)> on_progress;
};

// What is there.
struct TreeSurvey {
  int64_t znodes = 0;
  int64_t data_bytes = 0;
  std::string digest;  // TreeDigest of it
  PathSample ephemerals;
  std::vector<std::string> sessions;  // that own these, "0x10a3f", the first of them
  PathSample newer;                   // than TreeRemovalOptions::newest_zxid
  struct Child {
    std::string name;
    int64_t znodes = 0;  // with those below it
    int64_t data_bytes = 0;
  };
  std::vector<Child> children;  // the first ones of the root
  int64_t more_children = 0;

  // In path order.
  void Add(const TreeNode& node);
};

struct TreeRemovalResult {
  TreeSurvey survey;  // of a run that was gone on with: empty
  // Of whom the tree is the unfinished work, in words; empty: of nobody.
  std::string unfinished;
  int64_t deleted = 0;
  bool resumed = false;
};

// With a digest: OK means that the tree is gone. Errors: kNotFound if there is no such tree; marked
// kRefused (error_mark.h; nothing was deleted) if the digest is another one, if something is newer
// than it may be, or if there is an ephemeral znode, which a living session, perhaps the holder of
// a lock, has there; marked kDisturbed if somebody writes there meanwhile. After other errors the
// same can be begun again with the same digest.
//
// Used on one executor; store and clock must outlive it.
asio::awaitable<absl::StatusOr<TreeRemovalResult>> RemoveTree(MetaStore* store, Clock* clock,
                                                              TreeRemovalOptions options,
                                                              TreeRemovalEvents events);

}  // namespace metarec
