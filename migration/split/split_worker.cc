#include "migration/split/split_worker.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "base/text/wording.h"
#include "pegasus_client/key_hash.h"
#include "replica_collector/disk/pegasus_database.h"

namespace metarec {
namespace {

// What sources may read ahead, together. Each reads several files at a time.
constexpr size_t kReadAheadBytes = 8 << 20;
constexpr size_t kFilesOfSource = 6;
constexpr int64_t kRowsBetweenLooks = 1024;

absl::string_view ViewOf(rocksdb::Slice slice) { return {slice.data(), slice.size()}; }

class Source {
 public:
  static absl::StatusOr<std::unique_ptr<Source>> Open(const SplitWork& work, const SplitUnit& unit,
                                                      int32_t partition) {
    const std::string& folder = work.backup->partitions[partition].checkpoint;
    METAREC_ASSIGN_OR_RETURN(auto database, PegasusDatabase::Open(folder));
    METAREC_ASSIGN_OR_RETURN(const int64_t version, database->MetaNumber(kPegasusDataVersion));
    const absl::StatusOr<size_t> header_bytes = StoredHeaderBytes(version);
    if (!header_bytes.ok()) {
      return absl::UnimplementedError(
          absl::StrCat(folder, " has ", header_bytes.status().message()));
    }
    return std::make_unique<Source>(std::move(database), unit, partition, version, *header_bytes);
  }

  Source(std::unique_ptr<PegasusDatabase> database, const SplitUnit& unit, int32_t partition,
         int64_t version, size_t header_bytes)
      : partition_(partition),
        version_(version),
        header_bytes_(header_bytes),
        begin_(unit.begin),
        end_(unit.end),
        end_slice_(end_),
        database_(std::move(database)) {
    rocksdb::ReadOptions options;
    options.total_order_seek = true;
    options.fill_cache = false;
    options.readahead_size = std::clamp<size_t>(
        kReadAheadBytes / (unit.sources.size() * kFilesOfSource), 8 << 10, 1 << 20);
    if (!end_.empty()) options.iterate_upper_bound = &end_slice_;
    row_.reset(database_->rows()->NewIterator(options));
    row_->Seek(begin_);
  }

  bool Valid() const { return row_->Valid(); }
  void Next() { row_->Next(); }
  absl::string_view key() const { return ViewOf(row_->key()); }
  absl::string_view value() const { return ViewOf(row_->value()); }
  int32_t partition() const { return partition_; }
  int64_t version() const { return version_; }
  size_t header_bytes() const { return header_bytes_; }
  const std::string& folder() const { return database_->folder(); }

  // Why it is not Valid: one flipped byte ends the rows early, and nothing else tells.
  absl::Status status() const {
    return FromRocksDb(row_->status(), absl::StrCat("cannot read all rows of ", folder()));
  }

 private:
  const int32_t partition_;
  const int64_t version_;
  const size_t header_bytes_;
  const std::string begin_;
  const std::string end_;
  const rocksdb::Slice end_slice_;
  const std::unique_ptr<PegasusDatabase> database_;
  std::unique_ptr<rocksdb::Iterator> row_;
};

// Sorts the source with the lowest key to the end of a heap.
bool IsBehind(const Source* a, const Source* b) { return a->key() > b->key(); }

class Worker {
 public:
  Worker(const SplitWork& work, size_t number, const SplitUnit& unit, SplitProgress* progress)
      : work_(work),
        unit_(unit),
        progress_(progress),
        is_target_(static_cast<size_t>(work.target_count)),
        writers_(work.folder, number, unit.targets) {
    for (const int32_t target : unit.targets) is_target_[target] = true;
  }

  absl::StatusOr<SplitUnitResult> Run() {
    for (const int32_t partition : unit_.sources) {
      METAREC_ASSIGN_OR_RETURN(auto source, Source::Open(work_, unit_, partition));
      if (source->Valid()) heap_.push_back(source.get());
      sources_.push_back(std::move(source));
    }
    METAREC_RETURN_IF_ERROR(CopyAll());
    for (const auto& source : sources_) METAREC_RETURN_IF_ERROR(source->status());
    METAREC_ASSIGN_OR_RETURN(result_.files, writers_.Finish());
    METAREC_RETURN_IF_ERROR(Compare());
    return std::move(result_);
  }

