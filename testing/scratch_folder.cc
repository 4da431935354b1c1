#include "testing/scratch_folder.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

#include <glog/logging.h>

namespace metarec::testing {

ScratchFolder::ScratchFolder()
    : path_((std::filesystem::temp_directory_path() / "metarec-XXXXXX").string()) {
  PCHECK(mkdtemp(path_.data()) != nullptr) << path_;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void ScratchFolder::Write(const std::string& name, const std::string& text) const {
  std::ofstream(Path(name), std::ios::binary) << text;
}

}  // namespace metarec::testing
