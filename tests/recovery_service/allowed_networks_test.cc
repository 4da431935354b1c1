#include "recovery_service/allowed_networks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "idl/ipv4_endpoint.h"

namespace metarec {
namespace {

bool Allows(const char* networks, const char* ip) {
  return AllowedNetworks::Parse(networks)->Allows(*ParseIpv4(ip));
}

TEST(AllowedNetworksTest, NothingSaidAllowsEveryone) {
  EXPECT_TRUE(AllowedNetworks().allows_everyone());
  EXPECT_TRUE(AllowedNetworks::Parse("")->allows_everyone());
  EXPECT_TRUE(Allows("", "203.0.113.9"));
}

TEST(AllowedNetworksTest, OnlyWhatIsInOneOfTheNetworks) {
  EXPECT_TRUE(Allows("10.0.0.0/8, 127.0.0.1", "10.255.0.1"));
  EXPECT_TRUE(Allows("10.0.0.0/8, 127.0.0.1", "127.0.0.1"));
  EXPECT_FALSE(Allows("10.0.0.0/8, 127.0.0.1", "127.0.0.2"));
  EXPECT_FALSE(Allows("10.0.0.0/8, 127.0.0.1", "11.0.0.1"));
}

TEST(AllowedNetworksTest, HostBitsDoNotMatter) {
  EXPECT_TRUE(Allows("10.1.2.3/16", "10.1.9.9"));
  EXPECT_FALSE(Allows("10.1.2.3/16", "10.2.0.0"));
}

TEST(AllowedNetworksTest, AnEntryThatIsNoNetworkIsNamed) {
  for (const char* wrong : {"10.0.0.0/33", "ten", "10.0.0.0/8,", "::1/128", "10.0.0.0/-1"}) {
    const auto parsed = AllowedNetworks::Parse(wrong);
    ASSERT_FALSE(parsed.ok()) << wrong;
    EXPECT_THAT(std::string(parsed.status().message()), ::testing::HasSubstr("no IPv4 network"));
  }
}

}  // namespace
}  // namespace metarec
