// The files beside the rows that bulk load wants (docs/offline-split.md):
//
//   <root>/<cluster>/<table>/bulk_load_info
//   <root>/<cluster>/<table>/<partition>/bulk_load_metadata
//
// Each file, those with rows too, has a `.NAME.meta` beside it, which Pegasus's local_service
// needs.

#pragma once

#include <cstdint>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

namespace metarec {

struct BulkLoadFile {
  std::string name;
  int64_t size = 0;
  std::string md5;

  friend bool operator==(const BulkLoadFile&, const BulkLoadFile&) = default;
};

// In hexadecimal. Errors name the file.
absl::StatusOr<std::string> Md5OfFile(const std::string& path);

// Writes `.NAME.meta` of a file that is there.
absl::Status WriteFileMeta(const std::string& folder, const BulkLoadFile& file);

// Both write the file, and its `.meta`, under another name first and sync it: it is there
// completely or not at all. kResourceExhausted if the disk is full.
absl::Status WriteBulkLoadMetadata(const std::string& folder, absl::Span<const BulkLoadFile> files);
absl::Status WriteBulkLoadInfo(const std::string& folder, int32_t app_id,
                               absl::string_view app_name, int32_t partition_count);

// Creates folders as needed. Errors name the folder.
absl::Status CreateFolders(const std::string& path);

}  // namespace metarec
