// A tree as a file of JSON lines; docs/file-formats.md describes the format.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <asio/awaitable.hpp>

#include "zk_store/tree/tree_source.h"

namespace metarec {

class JsonWriter;

// How the first line of a tree file names its format.
inline constexpr absl::string_view kTreeFormat = "metarec-tree";

struct TreeFileOptions {
  bool overwrite = false;         // when writing
  int interrupt_descriptor = -1;  // both ways; as in LineReaderOptions
  // A znode's data may be as long as its server's jute.maxbuffer, and base64 takes a third more.
  size_t line_bytes_max = 256 << 20;
};

// Writes the fields that a znode's line has into the object that is open. Whoever shows znodes as
// JSON shows them so.
struct TreeNodeFields {
  bool data = true;
  bool acl = true;
};
void WriteTreeNode(const TreeNode& node, TreeNodeFields fields, JsonWriter* out);

// What a tree has, all of it read or written.
struct TreeSummary {
  int64_t znodes = 0;      // all of them
  int64_t data_bytes = 0;  // of all of them
  int64_t ephemerals = 0;  // of the znodes
  int64_t zxid_max = 0;    // the last transaction that any of them shows
  std::string digest;      // of the tree: TreeDigest
};

// Writes a tree into a file that is there completely or not at all. Not thread-safe. Errors name
// the file.
class TreeFileWriter {
 public:
  // kAlreadyExists when the file is there and may not be replaced.
  static absl::StatusOr<TreeFileWriter> Create(const std::string& path, const TreeHead& head,
                                               const TreeFileOptions& options = {});
  TreeFileWriter(TreeFileWriter&&) noexcept;
  TreeFileWriter& operator=(TreeFileWriter&&) noexcept;
  ~TreeFileWriter();

  // In path order, a parent before its children: kInvalidArgument for any other.
  absl::Status Append(const TreeNode& node);
  // Must be the last call. Without it there is no file.
  absl::StatusOr<TreeSummary> Finish();

 private:
  class File;
  explicit TreeFileWriter(std::unique_ptr<File> file);
  std::unique_ptr<File> file_;
};

// Reads `source` to its end into a file; kNotFound, and no file, if it has no znodes. `on_read`, if
// given, hears now and then how many znodes and bytes of data there were.
asio::awaitable<absl::StatusOr<TreeSummary>> WriteTreeFile(
    TreeSource* source, std::string path, TreeFileOptions options,
    std::function<void(int64_t znodes, int64_t bytes)> on_read = nullptr);

// A tree that a TreeFileWriter wrote. Blocks while it reads the file.
//
// Gives kDataLoss, with file and line, when the file was cut or edited, and when what it holds is
// no tree: a znode twice, out of order, or without its parent. A cut file is only known as such at
// its end: whoever acts on a tree before that should ask CheckTreeFile first. NodeStat::data_bytes
// is that of the data.
class TreeFileReader final : public TreeSource {
 public:
  // kNotFound or another open error; kInvalidArgument for what is no tree file or one of another
  // version.
  static absl::StatusOr<std::unique_ptr<TreeFileReader>> Open(const std::string& path,
                                                              const TreeFileOptions& options = {});
  ~TreeFileReader() override;

  asio::awaitable<absl::StatusOr<std::vector<TreeNode>>> Next() override;
  // Known from the start.
  const TreeHead& head() const override;

  // The same as Next, for callers that are no coroutines.
  absl::StatusOr<std::vector<TreeNode>> ReadSome();
  // What the whole file has; once Next has given none.
  const TreeSummary& summary() const;

 private:
  class File;
  explicit TreeFileReader(std::unique_ptr<File> file);
  const std::unique_ptr<File> file_;
};

// Reads all of a tree file and keeps nothing of it. Errors are those of the reader.
absl::StatusOr<TreeSummary> CheckTreeFile(const std::string& path,
                                          const TreeFileOptions& options = {});

}  // namespace metarec
