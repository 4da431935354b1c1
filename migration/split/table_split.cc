#include "migration/split/table_split.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/synchronization/mutex.h>

#include "base/runtime/status_macros.h"
#include "base/text/wording.h"
#include "migration/split/bulk_load_files.h"
#include "migration/split/split_state.h"

namespace metarec {
namespace {

namespace fs = std::filesystem;

constexpr int32_t kTargetsMax = 1 << 16;
constexpr int32_t kJobsMax = 256;

bool IsFolderName(absl::string_view name) {
  return !name.empty() && name != "." && name != ".." && !absl::StrContains(name, '/');
}

absl::Status CheckOptions(const TableSplitOptions& options) {
  if (!IsFolderName(options.cluster) || !IsFolderName(options.app_name)) {
    return absl::InvalidArgumentError(
        "the cluster and the table are names of folders: neither empty nor with a slash");
  }
  if (options.app_id <= 0) {
    return absl::InvalidArgumentError("the table's id must be above 0; `metarec ls` shows it");
  }
  if (options.partition_count < 1 || options.partition_count > kTargetsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("the number of partitions must be from 1 to ", kTargetsMax));
  }
  if (options.jobs < 1 || options.jobs > kJobsMax) {
    return absl::InvalidArgumentError(absl::StrCat("jobs must be from 1 to ", kJobsMax));
  }
  if (options.shards < 1 || options.shard < 0 || options.shard >= options.shards) {
    return absl::InvalidArgumentError(
        "a shard is I/N, with I from 0 to N - 1: 0/1 is the whole split");
  }
  return absl::OkStatus();
}

// The unit that wrote a file of this name, or its `.meta`; -1: none did.
int64_t UnitOfFile(absl::string_view name) {
  if (absl::StartsWith(name, ".")) name.remove_prefix(1);
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '_');
  int64_t unit = -1;
  const bool is_ours = parts.size() == 3 && parts[0] == "data" &&
                       absl::StrContains(parts[2], ".sst") && absl::SimpleAtoi(parts[1], &unit);
  return is_ours ? unit : -1;
}

class Split {
 public:
  Split(const TableSplitOptions& options, TableSplitProgress* progress)
      : options_(options),
        progress_(progress),
        folder_(absl::StrCat(options.root, "/", options.cluster, "/", options.app_name)) {}

  absl::StatusOr<TableSplitResult> Run() {
    METAREC_RETURN_IF_ERROR(Prepare());
    METAREC_RETURN_IF_ERROR(CheckFolder());
    // The state comes first, so that a kill leaves no folder that is not known as ours.
    METAREC_RETURN_IF_ERROR(CreateFolders(fs::path(folder_).parent_path()));
    METAREC_ASSIGN_OR_RETURN(state_,
                             SplitState::Open(PathOfState(options_.shard), ScopeOf(options_.shard),
                                              ToExpirySeconds(absl::ToUnixSeconds(options_.now))));
    for (int32_t target = 0; target < options_.partition_count; ++target) {
      METAREC_RETURN_IF_ERROR(CreateFolders(absl::StrCat(folder_, "/", target)));
    }
    METAREC_RETURN_IF_ERROR(ForgetDamaged());
    METAREC_RETURN_IF_ERROR(RemoveUnfinished());
    METAREC_RETURN_IF_ERROR(CheckBackupFiles());
    METAREC_RETURN_IF_ERROR(DoUnits());
    Sum(state_->complete());
    if (options_.shards > 1) return result_;
    return Finish({state_->complete()});
  }

  absl::StatusOr<TableSplitResult> RunFinish() {
    METAREC_RETURN_IF_ERROR(Prepare());
    std::vector<std::map<size_t, SplitUnitResult>> shards;
    std::vector<int32_t> not_begun;
    for (int32_t shard = 0; shard < options_.shards; ++shard) {
      const auto state = SplitState::Read(PathOfState(shard), ScopeOf(shard));
      if (absl::IsNotFound(state.status())) {
        not_begun.push_back(shard);
        continue;
      }
      METAREC_RETURN_IF_ERROR(state.status());
      shards.push_back((*state)->complete());
      Sum(shards.back());
    }
    if (!not_begun.empty()) return NotBegun(not_begun);
    return Finish(shards);
  }

 private:
  absl::Status Prepare() {
    METAREC_RETURN_IF_ERROR(CheckOptions(options_));
    METAREC_ASSIGN_OR_RETURN(backup_, OpenBackupFolder(options_.backup, options_.backup_table));
    METAREC_ASSIGN_OR_RETURN(units_,
                             PlanSplitUnits(backup_, options_.partition_count, options_.plan));
    result_.units = units_.size();
    result_.folder = folder_;
    work_ = {.backup = &backup_, .target_count = options_.partition_count, .folder = folder_};
    return absl::OkStatus();
  }

