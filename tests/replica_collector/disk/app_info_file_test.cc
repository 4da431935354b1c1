#include "replica_collector/disk/app_info_file.h"

#include <fstream>
#include <iterator>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/pegasus_disk.h"

namespace metarec {
namespace {

using ::testing::HasSubstr;

std::string Golden(const std::string& name) {
  std::ifstream file(std::string(METAREC_GOLDEN_DIR) + "/disk/replica_folder/8.2.pegasus/" + name,
                     std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TableRecord Captured() {
  TableRecord table;
  table.app_type = "pegasus";
  table.app_name = "src";
  table.app_id = 8;
  table.partition_count = 4;
  table.create_second = 1795960283;
  table.init_partition_count = 4;
  return table;
}

TEST(AppInfoFile, IsReadAsAServerWroteIt) {
  const absl::StatusOr<TableRecord> table = ReadAppInfo(Golden(".app-info"));
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(*table, Captured());
}

TEST(AppInfoFile, OursHasTheBytesOfAServer) {
  EXPECT_EQ(testing::AppInfoFile(Captured()), Golden(".app-info"));
}

TEST(AppInfoFile, KeepsTheEnvThatServersKeepThere) {
  TableRecord table = Captured();
  table.envs = {{"rocksdb.allow_ingest_behind", "true"}};
  const absl::StatusOr<TableRecord> read = ReadAppInfo(testing::AppInfoFile(table));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, table);
}

TEST(AppInfoFile, CutAnywhereIsDamaged) {
  const std::string whole = Golden(".app-info");
  for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
    const absl::StatusOr<TableRecord> table = ReadAppInfo(whole.substr(0, bytes));
    EXPECT_EQ(table.status().code(), absl::StatusCode::kDataLoss) << bytes;
  }
  EXPECT_FALSE(ReadAppInfo(whole + "}").ok());
}

TEST(AppInfoFile, SaysWhatIsWrong) {
  const std::string head = Golden(".app-info").substr(0, 8);
  const auto error = [](const std::string& bytes) {
    return std::string(ReadAppInfo(bytes).status().message());
  };
  EXPECT_EQ(error(""), ".app-info is empty");
  EXPECT_THAT(error("\x01garbage"), HasSubstr("damaged, or the data are encrypted"));
  EXPECT_THAT(error(head + "not json"), HasSubstr("is no JSON"));
  EXPECT_THAT(error(head + "[1]"), HasSubstr("holds no table"));
  EXPECT_THAT(error(head + R"({"0":{"i32":1}})"), HasSubstr("holds no table"));
  EXPECT_THAT(error(head + R"({"0":{"rec":{"5":{"i32":4}}}})"), HasSubstr("no table id above 0"));
  EXPECT_THAT(error(head + R"({"0":{"rec":{"4":{"i32":8}}}})"), HasSubstr("no partition count"));
}

TEST(InitInfoFile, GivesTheBallot) {
  const absl::StatusOr<int64_t> ballot = ReadInitBallot(Golden(".init-info"));
  ASSERT_TRUE(ballot.ok()) << ballot.status();
  EXPECT_EQ(*ballot, 18);
}

TEST(InitInfoFile, SaysWhatIsWrong) {
  EXPECT_EQ(ReadInitBallot("").status().message(), ".init-info is empty");
  EXPECT_THAT(std::string(ReadInitBallot("{\"init_b").status().message()), HasSubstr("is no JSON"));
  for (const char* json : {"{}", "[]", "7", R"({"init_ballot":-1})", R"({"init_ballot":"3"})"}) {
    EXPECT_THAT(std::string(ReadInitBallot(json).status().message()), HasSubstr("has no ballot"))
        << json;
  }
}

}  // namespace
}  // namespace metarec
