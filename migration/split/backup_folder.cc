#include "migration/split/backup_folder.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/json/json_reader.h"
#include "base/line_file/json_lines.h"
#include "base/line_file/line_file.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "migration/split/bulk_load_files.h"

namespace metarec {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMetadataBytesMax = 64 << 20;
constexpr int32_t kBackupPartitionsMax = 1 << 20;
constexpr absl::string_view kRemedy = "; take the backup again, or fetch this file again";

std::string MetadataOf(const std::string& folder) {
  return absl::StrCat(folder, "/meta/app_metadata");
}

absl::Status Damaged(const std::string& path, absl::string_view what) {
  return absl::DataLossError(absl::StrCat(path, " ", what, kRemedy));
}

// The one folder of a table in the folder of a whole backup.
absl::StatusOr<std::string> FindTable(const std::string& path, absl::string_view table) {
  std::error_code error;
  std::vector<std::string> found;
  for (fs::directory_iterator entries(path, error); !error && entries != fs::directory_iterator();
       entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    const bool is_wanted = table.empty() || name.substr(0, name.rfind('_')) == table;
    if (is_wanted && fs::exists(MetadataOf(entries->path().string()), error)) found.push_back(name);
  }
  if (error) {
    return absl::NotFoundError(absl::StrCat("cannot list ", path, ": ", error.message()));
  }
  std::sort(found.begin(), found.end());
  if (found.size() == 1) return absl::StrCat(path, "/", found.front());
  if (found.empty()) {
    return absl::NotFoundError(absl::StrCat(
        "there is no backup of ", table.empty() ? "a table" : absl::StrCat("table ", table), " in ",
        path, ": no folder <table>_<id>/meta/app_metadata"));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      path, " has the backups of several tables: ", CutList(found), "; give the folder of one"));
}

class FolderReader {
 public:
  explicit FolderReader(const std::string& path) { folder_.path = path; }

  absl::StatusOr<BackupFolder> Read() {
    METAREC_RETURN_IF_ERROR(ReadTable());
    for (size_t i = 0; i < folder_.partitions.size(); ++i) {
      METAREC_RETURN_IF_ERROR(ReadPartition(i));
    }
    folder_.digest = digest_.Finish();
    return std::move(folder_);
  }

 private:
  absl::StatusOr<std::string> ReadFile(const std::string& path) {
    std::error_code error;
    if (!fs::is_regular_file(path, error)) {
      return absl::NotFoundError(absl::StrCat(path, " is missing", kRemedy));
    }
    METAREC_ASSIGN_OR_RETURN(std::string text, ReadTextFile(path, kMetadataBytesMax));
    METAREC_RETURN_IF_ERROR(CompareWithMeta(path));
    digest_.Add(text);
    return text;
  }

