// The file or the named pipe of -o.

#pragma once

#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

namespace metarec::tools {

// Not thread-safe. A signal (interrupts.h) ends what waits, with kCancelled.
class OutputFile {
 public:
  // How long a named pipe may be without anybody who reads it.
  static constexpr absl::Duration kReaderTimeout = absl::Seconds(10);

  // Empties a file that is there.
  static absl::StatusOr<OutputFile> Open(const std::string& path,
                                         absl::Duration reader_timeout = kReaderTimeout);

  // The same, but a file that is there stays as it is until Finish(), and for good without that.
  // Links and what else cannot be put in another's place are emptied as by Open.
  static absl::StatusOr<OutputFile> Replace(const std::string& path);

  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) noexcept;
  ~OutputFile();

  absl::Status Write(absl::string_view text);
  // All is written. To be the last call.
  absl::Status Finish();

 private:
  OutputFile(std::string path, int descriptor);

  std::string path_;
  int descriptor_ = -1;
  bool has_no_name_yet_ = false;
};

// "cannot write to PATH: ", with the reason that errno says; kCancelled if it was a signal.
absl::Status CannotWriteTo(absl::string_view path);

}  // namespace metarec::tools
