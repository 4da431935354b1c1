#include "migration/split/split_plan.h"

#include <algorithm>
#include <memory>
#include <numeric>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "replica_collector/disk/pegasus_database.h"

namespace metarec {
namespace {

constexpr size_t kDigitBytes = 8;
constexpr int kHalvingsMax = 96;

int64_t BytesOf(const BackupPartition& partition) {
  int64_t bytes = 0;
  for (const BackupFile& file : partition.files) bytes += file.size;
  return bytes;
}

// The next eight bytes as a number, missing ones as 0.
uint64_t DigitAt(const std::string& key, size_t at) {
  uint64_t digit = 0;
  for (size_t i = at; i < at + kDigitBytes; ++i) {
    digit = digit << 8 | (i < key.size() ? static_cast<unsigned char>(key[i]) : 0);
  }
  return digit;
}

// Where sources are to be cut so that about the same number of bytes lies between.
class KeyCutter {
 public:
  absl::Status Open(const BackupPartition& partition) {
    METAREC_ASSIGN_OR_RETURN(auto database, PegasusDatabase::Open(partition.checkpoint));
    std::vector<rocksdb::LiveFileMetaData> files;
    database->rows()->GetLiveFilesMetaData(&files);
    for (const rocksdb::LiveFileMetaData& file : files) {
      if (file.column_family_name != rocksdb::kDefaultColumnFamilyName) continue;
      if (databases_.empty() && low_.empty() && high_.empty()) low_ = file.smallestkey;
      low_ = std::min(low_, file.smallestkey);
      high_ = std::max(high_, file.largestkey);
    }
    databases_.push_back(std::move(database));
    return absl::OkStatus();
  }

  // Ascending, each once.
  std::vector<std::string> Cut(int64_t pieces) const {
    std::vector<std::string> keys;
    const uint64_t total = BytesBelow(high_);
    for (int64_t piece = 1; piece < pieces; ++piece) {
      std::string key = KeyAt(total / static_cast<uint64_t>(pieces) * static_cast<uint64_t>(piece));
      if (key > (keys.empty() ? low_ : keys.back()) && key < high_) keys.push_back(std::move(key));
    }
    return keys;
  }

 private:
  uint64_t BytesBelow(const std::string& key) const {
    uint64_t bytes = 0;
    for (const auto& database : databases_) {
      const rocksdb::Range range(low_, key);
      uint64_t size = 0;
      rocksdb::SizeApproximationOptions options;
      options.include_files = true;
      const rocksdb::Status got = database->rows()->GetApproximateSizes(
          options, database->rows()->DefaultColumnFamily(), &range, 1, &size);
      if (got.ok()) bytes += size;
    }
    return bytes;
  }

  std::string KeyAt(uint64_t bytes) const {
    std::string low = low_;
    std::string high = high_;
    for (int i = 0; i < kHalvingsMax; ++i) {
      std::string middle = MiddleKey(low, high);
      if (middle <= low || middle >= high) break;
      (BytesBelow(middle) < bytes ? low : high) = std::move(middle);
    }
    return high;
  }

  std::vector<std::unique_ptr<PegasusDatabase>> databases_;
  std::string low_;
  std::string high_;
};

}  // namespace

std::string MiddleKey(const std::string& low, const std::string& high) {
  size_t common = 0;
  while (common < low.size() && common < high.size() && low[common] == high[common]) ++common;
  const uint64_t from = DigitAt(low, common);
  const uint64_t to = DigitAt(high, common);
  if (from >= to) return low;
  const uint64_t middle = from + (to - from) / 2;
  std::string key = high.substr(0, common);
  for (size_t i = 0; i < kDigitBytes; ++i) {
    key.push_back(static_cast<char>(middle >> (8 * (kDigitBytes - 1 - i))));
  }
  // The two are neighbours as far as these bytes go.
  if (middle == from) key.push_back('\x80');
  return key > low && key < high ? key : low;
}

absl::StatusOr<std::vector<SplitUnit>> PlanSplitUnits(const BackupFolder& backup,
                                                      int32_t target_count,
                                                      const SplitPlanOptions& options) {
  const auto source_count = static_cast<int32_t>(backup.partitions.size());
  const int32_t components = std::gcd(source_count, target_count);
  const int64_t unit_bytes =
      std::max(int64_t{1},
               std::clamp(backup.total_bytes / 16, options.unit_bytes_min, options.unit_bytes_max));
  std::vector<SplitUnit> units;
  for (int32_t component = 0; component < components; ++component) {
    std::vector<int32_t> sources;
    int64_t bytes = 0;
    for (int32_t p = component; p < source_count; p += components) {
      sources.push_back(p);
      bytes += BytesOf(backup.partitions[p]);
    }
    const int64_t pieces = (bytes + unit_bytes - 1) / unit_bytes;
    std::vector<std::string> cuts;
    if (pieces > 1) {
      KeyCutter cutter;
      for (const int32_t p : sources) METAREC_RETURN_IF_ERROR(cutter.Open(backup.partitions[p]));
      cuts = cutter.Cut(pieces);
    }
    for (size_t range = 0; range <= cuts.size(); ++range) {
      SplitUnit unit;
      unit.sources = sources;
      if (range > 0) unit.begin = cuts[range - 1];
      if (range < cuts.size()) unit.end = cuts[range];
      for (int32_t target = component; target < target_count; target += components) {
        unit.targets.push_back(target);
        const bool is_last = target + components >= target_count;
        if (!is_last && static_cast<int32_t>(unit.targets.size()) < options.targets_of_unit_max) {
          continue;
        }
        unit.counts_the_rest = unit.targets.front() == component;
        units.push_back(unit);
        unit.targets.clear();
      }
    }
  }
  return units;
}

}  // namespace metarec
