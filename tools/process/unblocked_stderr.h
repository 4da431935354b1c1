#pragma once

#include <cstdio>
#include <streambuf>

#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <sys/types.h>

namespace metarec::tools {

// While it lives, nobody who writes to stderr waits for its reader: neither std::cerr nor the FILE
// `stderr`, which glog writes to. So a pipe that nobody empties cannot stop a recovery. What the
// reader does not take yet is kept, up to 64 KiB, and sent with what is written later. Beyond that,
// whole lines are dropped.
//
// One at a time in a process. Writing is thread-safe. Needs glibc, where `stderr` is a variable.
class UnblockedStderr {
 public:
  // `patience`: how long the reader has, in the end, to take what was kept.
  explicit UnblockedStderr(absl::Duration patience);
  ~UnblockedStderr();
  UnblockedStderr(const UnblockedStderr&) = delete;
  UnblockedStderr& operator=(const UnblockedStderr&) = delete;

  void set_patience(absl::Duration patience) { patience_ = patience; }

  // The work is done, and what follows is its result, which must not be cut: writes wait for the
  // reader from now on, as long as nothing can be read from `interrupt_descriptor` (-1: none).
  static void WaitFromNowOn(int interrupt_descriptor);
  // Back to not waiting.
  static void DoNotWait();

  // What is kept and `text`, as far as the reader takes it at once. For a thread that is about to
  // end the process.
  static void WriteLastWords(absl::string_view text);

 private:
  absl::Duration patience_;
  std::streambuf* const former_buffer_;
  std::FILE* const former_file_;
};

// Writes to `descriptor` what it takes without waiting, and returns how many bytes that were. -1:
// nothing can be written to it any more.
ssize_t WriteWithoutWaiting(int descriptor, absl::string_view text);

}  // namespace metarec::tools
