#include "pegasus_client/pegasus_config.h"

#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace metarec::tools {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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
  EXPECT_THAT(config->warnings, IsEmpty());
}

TEST(PegasusConfigTest, TakesTheLayoutsThatStockServersTake) {
  // The file that Pegasus ships is indented; editors of other systems end lines with CR LF.
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"\n", "\n  "}, {"\n", "\n\t"}, {"\n", "\r\n"}, {" = ", "="}, {"\n[", "\n\n\n ["}}) {
    const auto config = ParseWith(from, to);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->port, 34601);
    EXPECT_EQ(config->cluster_root, "/pegasus/onebox");
    EXPECT_EQ(config->zookeeper_session_timeout, absl::Seconds(10));
  }
}

TEST(PegasusConfigTest, CommentsBeginAnywhere) {
  const auto config = ParseWith("cluster_root = /pegasus/onebox\n",
                                "cluster_root = /pegasus/onebox# the old one\n;nonsense\n # [\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->cluster_root, "/pegasus/onebox");
  const auto kept = ParseWith("cluster_name = onebox", "cluster_name = one^#box^;");
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->cluster_name, "one#box;");
}

TEST(PegasusConfigTest, OfAKeyThatIsGivenTwiceTheFirstOneCountsAndIsToldOf) {
  const auto config = ParseWith("count = 1\n", "ports = 34602\nports = 34603\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->port, 34601);
  EXPECT_THAT(config->warnings, ElementsAre("config.ini:7: [apps.meta] ports is given again; as "
                                            "for stock meta servers, the first one counts, in "
                                            "line 6"));
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

TEST(PegasusConfigTest, WhatIsMissingOrMalformedIsNamedWithItsPlaceAndARemedy) {
  const struct {
    const char* from;
    const char* to;
    const char* message;
  } kCases[] = {
      {"ports = 34601", "", "config.ini: [apps.meta] ports is missing; add it"},
      {"ports = 34601", "ports =", "config.ini:6: [apps.meta] ports is missing; add it"},
      {"ports = 34601", "ports = 70000", "config.ini:6: [apps.meta] ports is '70000': "},
      {"ports = 34601", "ports = -1", "config.ini:6: [apps.meta] ports is '-1': "},
      {"ports = 34601", "ports = 34601,34602", "one port is served; give that one by --port"},
      {"[apps.meta]", "[apps.replica]", "[apps.meta] ports is missing, with the whole section"},
      {"cluster_root = /pegasus/onebox\n", "", "[meta_server] cluster_root is missing"},
      {"cluster_root = /", "cluster_root = ", "[meta_server] cluster_root is 'pegasus/onebox': "},
      {"distributed_lock_service_parameters =", "a =",
       "[meta_server] distributed_lock_service_parameters is missing"},
      {"recover_from_replica_server = false", "recover_from_replica_server = maybe",
       "is 'maybe'; it must be true or false"},
      {"hosts_list =", "hosts =", "config.ini: [zookeeper] hosts_list is missing; add it"},
      {"127.0.0.1:22181", "127.0.0.1", "[zookeeper] hosts_list is '127.0.0.1': "},
      {"timeout_ms = 10000", "timeout_ms = soon",
       "[zookeeper] timeout_ms is 'soon'; it must be a positive number of milliseconds"},
      {"timeout_ms = 10000", "timeout_ms = -10000",
       "timeout_ms is '-10000'; it must be a positive"},
      {"timeout_ms = 10000", "timeout_ms = 999999999999", "at most a day"},
      {"fd_grace_seconds = 10", "fd_grace_seconds = 0", "positive number of seconds"},
      {"10.0.0.1:34601,", "10.0.0.1,", "config.ini:11: [meta_server] server_list is "},
  };
  for (const auto& test : kCases) {
    const auto config = ParseWith(test.from, test.to);
    ASSERT_FALSE(config.ok()) << test.message;
    EXPECT_THAT(std::string(config.status().message()), HasSubstr(test.message));
  }
}

TEST(PegasusConfigTest, MetaServersThatDoNotUseZooKeeperAreRefused) {
  const struct {
    const char* from;
    const char* to;
    const char* message;
  } kCases[] = {
      {"meta_state_service_zookeeper", "meta_state_service_simple",
       "config.ini:13: [meta_server] meta_state_service_type is 'meta_state_service_simple': "},
      {"meta_state_service_type", "another",
       "config.ini: [meta_server] meta_state_service_type is missing, which stock meta servers"},
      {"= distributed_lock_service_zookeeper", "= distributed_lock_service_simple",
       "config.ini:14: [meta_server] distributed_lock_service_type is "},
      {"distributed_lock_service_type", "another",
       "config.ini: [meta_server] distributed_lock_service_type is missing, which stock"},
  };
  for (const auto& test : kCases) {
    const auto config = ParseWith(test.from, test.to);
    ASSERT_FALSE(config.ok()) << test.message;
    EXPECT_THAT(std::string(config.status().message()),
                AllOf(HasSubstr(test.message), HasSubstr("nothing to recover here")));
  }
}

TEST(PegasusConfigTest, KeysThatAuthenticateToZooKeeperAreNamedAsWithoutEffect) {
  const auto config =
      ParseWith("timeout_ms = 10000",
                "sasl_mechanisms_type = DIGEST-MD5\nsasl_user_name = pegasus\nsasl_realm =\n"
                "[security]\nenable_zookeeper_kerberos = true\nenable_auth = true\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->warnings,
              ElementsAre(AllOf(HasSubstr("[zookeeper] sasl_mechanisms_type, [zookeeper] "
                                          "sasl_user_name, [security] enable_zookeeper_kerberos "
                                          "have no effect here"),
                                HasSubstr("docs/cli.md"))));
  const auto off =
      ParseWith("timeout_ms = 10000", "[security]\nenable_zookeeper_kerberos = false\n");
  ASSERT_TRUE(off.ok()) << off.status();
  EXPECT_THAT(off->warnings, IsEmpty());
}

TEST(PegasusConfigTest, AChrootBehindTheHostsIsTakenAsStockServersTakeIt) {
  const auto config = ParseWith("127.0.0.1:22181", "zk1:2181,zk2:2181/prod");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->zookeeper_hosts, "zk1:2181,zk2:2181/prod");
}

TEST(PegasusConfigTest, PlaceholdersOfTemplatesAreNoValues) {
  const struct {
    const char* from;
    const char* to;
    const char* message;
  } kCases[] = {
      {"34601,meta2", "34601,@LOCAL_HOSTNAME@", "[meta_server] server_list is "},
      {"10.0.0.1:34601,meta2:34601", "%{meta.server.list}", "is '%{meta.server.list}', a place"},
      {"cluster_root = /pegasus/onebox", "cluster_root = /pegasus/%{cluster.name}", "cluster_root"},
      {"cluster_name = onebox", "cluster_name = %{cluster.name}", "[replication] cluster_name is "},
      {"ports = 34601", "ports = %port%", "config.ini:6: [apps.meta] ports is '%port%', a place"},
      {"127.0.0.1:22181", "%{zk.server.list}", "[zookeeper] hosts_list is '%{zk.server.list}'"},
  };
  for (const auto& test : kCases) {
    const auto config = ParseWith(test.from, test.to);
    ASSERT_FALSE(config.ok()) << test.message;
    EXPECT_THAT(std::string(config.status().message()),
                AllOf(HasSubstr(test.message), HasSubstr("placeholder of the template")));
  }
}

TEST(PegasusConfigTest, LinesThatAreNoneAreNamedByTheirNumbers) {
  const struct {
    const char* from;
    const char* to;
    const char* message;
  } kCases[] = {
      {"[apps.meta]", "[apps.meta", "config.ini:2: '[apps.meta' is neither [section] nor key ="},
      {"[apps.meta]", "[]", "config.ini:2: '[]' names no section"},
      {"[apps.meta]", "", "config.ini:3: 'type = meta' stands before the first [section]"},
      {"count = 1", "= 1", "config.ini:7: '= 1' has no key in front of the ="},
      {"[zookeeper]", "[meta_server]",
       "[meta_server] is there already, in line 10; stock meta servers refuse that, too"},
  };
  for (const auto& test : kCases) {
    const auto config = ParseWith(test.from, test.to);
    ASSERT_FALSE(config.ok()) << test.message;
    EXPECT_THAT(std::string(config.status().message()), HasSubstr(test.message));
  }
}

TEST(PegasusConfigTest, WhatIsNoTextFileIsRefused) {
  const auto refusal = [](const std::string& text) {
    return std::string(ParsePegasusConfig(text, "config.ini").status().message());
  };
  EXPECT_EQ(refusal(""), "config.ini: the file is empty");
  EXPECT_THAT(refusal(absl::StrCat("\xEF\xBB\xBF", kStock)),
              HasSubstr("config.ini:1: the file begins"));
  EXPECT_THAT(refusal(std::string("\x7F"
                                  "ELF\0\0\1",
                                  7)),
              HasSubstr("no text file"));
  EXPECT_THAT(refusal("\x1B[31m\xFF\xFE"), HasSubstr("config.ini:1: '\\x1b[31m\\xff\\xfe' stands"));
}

TEST(PegasusConfigTest, WhatFlagsSayCountsMoreAndIsNamedByThem) {
  const ConfigOverrides flags = {{"apps.meta", "ports", "--port", "1234"},
                                 {"zookeeper", "hosts_list", "--zk", "zk1:2181"},
                                 {"meta_server", "cluster_root", "--root", ""}};
  const std::string without_ports = absl::StrReplaceAll(kStock, {{"ports = 34601", ""}});
  const auto config = ParsePegasusConfig(without_ports, "config.ini", flags);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->port, 1234);
  EXPECT_EQ(config->zookeeper_hosts, "zk1:2181");
  EXPECT_EQ(config->cluster_root, "/pegasus/onebox");

  const auto wrong =
      ParsePegasusConfig(kStock, "config.ini", {{"zookeeper", "hosts_list", "--zk", "zk1"}});
  EXPECT_THAT(std::string(wrong.status().message()), HasSubstr("--zk is 'zk1': "));
  const auto missing = ParsePegasusConfig(
      absl::StrReplaceAll(kStock, {{"cluster_root = /pegasus/onebox\n", ""}}), "config.ini", flags);
  EXPECT_THAT(std::string(missing.status().message()),
              HasSubstr("[meta_server] cluster_root is missing; add it, or give --root"));
}

