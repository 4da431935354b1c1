// Which snapshot is taken. The newest one that is sound, not later than what is asked for, and a
// tree of one moment once the logs have been applied. A snapshot is written while the server works:
// it holds some of the changes that come after its zxid, and the logs add the others. Digests tell
// whether the result is right. A snapshot that fails is named, and the next older one is tried,
// with more of the logs. Without any snapshot, the logs must begin with the first transaction.
//
// Where the logs end. At the first record that is damaged, at a gap in the zxids, or at the first
// transaction after which the tree has another digest than the server logged; what comes later is
// not used. ZooKeeper itself walks over a gap in silence. In the last of these cases the tree is
// replayed again, up to the last transaction whose digest was right.

#include "zk_store/tree/data_directory/data_directory.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/time/time.h>

#include "base/runtime/status_macros.h"
#include "base/text/time_text.h"
#include "zk_store/tree/data_directory/data_directory_listing.h"
#include "zk_store/tree/data_directory/decompressed_file.h"
#include "zk_store/tree/data_directory/replay.h"
#include "zk_store/tree/data_directory/replayed_tree_source.h"
#include "zk_store/tree/file_stamp.h"

namespace metarec {

struct DataDirectoryTree::State {
  ReplayedTree tree;
  std::unique_ptr<SortedChildren> children;
  DataFiles files;
  DataDirectoryReport report;
  std::string log_folder;
  std::vector<FileStamp> stamps;  // from before anything was read
};

namespace {

// Which transaction of its epoch it is; 0: none.
int64_t CounterOf(int64_t zxid) { return zxid & 0xffffffff; }

// In an order of their own.
std::vector<FileStamp> StampsOf(const DataDirectoryListing& listing) {
  std::vector<FileStamp> stamps;
  for (const ListedFile& file : listing.snapshots) stamps.push_back(StampOf(file.path));
  for (const ListedFile& file : listing.logs) stamps.push_back(StampOf(file.path));
  return stamps;
}

// A tree with the files that its data are in.
struct Attempt {
  ReplayResult replay;
  DataFiles files;
  const ListedFile* snapshot = nullptr;  // null: none
  SnapshotDamage damage;                 // of the snapshot; then the rest is of no use
};

class DataDirectoryReading {
 public:
  DataDirectoryReading(std::string path, DataDirectoryOptions options)
      : path_(std::move(path)), options_(std::move(options)) {}

  absl::Status Run() {
    if (options_.at_zxid.has_value() && options_.at_time_ms.has_value()) {
      return absl::InvalidArgumentError("a zxid and a time cannot both be asked for");
    }
    METAREC_ASSIGN_OR_RETURN(listing_, ListDataDirectory(path_, options_.log_folder));
    stamps_ = StampsOf(listing_);
    for (DataFinding& finding : listing_.findings) AddFinding(std::move(finding));
    METAREC_RETURN_IF_ERROR(FindLimit());
    METAREC_RETURN_IF_ERROR(TrySnapshots());
    if (!chosen_.has_value()) METAREC_RETURN_IF_ERROR(TryWithoutSnapshot());
    if (!chosen_.has_value()) METAREC_RETURN_IF_ERROR(TakeInconsistent());
    return GoBackToProved();
  }

  void FillIn(DataDirectoryTree::State* state);

 private:
  absl::Status FindLimit() {
    if (options_.at_zxid.has_value()) limit_ = *options_.at_zxid;
    if (!options_.at_time_ms.has_value()) return absl::OkStatus();
    METAREC_ASSIGN_OR_RETURN(const MomentInLogs moment,
                             MomentAtTime(listing_.logs, *options_.at_time_ms));
    limit_ = moment.zxid;
    if (limit_ >= 0) return absl::OkStatus();
    return absl::OutOfRangeError(
        absl::StrCat(path_, ": the logs begin later than the time that was asked for: ask for ",
                     UtcTextWithMs(absl::FromUnixMillis(moment.first_time_ms)), " or later"));
  }

