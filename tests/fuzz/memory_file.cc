#include "tests/fuzz/memory_file.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <absl/strings/str_cat.h>
#include <glog/logging.h>
#include <sys/mman.h>
#include <unistd.h>

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

}  // namespace metarec::fuzz
