// How to see whether files were written to since they were looked at.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/status.h>

namespace metarec {

struct FileStamp {
  std::string path;
  int64_t bytes = -1;  // no such file
  int64_t mtime_ns = 0;
  uint64_t inode = 0;

  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

FileStamp StampOf(const std::string& path);

// OK if all are as they were; kAborted with the first one that is not.
absl::Status CheckStamps(const std::vector<FileStamp>& before, const std::vector<FileStamp>& now);

}  // namespace metarec
