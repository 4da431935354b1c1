#include "replica_collector/disk/replica_folders.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include <absl/strings/ascii.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "replica_collector/disk/app_info_file.h"
#include "replica_collector/disk/pegasus_database.h"
#include "replica_collector/table_record_pool.h"

namespace metarec {
namespace {

namespace fs = std::filesystem;

// What servers append to the name of a folder that they do not load any more.
constexpr absl::string_view kSetAside[] = {"err", "gar", "bak", "ori", "tmp"};

constexpr int kReadAttemptsMax = 5;

struct ReplicaFolder {
  int32_t app_id = 0;
  int32_t partition_index = 0;
  std::string app_type;
  std::string path;
};

// The number of which `text` is the only spelling.
bool ParseNumber(absl::string_view text, int32_t least, int32_t* number) {
  return absl::SimpleAtoi(text, number) && *number >= least && absl::StrCat(*number) == text;
}

// "2.7.pegasus".
std::optional<ReplicaFolder> ParseFolderName(absl::string_view name) {
  const std::vector<std::string> parts = absl::StrSplit(name, '.');
  ReplicaFolder folder;
  if (parts.size() != 3 || parts[2].empty() || !ParseNumber(parts[0], 1, &folder.app_id) ||
      !ParseNumber(parts[1], 0, &folder.partition_index)) {
    return std::nullopt;
  }
  folder.app_type = parts[2];
  return folder;
}

// "2.7.pegasus.1795963283123456.err".
bool IsSetAside(absl::string_view name) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '.');
  return parts.size() > 3 &&
         std::find(std::begin(kSetAside), std::end(kSetAside), parts.back()) != std::end(kSetAside);
}

absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t bytes_max) {
  const absl::string_view name = absl::string_view(path).substr(path.rfind('/') + 1);
  std::error_code error;
  const auto status = fs::status(path, error);
  if (!fs::exists(status)) return absl::NotFoundError(absl::StrCat(name, " is missing"));
  if (!fs::is_regular_file(status)) return absl::DataLossError(absl::StrCat(name, " is no file"));
  std::ifstream file(path, std::ios::binary);
  std::string bytes(bytes_max + 1, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (file.bad() || !file.is_open()) {
    return absl::UnavailableError(absl::StrCat(name, " cannot be read"));
  }
  bytes.resize(static_cast<size_t>(file.gcount()));
  if (bytes.size() > bytes_max) {
    return absl::DataLossError(absl::StrCat(name, " has more than ", bytes_max, " bytes"));
  }
  return bytes;
}

// A server that runs may delete a file when the data are open already, too. RocksDB has several
// words for that, so that it is tried again whatever the error.
absl::StatusOr<int64_t> ReadFlushedDecree(const std::string& folder) {
  absl::StatusOr<int64_t> decree;
  for (int attempt = 0; attempt < kReadAttemptsMax; ++attempt) {
    METAREC_ASSIGN_OR_RETURN(const auto database, PegasusDatabase::Open(folder));
    decree = database->MetaNumber(kPegasusLastFlushedDecree);
    if (decree.ok()) break;
  }
  return decree;
}

class FolderReader {
 public:
  explicit FolderReader(const ReplicaFoldersOptions& options) : options_(options) {}

  absl::StatusOr<ReplicasOnDisk> Read(absl::Span<const std::string> data_dirs) {
    for (const std::string& data_dir : data_dirs) METAREC_RETURN_IF_ERROR(List(data_dir));
    if (folders_.empty() && found_.folders.set_aside.empty() && found_.folders.unusable.empty()) {
      return absl::NotFoundError(absl::StrCat(
          "there is no folder of a replica (1.0.pegasus) in ", CutList(Paths()),
          "; give the data_dirs of the server's config.ini, or the folders `reps` in them"));
    }
    for (auto& [gpid, folders] : folders_) ReadReplica(folders);
    MergeTables();
    std::sort(found_.folders.set_aside.begin(), found_.folders.set_aside.end());
    std::sort(found_.folders.unusable.begin(), found_.folders.unusable.end());
    return std::move(found_);
  }

 private:
  struct Found : ReplicaFolder {
    size_t data_dir = 0;
  };

  std::vector<std::string> Paths() const {
    std::vector<std::string> paths;
    for (const DataDirCount& data_dir : found_.data_dirs) paths.push_back(data_dir.path);
    return paths;
  }

  absl::Status List(const std::string& data_dir) {
    std::error_code error;
    std::string path = data_dir;
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    if (fs::is_directory(absl::StrCat(path, "/reps"), error)) path += "/reps";
    for (const DataDirCount& before : found_.data_dirs) {
      if (!fs::equivalent(before.path, path, error)) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(data_dir, " and ", before.path, " are one directory; give it once"));
    }
    fs::directory_iterator entries(path, error);
    if (error == std::errc::no_such_file_or_directory) {
      return absl::NotFoundError(absl::StrCat("there is no directory ", path));
    }
    if (error) {
      return absl::UnavailableError(absl::StrCat("cannot list ", path, ": ", error.message()));
    }
    found_.data_dirs.push_back({.path = path});
    for (; entries != fs::directory_iterator(); entries.increment(error)) {
      METAREC_RETURN_IF_ERROR(Note(path, entries->path().filename().string()));
      if (error) break;
    }
    if (!error) return absl::OkStatus();
    return absl::UnavailableError(absl::StrCat("cannot list ", path, ": ", error.message()));
  }

  absl::Status Note(const std::string& data_dir, const std::string& name) {
    const std::string path = absl::StrCat(data_dir, "/", name);
    // Something else that somebody keeps there is none of ours.
    if (!absl::ascii_isdigit(static_cast<unsigned char>(name[0]))) return absl::OkStatus();
    DataDirCount& counts = found_.data_dirs.back();
    if (++noted_ > options_.replicas_max) {
      return absl::ResourceExhaustedError(
          absl::StrCat("more than ", options_.replicas_max, " folders, the bound of this program"));
    }
    std::optional<ReplicaFolder> folder = ParseFolderName(name);
    if (IsSetAside(name)) {
      ++counts.set_aside;
      found_.folders.set_aside.push_back(path);
    } else if (!folder.has_value()) {
      NoteUnusable(found_.data_dirs.size() - 1, path, "its name is not that of a replica's folder");
    } else {
      folder->path = path;
      folders_[{folder->app_id, folder->partition_index}].push_back(
          {std::move(*folder), found_.data_dirs.size() - 1});
    }
    return absl::OkStatus();
  }

  void NoteUnusable(size_t data_dir, const std::string& path, absl::string_view why) {
    ++found_.data_dirs[data_dir].unusable;
    found_.folders.unusable.push_back(absl::StrCat(path, ": ", why));
  }

  void ReadReplica(const std::vector<Found>& folders) {
    if (folders.size() > 1) {
      for (const Found& folder : folders) {
        const Found& other = &folder == &folders[0] ? folders[1] : folders[0];
        NoteUnusable(folder.data_dir, folder.path,
                     absl::StrCat("the same replica is in ", other.path,
                                  ", on which its server aborts; move one of them away"));
      }
      return;
    }
    const Found& folder = folders.front();
    const absl::Status read = TryReadReplica(folder);
    if (read.ok()) {
      ++found_.data_dirs[folder.data_dir].replicas;
    } else {
      NoteUnusable(folder.data_dir, folder.path, read.message());
    }
  }

  absl::Status TryReadReplica(const Found& folder) {
    const auto file = [&](absl::string_view name) {
      return ReadSmallFile(absl::StrCat(folder.path, "/", name), options_.file_bytes_max);
    };
    METAREC_ASSIGN_OR_RETURN(const std::string app_info, file(kAppInfoFile));
    METAREC_ASSIGN_OR_RETURN(TableRecord table, ReadAppInfo(app_info));
    if (table.app_id != folder.app_id || table.app_type != folder.app_type) {
      return absl::DataLossError(absl::StrCat(kAppInfoFile, " is of table ", table.app_id,
                                              " of type ", Printable(Shortened(table.app_type)),
                                              ", which is not the folder's"));
    }
    METAREC_ASSIGN_OR_RETURN(const std::string init_info, file(kInitInfoFile));
    METAREC_ASSIGN_OR_RETURN(const int64_t ballot, ReadInitBallot(init_info));
    METAREC_ASSIGN_OR_RETURN(const int64_t flushed,
                             ReadFlushedDecree(absl::StrCat(folder.path, "/data/rdb")));
    records_of_[folder.app_id].push_back(pool_.Share(std::move(table)));
    found_.replicas.push_back({.app_id = folder.app_id,
                               .partition_index = folder.partition_index,
                               .ballot = ballot,
                               .last_committed_decree = flushed,
                               .last_prepared_decree = flushed,
                               .last_durable_decree = flushed,
                               .status = ReplicaStatus::kInactive});
    return absl::OkStatus();
  }

  // A server describes each table once. Its replicas may differ if one of them missed a change:
  // then the record counts that has the most partitions, which only a split changes, then the one
  // that most replicas have, then that of the lowest index.
  void MergeTables() {
    for (const auto& of_table : records_of_) {
      const std::vector<SharedTableRecord>& records = of_table.second;
      const auto votes = [&](const SharedTableRecord& record) {
        return std::count(records.begin(), records.end(), record);
      };
      const auto best =
          std::max_element(records.begin(), records.end(),
                           [&](const SharedTableRecord& a, const SharedTableRecord& b) {
                             if (a == b) return false;
                             if (a->partition_count != b->partition_count) {
                               return a->partition_count < b->partition_count;
                             }
                             return votes(a) < votes(b);
                           });
      found_.tables.push_back(*best);
    }
  }

  const ReplicaFoldersOptions options_;
  size_t noted_ = 0;
  std::map<std::pair<int32_t, int32_t>, std::vector<Found>> folders_;
  std::map<int32_t, std::vector<SharedTableRecord>> records_of_;  // in the order of the index
  TableRecordPool pool_;
  ReplicasOnDisk found_;
};

}  // namespace

absl::StatusOr<ReplicasOnDisk> ReadReplicaFolders(absl::Span<const std::string> data_dirs,
                                                  const ReplicaFoldersOptions& options) {
  return FolderReader(options).Read(data_dirs);
}

}  // namespace metarec
