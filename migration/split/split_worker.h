// Does one unit of a split: reads the rows of its sources in the order of their keys, and writes
// those that belong to its targets.

#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "migration/split/backup_folder.h"
#include "migration/split/split_plan.h"
#include "migration/split/split_writers.h"
#include "migration/split/stored_row.h"

namespace metarec {

// What became of the rows of a unit: read = copied + expired + misplaced + empty writes.
struct SplitCounts {
  RowsDigest copied;
  int64_t expired = 0;
  // In a partition that is not theirs, which servers do not show: what a split of the table left
  // behind.
  int64_t misplaced = 0;
  int64_t empty_writes = 0;

  void Add(const SplitCounts& other);
  friend bool operator==(const SplitCounts&, const SplitCounts&) = default;
};

struct SplitUnitResult {
  SplitCounts counts;
  std::vector<SplitFile> files;

  friend bool operator==(const SplitUnitResult&, const SplitUnitResult&) = default;
};

struct SplitWork {
  const BackupFolder* backup = nullptr;
  int32_t target_count = 0;
  std::string folder;           // of the table; those of the partitions are there
  uint32_t expired_before = 0;  // ToExpirySeconds(now)
};

// What all workers have done so far, and whether they shall stop. Thread-safe.
struct SplitProgress {
  std::atomic<bool> stop = false;
  std::atomic<int64_t> rows = 0;
  std::atomic<int64_t> bytes = 0;  // of rows that were read
};

// kCancelled if it was told to stop; kDataLoss if a source is damaged, if a row makes no sense, or
// if what was written is not what was read; kResourceExhausted if the disk is full. After an error
// what it wrote is to be removed.
absl::StatusOr<SplitUnitResult> DoSplitUnit(const SplitWork& work, size_t number,
                                            const SplitUnit& unit, SplitProgress* progress);

}  // namespace metarec
