#include "migration/split/stored_row.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/pegasus_disk.h"

namespace metarec {
namespace {

TEST(StoredRow, KeysAreTakenApart) {
  const std::string key = testing::PegasusKey("hash", "sort");
  const absl::StatusOr<StoredKey> parsed = ParseStoredKey(key);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->hash_key, "hash");
  EXPECT_EQ(parsed->sort_key, "sort");
  const std::string bare = testing::PegasusKey("", "");
  ASSERT_TRUE(ParseStoredKey(bare).ok());
  EXPECT_FALSE(IsEmptyWrite(bare));
  EXPECT_TRUE(IsEmptyWrite(""));
  EXPECT_TRUE(IsEmptyWrite("x"));
  EXPECT_EQ(ParseStoredKey(absl::string_view("\x00\x03"
                                             "ab",
                                             4))
                .status()
                .code(),
            absl::StatusCode::kDataLoss);
}

TEST(StoredRow, ExpiriesAreBigEndianSecondsSince2016) {
  EXPECT_EQ(ExpiryOf(testing::PegasusValue(0x01020304, 9, "data")), 0x01020304u);
  EXPECT_EQ(ToExpirySeconds(1451606400), 0u);
  EXPECT_EQ(ToExpirySeconds(1451606401), 1u);
  EXPECT_EQ(ToExpirySeconds(0), 0u);
}

TEST(StoredRow, OfVersion0GetsATimetagThatIsOlderThanAny) {
  std::string upgraded;
  UpgradeValue(testing::PegasusValue(5, 0, "").substr(0, 4) + "data", &upgraded);
  EXPECT_EQ(upgraded, testing::PegasusValue(5, 0, "data"));
  EXPECT_EQ(*StoredHeaderBytes(0), 4);
  EXPECT_EQ(*StoredHeaderBytes(1), 12);
  EXPECT_FALSE(StoredHeaderBytes(2).ok());
}

TEST(RowsDigestTest, DoesNotDependOnTheOrder) {
  RowsDigest forward;
  RowsDigest backward;
  RowsDigest parts;
  forward.Add("a", "1");
  forward.Add("b", "2");
  backward.Add("b", "2");
  backward.Add("a", "1");
  EXPECT_EQ(forward, backward);
  RowsDigest b;
  b.Add("b", "2");
  parts.Add("a", "1");
  parts.Add(b);
  EXPECT_EQ(parts, forward);
  EXPECT_EQ(forward.rows, 2);
}

TEST(RowsDigestTest, TellsRowsApart) {
  const auto of = [](std::initializer_list<std::pair<const char*, const char*>> rows) {
    RowsDigest digest;
    for (const auto& [key, value] : rows) digest.Add(key, value);
    return digest;
  };
  const RowsDigest digest = of({{"a", "1"}, {"b", "2"}});
  EXPECT_NE(digest, of({{"a", "2"}, {"b", "1"}}));
  EXPECT_NE(digest, of({{"a", "1"}, {"b", "3"}}));
  EXPECT_NE(digest, of({{"a", "1"}}));
  EXPECT_NE(digest, of({{"a", "1"}, {"b", "2"}, {"b", "2"}}));
  // A row twice does not cancel itself out.
  EXPECT_NE(of({{"a", "1"}, {"a", "1"}}).ToHex(), of({}).ToHex());
  EXPECT_NE(of({{"ab", "c"}}), of({{"a", "bc"}}));
}

TEST(RowsDigestTest, IsKeptAsText) {
  RowsDigest digest;
  digest.Add("a", "1");
  RowsDigest read;
  ASSERT_TRUE(RowsDigest::FromHex(digest.ToHex(), digest.rows, &read));
  EXPECT_EQ(read, digest);
  EXPECT_FALSE(RowsDigest::FromHex("12", 1, &read));
  EXPECT_FALSE(RowsDigest::FromHex(std::string(32, 'x'), 1, &read));
  EXPECT_FALSE(RowsDigest::FromHex(digest.ToHex(), -1, &read));
}

}  // namespace
}  // namespace metarec
