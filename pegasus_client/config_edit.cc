#include "pegasus_client/config_edit.h"

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include <absl/cleanup/cleanup.h>
#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"

namespace metarec {
namespace {

constexpr size_t kConfigBytesMax = 4 << 20;

// Where the comment of a line begins; its end if there is none. '^' in front of '#' or ';' makes
// them stand for themselves.
size_t CommentIn(absl::string_view line) {
  for (size_t i = 0; i < line.size(); ++i) {
    if ((line[i] == '#' || line[i] == ';') && (i == 0 || line[i - 1] != '^')) return i;
  }
  return line.size();
}

std::string Unescaped(absl::string_view value) {
  std::string text;
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '^' && i + 1 < value.size() && (value[i + 1] == '#' || value[i + 1] == ';')) {
      continue;
    }
    text.push_back(value[i]);
  }
  return text;
}

std::string Escaped(absl::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '#' || c == ';') text.push_back('^');
    text.push_back(c);
  }
  return text;
}

// What a line says, and where its value stands in it.
struct IniLine {
  std::string section;  // of a line that begins one
  std::string key;      // of a line that has one
  size_t value_begin = 0;
  size_t value_end = 0;
  bool has_equals = false;
};

IniLine ReadIniLine(absl::string_view line) {
  IniLine read;
  const absl::string_view content = line.substr(0, CommentIn(line));
  const absl::string_view stripped = absl::StripAsciiWhitespace(content);
  if (stripped.empty()) return read;
  if (stripped.front() == '[') {
    const size_t end = stripped.find(']');
    if (end != absl::string_view::npos) {
      read.section = std::string(absl::StripAsciiWhitespace(stripped.substr(1, end - 1)));
    }
    return read;
  }
  const size_t equals = content.find('=');
  read.has_equals = equals != absl::string_view::npos;
  read.key = Unescaped(absl::StripAsciiWhitespace(content.substr(0, equals)));
  if (!read.has_equals) {
    read.value_begin = read.value_end = absl::StripTrailingAsciiWhitespace(content).size();
    return read;
  }
  const absl::string_view behind = content.substr(equals + 1);
  const absl::string_view value = absl::StripAsciiWhitespace(behind);
  read.value_begin = value.empty() ? equals + 1 : static_cast<size_t>(value.data() - line.data());
  read.value_end = read.value_begin + value.size();
  return read;
}

absl::Status CheckChange(const ConfigChange& change) {
  for (const absl::string_view text : {change.section, change.key, change.value}) {
    if (!absl::StrContains(text, "\n") && !absl::StrContains(text, "\r") &&
        absl::StripAsciiWhitespace(text) == text && !absl::EndsWith(text, "^")) {
      continue;
    }
    return absl::InvalidArgumentError(absl::StrCat("[", change.section, "] ", change.key,
                                                   " cannot be set to '", Printable(change.value),
                                                   "': a line of config.ini cannot have that"));
  }
  return absl::OkStatus();
}

std::string NumberedLine(size_t index, char sign, absl::string_view line) {
  return absl::StrCat(index + 1, " ", absl::string_view(&sign, 1),
                      Printable(absl::StripTrailingAsciiWhitespace(line)));
}

// A text as lines that keep their ends.
class ConfigLines {
 public:
  explicit ConfigLines(absl::string_view text) {
    ends_in_newline_ = absl::EndsWith(text, "\n");
    for (const absl::string_view line : absl::StrSplit(text, '\n')) lines_.emplace_back(line);
    if (ends_in_newline_) lines_.pop_back();
    line_end_ = !lines_.empty() && absl::EndsWith(lines_.front(), "\r") ? "\r" : "";
  }

  absl::Status Set(const ConfigChange& change, std::vector<std::string>* difference) {
    // Also behind the key: a server would not start with such a file.
    METAREC_RETURN_IF_ERROR(CheckIsThereOnce(change.section));
    std::optional<size_t> section;
    bool is_inside = false;
    std::string indent;
    for (size_t i = 0; i < lines_.size(); ++i) {
      const IniLine read = ReadIniLine(lines_[i]);
      if (!read.section.empty()) {
        is_inside = read.section == change.section;
        if (is_inside) section = i;
      } else if (is_inside && !read.key.empty()) {
        if (indent.empty()) indent = lines_[i].substr(0, lines_[i].find_first_not_of(" \t"));
        if (read.key == change.key) {
          Replace(i, read, change, difference);
          return absl::OkStatus();
        }
      }
    }
    if (!section.has_value()) {
      if (!lines_.empty() && !absl::StripAsciiWhitespace(lines_.back()).empty()) Append("");
      section = lines_.size();
      Append(absl::StrCat("[", change.section, "]"));
      difference->push_back(NumberedLine(*section, '+', lines_.back()));
    }
    const std::string line =
        absl::StrCat(indent, change.key, " = ", Escaped(change.value), line_end_);
    lines_.insert(lines_.begin() + static_cast<int64_t>(*section) + 1, line);
    difference->push_back(NumberedLine(*section + 1, '+', line));
    return absl::OkStatus();
  }

