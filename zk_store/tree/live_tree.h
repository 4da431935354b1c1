// A tree as a running ZooKeeper serves it, read in path order with many requests in flight.
//
// Reads are no snapshot: the tree may change while it is walked. What is promised of each znode is
// that its data, its ACL and the list of its children are at least as new as its NodeStat says, so
// that whoever looks at the NodeStat again later, and finds it unchanged, has what is there.
//
// A running server does not tell which znodes are containers or have a TTL (TreeHead::has_kinds).

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/tree/tree_source.h"

namespace metarec {

struct LiveTreeOptions {
  std::string source;     // for TreeHead, as the user named it
  bool read_acls = true;  // otherwise they are empty, and TreeHead::has_acls is false
  // /zookeeper is ZooKeeper's own. It is left out of the tree of "/"; as a root it is read.
  bool include_zookeeper = false;
  // How many levels below the root to read; 0 is the root alone.
  size_t depth_max = SIZE_MAX;
  // Znodes that are being read at once, each with one request at a time.
  size_t in_flight_max = 512;
  // What is read, or listed, ahead of what Next has given: znodes, and bytes of data and of names.
  // Beyond this only the next znode is read. Neither counts what must be remembered of the
  // ancestors of the next znode: the names of those of their children that are still to come.
  size_t ahead_max = 16'384;
  size_t ahead_bytes_max = 16 << 20;
  RetryLimits retry;
};

// Used on one executor (a single thread or a strand), where it reads in the background from the
// first Next on. It may be destroyed at any time. Store and clock must outlive it; and the clock
// the executor's context, too, unless what is in flight has ended.
class LiveTree final : public TreeSource {
 public:
  // `root` is absolute: "/" or "/a/b".
  LiveTree(MetaStore* store, Clock* clock, std::string root, LiveTreeOptions options = {});
  ~LiveTree() override;

  // Reads that lose their connection are repeated, as far as options.retry allows. Errors, which
  // are final, name the znode: it may not be read (StoreError::kNoAuth; never taken for empty), the
  // server hides its ACL (kPermissionDenied), it changes too often to be read (kAborted), the
  // session ended, kCancelled.
  asio::awaitable<absl::StatusOr<std::vector<TreeNode>>> Next() override;
  // The zxid is the last one that the root shows.
  const TreeHead& head() const override;

  // Of what has been read so far: znodes that were listed and had gone before they were read.
  int64_t vanished() const;
  // Whether /zookeeper was left out.
  bool left_zookeeper_out() const;

 private:
  class Walk;
  const std::shared_ptr<Walk> walk_;
};

}  // namespace metarec
