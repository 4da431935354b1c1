// What tests of data directories share: a folder of files, and all that is read from one.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "testing/data_directory_writer.h"
#include "testing/scratch_folder.h"
#include "zk_store/tree/data_directory/data_directory.h"
#include "zk_store/tree/tree_node.h"

namespace metarec {

// A folder with a data directory in it.
class DataFolder {
 public:
  const std::string& path() const { return folder_.path(); }
  void WriteSnapshot(int64_t zxid, const std::string& bytes, const std::string& end = "") const;
  void WriteLog(int64_t first_zxid, const std::string& bytes) const;
  // The writer's log since the last one, followed by `zeros`; returns its name.
  std::string WriteLog(testing::DataDirectoryWriter* writer, size_t zeros = 0) const;
  void WriteSnapshot(const testing::DataDirectoryWriter& writer,
                     testing::SnapshotTail tail = testing::SnapshotTail::kDigest) const;
  std::string ReadFile(const std::string& name) const;
  void WriteFile(const std::string& name, const std::string& bytes) const;

 private:
  testing::ScratchFolder folder_;
};

absl::StatusOr<DataDirectoryTree> Read(const DataFolder& folder, DataDirectoryOptions options = {});

// What tests give to znodes.
inline constexpr int64_t kSession = 0x1000;
inline const Acl kOurs = {{"digest", "us:x", 31}, {"world", "anyone", 1}};

// One transaction of every type, and some more.
void WriteEverything(testing::DataDirectoryWriter* writer);

// By absolute path, "/" for the root. Checks that they come in path order.
absl::StatusOr<std::map<std::string, TreeNode>> ReadNodes(const DataDirectoryTree& tree,
                                                          absl::string_view root = "/");

// All that is known of a znode, on one line.
std::string NodeText(const TreeNode& node);

// Everything, so that equal texts are equal trees; the error if it cannot be read.
std::string TreeText(const DataDirectoryTree& tree);

// What the writer's tree is, as TreeText has it.
std::string TreeText(const testing::DataDirectoryWriter& writer);

// "gap 0x5", for each finding: kind and zxid.
std::string FindingsText(const DataDirectoryReport& report);

}  // namespace metarec