  // local_service keeps the MD5 of each file beside it; nothing else has that of metadata.
  static absl::Status CompareWithMeta(const std::string& path) {
    const fs::path file(path);
    const std::string meta_path =
        file.parent_path() / absl::StrCat(".", file.filename().string(), ".meta");
    std::error_code error;
    if (!fs::exists(meta_path, error)) return absl::OkStatus();
    METAREC_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(meta_path, kMetadataBytesMax));
    JsonDocument document;
    document.Parse(text);
    const std::optional<absl::string_view> expected = document.root().Find("md5").String();
    METAREC_ASSIGN_OR_RETURN(const std::string md5, Md5OfFile(path));
    if (expected.has_value() && *expected == md5) return absl::OkStatus();
    return Damaged(path, absl::StrCat("is damaged: its MD5 is not what ", meta_path, " says"));
  }

  absl::Status ReadTable() {
    const std::string path = MetadataOf(folder_.path);
    METAREC_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
    JsonDocument document;
    if (!document.Parse(text)) return Damaged(path, absl::StrCat("is no JSON: ", document.error()));
    JsonFieldReader fields(document.root());
    folder_.app_name = fields.String("app_name");
    folder_.app_id = fields.Int32("app_id", 1);
    const int32_t count = fields.Int32("partition_count", 1, kBackupPartitionsMax);
    if (!fields.ok()) return Damaged(path, absl::StrCat("is damaged: ", fields.error()));
    folder_.partitions.resize(static_cast<size_t>(count));
    return absl::OkStatus();
  }

  absl::Status ReadPartition(size_t index) {
    const std::string path = absl::StrCat(folder_.path, "/", index);
    METAREC_ASSIGN_OR_RETURN(std::string name, ReadFile(absl::StrCat(path, "/current_checkpoint")));
    while (!name.empty() && name.back() == '\n') name.pop_back();
    std::error_code error;
    BackupPartition& partition = folder_.partitions[index];
    partition.checkpoint = absl::StrCat(path, "/", name);
    const bool is_name = !name.empty() && name.find('/') == std::string::npos && name[0] != '.';
    if (!is_name || !fs::is_directory(partition.checkpoint, error)) {
      return Damaged(absl::StrCat(path, "/current_checkpoint"),
                     absl::StrCat("names the checkpoint '", Printable(Shortened(name)),
                                  "', which is not there"));
    }
    const std::string metadata = absl::StrCat(partition.checkpoint, "/backup_metadata");
    METAREC_ASSIGN_OR_RETURN(const std::string text, ReadFile(metadata));
    return ReadMetadata(metadata, text, &partition);
  }

  absl::Status ReadMetadata(const std::string& path, const std::string& text,
                            BackupPartition* partition) {
    JsonDocument document;
    if (!document.Parse(text)) return Damaged(path, absl::StrCat("is no JSON: ", document.error()));
    JsonFieldReader fields(document.root());
    partition->decree = fields.Int("checkpoint_decree", 0);
    const JsonValue files = fields.Array("files");
    for (size_t i = 0; i < files.size(); ++i) {
      JsonFieldReader file(files[i]);
      BackupFile& read = partition->files.emplace_back();
      read.name = file.String("name");
      read.size = file.Int("size", 0);
      read.md5 = file.String("md5");
      if (read.name.find('/') != std::string::npos) file.Fail("'name' is no name of a file");
      if (!file.ok()) fields.Fail(file.error());
    }
    if (!fields.ok()) return Damaged(path, absl::StrCat("is damaged: ", fields.error()));
    for (const BackupFile& file : partition->files) {
      const std::string file_path = absl::StrCat(partition->checkpoint, "/", file.name);
      std::error_code error;
      const auto size = fs::file_size(file_path, error);
      if (error) return absl::NotFoundError(absl::StrCat(file_path, " is missing", kRemedy));
      if (static_cast<int64_t>(size) != file.size) {
        return Damaged(file_path,
                       absl::StrCat("has ", size, " bytes, and should have ", file.size));
      }
      folder_.total_bytes += file.size;
    }
    return absl::OkStatus();
  }

  BackupFolder folder_;
  LineDigest digest_;
};

}  // namespace

absl::StatusOr<BackupFolder> OpenBackupFolder(const std::string& path, absl::string_view table) {
  std::string folder = path;
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    return absl::NotFoundError(absl::StrCat("there is no folder ", path));
  }
  if (!fs::exists(MetadataOf(folder), error) && !fs::exists(absl::StrCat(folder, "/0"), error)) {
    METAREC_ASSIGN_OR_RETURN(folder, FindTable(folder, table));
  }
  METAREC_ASSIGN_OR_RETURN(BackupFolder backup, FolderReader(folder).Read());
  if (table.empty() || backup.app_name == table) return backup;
  return absl::InvalidArgumentError(absl::StrCat(folder, " is the backup of table ",
                                                 Printable(backup.app_name), ", not of ", table));
}

absl::Status CheckFilesOf(const BackupPartition& partition) {
  for (const BackupFile& file : partition.files) {
    const std::string path = absl::StrCat(partition.checkpoint, "/", file.name);
    METAREC_ASSIGN_OR_RETURN(const std::string md5, Md5OfFile(path));
    if (md5 == file.md5) continue;
    return Damaged(path,
                   absl::StrCat("is damaged: its MD5 is ", md5, ", and should be ", file.md5));
  }
  return absl::OkStatus();
}

}  // namespace metarec
