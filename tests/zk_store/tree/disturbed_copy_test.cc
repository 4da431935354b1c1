// Copies during which somebody else writes into the target.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "copy_world.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/tree/tree_copy.h"

namespace metarec {
namespace {

using ::testing::HasSubstr;
using testing::StoreCall;
using testing::StoreFault;

class DisturbedCopyTest : public CopyWorld {
 protected:
  void SetUp() override { FillSource(); }
};

TEST_F(DisturbedCopyTest, SomebodyElseWhoWritesIntoTheTargetIsNoticed) {
  const std::vector<std::function<void()>> deeds = {
      [this] { Set(into_, In(kInto, "/a"), "theirs"); },
      [this] { Put(into_, In(kInto, "/theirs"), "x"); },
      [this] { Delete(into_, In(kInto, "/a/1")); }};
  for (const auto& deed : deeds) {
    StartTargetAfresh();
    const Store from = Open(from_);
    const Store into = Open(into_, {.injector = OnceCopied(deed)});
    const auto result = Copy(from.get(), into.get());
    EXPECT_TRUE(HasMark(result.status(), ErrorMark::kDisturbed)) << result.status();
    EXPECT_THAT(std::string(result.status().message()), HasSubstr("somebody else writes"));
  }
}

TEST_F(DisturbedCopyTest, WhatIsCreatedBeforeTheMarkIsNotDeletedAsTheCopysOwn) {
  for (const std::string path : {"/theirs", "/a", ""}) {
    StartTargetAfresh();
    Put(into_, "/way");
    Put(into_, kInto);
    const std::string at = In(kInto, path.c_str());
    bool done = false;
    const auto before_mark = [&](const StoreCall& call) -> std::optional<StoreFault> {
      if (call.kind != "create" || done) return std::nullopt;
      done = true;
      if (path.empty()) {
        Set(into_, at, "x");
      } else {
        Put(into_, at, "x");
      }
      return std::nullopt;
    };
    const Store from = Open(from_);
    const Store into = Open(into_, {.injector = before_mark});
    const auto result = Copy(from.get(), into.get());
    ASSERT_TRUE(done);
    EXPECT_TRUE(HasMark(result.status(), ErrorMark::kDisturbed)) << result.status();
    EXPECT_EQ(DataAt(into_, at), "x");
    const auto left = into_->Dump();
    ExpectRefused(Copy(), "somebody else wrote to the target");
    EXPECT_EQ(into_->Dump(), left);
  }
}

TEST_F(DisturbedCopyTest, TheSameCopyAgainDoesNotDeleteOrOverwriteWhatDisturbedIt) {
  const std::vector<std::function<void()>> deeds = {
      [this] { Set(into_, In(kInto, "/a"), "theirs"); },
      [this] { Put(into_, In(kInto, "/theirs"), "x"); },
      [this] {
        Set(into_, In(kInto, "/a"), "theirs");
        Put(into_, In(kInto, "/theirs"), "x");
      }};
  for (const auto& deed : deeds) {
    StartTargetAfresh();
    const Store from = Open(from_);
    const Store into = Open(into_, {.injector = OnceCopied(deed)});
    ASSERT_TRUE(HasMark(Copy(from.get(), into.get()).status(), ErrorMark::kDisturbed));
    const auto left = into_->Dump();
    ExpectRefused(Copy(), "use --update");
    EXPECT_EQ(into_->Dump(), left);
    // With --update what differs is written, and what is extra stays.
    const bool has_extra = DataAt(into_, In(kInto, "/theirs")) == "x";
    TreeCopyOptions options = SmallSteps();
    options.update = true;
    const auto updated = Copy(options);
    ASSERT_TRUE(updated.ok()) << updated.status();
    EXPECT_TRUE(updated->resumed);
    EXPECT_EQ(Differences(), has_extra ? "/theirs extra; " : "");
    options.delete_extra = true;
    ASSERT_TRUE(Copy(options).ok());
    EXPECT_EQ(Differences(), "");
  }
}

TEST_F(DisturbedCopyTest, ARunThatIsTakenOverWritesNothingMore) {
  const Store from = Open(from_);
  std::optional<absl::StatusOr<TreeCopyResult>> other;
  bool is_other = false;
  const auto take_over = [&](const StoreCall& call) -> std::optional<StoreFault> {
    if (call.kind == "multi" && !is_other) {
      is_other = true;
      asio::io_context io;
      const Store theirs = Open(into_);
      const Store source = Open(from_);
      const CopyInto place{theirs.get(), kInto, absl::StrCat("target:1", kInto)};
      other = RunAlone(&io, CopyTree(From(source.get()), place, SmallSteps(), {}, &clock_));
    }
    return std::nullopt;
  };
  const Store into = Open(into_, {.injector = take_over});
  const auto result = Copy(from.get(), into.get());
  EXPECT_TRUE(HasMark(result.status(), ErrorMark::kDisturbed)) << result.status();
  ASSERT_TRUE(other.has_value());
  EXPECT_TRUE(other->ok()) << other->status();
  EXPECT_EQ(Differences(), "");
}

}  // namespace
}  // namespace metarec
