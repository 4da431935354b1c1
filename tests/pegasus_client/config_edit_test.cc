#include "pegasus_client/config_edit.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kConfig[] =
    "; the shipped file\n"
    "[meta_server]\n"
    "  server_list = m1:34601,m2:34601\n"
    "  cluster_root = /pegasus/demo # where\n"
    "\n"
    "[zookeeper]\n"
    "  hosts_list = zk1:2181,zk2:2181   ; the old one\n"
    "  # hosts_list = commented:2181\n"
    "  timeout_ms = 10000";

const std::vector<ConfigChange> kToNew = {{"zookeeper", "hosts_list", "zk4:2181"}};

TEST(EditConfigTest, ChangesTheValueAndNothingElse) {
  const auto edited = EditConfig(kConfig, "config.ini", kToNew);
  ASSERT_TRUE(edited.ok()) << edited.status();
  std::string expected = kConfig;
  expected.replace(expected.find("zk1:2181,zk2:2181"), 17, "zk4:2181");
  EXPECT_EQ(edited->text, expected);
  EXPECT_THAT(edited->difference, ElementsAre("7 -  hosts_list = zk1:2181,zk2:2181   ; the old one",
                                              "7 +  hosts_list = zk4:2181   ; the old one"));
}

TEST(EditConfigTest, NothingToChangeIsNoDifference) {
  const auto edited = EditConfig(kConfig, "config.ini", {{"zookeeper", "timeout_ms", "10000"}});
  ASSERT_TRUE(edited.ok());
  EXPECT_EQ(edited->text, kConfig);
  EXPECT_THAT(edited->difference, IsEmpty());
}

TEST(EditConfigTest, AddsWhatIsMissing) {
  const auto edited =
      EditConfig(kConfig, "config.ini",
                 {{"meta_server", "recover_from_replica_server", "false"}, {"new", "key", "a;b"}});
  ASSERT_TRUE(edited.ok());
  EXPECT_THAT(edited->difference, ElementsAre("3 +  recover_from_replica_server = false",
                                              "12 +[new]", "13 +key = a^;b"));
  EXPECT_EQ(ConfigValue(edited->text, "new", "key"), "a;b");
  EXPECT_EQ(ConfigValue(edited->text, "meta_server", "recover_from_replica_server"), "false");
}

TEST(EditConfigTest, KeepsLineEndsOfWindows) {
  const auto edited = EditConfig("[zookeeper]\r\nhosts_list = a:1\r\n", "config.ini", kToNew);
  ASSERT_TRUE(edited.ok());
  EXPECT_EQ(edited->text, "[zookeeper]\r\nhosts_list = zk4:2181\r\n");
}

TEST(EditConfigTest, OfAKeyThatIsGivenTwiceTheFirstOneCounts) {
  const auto edited =
      EditConfig("[zookeeper]\nhosts_list=a:1\nhosts_list=b:1\n", "config.ini", kToNew);
  ASSERT_TRUE(edited.ok());
  EXPECT_EQ(edited->text, "[zookeeper]\nhosts_list=zk4:2181\nhosts_list=b:1\n");
}

TEST(EditConfigTest, AKeyWithoutAValueGetsOne) {
  const auto edited = EditConfig("[zookeeper]\nhosts_list =\n", "config.ini", kToNew);
  ASSERT_TRUE(edited.ok());
  EXPECT_EQ(edited->text, "[zookeeper]\nhosts_list = zk4:2181\n");
}

TEST(EditConfigTest, ASectionThatIsThereTwiceIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(
      EditConfig("[zookeeper]\n[zookeeper]\n", "config.ini", kToNew).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      EditConfig(kConfig, "config.ini", {{"zookeeper", "hosts_list", "a\nb"}}).status()));
}

class ConfigFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "/config_edit_test_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    path_ = folder_ + "/config.ini";
    std::ofstream(path_) << kConfig;
  }

  std::string Now() const { return ReadConfigText(path_).value_or("unreadable"); }
  size_t Files() const { return std::distance(std::filesystem::directory_iterator(folder_), {}); }

  std::string folder_;
  std::string path_;
};