  // The line of this key, if there is one.
  void Remove(const ConfigChange& change) {
    bool is_inside = false;
    for (size_t i = 0; i < lines_.size(); ++i) {
      const IniLine read = ReadIniLine(lines_[i]);
      if (!read.section.empty()) is_inside = read.section == change.section;
      if (!is_inside || read.key != change.key) continue;
      lines_.erase(lines_.begin() + static_cast<int64_t>(i));
      return;
    }
  }

  std::string Text() const {
    return absl::StrCat(absl::StrJoin(lines_, "\n"), ends_in_newline_ ? "\n" : "");
  }

 private:
  absl::Status CheckIsThereOnce(absl::string_view section) const {
    std::optional<size_t> first;
    for (size_t i = 0; i < lines_.size(); ++i) {
      if (ReadIniLine(lines_[i]).section != section) continue;
      if (first.has_value()) {
        return absl::InvalidArgumentError(absl::StrCat("[", section, "] is there twice, in lines ",
                                                       *first + 1, " and ", i + 1,
                                                       ": put both together into one"));
      }
      first = i;
    }
    return absl::OkStatus();
  }

  void Append(absl::string_view line) { lines_.push_back(absl::StrCat(line, line_end_)); }

  void Replace(size_t index, const IniLine& read, const ConfigChange& change,
               std::vector<std::string>* difference) {
    std::string& line = lines_[index];
    const std::string value = Escaped(change.value);
    if (read.has_equals &&
        line.substr(read.value_begin, read.value_end - read.value_begin) == value) {
      return;
    }
    const std::string before = line;
    const bool has_value = read.value_end > read.value_begin;
    const char* const lead = !read.has_equals ? " = " : has_value ? "" : " ";
    line = absl::StrCat(line.substr(0, read.value_begin), lead, value, line.substr(read.value_end));
    difference->push_back(NumberedLine(index, '-', before));
    difference->push_back(NumberedLine(index, '+', line));
  }

  std::vector<std::string> lines_;
  std::string line_end_;  // in front of the newline
  bool ends_in_newline_ = false;
};

absl::StatusOr<std::string> RealPath(const std::string& path) {
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(path, error);
  if (!error) return real.string();
  return absl::NotFoundError(absl::StrCat("cannot find ", path, ": ", error.message()));
}

absl::Status Failed(absl::string_view what, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot ", what, " ", path));
}

absl::Status SyncFolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return Failed("open", folder);
  const bool synced = ::fsync(descriptor) == 0 || errno == EINVAL;  // EINVAL: not supported there
  ::close(descriptor);
  return synced ? absl::OkStatus() : Failed("flush", folder);
}

// One name, so that what a killed run has left is written over, or removed.
std::string TemporaryOf(const std::string& path) { return absl::StrCat(path, ".metarec.tmp"); }

// A file with the owner and the permissions of `like`, which may be the file itself, in place of
// whatever has this name; or, if `is_trial`, all but that last act.
absl::Status ReplaceFile(const std::string& path, const std::string& like, absl::string_view text,
                         bool is_trial = false) {
  struct stat info {};
  if (::stat(like.c_str(), &info) != 0) return Failed("look at", like);
  const std::string temporary = TemporaryOf(path);
  const int descriptor =
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return Failed("write", temporary);
  absl::Cleanup remove = [&] { ::unlink(temporary.c_str()); };
  absl::Cleanup close = [&] { ::close(descriptor); };
  // A server that runs as its owner could not read it any more.
  if (::fchown(descriptor, info.st_uid, info.st_gid) != 0) return Failed("keep the owner of", like);
  if (::fchmod(descriptor, info.st_mode & 0777) != 0)
    return Failed("set permissions of", temporary);
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failed("write", temporary);
    text.remove_prefix(static_cast<size_t>(written));
  }
  if (::fsync(descriptor) != 0) return Failed("flush", temporary);
  if (is_trial) return absl::OkStatus();
  if (::rename(temporary.c_str(), path.c_str()) != 0) return Failed("replace", path);
  std::move(remove).Cancel();
  return SyncFolderOf(path);
}

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

}  // namespace

