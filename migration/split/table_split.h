// A table's cold backup as files to bulk load, for a table with any number of partitions: on one
// machine, without a server.
//
// The work is cut into units that share nothing (split_plan.h). A unit reads its partitions of the
// backup in the order of their keys, leaves out what has expired and what is in a partition that is
// not its own, finds the new partition of each row by its hash, and writes sorted files, which it
// reads back at once. A unit counts when the rows in its files are those that it read: as many, and
// with the same digest. What is complete is noted in a file beside the table's folder, so that the
// same call goes on after a kill. When all units are complete, each partition gets its
// `bulk_load_metadata`, one without rows a file with an empty write, and the table at last its
// `bulk_load_info`, without which nobody takes the folder for complete.
//
// The memory is bounded by the number of units at work, whatever the size of the table.

#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "migration/split/split_plan.h"
#include "migration/split/split_worker.h"

namespace metarec {

struct TableSplitOptions {
  std::string backup;        // the table's folder in a backup, or that of the whole backup
  std::string backup_table;  // whose, if there are several; may be ""
  std::string root;          // of bulk loads: `--root_path` of start_bulk_load
  // The table that is to be loaded.
  std::string cluster;
  std::string app_name;
  int32_t app_id = 0;
  int32_t partition_count = 0;

  absl::Time now;         // what has expired by then is left out
  int32_t jobs = 2;       // units at work at a time, each on a thread
  bool check_md5 = true;  // compare the backup's files with their MD5 first
  // Several processes, on several machines if they share the root, do a part of the units each.
  int32_t shard = 0;
  int32_t shards = 1;
  SplitPlanOptions plan;
};

struct TableSplitResult {
  SplitCounts counts;
  int64_t files = 0;
  int64_t bytes = 0;  // of files with rows
  size_t units = 0;
  size_t units_resumed = 0;      // that an earlier call had done
  int32_t empty_partitions = 0;  // without rows; not known before the end
  bool is_whole = false;         // bulk_load_info is written: nothing is left to do
  std::string folder;            // <root>/<cluster>/<app_name>
};

struct TableSplitProgress {
  SplitProgress work;
  std::atomic<int64_t> units = 0;        // of this shard; 0: not known yet
  std::atomic<int64_t> units_done = 0;   // of these
  std::atomic<int64_t> bytes_total = 0;  // of the backup's files
};

// Does the units of a shard, and finishes the whole if there is only one shard. Blocks.
//
// kInvalidArgument for options that make no sense; kNotFound and kDataLoss for a backup that is not
// complete or damaged; kFailedPrecondition if the folder holds something else; kResourceExhausted
// if the disk is full; kCancelled if it was told to stop. What is complete by then is not done
// again.
absl::StatusOr<TableSplitResult> SplitTable(const TableSplitOptions& options,
                                            TableSplitProgress* progress);

// Once all shards are there: checks that no unit is missing, and writes what belongs to the whole.
// `shard` is not looked at. kFailedPrecondition names what is missing.
absl::StatusOr<TableSplitResult> FinishSplit(const TableSplitOptions& options);

}  // namespace metarec
