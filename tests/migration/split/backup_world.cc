#include "tests/migration/split/backup_world.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <utility>

#include <absl/strings/str_cat.h>
#include <rocksdb/sst_file_reader.h>

#include "base/json/json_reader.h"
#include "migration/split/bulk_load_files.h"
#include "migration/split/split_writers.h"
#include "pegasus_client/key_hash.h"

namespace metarec {
namespace {

namespace fs = std::filesystem;

// One file, added to the rows of its partition.
void ReadFile(const std::string& path, int32_t partition, int32_t partition_count, Rows* rows) {
  rocksdb::SstFileReader reader(SstOptions());
  ASSERT_TRUE(reader.Open(path).ok()) << path;
  ASSERT_TRUE(reader.VerifyChecksum().ok()) << path;
  const std::unique_ptr<rocksdb::Iterator> row(reader.NewIterator({}));
  std::string first;
  std::string last;
  for (row->SeekToFirst(); row->Valid(); row->Next()) {
    const std::string key = row->key().ToString();
    if (first.empty()) first = key;
    if (!last.empty()) {
      ASSERT_LT(last, key) << path;
    }
    last = key;
    if (key.empty()) {
      EXPECT_EQ(row->value().size(), 12) << path;
      continue;
    }
    const absl::StatusOr<StoredKey> parsed = ParseStoredKey(key);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(PartitionOf(HashOfKey(parsed->hash_key, parsed->sort_key), partition_count),
              partition);
    EXPECT_TRUE(rows->emplace(key, row->value().ToString()).second) << "a key twice in " << path;
  }
  ASSERT_TRUE(row->status().ok()) << path;
}

}  // namespace

::testing::AssertionResult SameRows(const Rows& found, const Rows& expected) {
  size_t missing = 0;
  size_t different = 0;
  for (const auto& [key, value] : expected) {
    const auto row = found.find(key);
    missing += row == found.end();
    different += row != found.end() && row->second != value;
  }
  if (missing == 0 && different == 0 && found.size() == expected.size()) {
    return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure()
         << missing << " of " << expected.size() << " rows are missing, " << different
         << " differ, " << found.size() - (expected.size() - missing) << " are too many";
}

std::string ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::map<std::string, std::string> Everything(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    files[entry.path()] = entry.is_regular_file() ? ReadWhole(entry.path()) : "";
  }
  return files;
}

BackupWorld::BackupWorld(int32_t partition_count, int64_t data_version)
    : data_version_(data_version) {
  for (int32_t i = 0; i < partition_count; ++i) {
    auto rows = testing::PegasusRows::Open(Path(absl::StrCat("rdb", i)), data_version);
    EXPECT_TRUE(rows.ok()) << rows.status();
    if (rows.ok()) partitions_.push_back(*std::move(rows));
  }
}

int32_t BackupWorld::PartitionOfKey(absl::string_view hash_key, absl::string_view sort_key) const {
  return PartitionOf(HashOfKey(hash_key, sort_key), static_cast<int32_t>(partitions_.size()));
}

void BackupWorld::Put(absl::string_view hash_key, absl::string_view sort_key,
                      absl::string_view data, uint32_t expire, uint64_t timetag) {
  const std::string key = testing::PegasusKey(hash_key, sort_key);
  const std::string expected =
      testing::PegasusValue(expire, data_version_ == 0 ? 0 : timetag, data);
  const std::string stored =
      data_version_ == 0 ? expected.substr(0, 4) + std::string(data) : expected;
  PutStored(PartitionOfKey(hash_key, sort_key), key, stored);
  rows_.erase(key);
  if (expire == 0 || expire > kNowExpiry) rows_[key] = expected;
}

void BackupWorld::PutStored(int32_t partition, absl::string_view key, absl::string_view value) {
  EXPECT_TRUE(partitions_[partition]->Put(key, value).ok());
}

void BackupWorld::Delete(absl::string_view hash_key, absl::string_view sort_key) {
  const std::string key = testing::PegasusKey(hash_key, sort_key);
  EXPECT_TRUE(partitions_[PartitionOfKey(hash_key, sort_key)]->Delete(key).ok());
  rows_.erase(key);
}

void BackupWorld::Fill(int count, uint32_t seed, size_t value_bytes) {
  std::minstd_rand random(seed);
  const auto bytes = [&](size_t size) {
    std::string text(size, '\0');
    for (char& c : text) c = static_cast<char>(random());
    return text;
  };
  for (int i = 0; i < count; ++i) {
    const std::string hash_key = random() % 8 == 0 ? "" : bytes(random() % 24);
    // Without a hash key the sort key is what tells rows apart.
    const std::string sort_key = absl::StrCat(bytes(random() % 10), i);
    Put(hash_key, sort_key, bytes(random() % (value_bytes + 1)),
        random() % 4 == 0 ? kNowExpiry + 1 + random() % 1'000'000 : 0, random());
  }
}

void BackupWorld::Flush() {
  for (const auto& rows : partitions_) EXPECT_TRUE(rows->Flush(1).ok());
}

std::string BackupWorld::Backup() {
  if (!backup_.empty()) return backup_;
  Flush();
  TableRecord table;
  table.app_type = "pegasus";
  table.app_name = "src";
  table.app_id = 8;
  table.partition_count = static_cast<int32_t>(partitions_.size());
  std::vector<testing::PegasusRows*> partitions;
  for (const auto& rows : partitions_) partitions.push_back(rows.get());
  const absl::Status written = testing::WriteBackup(Path("backup"), table, partitions);
  EXPECT_TRUE(written.ok()) << written;
  backup_ = Path("backup/src_8");
  return backup_;
}

TableSplitOptions BackupWorld::SplitTo(int32_t partition_count) {
  TableSplitOptions options;
  options.backup = Backup();
  options.root = Path("bulk");
  options.cluster = "onebox2";
  options.app_name = "dst";
  options.app_id = 12;
  options.partition_count = partition_count;
  options.now = absl::FromUnixSeconds(kNow);
  return options;
}

Rows ReadBulkLoad(const std::string& folder, int32_t partition_count) {
  Rows rows;
  JsonDocument document;
  EXPECT_TRUE(document.Parse(ReadWhole(folder + "/bulk_load_info"))) << document.error();
  EXPECT_EQ(document.root().Find("partition_count").Int(), partition_count);
  for (int32_t partition = 0; partition < partition_count; ++partition) {
    const std::string path = absl::StrCat(folder, "/", partition);
    EXPECT_TRUE(document.Parse(ReadWhole(path + "/bulk_load_metadata"))) << document.error();
    const JsonValue files = document.root().Find("files");
    EXPECT_GT(files.size(), 0) << "a partition without files fails the whole load";
    int64_t total = 0;
    for (size_t i = 0; i < files.size(); ++i) {
      const std::string name(*files[i].Find("name").String());
      const std::string md5(*files[i].Find("md5").String());
      const int64_t size = *files[i].Find("size").Int();
      const std::string file = absl::StrCat(path, "/", name);
      EXPECT_EQ(static_cast<int64_t>(fs::file_size(file)), size);
      EXPECT_EQ(*Md5OfFile(file), md5);
      EXPECT_EQ(ReadWhole(absl::StrCat(path, "/.", name, ".meta")),
                absl::StrCat("{\"md5\":\"", md5, "\",\"size\":", size, "}"));
      ReadFile(file, partition, partition_count, &rows);
      total += size;
    }
    EXPECT_EQ(document.root().Find("file_total_size").Int(), total);
  }
  return rows;
}

}  // namespace metarec
