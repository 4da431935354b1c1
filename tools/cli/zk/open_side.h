// A SIDE as a tree that can be read, whatever it is.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "base/runtime/progress.h"
#include "tools/cli/side_arguments.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/tree/data_directory/data_directory.h"
#include "zk_store/tree/file_stamp.h"
#include "zk_store/tree/live_tree.h"
#include "zk_store/tree/tree_source.h"

namespace metarec::tools {

struct OpenSideOptions {
  bool acls = true;
  // Of a running ZooKeeper, as far as to read; others are read to their end in any case.
  size_t depth_max = SIZE_MAX;
  // Read a tree file once to its end before anything of it is given: for verbs that change
  // something, which must not begin with half a file.
  bool whole_first = false;
  // Of a data directory: an earlier tree than the server's last will do, for verbs that only show
  // it. Otherwise the user must have accepted that.
  bool earlier_will_do = false;
};

// A tree file, and the part of it that is meant.
struct OpenedFile {
  std::string path;
  std::string below;   // "/a/b"; "" for all of it
  FileStamp stamp;     // from before it was read
  int64_t znodes = 0;  // if they were counted
};

// What is open, with all that it needs. Used on one executor.
class OpenedSide {
 public:
  // `tree` reads the file.
  OpenedSide(std::string name, OpenedFile file, std::unique_ptr<TreeSource> tree);
  // A running ZooKeeper: `live` reads it.
  OpenedSide(std::string name, std::unique_ptr<MetaStore> store, std::unique_ptr<LiveTree> live);
  // A data directory: what `data` has at the absolute path `root`.
  OpenedSide(std::string name, DataDirectoryTree data, const std::string& root);
  ~OpenedSide();

  TreeSource* tree() const { return tree_.get(); }
  // As it can be typed, with its path.
  const std::string& name() const { return name_; }
  // Null unless it is a running ZooKeeper.
  MetaStore* store() const { return store_.get(); }

  // Of a file or a folder: makes tree() the same tree once more, from its beginning. What was found
  // out of it stays known: a data directory is not replayed again, nor is a file checked again.
  // kAborted if it has changed since it was opened.
  absl::Status Reopen();
  absl::Status CheckUnchanged() const;

  // What a person should know of what was read, each with a newline: what is not in the tree
  // although it was there, and what tree it is that a data directory has. "" if nothing.
  std::string Notes() const { return Report() + LeftOut(); }
  // The part of it that is known once the side is open, and the one that only reading it tells.
  std::string Report() const;
  std::string LeftOut() const;
  // What the report of a data directory says of its tree; "null" of any other side.
  std::string DataDirectoryJson() const;
  // kNotFound, with what to check, for a tree without znodes.
  absl::Status NothingThere() const;

 private:
  const std::string name_;
  // These outlive the tree.
  const std::unique_ptr<MetaStore> store_;
  const std::optional<DataDirectoryTree> data_;
  const std::string data_root_;
  const std::optional<OpenedFile> file_;
  std::unique_ptr<TreeSource> tree_;
  const LiveTree* live_ = nullptr;  // tree_, if it is one
  int64_t left_out_ = 0;            // znodes at and below /zookeeper
};

// What a person should know of what `tree`, which has been read, did not give; "" if nothing.
std::string LeftOutOf(const LiveTree& tree, absl::string_view name);

// Opens a tree file; the part of it at `below` ("/a/b"), or with "" all of it.
absl::StatusOr<std::unique_ptr<OpenedSide>> OpenTreeFile(const SidePlace& place,
                                                         const std::string& below,
                                                         OpenSideOptions options);

// Reads it to its end, and shows how far it is. kNotFound for a tree without znodes.
asio::awaitable<absl::Status> ReadToEnd(const OpenedSide& side, ProgressListener* progress,
                                        std::function<void(TreeNode)> on_node);

// Says the notes on stderr.
void PrintNotes(const OpenedSide& side);

// Opens what the arguments name, which were checked: a running ZooKeeper, a tree file, or the data
// directory of a server that does not run any more.
asio::awaitable<absl::StatusOr<std::unique_ptr<OpenedSide>>> OpenSide(const SideArguments& side,
                                                                      OpenSideOptions options,
                                                                      Clock* clock);

}  // namespace metarec::tools
