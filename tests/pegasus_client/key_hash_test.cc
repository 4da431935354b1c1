#include "pegasus_client/key_hash.h"

#include <fstream>
#include <string>

#include <absl/strings/escaping.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

namespace metarec {
namespace {

TEST(KeyHash, EveryCapturedRowIsInThePartitionThatTheShellPrinted) {
  std::ifstream file(METAREC_GOLDEN_DIR "/migration/copy_data/source_rows.jsonl");
  int rows = 0;
  int without_hash_key = 0;
  for (std::string line; std::getline(file, line); ++rows) {
    rapidjson::Document row;
    ASSERT_FALSE(row.Parse(line.c_str()).HasParseError()) << line;
    const std::string hash_key = absl::HexStringToBytes(row["hash_key_hex"].GetString());
    const std::string sort_key = absl::HexStringToBytes(row["sort_key_hex"].GetString());
    without_hash_key += hash_key.empty();
    const uint64_t hash = HashOfKey(hash_key, sort_key);
    EXPECT_EQ(std::to_string(hash), row["key_hash"].GetString()) << line;
    EXPECT_EQ(PartitionOf(hash, 4), row["partition_of_4"].GetInt()) << line;
    EXPECT_EQ(PartitionOf(hash, 8), row["partition_of_8"].GetInt()) << line;
  }
  EXPECT_EQ(rows, 498);
  EXPECT_GT(without_hash_key, 0);
}

TEST(KeyHash, AnEmptyKeyHasTheHashZero) { EXPECT_EQ(HashOfKey("", ""), 0u); }

}  // namespace
}  // namespace metarec