TEST(EditConfigTest, ASectionThatIsThereAgainBehindTheKeyIsNotFoundTooLate) {
  const auto edited = EditConfig("[zookeeper]\nhosts_list = a\n[apps.meta]\n[zookeeper]\n",
                                 "config.ini", {{"zookeeper", "hosts_list", "b"}});
  ASSERT_TRUE(absl::IsInvalidArgument(edited.status())) << edited.status();
  EXPECT_THAT(std::string(edited.status().message()), HasSubstr("in lines 1 and 4"));
}

TEST_F(ConfigFileTest, ATrialSaysWhatTheEditWouldSayAndChangesNothing) {
  EXPECT_TRUE(TryConfigEdit(path_, kToNew).ok());
  EXPECT_EQ(Now(), kConfig);
  EXPECT_EQ(Files(), 1u);
  EXPECT_FALSE(TryConfigEdit(path_ + ".nosuch", kToNew).ok());
  std::ofstream(path_) << "[zookeeper]\nhosts_list = a\n[zookeeper]\n";
  EXPECT_TRUE(absl::IsInvalidArgument(TryConfigEdit(path_, kToNew)));
  // Where nobody may make a file.
  std::filesystem::create_symlink("/proc/self/environ", path_ + ".link");
  EXPECT_FALSE(TryConfigEdit(path_ + ".link", kToNew).ok());
}

TEST_F(ConfigFileTest, KeepsABackupAndPermissionsAndComesBackByteForByte) {
  ::chmod(path_.c_str(), 0640);
  const auto difference = EditConfigFile(path_, kToNew, "run1");
  ASSERT_TRUE(difference.ok()) << difference.status();
  EXPECT_EQ(difference->size(), 2u);
  EXPECT_EQ(ReadConfigText(path_ + ".run1").value_or(""), kConfig);
  EXPECT_EQ(ConfigValue(Now(), "zookeeper", "hosts_list"), "zk4:2181");
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
  ASSERT_TRUE(RestoreConfigFile(path_, kToNew, "run1").ok());
  EXPECT_EQ(Now(), kConfig);
  EXPECT_EQ(Files(), 1u);
}

TEST_F(ConfigFileTest, ASecondAttemptKeepsTheFirstBackup) {
  ASSERT_TRUE(EditConfigFile(path_, kToNew, "run1").ok());
  ASSERT_TRUE(EditConfigFile(path_, {{"zookeeper", "hosts_list", "zk5:2181"}}, "run1").ok());
  EXPECT_EQ(ReadConfigText(path_ + ".run1").value_or(""), kConfig);
}

TEST_F(ConfigFileTest, WhatOthersChangedSinceStays) {
  ASSERT_TRUE(EditConfigFile(path_, kToNew, "run1").ok());
  ASSERT_TRUE(EditConfigFile(path_, {{"zookeeper", "timeout_ms", "30000"}}, "other").ok());
  ASSERT_TRUE(RestoreConfigFile(path_, kToNew, "run1").ok());
  EXPECT_EQ(ConfigValue(Now(), "zookeeper", "hosts_list"), "zk1:2181,zk2:2181");
  EXPECT_EQ(ConfigValue(Now(), "zookeeper", "timeout_ms"), "30000");
}

TEST_F(ConfigFileTest, AKeyThatWasNotThereDoesNotComeBackEmpty) {
  const std::vector<ConfigChange> changes = {{"zookeeper", "added", "1"}};
  ASSERT_TRUE(EditConfigFile(path_, changes, "run1").ok());
  ASSERT_TRUE(EditConfigFile(path_, {{"zookeeper", "timeout_ms", "30000"}}, "other").ok());
  ASSERT_TRUE(RestoreConfigFile(path_, changes, "run1").ok());
  EXPECT_EQ(ConfigValue(Now(), "zookeeper", "added"), std::nullopt);
  EXPECT_EQ(ConfigValue(Now(), "zookeeper", "timeout_ms"), "30000");
}

TEST_F(ConfigFileTest, WithoutABackupThereIsNothingToRestore) {
  EXPECT_TRUE(RestoreConfigFile(path_, kToNew, "run1").ok());
  EXPECT_EQ(Now(), kConfig);
}

TEST_F(ConfigFileTest, ALinkStaysALink) {
  const std::string link = folder_ + "/link.ini";
  std::filesystem::create_symlink(path_, link);
  ASSERT_TRUE(EditConfigFile(link, kToNew, "run1").ok());
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_EQ(ConfigValue(Now(), "zookeeper", "hosts_list"), "zk4:2181");
}

}  // namespace
}  // namespace metarec
