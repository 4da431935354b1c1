#include "migration/split/split_state.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/scratch_folder.h"
#include "tests/migration/split/backup_world.h"

namespace metarec {
namespace {

using ::testing::HasSubstr;

SplitScope Scope() {
  return {.backup_digest = "sha256:1",
          .source_count = 4,
          .app_name = "dst",
          .app_id = 12,
          .target_count = 8,
          .units = 3};
}

SplitUnitResult Result(int64_t rows) {
  SplitUnitResult result;
  for (int64_t i = 0; i < rows; ++i) result.counts.copied.Add(std::to_string(i), "value");
  result.counts.expired = 2;
  result.counts.misplaced = 3;
  result.counts.empty_writes = 4;
  SplitFile& file = result.files.emplace_back();
  file.target = 7;
  file.name = "data_0_0.sst";
  file.size = 100;
  file.md5 = "00ff";
  file.rows = result.counts.copied;
  return result;
}

class SplitStateTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<SplitState>> Open(const SplitScope& scope = Scope(),
                                                   uint32_t expired_before = 77) {
    return SplitState::Open(path_, scope, expired_before);
  }
  void Append(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary | std::ios::app) << bytes;
  }

  testing::ScratchFolder scratch_;
  const std::string path_ = scratch_.path() + "/dst.split";
};

TEST_F(SplitStateTest, RemembersUnitsAndWhenItBegan) {
  {
    const auto state = Open();
    ASSERT_TRUE(state.ok()) << state.status();
    EXPECT_TRUE((*state)->complete().empty());
    ASSERT_TRUE((*state)->Add(0, Result(5)).ok());
    ASSERT_TRUE((*state)->Add(2, Result(6)).ok());
  }
  const auto state = Open(Scope(), 99);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ((*state)->expired_before(), 77);
  const auto complete = (*state)->complete();
  ASSERT_EQ(complete.size(), 2);
  EXPECT_EQ(complete.at(0), Result(5));
  EXPECT_EQ(complete.at(2), Result(6));
}

TEST_F(SplitStateTest, ALineThatAKillCutShortIsAsIfItWereNotThere) {
  { ASSERT_TRUE((*Open())->Add(0, Result(5)).ok()); }
  const std::string whole = ReadWhole(path_);
  { ASSERT_TRUE((*Open())->Add(1, Result(6)).ok()); }
  const std::string both = ReadWhole(path_);
  for (size_t bytes = whole.size(); bytes < both.size(); bytes += 7) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << both.substr(0, bytes);
    const auto state = Open();
    ASSERT_TRUE(state.ok()) << state.status();
    EXPECT_EQ((*state)->complete().size(), 1);
    ASSERT_TRUE((*state)->Add(1, Result(6)).ok());
    EXPECT_EQ(ReadWhole(path_), both);
  }
  for (size_t bytes = 0; bytes < 40; ++bytes) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << both.substr(0, bytes);
    const auto state = Open();
    ASSERT_TRUE(state.ok()) << state.status();
    EXPECT_TRUE((*state)->complete().empty());
  }
}

TEST_F(SplitStateTest, OfAnotherSplitIsRefused) {
  { ASSERT_TRUE(Open().ok()); }
  SplitScope other = Scope();
  other.target_count = 16;
  const auto refused = Open(other);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("is of another split"));
  other = Scope();
  other.backup_digest = "sha256:2";
  EXPECT_THAT(std::string(Open(other).status().message()), HasSubstr("another backup"));
}

TEST_F(SplitStateTest, OneProcessWorksOnIt) {
  const auto state = Open();
  ASSERT_TRUE(state.ok());
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(SplitState::Read(path_, Scope()).ok());
}

TEST_F(SplitStateTest, DamageSaysWhatToDo) {
  { ASSERT_TRUE((*Open())->Add(0, Result(5)).ok()); }
  Append("{\"unit\":7}\n");
  const auto damaged = Open();
  EXPECT_EQ(damaged.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(damaged.status().message()), HasSubstr(":3 is damaged"));
  std::ofstream(path_, std::ios::binary | std::ios::trunc) << "something else\n";
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(SplitState::Read(path_ + ".none", Scope()).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace metarec
