// The file that keeps where a procedure stands.

#pragma once

#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "migration/procedure/procedure_state.h"

namespace metarec {

// A file that one process at a time works with. Every Save replaces it as a whole and is on the
// disk when it returns, so that a killed process leaves the state before or after. `<path>.lock`,
// which stays, tells others that somebody is at work; the kernel frees it with the process.
//
// Not thread-safe.
class ProcedureFile {
 public:
  // A new one. kAlreadyExists if there is such a file.
  static absl::StatusOr<ProcedureFile> Create(std::string path, const ProcedureState& state);
  // One that is there. kUnavailable if another process works with it; kNotFound, kDataLoss.
  static absl::StatusOr<ProcedureFile> Open(std::string path, ProcedureState* state);

  ProcedureFile(ProcedureFile&& other) noexcept;
  ProcedureFile& operator=(ProcedureFile&&) = delete;
  ~ProcedureFile();

  absl::Status Save(const ProcedureState& state) const;
  const std::string& path() const { return path_; }

 private:
  ProcedureFile(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  static absl::StatusOr<ProcedureFile> Lock(std::string path);

  std::string path_;
  int lock_;
};

// Without taking the lock: for those who only look.
absl::StatusOr<ProcedureState> ReadProcedureFile(const std::string& path);
// Whether a process works with it at the moment.
bool IsProcedureFileInUse(const std::string& path);

}  // namespace metarec
