// What --at says.

#include "tools/cli/offline_arguments.h"

#include <gtest/gtest.h>

namespace metarec::tools {
namespace {

TEST(OfflineArguments, AZxidOrATimeIsAskedFor) {
  DataDirectoryOptions zxid;
  ASSERT_TRUE(ParseAt("0x1F", &zxid).ok());
  EXPECT_EQ(zxid.at_zxid, 31);
  EXPECT_FALSE(zxid.at_time_ms.has_value());
  DataDirectoryOptions date;
  ASSERT_TRUE(ParseAt("2026-11-30T01:10:00+01:00", &date).ok());
  DataDirectoryOptions seconds;
  ASSERT_TRUE(ParseAt("@1795997400", &seconds).ok());
  EXPECT_EQ(date.at_time_ms, 1795997400000);
  EXPECT_EQ(seconds.at_time_ms, date.at_time_ms);
  // As it is printed.
  for (const char* text : {"2026-11-30 00:10:00 UTC", "2026-11-30 00:10:00.000 UTC"}) {
    DataDirectoryOptions printed;
    ASSERT_TRUE(ParseAt(text, &printed).ok()) << text;
    EXPECT_EQ(printed.at_time_ms, date.at_time_ms) << text;
  }
  for (const char* text : {"", "31", "0x", "0xfffffffffffffffff", "@", "@-1", "yesterday",
                           "2026-11-30", "2026-11-30T01:10:00"}) {
    DataDirectoryOptions none;
    EXPECT_TRUE(absl::IsInvalidArgument(ParseAt(text, &none))) << text;
  }
}

}  // namespace
}  // namespace metarec::tools
