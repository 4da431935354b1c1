// What operators give: credentials files and root paths.

#include <fstream>
#include <string>
#include <utility>

#include <absl/strings/ascii.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "zk_store/client/root_path.h"
#include "zk_store/client/znode_path.h"
#include "zk_store/client/zookeeper_options.h"

namespace metarec {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ZkAuthFileTest : public ::testing::Test {
 protected:
  ~ZkAuthFileTest() override { unlink(path_.c_str()); }

  absl::StatusOr<ZkAuthFile> Read(const std::string& content, mode_t mode = 0600) {
    std::ofstream(path_, std::ios::binary) << content;
    chmod(path_.c_str(), mode);
    return ReadZkAuthFile(path_);
  }

  const std::string path_ = ::testing::TempDir() + "zk_auth_" + std::to_string(getpid());
};

TEST_F(ZkAuthFileTest, AcceptsCredentialsWithAndWithoutScheme) {
  for (const char* content : {"user:pass", "user:pass\n", "user:pass\r\n", "digest:user:pass\n"}) {
    const auto file = Read(content);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(file->auth.scheme, "digest");
    EXPECT_EQ(file->auth.credentials, "user:pass");
    EXPECT_EQ(file->warning, "");
  }
}

TEST_F(ZkAuthFileTest, PasswordsMayHaveColonsAndTheUserMayBeCalledDigest) {
  EXPECT_EQ(Read("user:a:b:c\n")->auth.credentials, "user:a:b:c");
  EXPECT_EQ(Read("digest:secret\n")->auth.credentials, "digest:secret");
  EXPECT_EQ(Read("digest:digest:a:b\n")->auth.credentials, "digest:a:b");
}

TEST_F(ZkAuthFileTest, WarnsOfFilesThatOthersCanRead) {
  EXPECT_THAT(Read("user:pass", 0644)->warning, HasSubstr("chmod 600 " + path_));
  EXPECT_THAT(Read("user:pass", 0640)->warning, HasSubstr("other users"));
}

TEST_F(ZkAuthFileTest, SaysWhatIsWrongAndNeverWhatIsInside) {
  for (const auto& [content, complaint] : std::vector<std::pair<std::string, std::string>>{
           {"", "found nothing"},
           {"\n", "found nothing"},
           {"s3cret", "found no colon"},
           {":s3cret", "an empty user name"},
           {"s3cret:", "an empty password"},
           {"user:s3cret\nmore", "more than one line"},
           {std::string("user:s3cret\0", 12), "a control character"},
           {"user:" + std::string(5000, 's') + "3cret", "larger than 4096 bytes"}}) {
    const absl::Status status = Read(content).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
    EXPECT_THAT(std::string(status.message()), HasSubstr(complaint));
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("3cret")));
  }
}

TEST_F(ZkAuthFileTest, NamesAFileThatIsMissingOrNoFile) {
  EXPECT_TRUE(absl::IsNotFound(ReadZkAuthFile("/no/such/file").status()));
  EXPECT_THAT(std::string(ReadZkAuthFile("/tmp").status().message()),
              HasSubstr("not a regular file"));
}

TEST(ZooKeeperHostsTest, AChrootBehindTheLastServerIsReadAsLibzookeeperReadsIt) {
  const auto plain = ParseZooKeeperHosts("zk1:2181, zk2:2182");
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(plain->HostsText(), "zk1:2181,zk2:2182");
  EXPECT_EQ(plain->Under("/pegasus"), "/pegasus");
  const auto below = ParseZooKeeperHosts("zk1:2181,zk2:2182/prod/eu");
  ASSERT_TRUE(below.ok()) << below.status();
  EXPECT_EQ(below->HostsText(), "zk1:2181,zk2:2182");
  EXPECT_EQ(below->Under("/pegasus"), "/prod/eu/pegasus");
  EXPECT_EQ(below->Under(""), "");
  EXPECT_EQ(ParseZooKeeperHosts("zk1:2181/")->chroot, "");
  for (const char* const wrong : {"zk1:2181/a,zk2:2181/a", "zk1:2181/a/", "zk1:2181//a",
                                  "zk1:2181/a/../b", "/a", "zk1:2181/zookeeper"}) {
    EXPECT_FALSE(ParseZooKeeperHosts(wrong).ok()) << wrong;
  }
}

// "give one like /pegasus/my_cluster" was the advice.
TEST(ZooKeeperHostsTest, AChrootThatEndsInASlashIsShownWithout) {
  EXPECT_EQ(ParseZooKeeperHosts("zk1:2181,zk2:2181/prod/").status().message(),
            "invalid ZooKeeper addresses: the path behind them (chroot) ends in a slash; leave "
            "that out: zk1:2181,zk2:2181/prod");
}

