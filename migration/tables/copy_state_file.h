// The file from which a copy that was killed goes on.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "pegasus_client/row.h"

namespace metarec {

// How far one partition of the source has been copied.
struct CopyPosition {
  std::optional<RowKey> last;  // all rows up to this one are in the target; nullopt: none
  bool is_done = false;
  int64_t rows = 0;  // written, by all runs

  friend bool operator==(const CopyPosition&, const CopyPosition&) = default;
};

// What a copy is of: both tables with their ids and partition counts, filters and ways of writing.
using CopyScope = std::map<std::string, std::string>;

// Replaces the file as a whole; it is on the disk when this returns.
absl::Status WriteCopyState(const std::string& path, const CopyScope& scope,
                            const std::vector<CopyPosition>& positions);

// nullopt: there is no such file. kFailedPrecondition if it is of another scope, and says in what;
// kDataLoss if it is damaged.
absl::StatusOr<std::optional<std::vector<CopyPosition>>> ReadCopyState(const std::string& path,
                                                                       const CopyScope& scope);

}  // namespace metarec