 private:
  absl::Status CopyAll() {
    std::make_heap(heap_.begin(), heap_.end(), IsBehind);
    while (!heap_.empty()) {
      if (heap_.size() > 1) std::pop_heap(heap_.begin(), heap_.end(), IsBehind);
      Source* const source = heap_.back();
      METAREC_RETURN_IF_ERROR(Copy(*source));
      source->Next();
      if (!source->Valid()) {
        heap_.pop_back();
      } else if (heap_.size() > 1) {
        std::push_heap(heap_.begin(), heap_.end(), IsBehind);
      }
      if (++rows_seen_ == kRowsBetweenLooks) METAREC_RETURN_IF_ERROR(Look());
    }
    return Look();
  }

  absl::Status Look() {
    progress_->rows += std::exchange(rows_seen_, 0);
    progress_->bytes += std::exchange(bytes_seen_, 0);
    return progress_->stop ? absl::CancelledError("the split was told to stop") : absl::OkStatus();
  }

  absl::Status Copy(const Source& source) {
    const absl::string_view key = source.key();
    absl::string_view value = source.value();
    bytes_seen_ += static_cast<int64_t>(key.size() + value.size());
    if (IsEmptyWrite(key)) {
      result_.counts.empty_writes += unit_.counts_the_rest;
      return absl::OkStatus();
    }
    const absl::StatusOr<StoredKey> parsed = ParseStoredKey(key);
    if (!parsed.ok()) {
      return absl::DataLossError(absl::StrCat(
          source.folder(), " has a row that makes no sense: ", parsed.status().message(),
          "; take the backup again"));
    }
    const uint64_t hash = HashOfKey(parsed->hash_key, parsed->sort_key);
    const auto source_count = static_cast<int32_t>(work_.backup->partitions.size());
    if (PartitionOf(hash, source_count) != source.partition()) {
      result_.counts.misplaced += unit_.counts_the_rest;
      return absl::OkStatus();
    }
    const int32_t target = PartitionOf(hash, work_.target_count);
    if (!is_target_[target]) return absl::OkStatus();  // another unit's
    if (value.size() < source.header_bytes()) {
      return absl::DataLossError(
          absl::StrCat(source.folder(), " has a value of ", value.size(), " bytes under the key ",
                       absl::BytesToHexString(key.substr(0, 32)), ", too few for its data version ",
                       source.version(), "; take the backup again"));
    }
    const uint32_t expiry = ExpiryOf(value);
    if (expiry != 0 && expiry <= work_.expired_before) {
      ++result_.counts.expired;
      return absl::OkStatus();
    }
    if (source.version() == 0) {
      UpgradeValue(value, &upgraded_);
      value = upgraded_;
    }
    result_.counts.copied.Add(key, value);
    return writers_.Put(target, key, value);
  }

  absl::Status Compare() const {
    RowsDigest written;
    for (const SplitFile& file : result_.files) written.Add(file.rows);
    if (written == result_.counts.copied) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat(
        "what was written is not what was read: ", Counted(result_.counts.copied.rows, "row"),
        " with the digest ", result_.counts.copied.ToHex(), " were read, ", written.rows,
        " with the digest ", written.ToHex(),
        " are in the files; the disk or the memory of this "
        "machine is not sound"));
  }

  const SplitWork& work_;
  const SplitUnit& unit_;
  SplitProgress* const progress_;
  std::vector<bool> is_target_;
  SplitWriters writers_;
  std::vector<std::unique_ptr<Source>> sources_;
  std::vector<Source*> heap_;  // those with rows left
  std::string upgraded_;
  int64_t rows_seen_ = 0;
  int64_t bytes_seen_ = 0;
  SplitUnitResult result_;
};

}  // namespace

void SplitCounts::Add(const SplitCounts& other) {
  copied.Add(other.copied);
  expired += other.expired;
  misplaced += other.misplaced;
  empty_writes += other.empty_writes;
}

absl::StatusOr<SplitUnitResult> DoSplitUnit(const SplitWork& work, size_t number,
                                            const SplitUnit& unit, SplitProgress* progress) {
  return Worker(work, number, unit, progress).Run();
}

}  // namespace metarec
