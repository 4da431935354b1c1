#include "testing/scratch_folder.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

#include <absl/strings/str_cat.h>
#include <glog/logging.h>

namespace metarec::testing {
namespace {

std::string MakeOrDie() {
  absl::StatusOr<std::string> folder = MakeTemporaryFolder("metarec");
  CHECK(folder.ok()) << folder.status();
  return *std::move(folder);
}

}  // namespace

absl::StatusOr<std::string> MakeTemporaryFolder(absl::string_view name) {
  const char* const tmpdir = std::getenv("TMPDIR");
  const std::string parent = tmpdir == nullptr || *tmpdir == '\0' ? "/tmp" : tmpdir;
  std::string path = absl::StrCat(parent, "/", name, "-XXXXXX");
  if (mkdtemp(path.data()) != nullptr) return path;
  return absl::ErrnoToStatus(
      errno, absl::StrCat("cannot make a temporary folder in ", parent,
                          "; let TMPDIR name a folder that exists, has room and can be written"));
}

ScratchFolder::ScratchFolder() : path_(MakeOrDie()) {}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void ScratchFolder::Write(const std::string& name, const std::string& text) const {
  std::ofstream(Path(name), std::ios::binary) << text;
}

}  // namespace metarec::testing
