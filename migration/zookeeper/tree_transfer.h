// What a move does with trees: copying one, comparing two, removing one; and the mark by which a
// run knows the tree that it has begun.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "migration/zookeeper/tree_moment.h"
#include "migration/zookeeper/tree_place.h"

namespace metarec {

struct TransferCount {
  bool kept_changing = false;  // then the rest is not known
  int64_t znodes = 0;          // that both have in the end
  int64_t written = 0;         // created or set
  int64_t deleted = 0;
  int64_t newest_zxid = 0;  // what is newer in the target is not of this transfer; 0: not known
};

struct TransferOptions {
  // It is no error if the source changes all the time, so that no look finds it still.
  bool may_change = false;
  // More transfers of this tree follow: the target stays marked as unfinished until the last one.
  bool more_follow = false;
  // Children of the target's root that were there when it was found free: they are left alone.
  std::vector<std::string> left_alone;
  // Hears of znodes now and then, if given.
  std::function<void(int64_t znodes)> on_progress;
};

// Makes the tree at `to`, which is absent, empty, or an earlier transfer of the same tree, the same
// as that at `from` (zk_store/tree/tree_copy.h), and reads both back, until they are seen to be.
// What others have written there is neither overwritten nor deleted: it is an error, marked
// kDisturbed or kRefused. Ephemeral znodes are left out; nothing is written into `from`. May be cut
// short at any moment and begun again; one that is over already only compares.
asio::awaitable<absl::StatusOr<TransferCount>> TransferTree(TreePlace from, TreePlace to,
                                                            TransferOptions options, Clock* clock);

// What in the target of a transfer was not written by it, as long as nobody but strangers writes
// there. `left_alone` as there.
asio::awaitable<absl::StatusOr<TreeSince>> LookForOthers(TreePlace to,
                                                         std::vector<std::string> left_alone,
                                                         Clock* clock);

// What in the target of an unfinished recovery has no place in one, nor in what is carried over
// into it; likewise.
asio::awaitable<absl::StatusOr<TreeSince>> LookForOthersInTopology(
    TreePlace to, std::vector<std::string> left_alone, Clock* clock);

struct TreeComparison {
  int64_t znodes = 0;
  int64_t differences = 0;
  std::vector<std::string> examples;  // the first few: "/apps/3: data+acl"
  TreeMoment a;                       // at which they were compared
  TreeMoment b;

  bool equal() const { return differences == 0; }
};

// Reads both to their ends. Ephemeral znodes do not count, nor do metarec's journals, nor what only
// `b` has at or below the children of its root in `left_alone` (TransferOptions).
asio::awaitable<absl::StatusOr<TreeComparison>> CompareTrees(TreePlace a, TreePlace b,
                                                             std::vector<std::string> left_alone,
                                                             Clock* clock);

// Children of the root that are not a cluster's own: neither Pegasus's (INTEROP.md section 6.1),
// nor ours, nor the way to its lock directory.
asio::awaitable<absl::StatusOr<std::vector<std::string>>> StrangersBelow(TreePlace place,
                                                                         std::string lock_root,
                                                                         Clock* clock);

// Writes the tree into a file (zk_store/tree/tree_file.h). Returns how many znodes it has.
asio::awaitable<absl::StatusOr<int64_t>> ExportTree(TreePlace from, std::string path, Clock* clock);

struct DeletionOptions {
  bool keeps_root = false;
  // With `keeps_root`: children of the root that stay.
  std::vector<std::string> keep;
  // What a later transaction has created or set is somebody else's, and keeps its child of the root
  // from being deleted; 0: all of it goes.
  int64_t newest_zxid = 0;
};

// Deletes the tree, leaves first. OK if it is not there. Ephemeral znodes are never deleted: they
// are an error. May be cut short and begun again.
asio::awaitable<absl::Status> DeleteTree(TreePlace place, DeletionOptions options, Clock* clock);

// The mark beside the root that a run writes into: "<root>.metarec_move".
std::string MoveMarkPath(absl::string_view root);

// Who has begun to write there, if anybody; its run id.
asio::awaitable<absl::StatusOr<std::optional<std::string>>> ReadMoveMark(TreePlace place,
                                                                         Clock* clock);
// Makes the mark, and what is missing above it, in one transaction. OK if it is there already;
// kFailedPrecondition if it is another run's.
asio::awaitable<absl::Status> WriteMoveMark(TreePlace place, std::string run_id, Clock* clock);
// With what that transaction made above it and is empty now. OK if there is no mark;
// kFailedPrecondition if it is another run's.
asio::awaitable<absl::Status> RemoveMoveMark(TreePlace place, std::string run_id, Clock* clock);

}  // namespace metarec