  bool IsMine(size_t unit) const {
    return unit % static_cast<size_t>(options_.shards) == static_cast<size_t>(options_.shard);
  }

  SplitScope ScopeOf(int32_t shard) const {
    return {.backup_digest = backup_.digest,
            .source_count = static_cast<int32_t>(backup_.partitions.size()),
            .app_name = options_.app_name,
            .app_id = options_.app_id,
            .target_count = options_.partition_count,
            .units = units_.size(),
            .shard = shard,
            .shards = options_.shards};
  }

  std::string PathOfState(int32_t shard) const {
    return absl::StrCat(folder_, ".split.", shard, "-of-", options_.shards);
  }

  // Whether what is in the table's folder is ours.
  absl::Status CheckFolder() const {
    std::error_code error;
    bool is_begun = false;
    for (int32_t shard = 0; shard < options_.shards; ++shard) {
      is_begun |= fs::exists(PathOfState(shard), error);
    }
    if (is_begun || !fs::exists(folder_, error) || fs::is_empty(folder_, error)) {
      return absl::OkStatus();
    }
    return absl::FailedPreconditionError(absl::StrCat(
        folder_, " is there, and this split did not begin it; remove it, or give another root"));
  }

  // What an earlier call completed may have been damaged since.
  absl::Status ForgetDamaged() {
    for (const auto& [unit, result] : state_->complete()) {
      bool is_whole = true;
      for (const SplitFile& file : result.files) {
        const absl::StatusOr<std::string> md5 =
            Md5OfFile(absl::StrCat(folder_, "/", file.target, "/", file.name));
        is_whole = is_whole && md5.ok() && *md5 == file.md5;
      }
      if (is_whole) {
        ++result_.units_resumed;
      } else {
        state_->Forget(unit);
      }
    }
    return absl::OkStatus();
  }

  // Files of units that are not complete.
  absl::Status RemoveUnfinished() {
    std::set<std::string> known;
    for (const auto& [unit, result] : state_->complete()) {
      for (const SplitFile& file : result.files) {
        known.insert(absl::StrCat(file.target, "/", file.name));
        known.insert(absl::StrCat(file.target, "/.", file.name, ".meta"));
      }
    }
    for (int32_t target = 0; target < options_.partition_count; ++target) {
      const std::string folder = absl::StrCat(folder_, "/", target);
      std::vector<fs::path> unfinished;
      std::error_code error;
      for (fs::directory_iterator entries(folder, error);
           !error && entries != fs::directory_iterator(); entries.increment(error)) {
        const std::string name = entries->path().filename().string();
        const int64_t unit = UnitOfFile(name);
        if (unit < 0 || !IsMine(static_cast<size_t>(unit))) continue;
        if (!known.contains(absl::StrCat(target, "/", name))) unfinished.push_back(entries->path());
      }
      for (const fs::path& path : unfinished) {
        if (!error) fs::remove(path, error);
      }
      if (error) {
        return absl::UnavailableError(
            absl::StrCat("cannot clean up ", folder, ": ", error.message()));
      }
    }
    return absl::OkStatus();
  }

  std::vector<size_t> Missing() const {
    const auto complete = state_->complete();
    std::vector<size_t> missing;
    for (size_t unit = 0; unit < units_.size(); ++unit) {
      if (IsMine(unit) && !complete.contains(unit)) missing.push_back(unit);
    }
    return missing;
  }

  // Calls `work` with 0 to `count` - 1, on several threads, until one of them fails.
  absl::Status ForEach(size_t count, const std::function<absl::Status(size_t)>& work) {
    std::atomic<size_t> next = 0;
    absl::Mutex mutex;
    absl::Status first;
    const auto run = [&] {
      for (size_t i = next++; i < count && !progress_->work.stop; i = next++) {
        const absl::Status done = work(i);
        if (done.ok()) continue;
        absl::MutexLock lock(&mutex);
        // The others are told to stop, and their errors say only that.
        if (first.ok()) first = done;
        progress_->work.stop = true;
      }
    };
    std::vector<std::thread> threads;
    const size_t jobs = std::min<size_t>(count, static_cast<size_t>(options_.jobs));
    for (size_t i = 1; i < jobs; ++i) threads.emplace_back(run);
    run();
    for (std::thread& thread : threads) thread.join();
    if (first.ok() && progress_->work.stop) return absl::CancelledError("told to stop");
    return first;
  }

  // Only those that are still to be read.
  absl::Status CheckBackupFiles() {
    if (!options_.check_md5) return absl::OkStatus();
    std::set<int32_t> needed;
    for (const size_t unit : Missing()) {
      needed.insert(units_[unit].sources.begin(), units_[unit].sources.end());
    }
    const std::vector<int32_t> partitions(needed.begin(), needed.end());
    return ForEach(partitions.size(),
                   [&](size_t i) { return CheckFilesOf(backup_.partitions[partitions[i]]); });
  }

