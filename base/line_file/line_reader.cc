#include <cerrno>
#include <iterator>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/line_file/line_file.h"
#include "base/runtime/status_macros.h"

namespace metarec {
namespace {

constexpr size_t kReadBytes = 1 << 17;

// How zstd data begin: no text of ours does.
constexpr absl::string_view kZstdMagic = "\x28\xb5\x2f\xfd";

// /dev/null, which is an empty file to everybody.
bool IsNull(const struct stat& info) {
  struct stat null {};
  return S_ISCHR(info.st_mode) && ::stat("/dev/null", &null) == 0 && info.st_rdev == null.st_rdev;
}

struct FreeDecompressor {
  void operator()(ZSTD_DCtx* decompressor) const { ZSTD_freeDCtx(decompressor); }
};

}  // namespace

class LineReader::File {
 public:
  File(std::string path, LineReaderOptions options) : path_(std::move(path)), options_(options) {
    if (IsCompressedName(path_)) decompressor_.reset(ZSTD_createDCtx());
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  absl::Status Open() {
    // Or the opening of a named pipe would block until somebody writes.
    do {
      descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    } while (descriptor_ < 0 && errno == EINTR);
    if (descriptor_ < 0) return Failed("open");
    struct stat info {};
    if (::fstat(descriptor_, &info) != 0) return Failed("look at");
    if (S_ISDIR(info.st_mode)) return IsNoFile("a directory");
    const bool may_be_endless =
        S_ISBLK(info.st_mode) ||
        (S_ISCHR(info.st_mode) && ::isatty(descriptor_) == 0 && !IsNull(info));
    if (may_be_endless) return IsNoFile("a device");
    may_lack_writer_ = S_ISFIFO(info.st_mode);
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Next(std::string* line) {
    line->clear();
    for (;;) {
      const size_t newline = chunk_.find('\n', position_);
      const size_t end = newline == std::string::npos ? chunk_.size() : newline;
      if (line->size() + (end - position_) > options_.line_bytes_max) return TooLong();
      line->append(chunk_, position_, end - position_);
      position_ = end;
      if (newline != std::string::npos) {
        ++position_;
        return GotLine(/*terminated=*/true);
      }
      METAREC_ASSIGN_OR_RETURN(const bool more, ReadChunk());
      if (!more) return line->empty() ? absl::StatusOr<bool>(false) : GotLine(false);
    }
  }

  const std::string& path() const { return path_; }
  int64_t line_number() const { return line_number_; }
  bool line_was_terminated() const { return line_was_terminated_; }

 private:
  absl::Status Failed(absl::string_view what) const {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot ", what, " ", path_));
  }

  absl::Status IsNoFile(absl::string_view what) const {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot read ", path_, ": it is ", what, "; name a file"));
  }

  absl::Status TooLong() const {
    return absl::ResourceExhaustedError(absl::StrCat(path_, ":", line_number_ + 1,
                                                     ": the line is longer than ",
                                                     options_.line_bytes_max, " bytes"));
  }

  absl::Status Damaged(absl::string_view what) const {
    return absl::DataLossError(absl::StrCat(path_, ":", line_number_ + 1, ": the compressed data ",
                                            what,
                                            "; write the file again, or take an intact copy"));
  }

  bool GotLine(bool terminated) {
    ++line_number_;
    line_was_terminated_ = terminated;
    return true;
  }

  // Puts the next bytes of text into chunk_; false at the end.
  absl::StatusOr<bool> ReadChunk() {
    chunk_.clear();
    position_ = 0;
    if (!is_begun_) {
      METAREC_ASSIGN_OR_RETURN(const bool is_empty, Begin());
      if (is_empty) return false;
    }
    if (!decompressor_) return chunk_.empty() ? ReadBytes(&chunk_) : true;
    while (chunk_.empty()) {
      if (compressed_position_ == compressed_.size() && !output_pending_) {
        compressed_position_ = 0;
        METAREC_ASSIGN_OR_RETURN(const bool more, ReadBytes(&compressed_));
        if (!more) {
          if (inside_frame_) return Damaged("end too early (the file is truncated)");
          return false;
        }
      }
      METAREC_RETURN_IF_ERROR(Decompress());
    }
    return true;
  }

  // A pipe has no name that says whether its data are compressed, and a file may have another one
  // since. The data themselves say so. True if there are none.
  absl::StatusOr<bool> Begin() {
    is_begun_ = true;
    if (decompressor_) return false;
    bool more = true;
    while (more && chunk_.size() < kZstdMagic.size() && absl::StartsWith(kZstdMagic, chunk_)) {
      std::string bytes;
      METAREC_ASSIGN_OR_RETURN(more, ReadBytes(&bytes));
      chunk_ += bytes;
    }
    if (!absl::StartsWith(chunk_, kZstdMagic)) return chunk_.empty();
    decompressor_.reset(ZSTD_createDCtx());
    compressed_ = std::exchange(chunk_, "");
    return false;
  }

  absl::Status Decompress() {
    chunk_.resize(ZSTD_DStreamOutSize());
    ZSTD_inBuffer in{compressed_.data(), compressed_.size(), compressed_position_};
    ZSTD_outBuffer out{chunk_.data(), chunk_.size(), 0};
    const size_t left = ZSTD_decompressStream(decompressor_.get(), &out, &in);
    if (ZSTD_isError(left)) {
      chunk_.clear();
      return Damaged(absl::StrCat("are not intact zstd (", ZSTD_getErrorName(left), ")"));
    }
    compressed_position_ = in.pos;
    inside_frame_ = left != 0;
    output_pending_ = inside_frame_ && out.pos == out.size;
    chunk_.resize(out.pos);
    return absl::OkStatus();
  }

  absl::Status Interrupted() const {
    return absl::CancelledError(absl::StrCat("reading ", path_, " was interrupted"));
  }

  // Until there is something to read, the end, or `timeout_ms` (-1: never) is over: then false.
  absl::StatusOr<bool> AwaitBytes(int timeout_ms) {
    // A negative descriptor is passed over.
    pollfd watched[] = {{descriptor_, POLLIN, 0}, {options_.interrupt_descriptor, POLLIN, 0}};
    for (;;) {
      const int ready = ::poll(watched, std::size(watched), timeout_ms);
      if (ready >= 0) {
        if (watched[1].revents != 0) return Interrupted();
        return ready > 0;
      }
      if (errno != EINTR) return Failed("wait for");
    }
  }

  // The number of bytes, 0 at the end.
  absl::StatusOr<ssize_t> ReadOnceReady(std::string* into) {
    for (;;) {
      const int timeout_ms =
          may_lack_writer_ ? static_cast<int>(absl::ToInt64Milliseconds(options_.writer_timeout))
                           : -1;
      METAREC_ASSIGN_OR_RETURN(const bool ready, AwaitBytes(timeout_ms));
      const ssize_t count = ::read(descriptor_, into->data(), into->size());
      // A pipe that was never written to is not ready, and yet reads as at its end.
      if (count == 0 && !ready) return NobodyWrites();
      if (count < 0 && errno != EINTR && errno != EAGAIN) return Failed("read");
      may_lack_writer_ = false;  // there was one, which may be slow
      if (count >= 0) return count;
    }
  }

  absl::Status NobodyWrites() const {
    return absl::UnavailableError(
        absl::StrCat("cannot read ", path_, ": it is a named pipe, and nobody writes to it (for ",
                     absl::FormatDuration(options_.writer_timeout), ")"));
  }

  absl::StatusOr<bool> ReadBytes(std::string* into) {
    into->resize(kReadBytes);
    const absl::StatusOr<ssize_t> count = ReadOnceReady(into);
    if (!count.ok()) {
      into->clear();
      return count.status();
    }
    into->resize(static_cast<size_t>(*count));
    return *count > 0;
  }

  const std::string path_;
  const LineReaderOptions options_;
  int descriptor_ = -1;
  bool may_lack_writer_ = false;  // a named pipe, of which no writer is known yet
  bool is_begun_ = false;         // some of it was read
  std::unique_ptr<ZSTD_DCtx, FreeDecompressor> decompressor_;  // none: plain
  std::string compressed_;
  size_t compressed_position_ = 0;
  bool inside_frame_ = true;     // an empty file is a truncated one
  bool output_pending_ = false;  // the decompressor may hold text that did not fit into chunk_
  std::string chunk_;
  size_t position_ = 0;
  int64_t line_number_ = 0;
  bool line_was_terminated_ = true;
};

absl::StatusOr<LineReader> LineReader::Open(std::string path, LineReaderOptions options) {
  auto file = std::make_unique<File>(std::move(path), options);
  METAREC_RETURN_IF_ERROR(file->Open());
  return LineReader(std::move(file));
}

absl::StatusOr<std::string> ReadTextFile(const std::string& path, size_t bytes_max,
                                         int interrupt_descriptor) {
  const auto too_long = [&] {
    return absl::InvalidArgumentError(absl::StrCat(path, ": longer than ", bytes_max, " bytes"));
  };
  LineReaderOptions options;
  options.line_bytes_max = bytes_max;
  options.interrupt_descriptor = interrupt_descriptor;
  METAREC_ASSIGN_OR_RETURN(LineReader reader, LineReader::Open(path, options));
  std::string text;
  std::string line;
  for (;;) {
    const absl::StatusOr<bool> more = reader.Next(&line);
    if (absl::IsResourceExhausted(more.status())) return too_long();
    METAREC_RETURN_IF_ERROR(more.status());
    if (!*more) return text;
    absl::StrAppend(&text, line, reader.line_was_terminated() ? "\n" : "");
    if (text.size() > bytes_max) return too_long();
  }
}

LineReader::LineReader(std::unique_ptr<File> file) : file_(std::move(file)) {}
LineReader::LineReader(LineReader&&) noexcept = default;
LineReader& LineReader::operator=(LineReader&&) noexcept = default;
LineReader::~LineReader() = default;

absl::StatusOr<bool> LineReader::Next(std::string* line) { return file_->Next(line); }
int64_t LineReader::line_number() const { return file_->line_number(); }
bool LineReader::line_was_terminated() const { return file_->line_was_terminated(); }
const std::string& LineReader::path() const { return file_->path(); }
std::string LineReader::Where() const { return absl::StrCat(path(), ":", line_number()); }

}  // namespace metarec
