#include "zk_store/tree/data_directory/data_directory_listing.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>

#include "base/runtime/status_macros.h"

namespace metarec {
namespace {

constexpr char kSnapshotPrefix[] = "snapshot.";
constexpr char kLogPrefix[] = "log.";
constexpr char kVersionFolder[] = "version-2";

// What follows the prefix is a zxid in hexadecimal digits; a snapshot's name may end with the
// compression.
bool ZxidOfName(absl::string_view name, absl::string_view prefix, int64_t* zxid) {
  if (!absl::ConsumePrefix(&name, prefix)) return false;
  if (prefix == kSnapshotPrefix && !absl::ConsumeSuffix(&name, ".gz")) {
    absl::ConsumeSuffix(&name, ".snappy");
  }
  const auto is_digit = [](unsigned char c) { return absl::ascii_isxdigit(c); };
  uint64_t value = 0;
  if (name.empty() || !std::all_of(name.begin(), name.end(), is_digit) ||
      !absl::SimpleHexAtoi(name, &value) ||
      value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return false;
  }
  *zxid = static_cast<int64_t>(value);
  return true;
}

// `folder`, or its version-2 if it has one.
std::string FolderOfFiles(const std::string& folder) {
  const std::filesystem::path below = std::filesystem::path(folder) / kVersionFolder;
  std::error_code ignored;
  return std::filesystem::is_directory(below, ignored) ? below.string() : folder;
}

absl::Status ListFolder(const std::string& folder, bool snapshots, bool logs,
                        DataDirectoryListing* listing) {
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    ListedFile file;
    file.path = entries->path().string();
    file.name = entries->path().filename().string();
    const bool is_snapshot = snapshots && absl::StartsWith(file.name, kSnapshotPrefix);
    const bool is_log = logs && absl::StartsWith(file.name, kLogPrefix);
    if (!is_snapshot && !is_log) continue;
    if (ZxidOfName(file.name, is_snapshot ? kSnapshotPrefix : kLogPrefix, &file.zxid)) {
      (is_snapshot ? listing->snapshots : listing->logs).push_back(std::move(file));
    } else {
      DataFinding finding;
      finding.kind = DataFindingKind::kSystemFileSkipped;
      finding.file = file.name;
      listing->findings.push_back(std::move(finding));
    }
  }
  if (!error) return absl::OkStatus();
  return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot list ", folder));
}

}  // namespace

absl::StatusOr<DataDirectoryListing> ListDataDirectory(const std::string& path,
                                                       const std::string& log_folder) {
  DataDirectoryListing listing;
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::regular) {
    ListedFile file;
    file.path = path;
    file.name = std::filesystem::path(path).filename().string();
    if (!ZxidOfName(file.name, kSnapshotPrefix, &file.zxid)) {
      return absl::InvalidArgumentError(absl::StrCat(
          path, " is no snapshot of a ZooKeeper server: those are called snapshot.ZXID, as 1f4"));
    }
    listing.snapshots.push_back(std::move(file));
    if (!log_folder.empty()) {
      METAREC_RETURN_IF_ERROR(ListFolder(FolderOfFiles(log_folder), false, true, &listing));
    }
  } else if (status.type() == std::filesystem::file_type::directory) {
    const std::string folder = FolderOfFiles(path);
    METAREC_RETURN_IF_ERROR(ListFolder(folder, true, log_folder.empty(), &listing));
    if (!log_folder.empty()) {
      METAREC_RETURN_IF_ERROR(ListFolder(FolderOfFiles(log_folder), false, true, &listing));
    }
    if (listing.snapshots.empty() && listing.logs.empty()) {
      return absl::NotFoundError(
          absl::StrCat(folder, " has no snapshot.* and no log.*: it is no data directory of a ",
                       "ZooKeeper server"));
    }
  } else {
    return error ? absl::ErrnoToStatus(error.value(), absl::StrCat("cannot look at ", path))
                 : absl::InvalidArgumentError(absl::StrCat(path, " is no folder and no file"));
  }
  const auto by_zxid = [](const ListedFile& a, const ListedFile& b) {
    return a.zxid != b.zxid ? a.zxid < b.zxid : a.name < b.name;
  };
  std::sort(listing.snapshots.begin(), listing.snapshots.end(),
            [&by_zxid](const ListedFile& a, const ListedFile& b) { return by_zxid(b, a); });
  std::sort(listing.logs.begin(), listing.logs.end(), by_zxid);
  std::sort(listing.findings.begin(), listing.findings.end(),
            [](const DataFinding& a, const DataFinding& b) { return a.file < b.file; });
  return listing;
}

}  // namespace metarec
