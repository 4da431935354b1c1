// The files that one unit of a split writes, and what is checked of them when they are complete.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <rocksdb/sst_file_writer.h>

#include "migration/split/bulk_load_files.h"
#include "migration/split/stored_row.h"

namespace metarec {

struct SplitFile : BulkLoadFile {
  int32_t target = 0;
  RowsDigest rows;  // as they were read back

  friend bool operator==(const SplitFile&, const SplitFile&) = default;
};

struct SplitWriterOptions {
  int64_t file_bytes_max = 64 << 20;
  // Of all files that are open together: what RocksDB keeps for each row until its file is
  // complete, some ten bytes for the bloom filter, and its buffers.
  int64_t memory_bytes = 16 << 20;
};

// "data_<unit>_<number>.sst".
std::string SplitFileName(size_t unit, int number);

// Options with which files are written that any Pegasus ingests (docs/offline-split.md).
rocksdb::Options SstOptions();

// One file at a time for each target. Not thread-safe.
class SplitWriters {
 public:
  // Into `<folder>/<target>/`, which is there.
  SplitWriters(std::string folder, size_t unit, std::vector<int32_t> targets,
               const SplitWriterOptions& options = {});

  // Keys of one target ascend. kResourceExhausted if the disk is full, kUnavailable if a file
  // cannot be written.
  absl::Status Put(int32_t target, absl::string_view key, absl::string_view value);

  // Completes all files, and returns them, with their `.meta` written. Each was read back: what it
  // holds is in SplitFile::rows. Must be the last call.
  absl::StatusOr<std::vector<SplitFile>> Finish();

 private:
  struct Open {
    std::unique_ptr<rocksdb::SstFileWriter> writer;
    std::string name;
    int64_t rows = 0;
  };

  std::string PathOf(int32_t target, const std::string& name) const;
  absl::Status Begin(int32_t target, Open* open);
  absl::Status Complete(int32_t target, Open* open);

  const std::string folder_;
  const size_t unit_;
  const SplitWriterOptions options_;
  const int64_t rows_of_file_max_;
  const rocksdb::Options sst_options_;
  rocksdb::EnvOptions env_options_;
  std::vector<Open> open_;  // by place in `targets_`
  std::vector<int32_t> targets_;
  absl::flat_hash_map<int32_t, size_t> place_of_;
  int next_number_ = 0;
  std::vector<SplitFile> complete_;
};

// Reads a file as a server will, and says what it holds; the empty write of a partition without
// rows does not count. kDataLoss if it is damaged.
absl::StatusOr<RowsDigest> ReadSplitFile(const std::string& path);

// The file of a partition without rows: bulk load fails for a table that has a partition without
// any file.
absl::StatusOr<SplitFile> WriteEmptyFile(const std::string& folder, int32_t target);

}  // namespace metarec
