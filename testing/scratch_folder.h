// Temporary folders, made in one way: below TMPDIR, or /tmp.

#pragma once

#include <string>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

namespace metarec::testing {

// A new, empty folder, "<TMPDIR>/<name>-XXXXXX", which is the caller's to remove. The error says
// what to do.
absl::StatusOr<std::string> MakeTemporaryFolder(absl::string_view name);

// A folder that goes with its owner. Ends the process, with that error, when it cannot be made.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string Path(const std::string& name) const { return path_ + "/" + name; }
  void Write(const std::string& name, const std::string& text) const;

 private:
  const std::string path_;
};

}  // namespace metarec::testing
