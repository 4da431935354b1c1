#include "tests/fuzz/memory_file.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <glog/logging.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/line_file/json_lines.h"

namespace metarec::fuzz {
namespace {

struct Folder {
  Folder() {
    const std::string in_memory = "/dev/shm";
    const std::string parent = ::access(in_memory.c_str(), W_OK) == 0
                                   ? in_memory
                                   : std::filesystem::temp_directory_path().string();
    path = absl::StrCat(parent, "/metarec_fuzz_", ::getpid());
    std::filesystem::create_directories(path);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string path;
};

}  // namespace

MemoryFile::MemoryFile(absl::string_view content) : descriptor_(::memfd_create("fuzz", 0)) {
  PCHECK(descriptor_ >= 0);
  PCHECK(::write(descriptor_, content.data(), content.size()) ==
         static_cast<ssize_t>(content.size()));
  path_ = absl::StrCat("/proc/self/fd/", descriptor_);
}

MemoryFile::~MemoryFile() { ::close(descriptor_); }

const std::string& ScratchFolder() {
  static const Folder folder;
  return folder.path;
}

std::string ReadWholeFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string WithRightDigest(absl::string_view text) {
  constexpr absl::string_view kKey = "\"digest\":\"";
  const size_t key = text.rfind(kKey);
  if (key == absl::string_view::npos) return std::string(text);
  const size_t begin = key + kKey.size();
  const size_t end = text.find('"', begin);
  if (end == absl::string_view::npos) return std::string(text);
  const size_t last_line = text.substr(0, key).rfind('\n');
  if (last_line == absl::string_view::npos) return std::string(text);
  LineDigest digest;
  for (const absl::string_view line : absl::StrSplit(text.substr(0, last_line), '\n')) {
    digest.Add(line);
  }
  return absl::StrCat(text.substr(0, begin), digest.Finish(), text.substr(end));
}

}  // namespace metarec::fuzz
