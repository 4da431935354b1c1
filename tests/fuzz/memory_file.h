// Files for readers that take a path, without a disk.

#pragma once

#include <string>

#include <absl/strings/string_view.h>

namespace metarec::fuzz {

// A file in memory with this content, under a path that can be opened.
class MemoryFile {
 public:
  explicit MemoryFile(absl::string_view content);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  int descriptor_ = -1;
  std::string path_;
};

// A folder of this process alone, in memory where there is such a place. It is removed at the end.
const std::string& ScratchFolder();

std::string ReadWholeFile(const std::string& path);

// `text`, a file of JSON lines, with the digest that its last line should give, so that what a
// fuzzer changed before it is looked at. As it is if it has no digest.
std::string WithRightDigest(absl::string_view text);

}  // namespace metarec::fuzz