TEST(RootPathTest, ARootMustBeAPathOfItsOwn) {
  EXPECT_TRUE(ValidateRootPath("/a").ok());
  EXPECT_TRUE(ValidateRootPath("/pegasus/my cluster/\xc3\xa9").ok());
  const std::pair<std::string, std::string> kBad[] = {
      {"", "is empty"},
      {"pegasus", "is not absolute"},
      {"/", "everything in this ZooKeeper lives under it"},
      {"/pegasus/", "ends in a slash"},
      {"/pegasus//c", "an empty component"},
      {"/pegasus/../c", "a dotted component"},
      {"/./c", "a dotted component"},
      {"/pegasus\n/c", "a control character"},
      {std::string("/peg\0asus", 9), "a control character"},
      {"/zookeeper/quota", "belongs to ZooKeeper itself"},
      {"/a\x7f", "a control character"},
      {"/a\xc2\x85", "a control character"},
      {"/a\xff", "\"/a\\xff\" is not UTF-8"},
      {"a\xc3", "\"a\\xc3\" is not UTF-8"},
      {"/a\xc0\xaf", "is not UTF-8"},
      {"/a\xc2\xad", "\"/a\\xc2\\xad\" has a blank or invisible character, U+00AD"},
      {"a\xe2\x80\xae", "a blank or invisible character, U+202E"},
      {"/a\xed\xa0\x80", "is not UTF-8"},
      {"/a\xee\x80\x80", "\"/a\\xee\\x80\\x80\" has the character U+E000, which ZooKeeper does"},
      {"/a\xef\xa3\xbf", "the character U+F8FF"},
      {"/a\xef\xbf\xb0", "the character U+FFF0"},
      {"/a\xef\xbf\xbf", "the character U+FFFF"},
      {"/a\xf0\x9f\x98\x80", "the character U+1F600"}};
  for (const auto& [root, why] : kBad) {
    const absl::Status status = ValidateRootPath(root);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << root;
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
    for (const char c : status.message()) EXPECT_TRUE(absl::ascii_isprint(c)) << status;
  }
}

// U+3164, U+00A0 and a trailing blank were taken.
TEST(RootPathTest, WhatNobodySeesIsRefusedAnywhere) {
  const char* const kUnseen[] = {"\u00A0", "\u00AD", "\u034F", "\u061C", "\u115F", "\u1160",
                                 "\u1680", "\u17B4", "\u180B", "\u180E", "\u2000", "\u2007",
                                 "\u200A", "\u200B", "\u200D", "\u200F", "\u2028", "\u2029",
                                 "\u202A", "\u202F", "\u205F", "\u2060", "\u206F", "\u2800",
                                 "\u3000", "\u3164", "\uFE0F", "\uFEFF", "\uFFA0"};
  for (const std::string unseen : kUnseen) {
    for (const std::string& root : {"/" + unseen, "/a" + unseen, "/a" + unseen + "b",
                                    "/" + unseen + "a/b", "/a/" + unseen + "/b"}) {
      const absl::Status status = ValidateRootPath(root);
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << root;
      EXPECT_THAT(std::string(status.message()),
                  HasSubstr("has a blank or invisible character, U+"));
    }
  }
}

TEST(RootPathTest, OrdinaryBlanksAreRefusedWhereTheyAreNotSeen) {
  for (const std::string root : {"/a ", "/ a", "/a /b", "/a/ b", "/a  b", "/ ", " /a", "/a/ "}) {
    EXPECT_THAT(std::string(ValidateRootPath(root).message()), HasSubstr("character, U+0020"))
        << root;
  }
  EXPECT_TRUE(ValidateRootPath("/my own cluster/b c").ok());
}

TEST(RootPathTest, AMarkWithNothingToCombineWithIsRefused) {
  EXPECT_FALSE(ValidateRootPath("/\xcc\x81").ok());
  EXPECT_FALSE(ValidateRootPath("/a/\xcc\x81"
                                "b")
                   .ok());
  EXPECT_TRUE(ValidateRootPath("/e\xcc\x81").ok()) << "an e with an accent";
}

TEST(ZnodePathTest, EverythingIsWithinTheRootAndNothingWithinANameThatIsShorter) {
  EXPECT_TRUE(IsWithin("/a/b", "/a"));
  EXPECT_TRUE(IsWithin("/a", "/a"));
  EXPECT_TRUE(IsWithin("/a", "/"));
  EXPECT_TRUE(IsWithin("/a", ""));
  EXPECT_TRUE(IsWithin("", ""));
  EXPECT_FALSE(IsWithin("/ab", "/a"));
  EXPECT_FALSE(IsWithin("/a", "/a/b"));
  EXPECT_FALSE(IsWithin("", "/a"));
}

TEST(ZnodePathTest, PathsAreJoinedWithOneSlash) {
  EXPECT_EQ(JoinPaths("/a", "/b"), "/a/b");
  EXPECT_EQ(JoinPaths("/", "/b"), "/b");
  EXPECT_EQ(JoinPaths("/a", ""), "/a");
  EXPECT_EQ(JoinPaths("/", ""), "/");
}

}  // namespace
}  // namespace metarec