  absl::Status TrySnapshots() {
    int tried = 0;
    for (const ListedFile& snapshot : listing_.snapshots) {
      if (snapshot.zxid > limit_) continue;
      if (++tried > options_.snapshots_max) break;
      METAREC_ASSIGN_OR_RETURN(Attempt attempt, TrySnapshot(snapshot, limit_));
      DataFinding finding;
      finding.file = snapshot.name;
      finding.other_zxid = attempt.replay.fuzzy_end;
      finding.zxid = attempt.replay.last_zxid;
      if (attempt.damage.damage != DataDamage::kNone) {
        finding.kind = DataFindingKind::kSnapshotDamaged;
        finding.damage = attempt.damage.damage;
        finding.offset = attempt.damage.offset;
        finding.zxid = snapshot.zxid;
        // That of a new leader is written before the first transaction of its epoch.
        if (CounterOf(snapshot.zxid) > 0) NoteLater(snapshot.zxid);
      } else if (attempt.replay.fuzzy_end > limit_) {
        finding.kind = DataFindingKind::kSnapshotTooNew;
      } else if (attempt.replay.last_zxid < attempt.replay.fuzzy_end) {
        finding.kind = DataFindingKind::kSnapshotFuzzy;
        NoteLater(attempt.replay.fuzzy_end);
        if (inconsistent_ == nullptr) inconsistent_ = &snapshot;
      } else if (attempt.replay.never_matched) {
        finding.kind = DataFindingKind::kSnapshotDiffers;
        NoteLater(attempt.replay.last_zxid);
        if (inconsistent_ == nullptr) inconsistent_ = &snapshot;
      } else {
        chosen_ = std::move(attempt);
        return absl::OkStatus();
      }
      AddFinding(std::move(finding));
    }
    return absl::OkStatus();
  }

  // A file shows that the server had executed this transaction.
  void NoteLater(int64_t zxid) { shown_zxid_ = std::max(shown_zxid_, zxid); }

  absl::StatusOr<Attempt> TrySnapshot(const ListedFile& snapshot, int64_t limit) {
    Attempt attempt;
    attempt.snapshot = &snapshot;
    METAREC_ASSIGN_OR_RETURN(FileDescriptor file, OpenDataFile(snapshot.path));
    const DataCompression compression = CompressionOfName(snapshot.name);
    if (compression != DataCompression::kNone) {
      absl::StatusOr<FileDescriptor> plain =
          Decompress(file.get(), compression, options_.decompressed_bytes_max);
      if (absl::IsDataLoss(plain.status())) {
        attempt.damage = {DataDamage::kBadCompression, 0};
        return attempt;
      }
      METAREC_ASSIGN_OR_RETURN(file, std::move(plain));
    }
    const int descriptor = file.get();
    const uint16_t number = attempt.files.Add(snapshot.path, std::move(file));
    SnapshotContent content;
    attempt.damage = ReadSnapshot(descriptor, number, &attempt.replay.tree, &content);
    if (attempt.damage.damage != DataDamage::kNone) return attempt;
    Replay replay(&listing_.logs, limit, options_.findings_max, &attempt.files);
    METAREC_RETURN_IF_ERROR(replay.FromSnapshot(content, snapshot.zxid, &attempt.replay));
    return attempt;
  }

  absl::StatusOr<Attempt> TryNothing(int64_t limit) {
    Attempt attempt;
    Replay replay(&listing_.logs, limit, options_.findings_max, &attempt.files);
    METAREC_RETURN_IF_ERROR(replay.FromNothing(&attempt.replay));
    return attempt;
  }

  // Only where no snapshot can be used.
  absl::Status TryWithoutSnapshot() {
    if (listing_.logs.empty()) return absl::OkStatus();
    METAREC_ASSIGN_OR_RETURN(Attempt attempt, TryNothing(limit_));
    if (attempt.replay.transactions == 0) return absl::OkStatus();
    if (attempt.replay.is_consistent()) {
      chosen_ = std::move(attempt);
    } else if (attempt.replay.lacks_beginning) {
      lacks_beginning_ = true;
      for (DataFinding& finding : attempt.replay.findings) {
        if (!options_.accept_inconsistent) AddFinding(std::move(finding));
      }
    }
    return absl::OkStatus();
  }

