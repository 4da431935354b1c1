#include "zk_store/client/zk_auth_file.h"

#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

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

}  // namespace
}  // namespace metarec
