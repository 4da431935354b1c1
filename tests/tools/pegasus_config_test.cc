#include "tools/pegasus_config.h"

#include <absl/strings/str_replace.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace metarec::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kStock[] = R"(; a stock file has many more keys
[apps.meta]
type = meta
name = meta
arguments =
ports = 34601
count = 1
run = true

[meta_server]
server_list = 10.0.0.1:34601,meta2:34601 ; two of them
cluster_root = /pegasus/onebox
meta_state_service_type = meta_state_service_zookeeper
distributed_lock_service_type = distributed_lock_service_zookeeper
distributed_lock_service_parameters = /pegasus/onebox/lock
recover_from_replica_server = false

[replication]
cluster_name = onebox
fd_grace_seconds = 10

[zookeeper]
hosts_list = 127.0.0.1:22181
timeout_ms = 10000
)";

absl::StatusOr<PegasusConfig> ParseWith(absl::string_view from, absl::string_view to) {
  return ParsePegasusConfig(absl::StrReplaceAll(kStock, {{from, to}}), "config.ini");
}

TEST(PegasusConfigTest, TakesWhatRecoveryNeedsFromAStockFile) {
  const auto config = ParsePegasusConfig(kStock, "config.ini");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->port, 34601);
  EXPECT_THAT(config->meta_servers, ElementsAre("10.0.0.1:34601", "meta2:34601"));
  EXPECT_EQ(config->cluster_root, "/pegasus/onebox");
  EXPECT_EQ(config->lock_root, "/pegasus/onebox/lock");
  EXPECT_FALSE(config->recover_from_replica_server);
  EXPECT_EQ(config->cluster_name, "onebox");
  EXPECT_EQ(config->zookeeper_hosts, "127.0.0.1:22181");
  EXPECT_EQ(config->zookeeper_session_timeout, absl::Seconds(10));
  EXPECT_EQ(config->beacon_grace, absl::Seconds(10));
}

TEST(PegasusConfigTest, TheDocumentedEditsAreUnderstood) {
  const std::string edited = absl::StrReplaceAll(
      kStock, {{"/pegasus/onebox", "/pegasus/onebox_recovery"},
               {"recover_from_replica_server = false", "recover_from_replica_server = true"}});
  const auto config = ParsePegasusConfig(edited, "config.ini");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->cluster_root, "/pegasus/onebox_recovery");
  EXPECT_EQ(config->lock_root, "/pegasus/onebox_recovery/lock");
  EXPECT_TRUE(config->recover_from_replica_server);
}

TEST(PegasusConfigTest, WhatIsMissingOrMalformedIsNamedWithItsSection) {
  const struct {
    const char* from;
    const char* to;
    const char* message;
  } kCases[] = {
      {"ports = 34601", "", "config.ini: [apps.meta] ports is missing"},
      {"ports = 34601", "ports = 70000", "[apps.meta] ports is wrong"},
      {"cluster_root = /pegasus/onebox\n", "", "[meta_server] cluster_root is missing"},
      {"cluster_root = /", "cluster_root = ", "[meta_server] cluster_root is wrong"},
      {"recover_from_replica_server = false", "recover_from_replica_server = maybe",
       "it must be true or false"},
      {"127.0.0.1:22181", "127.0.0.1", "[zookeeper] hosts_list is wrong"},
      {"timeout_ms = 10000", "timeout_ms = soon", "[zookeeper] timeout_ms must be a positive"},
      {"10.0.0.1:34601,", "10.0.0.1,", "[meta_server] server_list is wrong"},
  };
  for (const auto& test : kCases) {
    const auto config = ParseWith(test.from, test.to);
    ASSERT_FALSE(config.ok()) << test.message;
    EXPECT_THAT(std::string(config.status().message()), HasSubstr(test.message));
  }
}

TEST(PegasusConfigTest, ALineThatIsNoneIsNamedByItsNumber) {
  const auto config = ParseWith("count = 1", "count");
  ASSERT_FALSE(config.ok());
  EXPECT_THAT(std::string(config.status().message()), HasSubstr("config.ini:7: "));
}

TEST(PegasusConfigTest, AFileThatIsNotThereIsNamed) {
  const auto config = ReadPegasusConfig("/nowhere/config.ini");
  EXPECT_TRUE(absl::IsNotFound(config.status()));
  EXPECT_THAT(std::string(config.status().message()), HasSubstr("/nowhere/config.ini"));
}

}  // namespace
}  // namespace metarec::tools