  absl::Status TakeInconsistent() {
    if (inconsistent_ != nullptr) {
      if (options_.accept_inconsistent) {
        METAREC_ASSIGN_OR_RETURN(chosen_, TrySnapshot(*inconsistent_, limit_));
        return chosen_->damage.damage == DataDamage::kNone ? absl::OkStatus() : Changed();
      }
      return absl::DataLossError(
          absl::StrCat(path_, ": no snapshot can be made the tree of one moment. ", FirstFindings(),
                       " What the newest snapshot holds can be read nevertheless, if you accept "
                       "that some of it is older than the rest (accept_inconsistent)"));
    }
    if (lacks_beginning_) {
      if (options_.accept_inconsistent) {
        METAREC_ASSIGN_OR_RETURN(chosen_, TryNothing(limit_));
        return absl::OkStatus();
      }
      return absl::DataLossError(absl::StrCat(
          path_, ": no snapshot can be used, and the logs change znodes that they do not create. ",
          FirstFindings(),
          " What they hold can be read nevertheless, if you accept that some of it is missing "
          "(accept_inconsistent)"));
    }
    if (limit_ != std::numeric_limits<int64_t>::max()) {
      return absl::OutOfRangeError(absl::StrCat(path_, ": the tree at zxid ", ZxidText(limit_),
                                                " cannot be made: no snapshot is as old. ",
                                                FirstFindings()));
    }
    return absl::DataLossError(absl::StrCat(
        path_, ": no snapshot can be used, and the logs do not begin with the first transaction. ",
        FirstFindings()));
  }

  // To the last tree whose digest was right, after one that was not.
  absl::Status GoBackToProved() {
    if (!chosen_->replay.has_diverged) return absl::OkStatus();
    std::vector<DataFinding> findings = std::move(chosen_->replay.findings);
    const int64_t proved = chosen_->replay.matched_zxid;
    const ListedFile* snapshot = chosen_->snapshot;
    chosen_.reset();
    METAREC_ASSIGN_OR_RETURN(
        Attempt again, snapshot != nullptr ? TrySnapshot(*snapshot, proved) : TryNothing(proved));
    if (again.damage.damage != DataDamage::kNone || again.replay.last_zxid != proved) {
      return Changed();
    }
    again.replay.findings = std::move(findings);
    again.replay.is_complete = false;
    chosen_ = std::move(again);
    return absl::OkStatus();
  }

  absl::Status Changed() const {
    return absl::DataLossError(absl::StrCat(
        path_, ": the files have changed while they were read: does a server still use them?"));
  }

  std::string FirstFindings() const {
    std::vector<std::string> shown;
    constexpr size_t kShown = 3;
    for (size_t i = 0; i < std::min(kShown, report_.findings.size()); ++i) {
      shown.push_back(DataFindingText(report_.findings[i]));
    }
    return absl::StrJoin(shown, " ");
  }

  void AddFinding(DataFinding finding) {
    if (report_.findings.size() < options_.findings_max) {
      report_.findings.push_back(std::move(finding));
    } else {
      ++report_.findings_left_out;
    }
  }

  void NameEphemerals(const DataDirectoryTree::State& state);
  void NameUnknownAcls(const ReplayedTree& tree);

