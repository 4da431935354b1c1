// The folder of one table in a cold backup (docs/offline-split.md):
//
//   <table>_<id>/meta/app_metadata
//   <table>_<id>/<partition>/current_checkpoint          names the checkpoint
//   <table>_<id>/<partition>/<checkpoint>/backup_metadata  its files, with size and MD5

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

namespace metarec {

struct BackupFile {
  std::string name;
  int64_t size = 0;
  std::string md5;  // in hexadecimal
};

struct BackupPartition {
  std::string checkpoint;  // the folder's path
  int64_t decree = 0;
  std::vector<BackupFile> files;
};

struct BackupFolder {
  std::string path;
  std::string app_name;
  int32_t app_id = 0;
  std::vector<BackupPartition> partitions;  // by index; as many as the table has
  int64_t total_bytes = 0;
  std::string digest;  // SHA-256 over all metadata: tells one backup from another
};

// Reads the metadata of a backup, and looks whether every file is there and as long as it should
// be. `path` is the table's folder, or that of the whole backup: then `table` says whose, unless
// there is only one. kNotFound and kDataLoss name the file.
absl::StatusOr<BackupFolder> OpenBackupFolder(const std::string& path, absl::string_view table);

// Reads every file of a partition and compares its MD5. kDataLoss names the first that differs.
absl::Status CheckFilesOf(const BackupPartition& partition);

}  // namespace metarec
