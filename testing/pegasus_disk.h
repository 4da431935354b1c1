// Files as Pegasus's replica servers leave them: RocksDBs, replicas' folders, cold backups.
// Formats: docs/offline-split.md, Formats, INTEROP.md section 10.1.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <rocksdb/db.h>

#include "replica_collector/evidence.h"

namespace metarec::testing {

// u16 length of the hash key, hash key, sort key.
std::string PegasusKey(absl::string_view hash_key, absl::string_view sort_key);
// Of data version 1: u32 expiry in seconds since 2016-01-01 UTC (0: none), u64 timetag, data.
std::string PegasusValue(uint32_t expire, uint64_t timetag, absl::string_view data);

// The RocksDB of one replica, which stays open as in a server that runs. Thread-safe.
class PegasusRows {
 public:
  // Created if it is not there.
  static absl::StatusOr<std::unique_ptr<PegasusRows>> Open(const std::string& folder,
                                                           int64_t data_version = 1);
  ~PegasusRows();
  PegasusRows(const PegasusRows&) = delete;
  PegasusRows& operator=(const PegasusRows&) = delete;

  absl::Status Put(absl::string_view key, absl::string_view value);
  absl::Status Delete(absl::string_view key);
  // As flushed up to that decree.
  absl::Status Flush(int64_t decree);
  absl::Status Compact();
  // A copy that is complete in itself, in a folder that is not there yet.
  absl::Status Checkpoint(const std::string& folder);

 private:
  PegasusRows(std::unique_ptr<rocksdb::DB> database,
              std::vector<rocksdb::ColumnFamilyHandle*> families)
      : database_(std::move(database)), families_(std::move(families)) {}

  const std::unique_ptr<rocksdb::DB> database_;
  const std::vector<rocksdb::ColumnFamilyHandle*> families_;  // default, pegasus_meta_cf
};

// What `.app-info` of that table holds.
std::string AppInfoFile(const TableRecord& table);

// A replica's folder as a server leaves it that was stopped. Of `replica` the table's id, the
// partition's index and the ballot count, and the durable decree as the one that was flushed.
absl::Status WriteReplicaFolder(const std::string& data_dir, const TableRecord& table,
                                const ReplicaRecord& replica);

// Writes a file and, beside it, the `.NAME.meta` of Pegasus's local_service.
absl::Status WriteBackupFile(const std::string& path, absl::string_view bytes);

// The folder of a cold backup of one table, `<root>/<app name>_<app id>`, from the rows of its
// partitions, all of them in order.
absl::Status WriteBackup(const std::string& root, const TableRecord& table,
                         const std::vector<PegasusRows*>& partitions);

}  // namespace metarec::testing