  const std::string path_;
  const DataDirectoryOptions options_;
  DataDirectoryListing listing_;
  std::vector<FileStamp> stamps_;  // of the files in it
  int64_t limit_ = std::numeric_limits<int64_t>::max();
  int64_t shown_zxid_ = 0;  // the last one of NoteLater
  std::optional<Attempt> chosen_;
  const ListedFile* inconsistent_ = nullptr;  // the newest one that was sound
  bool lacks_beginning_ = false;              // the logs alone, and they hold something
  DataDirectoryReport report_;
};

void DataDirectoryReading::FillIn(DataDirectoryTree::State* state) {
  ReplayResult& replay = chosen_->replay;
  report_.path = path_;
  state->log_folder = options_.log_folder;
  state->stamps = std::move(stamps_);
  if (chosen_->snapshot != nullptr) {
    report_.snapshot = chosen_->snapshot->name;
    report_.snapshot_zxid = chosen_->snapshot->zxid;
  }
  for (ReplayedLog& log : replay.logs) {
    report_.logs.push_back({std::move(log.file), log.transactions});
  }
  report_.transactions = replay.transactions;
  report_.last_zxid = replay.last_zxid;
  report_.last_time_ms = replay.last_time_ms;
  report_.is_complete = (replay.is_complete && replay.last_zxid >= shown_zxid_) ||
                        options_.at_zxid == replay.last_zxid;
  report_.proof = !replay.is_consistent() ? DataProof::kInconsistent
                  : replay.is_proved      ? DataProof::kProved
                                          : DataProof::kNoDigests;
  report_.digests_compared = replay.digests_compared;
  for (DataFinding& finding : replay.findings) AddFinding(std::move(finding));
  report_.findings_left_out += replay.findings_left_out;
  for (const auto& [id, timeout_ms] : replay.sessions) report_.sessions.push_back({id, timeout_ms});
  std::sort(report_.sessions.begin(), report_.sessions.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  state->tree = std::move(replay.tree);
  state->files = std::move(chosen_->files);
  state->children = std::make_unique<SortedChildren>(state->tree);
  report_.znodes = state->tree.size();
  NameEphemerals(*state);
  NameUnknownAcls(state->tree);
  state->report = std::move(report_);
}

void DataDirectoryReading::NameEphemerals(const DataDirectoryTree::State& state) {
  for (const auto& [session, indexes] : state.tree.ephemerals()) {
    report_.ephemerals_count += static_cast<int64_t>(indexes.size());
    for (const uint32_t index : indexes) {
      report_.ephemerals.push_back({state.tree.Path(index), session});
    }
  }
  const auto by_path = [](const DataDirectoryEphemeral& a, const DataDirectoryEphemeral& b) {
    return ComparePaths(a.path, b.path) < 0;
  };
  std::sort(report_.ephemerals.begin(), report_.ephemerals.end(), by_path);
  if (report_.ephemerals.size() > options_.ephemerals_max) {
    report_.ephemerals.resize(options_.ephemerals_max);
  }
}

void DataDirectoryReading::NameUnknownAcls(const ReplayedTree& tree) {
  for (uint32_t index = 0; index < tree.index_end(); ++index) {
    if (tree.Get(index).is_used == 0 || tree.Get(index).acl != AclTable::kUnknown) continue;
    DataFinding finding;
    finding.kind = DataFindingKind::kUnknownAcl;
    finding.path = index == ReplayedTree::kRoot ? "/" : tree.Path(index);
    AddFinding(std::move(finding));
  }
}

}  // namespace

DataDirectoryTree::DataDirectoryTree(std::unique_ptr<State> state) : state_(std::move(state)) {}
DataDirectoryTree::DataDirectoryTree(DataDirectoryTree&&) noexcept = default;
DataDirectoryTree& DataDirectoryTree::operator=(DataDirectoryTree&&) noexcept = default;
DataDirectoryTree::~DataDirectoryTree() = default;

const DataDirectoryReport& DataDirectoryTree::report() const { return state_->report; }

std::unique_ptr<TreeSource> DataDirectoryTree::Open(absl::string_view root) const {
  TreeHead head;
  head.source = state_->report.path;
  head.root = std::string(root);
  head.time_ms = state_->report.last_time_ms;
  head.zxid = state_->report.last_zxid;
  if (root == "/") head.znodes = state_->report.znodes;
  return std::make_unique<ReplayedTreeSource>(&state_->tree, state_->children.get(), &state_->files,
                                              std::move(head));
}

absl::Status DataDirectoryTree::CheckUnchanged() const {
  METAREC_ASSIGN_OR_RETURN(const DataDirectoryListing listing,
                           ListDataDirectory(state_->report.path, state_->log_folder));
  return CheckStamps(state_->stamps, StampsOf(listing));
}

absl::StatusOr<DataDirectoryTree> DataDirectory::Read(const std::string& path,
                                                      DataDirectoryOptions options) {
  DataDirectoryReading reading(path, std::move(options));
  METAREC_RETURN_IF_ERROR(reading.Run());
  auto state = std::make_unique<DataDirectoryTree::State>();
  reading.FillIn(state.get());
  return DataDirectoryTree(std::move(state));
}

bool DataDirectory::LooksLikeOne(const std::string& path) {
  return ListDataDirectory(path, "").ok();
}

}  // namespace metarec
