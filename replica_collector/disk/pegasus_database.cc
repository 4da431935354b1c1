#include "replica_collector/disk/pegasus_database.h"

#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <rocksdb/cache.h>
#include <rocksdb/table.h>

#include "base/text/printable.h"
#include "base/text/wording.h"

namespace metarec {
namespace {

constexpr char kMetaFamily[] = "pegasus_meta_cf";
constexpr size_t kCacheBytes = 2 << 20;
constexpr absl::Duration kBetweenAttempts = absl::Milliseconds(10);

}  // namespace

absl::Status FromRocksDb(const rocksdb::Status& status, absl::string_view what) {
  if (status.ok()) return absl::OkStatus();
  const std::string message =
      absl::StrCat(what, ": ", Printable(Shortened(status.ToString(), 300)));
  if (status.IsNoSpace()) return absl::ResourceExhaustedError(message);
  if (status.IsCorruption()) return absl::DataLossError(message);
  if (status.IsPathNotFound() || status.IsNotFound() ||
      absl::StrContains(message, "does not exist")) {
    return absl::NotFoundError(message);
  }
  return absl::UnavailableError(message);
}

absl::StatusOr<std::unique_ptr<PegasusDatabase>> PegasusDatabase::Open(
    const std::string& folder, const PegasusDatabaseOptions& options) {
  // Indexes are kept while they are used, so that the memory does not grow with the table.
  rocksdb::BlockBasedTableOptions table;
  table.cache_index_and_filter_blocks = true;
  table.block_cache = rocksdb::NewLRUCache(kCacheBytes, /*num_shard_bits=*/0);
  rocksdb::Options rocksdb_options;
  rocksdb_options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  rocksdb_options.max_open_files = options.open_files_max;
  rocksdb_options.paranoid_checks = true;
  const std::vector<rocksdb::ColumnFamilyDescriptor> descriptors = {
      {rocksdb::kDefaultColumnFamilyName, rocksdb_options}, {kMetaFamily, rocksdb_options}};
  rocksdb::Status opened;
  for (int attempt = 0; attempt < options.attempts_max; ++attempt) {
    if (attempt > 0) absl::SleepFor(kBetweenAttempts);
    rocksdb::DB* database = nullptr;
    std::vector<rocksdb::ColumnFamilyHandle*> families;
    opened =
        rocksdb::DB::OpenForReadOnly(rocksdb_options, folder, descriptors, &families, &database);
    if (opened.ok()) {
      return std::unique_ptr<PegasusDatabase>(
          new PegasusDatabase(folder, std::unique_ptr<rocksdb::DB>(database), std::move(families)));
    }
  }
  return FromRocksDb(opened, absl::StrCat("cannot open the data in ", folder));
}

PegasusDatabase::~PegasusDatabase() {
  for (rocksdb::ColumnFamilyHandle* family : families_) {
    database_->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  }
}

absl::StatusOr<int64_t> PegasusDatabase::MetaNumber(absl::string_view key) const {
  std::string text;
  const rocksdb::Status got = database_->Get(rocksdb::ReadOptions(), families_.back(),
                                             rocksdb::Slice(key.data(), key.size()), &text);
  if (!got.ok()) return FromRocksDb(got, absl::StrCat(folder_, " gives no ", key));
  int64_t number = -1;
  if (!absl::SimpleAtoi(text, &number) || number < 0) {
    return absl::DataLossError(absl::StrCat(folder_, " has the ", key, " '",
                                            Printable(Shortened(text)),
                                            "', which is no number from 0 on"));
  }
  return number;
}

}  // namespace metarec