absl::StatusOr<EditedConfig> EditConfig(absl::string_view text, absl::string_view name,
                                        const std::vector<ConfigChange>& changes) {
  ConfigLines lines(text);
  EditedConfig edited;
  for (const ConfigChange& change : changes) {
    METAREC_RETURN_IF_ERROR(CheckChange(change));
    const absl::Status set = lines.Set(change, &edited.difference);
    if (!set.ok()) return absl::InvalidArgumentError(absl::StrCat(name, ": ", set.message()));
  }
  edited.text = lines.Text();
  return edited;
}

std::optional<std::string> ConfigValue(absl::string_view text, absl::string_view section,
                                       absl::string_view key) {
  bool is_inside = false;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const IniLine read = ReadIniLine(line);
    if (!read.section.empty()) is_inside = read.section == section;
    if (!is_inside || read.key != key) continue;
    return Unescaped(line.substr(read.value_begin, read.value_end - read.value_begin));
  }
  return std::nullopt;
}

absl::StatusOr<std::string> ReadConfigText(const std::string& path) {
  std::error_code ignored;
  if (Exists(path) && !std::filesystem::is_regular_file(path, ignored)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is no regular file; give a meta server's config.ini"));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return Failed("open", path);
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (file.bad()) return Failed("read", path);
  if (text.size() <= kConfigBytesMax) return text;
  return absl::InvalidArgumentError(absl::StrCat(path, " has more than ", kConfigBytesMax,
                                                 " bytes; give a meta server's config.ini"));
}

absl::Status TryConfigEdit(const std::string& path, const std::vector<ConfigChange>& changes) {
  METAREC_ASSIGN_OR_RETURN(const std::string real, RealPath(path));
  METAREC_ASSIGN_OR_RETURN(const std::string text, ReadConfigText(real));
  METAREC_ASSIGN_OR_RETURN(const EditedConfig edited, EditConfig(text, path, changes));
  return ReplaceFile(real, real, edited.text, /*is_trial=*/true);
}

absl::StatusOr<std::vector<std::string>> EditConfigFile(const std::string& path,
                                                        const std::vector<ConfigChange>& changes,
                                                        const std::string& backup_suffix) {
  METAREC_ASSIGN_OR_RETURN(const std::string real, RealPath(path));
  METAREC_ASSIGN_OR_RETURN(const std::string text, ReadConfigText(real));
  METAREC_ASSIGN_OR_RETURN(EditedConfig edited, EditConfig(text, path, changes));
  if (edited.difference.empty()) return edited.difference;
  const std::string backup = absl::StrCat(real, ".", backup_suffix);
  if (!Exists(backup)) METAREC_RETURN_IF_ERROR(ReplaceFile(backup, real, text));
  METAREC_RETURN_IF_ERROR(ReplaceFile(real, real, edited.text));
  return edited.difference;
}

absl::Status RestoreConfigFile(const std::string& path, const std::vector<ConfigChange>& changes,
                               const std::string& backup_suffix) {
  METAREC_ASSIGN_OR_RETURN(const std::string real, RealPath(path));
  const std::string backup = absl::StrCat(real, ".", backup_suffix);
  for (const std::string& file : {real, backup}) ::unlink(TemporaryOf(file).c_str());
  if (!Exists(backup)) return absl::OkStatus();
  METAREC_ASSIGN_OR_RETURN(const std::string now, ReadConfigText(real));
  METAREC_ASSIGN_OR_RETURN(std::string former, ReadConfigText(backup));
  METAREC_ASSIGN_OR_RETURN(const EditedConfig edited, EditConfig(former, backup, changes));
  if (now != edited.text && now != former) {
    ConfigLines restored(now);
    std::vector<std::string> difference;
    for (const ConfigChange& change : changes) {
      const std::optional<std::string> value = ConfigValue(former, change.section, change.key);
      if (!value.has_value()) {
        restored.Remove(change);
        continue;
      }
      METAREC_RETURN_IF_ERROR(restored.Set({change.section, change.key, *value}, &difference));
    }
    former = restored.Text();
  }
  if (now != former) METAREC_RETURN_IF_ERROR(ReplaceFile(real, real, former));
  if (::unlink(backup.c_str()) != 0) return Failed("remove", backup);
  return SyncFolderOf(real);
}

}  // namespace metarec
