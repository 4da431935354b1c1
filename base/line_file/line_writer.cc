#include <cerrno>
#include <cstdio>
#include <optional>
#include <utility>

#include <absl/functional/function_ref.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/line_file/line_file.h"
#include "base/runtime/status_macros.h"

namespace metarec {
namespace {

constexpr size_t kBufferBytes = 1 << 18;
constexpr ssize_t kSyncBytes = 32 << 20;
constexpr int kTemporaryNamesMax = 100;

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status Refuse(const std::string& path) {
  return absl::AlreadyExistsError(absl::StrCat(
      path, " exists already: choose another name, or remove it if it is no longer needed"));
}

// Of a file that is to be replaced: whose it is and who may read it.
struct Owner {
  uid_t user = 0;
  gid_t group = 0;
  mode_t mode = 0;  // permissions only
};

// nullopt: there is no such file yet.
absl::StatusOr<std::optional<Owner>> CheckTarget(const std::string& path, bool overwrite) {
  if (path.empty()) return absl::InvalidArgumentError("the name of the file to write is empty");
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return std::nullopt;
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
  }
  // A rename would replace the device, folder or link itself, not write into it.
  if (!S_ISREG(info.st_mode)) {
    return absl::AlreadyExistsError(
        absl::StrCat(path, " exists and is not a regular file: choose another name"));
  }
  if (!overwrite) return Refuse(path);
  return Owner{.user = info.st_uid, .group = info.st_gid, .mode = info.st_mode & 0777};
}

// The way to a file that has no name, to give it one.
std::string PathOfDescriptor(int descriptor) { return absl::StrCat("/proc/self/fd/", descriptor); }

// A file without a name, which is gone if we are killed. -1: this filesystem does not have them, or
// there is no way to give it a name.
int OpenWithoutName(const std::string& folder, mode_t mode) {
  const int descriptor = ::open(folder.c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, mode);
  if (descriptor < 0 || ::access(PathOfDescriptor(descriptor).c_str(), F_OK) == 0) {
    return descriptor;
  }
  ::close(descriptor);
  return -1;
}

struct FreeCompressor {
  void operator()(ZSTD_CCtx* compressor) const { ZSTD_freeCCtx(compressor); }
};

}  // namespace

