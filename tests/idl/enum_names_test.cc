#include "idl/enum_names.h"

#include <gtest/gtest.h>

namespace metarec::idl {
namespace {

TEST(EnumNames, AreTheNamesOfTheProtocol) {
  EXPECT_EQ(ToName(app_status::AS_DROPPED), "AS_DROPPED");
  EXPECT_EQ(ToName(partition_status::PS_POTENTIAL_SECONDARY), "PS_POTENTIAL_SECONDARY");
  EXPECT_EQ(ToName(meta_function_level::fl_invalid), "fl_invalid");
}

TEST(EnumNames, AValueWithoutANameIsShownAsItsNumber) {
  EXPECT_EQ(ToName(static_cast<partition_status>(99)), "99");
  EXPECT_EQ(ToName(static_cast<partition_status>(-1)), "-1");
}

TEST(EnumNames, EveryNameParsesBackToItsValue) {
  ASSERT_EQ(EnumNames(partition_status{}).size(), 7u);
  for (const auto& known : EnumNames(partition_status{})) {
    partition_status parsed = static_cast<partition_status>(99);
    EXPECT_TRUE(FromName(known.name, &parsed));
    EXPECT_EQ(parsed, known.value);
  }
}

TEST(EnumNames, AnUnknownNameLeavesTheValueAlone) {
  app_status status = app_status::AS_CREATING;
  EXPECT_FALSE(FromName("AS_NOTHING", &status));
  EXPECT_EQ(status, app_status::AS_CREATING);
}

}  // namespace
}  // namespace metarec::idl
