#include "migration/procedure/procedure_file.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/migration/procedure/toy_world.h"

namespace metarec {
namespace {

using ::testing::HasSubstr;

class ProcedureFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "/procedure_file_test_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    path_ = folder_ + "/move.state";
    state_ = world_.NewState();
    state_.Note("old level", "steady\nor \"so\"");
    state_.Note("pass_ms", int64_t{1234});
    state_.Note("candidates", std::vector<std::string>{"/a,b", ""});
    state_.Add({.kind = EventKind::kBegun, .step = "a", .at = "2026-11-29T00:00:01Z", .text = ""});
  }

  std::string Read() const {
    std::ifstream file(path_);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  void Write(const std::string& text) const { std::ofstream(path_) << text; }

  ToyWorld world_;
  std::string folder_;
  std::string path_;
  ProcedureState state_;
};

TEST_F(ProcedureFileTest, ReadsWhatItWrote) {
  {
    const auto created = ProcedureFile::Create(path_, state_);
    ASSERT_TRUE(created.ok()) << created.status();
    state_.Add({.kind = EventKind::kDone, .step = "a", .at = "now", .text = "a is done"});
    ASSERT_TRUE(created->Save(state_).ok());
  }
  ProcedureState read;
  const auto opened = ProcedureFile::Open(path_, &read);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_TRUE(read == state_);
  EXPECT_EQ(read.StateOf("a"), StepState::kDone);
  EXPECT_EQ(read.FactNumber("pass_ms"), 1234);
  EXPECT_EQ(read.FactList("candidates"), (std::vector<std::string>{"/a,b", ""}));
  EXPECT_EQ(read.Fact("pass_ms"), "") << "a number is no text";
}

TEST_F(ProcedureFileTest, OneProcessAtATime) {
  const auto first = ProcedureFile::Create(path_, state_);
  ASSERT_TRUE(first.ok());
  EXPECT_TRUE(IsProcedureFileInUse(path_));
  ProcedureState read;
  const auto second = ProcedureFile::Open(path_, &read);
  EXPECT_TRUE(absl::IsUnavailable(second.status())) << second.status();
  EXPECT_TRUE(ReadProcedureFile(path_).ok());
}

TEST_F(ProcedureFileTest, IsFreeWhenItsOwnerHasGone) {
  ASSERT_TRUE(ProcedureFile::Create(path_, state_).ok());
  EXPECT_FALSE(IsProcedureFileInUse(path_));
}

// Opening it to read waits for somebody who writes.
TEST_F(ProcedureFileTest, AFifoInThePlaceOfTheLockIsNotWaitedFor) {
  ASSERT_TRUE(ProcedureFile::Create(path_, state_).ok());
  const std::string lock = path_ + ".lock";
  std::filesystem::remove(lock);
  ASSERT_EQ(::mkfifo(lock.c_str(), 0600), 0);
  EXPECT_FALSE(IsProcedureFileInUse(path_));
}

TEST_F(ProcedureFileTest, AnExistingFileIsNotReplacedByANewRun) {
  ASSERT_TRUE(ProcedureFile::Create(path_, state_).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(ProcedureFile::Create(path_, state_).status()));
}

TEST_F(ProcedureFileTest, AMistypedNameLeavesNoLockBehind) {
  ProcedureState read;
  EXPECT_TRUE(absl::IsNotFound(ProcedureFile::Open(folder_ + "/nosuch", &read).status()));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/nosuch.lock"));
}

// The advice was to restore it from a backup.
TEST_F(ProcedureFileTest, AFileOfAnotherKindWasTakenForADamagedState) {
  Write("{\"format\":\"metarec-plan\",\"version\":4}\n{\"digest\":\"x\"}\n");
  absl::Status read = ReadProcedureFile(path_).status();
  EXPECT_EQ(read.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(read.message()),
              HasSubstr("move.state:1: not the state of a move: its format is 'metarec-plan'; give "
                        "the file that `metarec migrate plan --state` wrote"));
  Write("[meta_server]\ncluster_root = /pegasus\n");
  read = ReadProcedureFile(path_).status();
  EXPECT_THAT(std::string(read.message()), HasSubstr("its first line is no JSON"));
}

TEST_F(ProcedureFileTest, NoCutAndNoChangedByteIsTakenForAState) {
  ASSERT_TRUE(ProcedureFile::Create(path_, state_).ok());
  const std::string whole = Read();
  for (size_t bytes = 0; bytes + 1 < whole.size(); ++bytes) {
    Write(whole.substr(0, bytes));
    ASSERT_FALSE(ReadProcedureFile(path_).ok()) << bytes;
  }
  for (size_t at = 0; at + 1 < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    Write(changed);
    ASSERT_FALSE(ReadProcedureFile(path_).ok()) << at;
  }
}

}  // namespace
}  // namespace metarec
