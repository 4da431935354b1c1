#include <gtest/gtest.h>

#include "idl/enum_names.h"
#include "idl/ipv4_endpoint.h"

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

TEST(Ipv4Endpoint, ParsesWhatItPrints) {
  const auto endpoint = ParseIpv4Endpoint("10.235.114.240:34801");
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_EQ(endpoint->ip, 0x0AEB72F0u);
  EXPECT_EQ(endpoint->port, 34801);
  EXPECT_EQ(endpoint->ToString(), "10.235.114.240:34801");
}

TEST(Ipv4Endpoint, IsOrderedByAddressAsANumberThenPort) {
  EXPECT_LT(*ParseIpv4Endpoint("9.0.0.1:5"), *ParseIpv4Endpoint("10.0.0.1:1"));
  EXPECT_LT(*ParseIpv4Endpoint("10.0.0.1:9"), *ParseIpv4Endpoint("10.0.0.1:10"));
  EXPECT_LT(*ParseIpv4Endpoint("127.0.0.1:1"), *ParseIpv4Endpoint("192.0.0.1:1"));
}

TEST(Ipv4Endpoint, RefusesWhatIsNotOne) {
  for (const char* text :
       {"", ":", "10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:+1",
        "10.0.0.1: 1", "10.0.0:1", "10.0.0.0.1:1", "10.0.0.256:1", "10.0.0.01:1", "10.0.0.-1:1",
        "localhost:1", "[::1]:1", "::1:1", "10.0.0.1:1 ", "10.0.0.1:99999999999999999999"}) {
    const auto endpoint = ParseIpv4Endpoint(text);
    EXPECT_EQ(endpoint.status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(Ipv4Endpoint, ConvertsToTheWiresAddressAndBack) {
  const Ipv4Endpoint endpoint{0x7F000001, 34601};
  EXPECT_EQ(endpoint.ToRpcAddress().raw(), 0x7F00000187290001u);
  EXPECT_EQ(*EndpointOf(endpoint.ToRpcAddress()), endpoint);
  EXPECT_FALSE(EndpointOf(rpc_address()).ok());
}

}  // namespace
}  // namespace metarec::idl
