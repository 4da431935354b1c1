// Which snapshots and logs a data directory has.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "zk_store/tree/data_directory/data_finding.h"

namespace metarec {

struct ListedFile {
  std::string path;
  std::string name;
  int64_t zxid = 0;  // that the name says
};

struct DataDirectoryListing {
  std::vector<ListedFile> snapshots;  // the newest first
  std::vector<ListedFile> logs;       // the oldest first
  std::vector<DataFinding> findings;  // names that look like them and are not
};

// `path` and `log_folder` as DataDirectory::Read has them. kNotFound if there is nothing.
absl::StatusOr<DataDirectoryListing> ListDataDirectory(const std::string& path,
                                                       const std::string& log_folder);

}  // namespace metarec
