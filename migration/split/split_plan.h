// How the work of a split is cut into units that share nothing: each reads some partitions of the
// backup, within a range of keys, and writes files of some partitions of the new table.
//
// A row of source partition p has a hash that is p modulo their count, so that partitions whose
// numbers differ modulo the greatest common divisor of both counts have nothing to do with each
// other. What still has too many bytes is cut at keys.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "migration/split/backup_folder.h"

namespace metarec {

struct SplitUnit {
  std::vector<int32_t> sources;  // ascending
  std::vector<int32_t> targets;  // ascending
  std::string begin;             // the first key
  std::string end;               // the key behind the last one; "": there is none
  // Of the units that read the same rows, one counts those that belong to no target.
  bool counts_the_rest = true;
};

struct SplitPlanOptions {
  // A unit is what is done again after a kill. The table's size / 16, within these.
  int64_t unit_bytes_min = 16 << 20;
  int64_t unit_bytes_max = 256 << 20;
  // Each has a file that is open, with its buffers: that bounds the memory. If there are more,
  // the sources are read several times.
  int32_t targets_of_unit_max = 32;
};

// The same for the same files, in every process. Opens the sources of what is to be cut at keys;
// errors are theirs.
absl::StatusOr<std::vector<SplitUnit>> PlanSplitUnits(const BackupFolder& backup,
                                                      int32_t target_count,
                                                      const SplitPlanOptions& options = {});

// A key between the two, about in the middle of what may lie between; `low` if there is none.
std::string MiddleKey(const std::string& low, const std::string& high);

}  // namespace metarec
