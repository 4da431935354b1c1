// A cold backup as Pegasus with RocksDB 8.5.3 left it (tests/golden/README.md, Files on disk).

#include <set>
#include <string>

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json/json_reader.h"
#include "migration/split/backup_folder.h"
#include "migration/split/table_split.h"
#include "tests/migration/split/backup_world.h"

namespace metarec {
namespace {

std::string CapturedBackup() {
  return std::string(METAREC_GOLDEN_DIR) + "/disk/checkpoint/1795960376039";
}

struct Captured {
  std::map<std::string, std::pair<std::string, int64_t>> rows;  // data and expiry by key
  std::set<std::string> may_not_be_there;
  size_t expired = 0;
};

Captured ReadCaptured() {
  Captured captured;
  JsonDocument document;
  EXPECT_TRUE(
      document.Parse(ReadWhole(std::string(METAREC_GOLDEN_DIR) + "/disk/checkpoint/rows.json")));
  const auto bytes = [](absl::string_view hex) { return absl::HexStringToBytes(hex); };
  for (const auto& [key, value] : document.root().Find("rows").Members()) {
    captured.rows[bytes(key)] = {bytes(*value[0].String()), *value[1].Int()};
  }
  for (const char* what : {"expired", "deleted"}) {
    const JsonValue keys = document.root().Find(what);
    for (size_t i = 0; i < keys.size(); ++i) {
      captured.may_not_be_there.insert(bytes(*keys[i].String()));
    }
  }
  captured.expired = document.root().Find("expired").size();
  return captured;
}

class CapturedBackupTest : public ::testing::TestWithParam<int32_t> {};

// The backup was taken at 1795960377, when all `rows` were alive and all of `expired` were not.
TEST_P(CapturedBackupTest, GivesEveryRowAndNoneThatIsGone) {
  const testing::ScratchFolder scratch;
  const Captured captured = ReadCaptured();
  ASSERT_GT(captured.rows.size(), 1000);
  TableSplitOptions options;
  options.backup = CapturedBackup();
  options.root = scratch.path();
  options.cluster = "onebox2";
  options.app_name = "dst";
  options.app_id = 12;
  options.partition_count = GetParam();
  options.now = absl::FromUnixSeconds(1795960377);
  TableSplitProgress progress;
  const auto result = SplitTable(options, &progress);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->is_whole);
  EXPECT_EQ(result->counts.copied.rows, static_cast<int64_t>(captured.rows.size()));
  EXPECT_EQ(result->counts.expired, static_cast<int64_t>(captured.expired));
  EXPECT_EQ(result->counts.misplaced, 0);
  const Rows rows = ReadBulkLoad(result->folder, GetParam());
  EXPECT_EQ(rows.size(), captured.rows.size());
  for (const auto& [key, expected] : captured.rows) {
    const auto found = rows.find(key);
    ASSERT_NE(found, rows.end()) << absl::BytesToHexString(key);
    ASSERT_GE(found->second.size(), 12);
    EXPECT_EQ(found->second.substr(12), expected.first);
    EXPECT_EQ(ExpiryOf(found->second), expected.second);
    EXPECT_NE(found->second.substr(4, 8), std::string(8, '\0')) << "the timetag is gone";
  }
  for (const std::string& key : captured.may_not_be_there) EXPECT_FALSE(rows.contains(key));
}

INSTANTIATE_TEST_SUITE_P(Partitions, CapturedBackupTest, ::testing::Values(1, 3, 8, 64),
                         [](const auto& info) { return absl::StrCat("Into", info.param); });

TEST(CapturedBackup, IsReadAsItIs) {
  const auto backup = OpenBackupFolder(CapturedBackup(), "");
  ASSERT_TRUE(backup.ok()) << backup.status();
  EXPECT_EQ(backup->app_name, "src");
  EXPECT_EQ(backup->app_id, 8);
  ASSERT_EQ(backup->partitions.size(), 4);
  EXPECT_EQ(backup->partitions[0].decree, 528);
  EXPECT_EQ(backup->partitions[0].files.size(), 6);
  for (const BackupPartition& partition : backup->partitions) {
    EXPECT_TRUE(CheckFilesOf(partition).ok()) << CheckFilesOf(partition);
  }
  EXPECT_TRUE(OpenBackupFolder(CapturedBackup() + "/src_8/", "src").ok());
  EXPECT_EQ(OpenBackupFolder(CapturedBackup() + "/src_8", "other").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(OpenBackupFolder(CapturedBackup(), "other").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(OpenBackupFolder("/no/such/folder", "").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace metarec
