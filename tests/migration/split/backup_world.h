// Backups for the tests of splits, and what a table holds once their files are loaded.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <absl/strings/string_view.h>
#include <gtest/gtest.h>

#include "migration/split/table_split.h"
#include "testing/pegasus_disk.h"
#include "testing/scratch_folder.h"

namespace metarec {

using Rows = std::map<std::string, std::string>;  // value by key, both as stored

// 2026-11-30, and then as an expiry.
inline constexpr int64_t kNow = 1795996800;
inline constexpr uint32_t kNowExpiry = kNow - 1451606400;

// A table whose rows are put into the partitions where they belong.
class BackupWorld {
 public:
  explicit BackupWorld(int32_t partition_count, int64_t data_version = 1);

  // Of version 1: without timetag the value is that of version 0.
  void Put(absl::string_view hash_key, absl::string_view sort_key, absl::string_view data,
           uint32_t expire = 0, uint64_t timetag = 7);
  void PutStored(int32_t partition, absl::string_view key, absl::string_view value);
  void Delete(absl::string_view hash_key, absl::string_view sort_key);
  // `count` rows with keys and values at random, some of them with an expiry far away.
  void Fill(int count, uint32_t seed, size_t value_bytes = 40);
  void Flush();

  // The folder of the table's backup.
  std::string Backup();

  // What a split has to give.
  const Rows& rows() const { return rows_; }
  testing::PegasusRows& partition(int32_t index) { return *partitions_[index]; }
  std::string Path(const std::string& name) const { return scratch_.path() + "/" + name; }

  // To table 12 `dst` of cluster `onebox2`, in Path("bulk").
  TableSplitOptions SplitTo(int32_t partition_count);

 private:
  int32_t PartitionOfKey(absl::string_view hash_key, absl::string_view sort_key) const;

  const int64_t data_version_;
  testing::ScratchFolder scratch_;
  std::vector<std::unique_ptr<testing::PegasusRows>> partitions_;
  Rows rows_;
  std::string backup_;
};

// What is in the files of a folder of bulk load, found through its metadata alone: each file has
// the size and the MD5 that these say, keys ascend in each file, files of one partition do not
// overlap, and each key is in the partition that its hash gives. Fails the test otherwise.
Rows ReadBulkLoad(const std::string& folder, int32_t partition_count);

// Fails with how many rows are missing, differ, or are too many.
::testing::AssertionResult SameRows(const Rows& found, const Rows& expected);

// Every file below a folder with its content.
std::map<std::string, std::string> Everything(const std::string& folder);

std::string ReadWhole(const std::string& path);

}  // namespace metarec