class LineWriter::File {
 public:
  File(std::string path, LineWriterOptions options) : path_(std::move(path)), options_(options) {
    if (IsCompressedName(path_)) {
      compressor_.reset(ZSTD_createCCtx());
      ZSTD_CCtx_setParameter(compressor_.get(), ZSTD_c_checksumFlag, 1);
    }
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!temporary_path_.empty()) ::unlink(temporary_path_.c_str());
  }

  const std::string& path() const { return path_; }

  // `replaced`: of the file that is there already.
  absl::Status OpenTemporary(std::optional<Owner> replaced) {
    // Whoever could not read the former file must not read this one at any moment.
    const mode_t mode = replaced ? 0600 : 0666;
    descriptor_ = OpenWithoutName(FolderOf(path_), mode);
    if (descriptor_ < 0) {
      METAREC_RETURN_IF_ERROR(WithTemporaryName([&](const char* name) {
        descriptor_ = ::open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        return descriptor_ >= 0;
      }));
    }
    return replaced ? TakeOver(*replaced) : absl::OkStatus();
  }

  absl::Status Append(absl::string_view line) {
    if (descriptor_ < 0) return absl::FailedPreconditionError("the file is finished already");
    if (line.size() > options_.line_bytes_max) {
      return absl::ResourceExhaustedError(absl::StrCat("cannot write ", path_, ": a line of ",
                                                       line.size(), " bytes is above the bound of ",
                                                       options_.line_bytes_max));
    }
    if (absl::StrContains(line, '\n')) {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot write ", path_, ": newline in a line"));
    }
    absl::StrAppend(&buffer_, line, "\n");
    return buffer_.size() < kBufferBytes ? absl::OkStatus() : Flush(/*at_end=*/false);
  }

  absl::Status Finish() {
    if (descriptor_ < 0) return absl::FailedPreconditionError("the file is finished already");
    METAREC_RETURN_IF_ERROR(Flush(/*at_end=*/true));
    if (::fsync(descriptor_) != 0) return Failed("flush to disk");
    METAREC_RETURN_IF_ERROR(GiveName());
    temporary_path_.clear();
    const int descriptor = std::exchange(descriptor_, -1);
    if (::close(descriptor) != 0) return Failed("close");
    return SyncFolder();
  }

 private:
  absl::Status Failed(absl::string_view what) const {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot ", what, " ", path_));
  }

  // Finds a name in the folder with which `make` succeeds; if it fails otherwise than because the
  // name is taken, that is the error.
  absl::Status WithTemporaryName(absl::FunctionRef<bool(const char* name)> make) {
    const std::string folder = FolderOf(path_);
    const std::string name = path_.substr(path_.rfind('/') + 1);
    for (int i = 0; i < kTemporaryNamesMax; ++i) {
      std::string candidate = absl::StrCat(folder, "/.", name, ".", ::getpid(), ".", i, ".tmp");
      if (make(candidate.c_str())) {
        temporary_path_ = std::move(candidate);
        return absl::OkStatus();
      }
      if (errno != EEXIST) break;
    }
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path_, " in folder ", folder));
  }

  absl::Status TakeOver(const Owner& former) {
    // If we may not give it to the former group, no group gets what that one had.
    const bool is_given = ::fchown(descriptor_, former.user, former.group) == 0 ||
                          ::fchown(descriptor_, static_cast<uid_t>(-1), former.group) == 0;
    const mode_t mode = is_given ? former.mode : former.mode & ~static_cast<mode_t>(S_IRWXG);
    return ::fchmod(descriptor_, mode) == 0 ? absl::OkStatus() : Failed("set the permissions of");
  }

  bool Link(const char* name) const {
    return ::linkat(AT_FDCWD, PathOfDescriptor(descriptor_).c_str(), AT_FDCWD, name,
                    AT_SYMLINK_FOLLOW) == 0;
  }

  // The file may have no name at all yet.
  absl::Status GiveName() {
    if (temporary_path_.empty()) {
      if (!options_.overwrite) {
        if (Link(path_.c_str())) return absl::OkStatus();
        return errno == EEXIST ? Refuse(path_) : Failed("give its name to");
      }
      // Only a rename replaces.
      METAREC_RETURN_IF_ERROR(WithTemporaryName([this](const char* name) { return Link(name); }));
    }
    const char* from = temporary_path_.c_str();
    if (!options_.overwrite) {
      if (::renameat2(AT_FDCWD, from, AT_FDCWD, path_.c_str(), RENAME_NOREPLACE) == 0) {
        return absl::OkStatus();
      }
      if (errno == EEXIST) return Refuse(path_);
      if (errno != EINVAL && errno != ENOSYS) return Failed("rename to");
      // This filesystem cannot promise it; look once more and take the small risk.
      METAREC_RETURN_IF_ERROR(CheckTarget(path_, options_.overwrite).status());
    }
    return ::rename(from, path_.c_str()) == 0 ? absl::OkStatus() : Failed("rename to");
  }

  absl::Status SyncFolder() const {
    const int folder = ::open(FolderOf(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return Failed("open the folder of");
    const bool synced = ::fsync(folder) == 0 || errno == EINVAL;  // EINVAL: not supported there
    ::close(folder);
    return synced ? absl::OkStatus() : Failed("flush the folder of");
  }

  bool IsInterrupted() const {
    pollfd watched{options_.interrupt_descriptor, POLLIN, 0};  // a negative one is passed over
    return ::poll(&watched, 1, 0) > 0;
  }

  absl::Status Flush(bool at_end) {
    if (IsInterrupted()) {
      return absl::CancelledError(absl::StrCat("writing ", path_, " was interrupted"));
    }
    absl::Status status = compressor_ ? FlushCompressed(at_end) : WriteAll(buffer_);
    buffer_.clear();
    return status;
  }

  absl::Status FlushCompressed(bool at_end) {
    ZSTD_inBuffer in{buffer_.data(), buffer_.size(), 0};
    std::string compressed(ZSTD_CStreamOutSize(), '\0');
    for (;;) {
      ZSTD_outBuffer out{compressed.data(), compressed.size(), 0};
      const size_t left =
          ZSTD_compressStream2(compressor_.get(), &out, &in, at_end ? ZSTD_e_end : ZSTD_e_continue);
      if (ZSTD_isError(left)) {
        return absl::InternalError(
            absl::StrCat("cannot compress ", path_, ": ", ZSTD_getErrorName(left)));
      }
      METAREC_RETURN_IF_ERROR(WriteAll(absl::string_view(compressed.data(), out.pos)));
      if (at_end ? left == 0 : in.pos == in.size) return absl::OkStatus();
    }
  }

  absl::Status WriteAll(absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return Failed("write");
      bytes.remove_prefix(static_cast<size_t>(written));
      not_synced_ += written;
    }
    // Little by little, so that nobody waits long for the last time, which cannot be interrupted.
    if (not_synced_ < kSyncBytes) return absl::OkStatus();
    not_synced_ = 0;
    return ::fdatasync(descriptor_) == 0 ? absl::OkStatus() : Failed("flush to disk");
  }

  const std::string path_;
  const LineWriterOptions options_;
  std::unique_ptr<ZSTD_CCtx, FreeCompressor> compressor_;  // none: plain
  std::string temporary_path_;
  int descriptor_ = -1;
  ssize_t not_synced_ = 0;
  std::string buffer_;
};

bool IsCompressedName(absl::string_view path) { return absl::EndsWith(path, ".zst"); }

absl::StatusOr<LineWriter> LineWriter::Create(std::string path, LineWriterOptions options) {
  METAREC_ASSIGN_OR_RETURN(const std::optional<Owner> replaced,
                           CheckTarget(path, options.overwrite));
  auto file = std::make_unique<File>(std::move(path), options);
  METAREC_RETURN_IF_ERROR(file->OpenTemporary(replaced));
  return LineWriter(std::move(file));
}

LineWriter::LineWriter(std::unique_ptr<File> file) : file_(std::move(file)) {}
LineWriter::LineWriter(LineWriter&&) noexcept = default;
LineWriter& LineWriter::operator=(LineWriter&&) noexcept = default;
LineWriter::~LineWriter() = default;

absl::Status LineWriter::Append(absl::string_view line) { return file_->Append(line); }
absl::Status LineWriter::Finish() { return file_->Finish(); }
const std::string& LineWriter::path() const { return file_->path(); }

}  // namespace metarec
