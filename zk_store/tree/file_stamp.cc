#include "zk_store/tree/file_stamp.h"

#include <algorithm>
#include <cstddef>

#include <absl/strings/str_cat.h>
#include <sys/stat.h>

#include "base/text/printable.h"

namespace metarec {

FileStamp StampOf(const std::string& path) {
  FileStamp stamp;
  stamp.path = path;
  struct stat found = {};
  if (stat(path.c_str(), &found) != 0) return stamp;
  stamp.bytes = static_cast<int64_t>(found.st_size);
  stamp.mtime_ns = static_cast<int64_t>(found.st_mtim.tv_sec) * 1'000'000'000 +
                   static_cast<int64_t>(found.st_mtim.tv_nsec);
  stamp.inode = static_cast<uint64_t>(found.st_ino);
  return stamp;
}

absl::Status CheckStamps(const std::vector<FileStamp>& before, const std::vector<FileStamp>& now) {
  if (before == now) return absl::OkStatus();
  std::string changed;
  for (size_t i = 0; i < std::max(before.size(), now.size()) && changed.empty(); ++i) {
    if (i < before.size() && i < now.size() && before[i] == now[i]) continue;
    changed = i < now.size() ? now[i].path : before[i].path;
  }
  return absl::AbortedError(absl::StrCat(
      "the files have changed since they were read: ", Printable(changed),
      " is another one now. If a server uses them again, read from that server; otherwise find out "
      "who writes there"));
}

}  // namespace metarec