  absl::Status DoUnits() {
    work_.expired_before = state_->expired_before();
    const std::vector<size_t> missing = Missing();
    progress_->units = static_cast<int64_t>(missing.size());
    progress_->bytes_total = backup_.total_bytes;
    return ForEach(missing.size(), [&](size_t i) -> absl::Status {
      METAREC_ASSIGN_OR_RETURN(
          const SplitUnitResult done,
          DoSplitUnit(work_, missing[i], units_[missing[i]], &progress_->work));
      METAREC_RETURN_IF_ERROR(state_->Add(missing[i], done));
      ++progress_->units_done;
      return absl::OkStatus();
    });
  }

  void Sum(const std::map<size_t, SplitUnitResult>& complete) {
    for (const auto& [unit, result] : complete) {
      result_.counts.Add(result.counts);
      for (const SplitFile& file : result.files) {
        ++result_.files;
        result_.bytes += file.size;
      }
    }
  }

  absl::Status NotBegun(const std::vector<int32_t>& shards) const {
    std::vector<std::string> options;
    for (const int32_t shard : shards) {
      options.push_back(absl::StrCat("--shard ", shard, "/", options_.shards));
    }
    return absl::FailedPreconditionError(
        absl::StrCat(Counted(static_cast<int64_t>(shards.size()), "shard"), " of ", options_.shards,
                     shards.size() == 1 ? " was" : " were", " not begun: there is no file ",
                     PathOfState(shards.front()), shards.size() == 1 ? "" : ", for example",
                     ". Run metarec table split with the same options and ", CutList(options),
                     " in place of --finish; then finish again"));
  }

  // Each unit was checked by itself: what is left is that all of them are there, and their files.
  absl::StatusOr<TableSplitResult> Finish(
      const std::vector<std::map<size_t, SplitUnitResult>>& shards) {
    std::vector<std::vector<BulkLoadFile>> files_of(static_cast<size_t>(options_.partition_count));
    std::vector<std::string> missing;
    RowsDigest in_files;
    for (size_t unit = 0; unit < units_.size(); ++unit) {
      const auto& complete = shards[unit % shards.size()];
      const auto found = complete.find(unit);
      if (found == complete.end()) {
        missing.push_back(
            absl::StrCat(unit, " (--shard ", unit % shards.size(), "/", shards.size(), ")"));
        continue;
      }
      for (const SplitFile& file : found->second.files) {
        METAREC_RETURN_IF_ERROR(CheckIsThere(file));
        in_files.Add(file.rows);
        files_of[file.target].push_back(file);
      }
    }
    if (!missing.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat(Counted(static_cast<int64_t>(missing.size()), "part"), " of ", units_.size(),
                       missing.size() == 1 ? " is" : " are", " not there yet: ", CutList(missing),
                       "; run their shards to the end first"));
    }
    if (in_files != result_.counts.copied) {
      return absl::DataLossError("the files do not hold the rows that were read");
    }
    for (int32_t target = 0; target < options_.partition_count; ++target) {
      std::vector<BulkLoadFile>& files = files_of[target];
      if (files.empty()) {
        METAREC_ASSIGN_OR_RETURN(SplitFile empty, WriteEmptyFile(folder_, target));
        files.push_back(std::move(empty));
        ++result_.empty_partitions;
      }
      METAREC_RETURN_IF_ERROR(WriteBulkLoadMetadata(absl::StrCat(folder_, "/", target), files));
    }
    METAREC_RETURN_IF_ERROR(
        WriteBulkLoadInfo(folder_, options_.app_id, options_.app_name, options_.partition_count));
    result_.is_whole = true;
    return result_;
  }

  absl::Status CheckIsThere(const SplitFile& file) const {
    const std::string path = absl::StrCat(folder_, "/", file.target, "/", file.name);
    std::error_code error;
    const auto size = fs::file_size(path, error);
    if (!error && static_cast<int64_t>(size) == file.size) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat(
        path, " is missing or has another size than when it was written; run its shard again"));
  }

  const TableSplitOptions options_;
  TableSplitProgress* const progress_;
  const std::string folder_;
  BackupFolder backup_;
  std::vector<SplitUnit> units_;
  SplitWork work_;
  std::unique_ptr<SplitState> state_;
  TableSplitResult result_;
};

}  // namespace

absl::StatusOr<TableSplitResult> SplitTable(const TableSplitOptions& options,
                                            TableSplitProgress* progress) {
  return Split(options, progress).Run();
}

absl::StatusOr<TableSplitResult> FinishSplit(const TableSplitOptions& options) {
  TableSplitProgress progress;
  return Split(options, &progress).RunFinish();
}

}  // namespace metarec
