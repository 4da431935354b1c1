#include "migration/procedure/procedure_file.h"

#include <cerrno>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/line_file/line_file.h"
#include "base/runtime/status_macros.h"

namespace metarec {
namespace {

constexpr size_t kLinesMax = 100'000;

std::string LockPath(const std::string& path) { return absl::StrCat(path, ".lock"); }

// O_NONBLOCK: somebody's FIFO of that name would be waited for.
constexpr int kLockFlags = O_CLOEXEC | O_NONBLOCK;

absl::Status Write(const std::string& path, const ProcedureState& state, bool overwrite) {
  LineWriterOptions options;
  options.overwrite = overwrite;
  METAREC_ASSIGN_OR_RETURN(LineWriter writer, LineWriter::Create(path, options));
  METAREC_RETURN_IF_ERROR(EncodeProcedureState(
      state, [&writer](absl::string_view line) { return writer.Append(line); }));
  return writer.Finish();
}

}  // namespace

absl::StatusOr<ProcedureFile> ProcedureFile::Lock(std::string path) {
  const std::string lock = LockPath(path);
  const int descriptor = ::open(lock.c_str(), O_RDWR | O_CREAT | kLockFlags, 0666);
  if (descriptor < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", lock));
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0)
    return ProcedureFile(std::move(path), descriptor);
  const int error = errno;
  ::close(descriptor);
  if (error != EWOULDBLOCK) return absl::ErrnoToStatus(error, absl::StrCat("cannot lock ", lock));
  return absl::UnavailableError(absl::StrCat("another process works with ", path,
                                             "; metarec migrate status shows how far it "
                                             "is. Wait for its end, or stop it"));
}

absl::StatusOr<ProcedureFile> ProcedureFile::Create(std::string path, const ProcedureState& state) {
  METAREC_ASSIGN_OR_RETURN(ProcedureFile file, Lock(std::move(path)));
  METAREC_RETURN_IF_ERROR(Write(file.path_, state, /*overwrite=*/false));
  return file;
}

absl::StatusOr<ProcedureFile> ProcedureFile::Open(std::string path, ProcedureState* state) {
  // Before a lock file is made beside a name that was mistyped.
  METAREC_RETURN_IF_ERROR(ReadProcedureFile(path).status());
  METAREC_ASSIGN_OR_RETURN(ProcedureFile file, Lock(std::move(path)));
  METAREC_ASSIGN_OR_RETURN(*state, ReadProcedureFile(file.path_));
  return file;
}

ProcedureFile::ProcedureFile(ProcedureFile&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

ProcedureFile::~ProcedureFile() {
  if (lock_ >= 0) ::close(lock_);
}

absl::Status ProcedureFile::Save(const ProcedureState& state) const {
  return Write(path_, state, /*overwrite=*/true);
}

absl::StatusOr<ProcedureState> ReadProcedureFile(const std::string& path) {
  METAREC_ASSIGN_OR_RETURN(LineReader reader, LineReader::Open(path));
  std::vector<std::string> lines;
  std::string line;
  for (;;) {
    METAREC_ASSIGN_OR_RETURN(const bool more, reader.Next(&line));
    if (!more) return DecodeProcedureState(path, lines);
    if (lines.size() == kLinesMax) {
      return absl::ResourceExhaustedError(absl::StrCat(path, " has more than ", kLinesMax,
                                                       " lines; it is no state of a procedure"));
    }
    lines.push_back(line);
  }
}

bool IsProcedureFileInUse(const std::string& path) {
  const int descriptor = ::open(LockPath(path).c_str(), O_RDONLY | kLockFlags);
  if (descriptor < 0) return false;
  const bool in_use = ::flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(descriptor);
  return in_use;
}

}  // namespace metarec
