#include "tools/cli/file_arguments.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/line_file/line_file.h"
#include "base/runtime/status_macros.h"
#include "tools/cli/side_arguments.h"
#include "zk_store/client/store_error.h"

namespace metarec::tools {
namespace {

constexpr int kLinksMax = 40;  // as in the kernel
constexpr size_t kFirstLineBytesMax = 1 << 16;

struct NamedFile {
  std::string option;
  std::string path;
  bool is_read = false;  // as a side, or for its credentials
};

// The path without links, the one included that leads to a file which is not there yet.
std::filesystem::path Resolved(std::filesystem::path path) {
  std::error_code error;  // what is wrong with the path is said by whoever opens it
  for (int i = 0; i < kLinksMax && std::filesystem::is_symlink(path, error) &&
                  !std::filesystem::exists(path, error);
       ++i) {
    path = path.parent_path() / std::filesystem::read_symlink(path, error);
  }
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  return std::filesystem::weakly_canonical(absolute, error);
}

bool IsOneFile(const std::string& a, const std::string& b) {
  struct stat info_a {};
  struct stat info_b {};
  if (::stat(a.c_str(), &info_a) == 0 && ::stat(b.c_str(), &info_b) == 0) {
    if (S_ISCHR(info_a.st_mode)) return false;  // a terminal or /dev/null holds nothing
    return info_a.st_dev == info_b.st_dev && info_a.st_ino == info_b.st_ino;
  }
  return Resolved(a) == Resolved(b);
}

std::vector<NamedFile> FilesOf(const Command& verb) {
  std::vector<NamedFile> files;
  for (const CommandOption option : verb.options()) {
    if (!option.is_given()) continue;
    const std::string value = option.values().back();
    if (option.type_name() == "FILE") {
      const bool is_read = absl::EndsWith(option.name(), "_auth_file");
      files.push_back({.option = option.name(), .path = value, .is_read = is_read});
    }
    if (option.type_name() != kSideType) continue;
    const absl::StatusOr<SidePlace> side = ParseSide(value);  // the verb says what is wrong with it
    if (side.ok() && side->is_file())
      files.push_back({.option = option.name(), .path = side->file, .is_read = true});
  }
  return files;
}

constexpr absl::string_view kNothingDone = ". Nothing was asked or written";

absl::Status CannotWrite(absl::string_view what) {
  return Annotate(CannotWriteTo(what), kNothingDone);
}

// Devices that are full, and descriptors that are only for reading, tell already when nothing is
// written.
bool TakesBytes(int descriptor) { return ::write(descriptor, "", 0) == 0; }

// By its first bytes: plain, or compressed.
bool HoldsFileOfOurs(const std::string& path) {
  // What a terminal or a pipe holds nobody knows before somebody has typed or written it.
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return false;
  constexpr absl::string_view kPlain = R"({"format":"metarec-)";
  constexpr absl::string_view kZstd = "\x28\xb5\x2f\xfd";
  std::string begin(kPlain.size(), '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  begin.resize(static_cast<size_t>(file.gcount()));
  return absl::StartsWith(begin, kPlain) || absl::StartsWith(begin, kZstd);
}

// Whether it is empty, or a file of ours of this format.
bool IsReplaceable(const std::string& path, absl::string_view format) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return false;
  if (info.st_size == 0) return true;
  LineReaderOptions options;
  options.line_bytes_max = kFirstLineBytesMax;
  absl::StatusOr<LineReader> reader = LineReader::Open(path, options);
  std::string line;
  const bool is_read = reader.ok() && reader->Next(&line).value_or(false);
  return is_read && absl::StartsWith(line, absl::StrCat(R"({"format":")", format, "\""));
}

absl::StatusOr<HeldPipe> CheckOutput(const std::string& path, absl::Duration reader_timeout) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && S_ISFIFO(info.st_mode)) {
    absl::StatusOr<OutputFile> pipe = OutputFile::Open(path, reader_timeout);
    if (!pipe.ok()) return Annotate(pipe.status(), kNothingDone);
    return *std::move(pipe);
  }
  if (HoldsFileOfOurs(path)) {
    return absl::FailedPreconditionError(
        absl::StrCat("--output ", path, " is an evidence, plan or tree file, which a result ",
                     "would replace; give another name", kNothingDone));
  }
  int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  const bool is_new = descriptor >= 0;
  if (!is_new) descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0) return CannotWrite(path);
  const absl::Status status = TakesBytes(descriptor) ? absl::OkStatus() : CannotWrite(path);
  ::close(descriptor);
  if (is_new) ::unlink(path.c_str());
  METAREC_RETURN_IF_ERROR(status);
  return std::nullopt;
}

}  // namespace

absl::StatusOr<HeldPipe> CheckFileOptions(const Command& verb, absl::Duration reader_timeout) {
  const std::vector<NamedFile> files = FilesOf(verb);
  for (size_t i = 0; i < files.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      // Such as two moments of one folder, or two sides with the same credentials.
      if (files[i].is_read && files[j].is_read) continue;
      if (!IsOneFile(files[i].path, files[j].path)) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(files[j].option, " ", files[j].path, " and ", files[i].option, " ",
                       files[i].path, " are one file; give another name", kNothingDone));
    }
  }
  for (const NamedFile& file : files) {
    if (file.option == "--output") return CheckOutput(file.path, reader_timeout);
  }
  if (!TakesBytes(STDOUT_FILENO)) return CannotWrite("stdout");
  return std::nullopt;
}

std::string AbsolutePath(const std::string& path) {
  if (path.empty()) return path;
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  return error ? path : absolute.lexically_normal().string();
}

absl::Status CheckRegularFile(absl::string_view option, const std::string& path) {
  std::error_code ignored;  // what cannot be looked at is said by whoever opens it
  if (!std::filesystem::exists(path, ignored) || std::filesystem::is_regular_file(path, ignored)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(option, ": ", path, " is no regular file; give another name"));
}

void NewFileArguments::AddTo(Command& verb, const char* option) {
  constexpr auto kGroup = "OUTPUT";
  verb.Add(option, &path_, "the file to write; compressed if the name ends in .zst")
      .TypeName("FILE")
      .Required()
      .Group(kGroup);
  verb.AddFlag("--overwrite", &overwrite_,
               "replace the file if it is there: only one of the same kind, or an empty one")
      .Group(kGroup);
}

absl::Status NewFileArguments::Check() const {
  std::error_code error;  // what is wrong with the path is said by the trial below
  if (std::filesystem::exists(path_, error)) {
    if (!std::filesystem::is_regular_file(path_, error)) {
      return absl::AlreadyExistsError(
          absl::StrCat(path_, " is there already, and is no regular file; give another name"));
    }
    if (!IsReplaceable(path_, kind_.format)) {
      return absl::AlreadyExistsError(absl::StrCat(
          path_, " is there already, and is not ", kind_.name,
          overwrite_ ? ", so that --overwrite does not replace it" : "", "; give another name"));
    }
    if (!overwrite_) {
      return absl::AlreadyExistsError(
          absl::StrCat(path_, " is there already; give another name or --overwrite"));
    }
  }
  // Leaves nothing behind.
  return LineWriter::Create(path_, {.overwrite = overwrite_}).status();
}

std::string NewFileArguments::NotWritten() const {
  std::error_code error;
  const bool is_there = overwrite_ && std::filesystem::exists(path_, error);
  return absl::StrCat(path_, " was not written",
                      is_there ? ", and is what it was before this command" : "");
}

}  // namespace metarec::tools
