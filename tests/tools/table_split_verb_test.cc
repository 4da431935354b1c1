// metarec table split on a captured backup, in this process: what it refuses, and how it says so.

#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/scratch_folder.h"
#include "tests/tools/run_in_process.h"

namespace metarec::tools {
namespace {

using ::testing::HasSubstr;

class TableSplitVerbTest : public ::testing::Test {
 protected:
  Ended SplitWith(const std::vector<std::string>& options) {
    std::vector<std::string> words = {
        "table",     "split",
        "--backup",  std::string(METAREC_GOLDEN_DIR) + "/disk/checkpoint/1795960376039",
        "--root",    folder_.path(),
        "--cluster", "onebox2",
        "--table",   "dst",
        "--app_id",  "12"};
    words.insert(words.end(), options.begin(), options.end());
    return RunInProcess(words);
  }

  testing::ScratchFolder folder_;
};

// It was 1, as if a disk had failed.
TEST_F(TableSplitVerbTest, ARefusalIsExitCode4) {
  std::filesystem::create_directories(folder_.Path("onebox2/dst"));
  folder_.Write("onebox2/dst/theirs", "somebody's");
  const Ended foreign = SplitWith({"--partitions", "2"});
  EXPECT_EQ(foreign.exit_code, 4);
  EXPECT_THAT(foreign.err, HasSubstr("this split did not begin it"));

  std::filesystem::remove(folder_.Path("onebox2/dst/theirs"));
  EXPECT_EQ(SplitWith({"--partitions", "2"}).exit_code, 0);
  const Ended another = SplitWith({"--partitions", "3"});
  EXPECT_EQ(another.exit_code, 4);
  EXPECT_THAT(another.err, HasSubstr("is of another split"));
}

// It named one file that was not there, and exited with 1.
TEST_F(TableSplitVerbTest, FinishSaysWhichShardsAreToBeRun) {
  EXPECT_EQ(SplitWith({"--partitions", "2", "--shard", "1/3"}).exit_code, 0);
  const Ended early = SplitWith({"--partitions", "2", "--finish", "3"});
  EXPECT_EQ(early.exit_code, 4);
  EXPECT_THAT(early.err, HasSubstr("2 shards of 3 were not begun"));
  EXPECT_THAT(early.err, HasSubstr("--shard 0/3, --shard 2/3 in place of --finish"));
}

}  // namespace
}  // namespace metarec::tools