TEST(PegasusConfigTest, WithoutAFileTheFlagThatIsMissingIsNamed) {
  ConfigOverrides flags = {
      {"apps.meta", "ports", "--port", "34601"},
      {"meta_server", "server_list", "--server_list", "meta1:34601"},
      {"meta_server", "cluster_root", "--root", "/pegasus/r"},
      {"meta_server", "distributed_lock_service_parameters", "--lock_root", "/l"},
      {"meta_server", "recover_from_replica_server", "--recover", "true"},
      {"zookeeper", "hosts_list", "--zk", "zk1:2181"}};
  const auto config = ReadPegasusConfig("", flags);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->recover_from_replica_server);
  for (ConfigOverride& flag : flags) {
    const std::string value = std::exchange(flag.value, "");
    EXPECT_EQ(ReadPegasusConfig("", flags).status().message(),
              absl::StrCat(flag.flag,
                           " is missing; give it, or --pegasus_config with a meta "
                           "server's config.ini"));
    flag.value = value;
  }
}

TEST(PegasusConfigTest, AFileThatCannotBeReadIsNamed) {
  const auto missing = ReadPegasusConfig("/nowhere/config.ini");
  EXPECT_TRUE(absl::IsNotFound(missing.status()));
  EXPECT_THAT(std::string(missing.status().message()),
              HasSubstr("cannot open /nowhere/config.ini: No such file or directory; give"));
  const auto folder = ReadPegasusConfig("/");
  EXPECT_THAT(std::string(folder.status().message()), HasSubstr("/ is a folder"));
  const auto endless = ReadPegasusConfig("/dev/zero");
  EXPECT_THAT(std::string(endless.status().message()),
              HasSubstr("cannot read /dev/zero: it is a device"));
}

}  // namespace
}  // namespace metarec::tools
