// The RocksDB of one replica: `data/rdb` in its folder, or a checkpoint in a backup. Pegasus keeps
// rows in the column family `default`, and numbers about them in `pegasus_meta_cf`.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <rocksdb/db.h>

namespace metarec {

// Keys of `pegasus_meta_cf` (docs/offline-split.md).
inline constexpr absl::string_view kPegasusDataVersion = "pegasus_data_version";
inline constexpr absl::string_view kPegasusLastFlushedDecree = "pegasus_last_flushed_decree";

struct PegasusDatabaseOptions {
  // A server that runs may delete a file between two steps of opening: then it is tried again.
  int attempts_max = 20;
  // Of the table files; more are opened and closed as they are read.
  int open_files_max = 64;
};

// Opened to read only: nothing is created, changed or locked in its folder, so that a server may
// run on it. Reads see what was flushed when it was opened. Thread-safe.
class PegasusDatabase {
 public:
  // kNotFound if there is none, kDataLoss for a damaged one, kUnavailable for one that cannot be
  // read; the message names the folder.
  static absl::StatusOr<std::unique_ptr<PegasusDatabase>> Open(
      const std::string& folder, const PegasusDatabaseOptions& options = {});
  ~PegasusDatabase();
  PegasusDatabase(const PegasusDatabase&) = delete;
  PegasusDatabase& operator=(const PegasusDatabase&) = delete;

  // A number of `pegasus_meta_cf`, which is decimal text there. kNotFound if it has none of that
  // name, kDataLoss if it is no number from 0 on.
  absl::StatusOr<int64_t> MetaNumber(absl::string_view key) const;

  const std::string& folder() const { return folder_; }
  rocksdb::DB* rows() const { return database_.get(); }  // its default column family has them

 private:
  PegasusDatabase(std::string folder, std::unique_ptr<rocksdb::DB> database,
                  std::vector<rocksdb::ColumnFamilyHandle*> families)
      : folder_(std::move(folder)),
        database_(std::move(database)),
        families_(std::move(families)) {}

  const std::string folder_;
  const std::unique_ptr<rocksdb::DB> database_;
  const std::vector<rocksdb::ColumnFamilyHandle*> families_;  // default, pegasus_meta_cf
};

// The same error as an absl::Status: kDataLoss for corruption, kNotFound, kResourceExhausted for a
// full disk, otherwise kUnavailable. `what` begins the message.
absl::Status FromRocksDb(const rocksdb::Status& status, absl::string_view what);

}  // namespace metarec
