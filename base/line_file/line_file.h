// Files of lines, plain or compressed with zstd: evidence and plan files, trees, and what people
// write. A name that ends in ".zst" makes what is written compressed. What is read may be
// compressed under any name, as from a pipe.
//
// Neither class is thread-safe. Errors name the file and, where there is one, the line.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

namespace metarec {

// Whether a file of this name is compressed.
bool IsCompressedName(absl::string_view path);

struct LineWriterOptions {
  bool overwrite = false;  // replace an existing regular file; anything else is never replaced
  size_t line_bytes_max = 1 << 20;  // without the newline
  // Once this is readable, writing ends with kCancelled; -1: it never is.
  int interrupt_descriptor = -1;
};

// Writes a file that is there completely or not at all: it grows without a name in the same folder
// and gets its name, after an fsync, in Finish(). Destroyed before that, it leaves nothing behind,
// nor does a process that is killed; on filesystems without such files (O_TMPFILE) a killed process
// leaves ".NAME.PID.N.tmp". A file that replaces another has its owner and its permissions.
class LineWriter {
 public:
  // kAlreadyExists when the file is there and may not be replaced.
  static absl::StatusOr<LineWriter> Create(std::string path, LineWriterOptions options = {});

  LineWriter(LineWriter&&) noexcept;
  LineWriter& operator=(LineWriter&&) noexcept;
  ~LineWriter();

  // `line` without its newline; kInvalidArgument if it holds one, kResourceExhausted if it is
  // longer than the bound.
  absl::Status Append(absl::string_view line);

  // Must be the last call. kAlreadyExists when somebody else made the file meanwhile.
  absl::Status Finish();

  const std::string& path() const;

 private:
  class File;
  explicit LineWriter(std::unique_ptr<File> file);
  std::unique_ptr<File> file_;
};

struct LineReaderOptions {
  size_t line_bytes_max = 1 << 20;  // without the newline
  // Once this is readable, reading ends with kCancelled, even while it waits for a pipe.
  int interrupt_descriptor = -1;
  // How long a named pipe may be without anybody who writes to it.
  absl::Duration writer_timeout = absl::Seconds(10);
};

class LineReader {
 public:
  // kNotFound, kPermissionDenied, or kInvalidArgument for a directory or a device: some of these
  // never end. Pipes, terminals and /dev/null can be read.
  static absl::StatusOr<LineReader> Open(std::string path, LineReaderOptions options = {});

  LineReader(LineReader&&) noexcept;
  LineReader& operator=(LineReader&&) noexcept;
  ~LineReader();

  // The next line without its newline; false at the end of the file. kDataLoss when the compressed
  // data are truncated or damaged, kResourceExhausted for a line above the bound, kUnavailable when
  // nobody writes to a named pipe.
  absl::StatusOr<bool> Next(std::string* line);

  // Of the line that Next gave last, counted from 1; 0 before the first.
  int64_t line_number() const;
  // Whether the line that Next gave last ended in a newline. False only for the last one of a file.
  bool line_was_terminated() const;

  const std::string& path() const;

  // "<path>:<line number>", for messages.
  std::string Where() const;

 private:
  class File;
  explicit LineReader(std::unique_ptr<File> file);
  std::unique_ptr<File> file_;
};

// All of a short file, or of a pipe, as LineReader reads it. Errors are the reader's, and
// kInvalidArgument if it is longer than `bytes_max`.
absl::StatusOr<std::string> ReadTextFile(const std::string& path, size_t bytes_max,
                                         int interrupt_descriptor = -1);

}  // namespace metarec
