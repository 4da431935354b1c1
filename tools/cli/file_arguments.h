// The files that a verb reads and writes.

#pragma once

#include <optional>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include "tools/cli/output_file.h"
#include "tools/process/command.h"

namespace metarec::tools {

// The named pipe that results go to, if they go to one. To be kept until they are printed: its
// reader would take its closing for their end.
using HeldPipe = std::optional<OutputFile>;

// To be called for a verb that was parsed, before it does anything. kInvalidArgument if two of its
// file options (type name FILE, or a SIDE) mean the same file, also under different names: one
// would overwrite the other. Two SIDEs may, since files are only read there. kFailedPrecondition if
// results would replace an evidence, plan or tree file. kUnavailable if nothing can be written
// where results are to go, or nobody reads the named pipe there within `reader_timeout`. Leaves all
// files as they are.
absl::StatusOr<HeldPipe> CheckFileOptions(
    const Command& verb, absl::Duration reader_timeout = OutputFile::kReaderTimeout);

// Of a file that is named from the current folder, for whoever opens it from another one later.
// Empty if `path` is.
std::string AbsolutePath(const std::string& path);

// kInvalidArgument, with the option, if something is there that is no regular file: what is read
// more than once, or replaced, cannot be a pipe or a device.
absl::Status CheckRegularFile(absl::string_view option, const std::string& path);

// What kind of file of ours it is.
struct FileKind {
  absl::string_view format;  // as its first line names it: "metarec-plan"
  absl::string_view name;    // "a plan of metarec"
};

// The evidence or plan file that a verb writes, and --overwrite.
class NewFileArguments {
 public:
  explicit NewFileArguments(FileKind kind) : kind_(kind) {}

  // `option`: "--plan", for example.
  void AddTo(Command& verb, const char* option);

  const std::string& path() const { return path_; }
  bool overwrite() const { return overwrite_; }

  // OK if it can be written; kAlreadyExists if it is there and may not be replaced: --overwrite
  // replaces a file of the same kind or an empty one, and nothing else. To be called before
  // anything that takes long, and again before it is written.
  absl::Status Check() const;

  // "monday.plan was not written", with what there is in its place.
  std::string NotWritten() const;

 private:
  const FileKind kind_;
  std::string path_;
  bool overwrite_ = false;
};

}  // namespace metarec::tools
