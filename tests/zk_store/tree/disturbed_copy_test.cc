// Copies during which somebody else writes into the target.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "copy_world.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/tree/tree_copy.h"
#include "zk_store/tree/tree_journal.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::StoreCall;
using testing::StoreFault;

class DisturbedCopyTest : public CopyWorld {
 protected:
  void SetUp() override { FillSource(); }

  struct Deed {
    int reading;
    std::function<void()> act;
  };
  // Does each when the root of the source is read for the n-th time. A copy reads it when it looks
  // at the source, in each pass, and in the check behind that.
  static testing::FaultInjector AtReadings(std::vector<Deed> deeds) {
    return [deeds = std::move(deeds),
            count = 0](const StoreCall& call) mutable -> std::optional<StoreFault> {
      if (call.kind != "get" || call.path != kFrom) return std::nullopt;
      ++count;
      for (const Deed& deed : deeds) {
        if (deed.reading == count) deed.act();
      }
      return std::nullopt;
    };
  }
  // A copy whose source moves at its first check, and that must have a second pass therefore.
  absl::StatusOr<TreeCopyResult> CopyWithSecondPass(const char* moves, int reading,
                                                    std::function<void()> deed) {
    std::vector<Deed> deeds = {{kFirstCheck, [this, moves] { Set(from_, In(kFrom, moves), "m"); }},
                               {reading, std::move(deed)}};
    const Store from = Open(from_, {.injector = AtReadings(std::move(deeds))});
    const Store into = Open(into_);
    return Copy(from.get(), into.get());
  }
  static constexpr int kFirstCheck = 3;
  static constexpr int kSecondPass = 4;

  // A copy that dies when it reads the source for the n-th time.
  void KillAtReading(int n) {
    const auto die = [n, count = 0](const StoreCall& call) mutable -> std::optional<StoreFault> {
      if (call.kind != "get" || call.path != kFrom || ++count != n) return std::nullopt;
      return StoreFault{StoreFault::Moment::kBefore, StoreError::kSessionExpired, true};
    };
    const Store from = Open(from_, {.injector = die});
    const Store into = Open(into_);
    EXPECT_EQ(StoreErrorOf(Copy(from.get(), into.get()).status()), StoreError::kSessionExpired);
  }

  void ExpectLeftAlone(const absl::StatusOr<TreeCopyResult>& result, const std::string& path) {
    EXPECT_TRUE(HasMark(result.status(), ErrorMark::kDisturbed)) << result.status();
    EXPECT_THAT(std::string(result.status().message()),
                AllOf(HasSubstr("somebody else writes"), HasSubstr(path), HasSubstr("--update")));
  }
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

// The second pass took all of a tree that it had found empty for its own.
TEST_F(DisturbedCopyTest, TheSecondPassDeletesNothingThatAStrangerCreated) {
  for (const int moment : {kFirstCheck, kSecondPass}) {
    for (const char* path : {"/theirs", "/a/theirs"}) {
      StartTargetAfresh();
      const auto result =
          CopyWithSecondPass("/a", moment, [&] { Put(into_, In(kInto, path), "x"); });
      ExpectLeftAlone(result, path);
      EXPECT_EQ(DataAt(into_, In(kInto, path)), "x");
    }
  }
}

TEST_F(DisturbedCopyTest, TheSecondPassOverwritesNothingThatAStrangerSet) {
  for (const int moment : {kFirstCheck, kSecondPass}) {
    StartTargetAfresh();
    const auto result =
        CopyWithSecondPass("/a", moment, [this] { Set(into_, In(kInto, "/a"), "theirs"); });
    ExpectLeftAlone(result, "/a");
    EXPECT_EQ(DataAt(into_, In(kInto, "/a")), "theirs");
  }
}

TEST_F(DisturbedCopyTest, TheSecondPassReplacesNoAclThatAStrangerSet) {
  const Acl theirs = {AclEntry{"world", "anyone", 31}, AclEntry{"digest", "eve:hash", 31}};
  const auto result = CopyWithSecondPass("/a-b", kSecondPass, [&] {
    const Store store = Open(into_);
    asio::io_context io;
    EXPECT_TRUE(RunAlone(&io, store->SetAcl(In(kInto, "/a"), theirs, kAnyVersion)).ok());
  });
  ExpectLeftAlone(result, "eve:hash");
  EXPECT_THAT(Differences(), HasSubstr("/a acl"));
}

TEST_F(DisturbedCopyTest, TheSecondPassDoesNotMakeAnewWhatAStrangerDeleted) {
  const auto result =
      CopyWithSecondPass("/a-b", kSecondPass, [this] { Delete(into_, In(kInto, "/a/1")); });
  ExpectLeftAlone(result, "/a/1");
  EXPECT_EQ(DataAt(into_, In(kInto, "/a/1")), "(absent)");
}

// Only the data of such a root were looked at again.
TEST_F(DisturbedCopyTest, AnAclThatAStrangerGivesAnEmptyRootWhenTheCopyBeginsWasOverwritten) {
  const Acl theirs = {AclEntry{"world", "anyone", 31}, AclEntry{"digest", "eve:hash", 31}};
  for (const bool is_there : {true, false}) {
    StartTargetAfresh();
    Put(into_, "/way");
    if (is_there) Put(into_, kInto);
    bool done = false;
    const auto before_creation = [&](const StoreCall& call) -> std::optional<StoreFault> {
      if (call.kind != "create" || done) return std::nullopt;
      done = true;
      const Store store = Open(into_);
      asio::io_context io;
      if (is_there) {
        EXPECT_TRUE(RunAlone(&io, store->SetAcl(kInto, theirs, kAnyVersion)).ok());
      } else {
        CreateOp op{kInto, ""};
        op.acl = theirs;
        Put(store.get(), op);
      }
      return std::nullopt;
    };
    const Store from = Open(from_);
    const Store into = Open(into_, {.injector = before_creation});
    const auto result = Copy(from.get(), into.get());
    EXPECT_TRUE(done);
    ExpectLeftAlone(result, "eve:hash");
    EXPECT_THAT(Differences(), HasSubstr(" acl"));
  }
}

// With --update all may be overwritten, and only its own may be deleted.
TEST_F(DisturbedCopyTest, AnUpdateIntoAnEmptyTargetDeletesItsOwnAndLeavesAStrangersBelowIt) {
  const Store from =
      Open(from_, {.injector = AtReadings(
                       {{kFirstCheck,
                         [this] {
                           for (const char* path : {"/a/1", "/a/2/x", "/a/2"}) {
                             Delete(from_, In(kFrom, path));
                           }
                         }},
                        {kSecondPass, [this] { Put(into_, In(kInto, "/a/2/theirs"), "x"); }}})});
  const Store into = Open(into_);
  TreeCopyOptions options = SmallSteps();
  options.update = true;
  const auto result = Copy(from.get(), into.get(), options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(Differences(), "/a/2 extra; /a/2/theirs extra; ");
  EXPECT_EQ(result->extra.count, 2);
}

// What is there was taken for what the killed run had written.
TEST_F(DisturbedCopyTest, GoingOnWithAKilledCopyLeavesWhatAStrangerDidMeanwhile) {
  struct Elsewhere {
    const char* path;
    std::function<void()> act;
  };
  const std::vector<Elsewhere> deeds = {
      {"/a", [this] { Set(into_, In(kInto, "/a"), "theirs"); }},
      {"/", [this] { Set(into_, kInto, "theirs"); }},
      {"/theirs", [this] { Put(into_, In(kInto, "/theirs"), "theirs"); }},
      // Where the killed run had not been yet.
      {"/\xc3\xa4", [this] {
         Delete(into_, In(kInto, "/\xc3\xa4"));
         Put(into_, In(kInto, "/\xc3\xa4"), "theirs");
       }}};
  for (const Elsewhere& deed : deeds) {
    SCOPED_TRACE(deed.path);
    StartTargetAfresh();
    KillAtReading(kFirstCheck);
    deed.act();
    const auto before = DataAt(into_, deed.path[1] == 0 ? kInto : In(kInto, deed.path));
    const auto result = Copy();
    EXPECT_TRUE(HasMark(result.status(), ErrorMark::kDisturbed)) << result.status();
    EXPECT_EQ(before, "theirs");
    EXPECT_EQ(DataAt(into_, deed.path[1] == 0 ? kInto : In(kInto, deed.path)), before);
    ExpectRefused(Copy(), "--update");
  }
}

TEST_F(DisturbedCopyTest, GoingOnWithAKilledCopyFollowsASourceThatChangedSince) {
  for (const int moment : {kFirstCheck, kSecondPass, kSecondPass + 1}) {
    StartTargetAfresh();
    from_ = std::make_shared<testing::InMemoryZooKeeper>(&clock_);
    FillSource();
    {
      const auto die = [moment, count = 0,
                        this](const StoreCall& call) mutable -> std::optional<StoreFault> {
        if (call.kind != "get" || call.path != kFrom) return std::nullopt;
        if (++count == kFirstCheck) Set(from_, In(kFrom, "/a-b"), "moved");
        if (count != moment) return std::nullopt;
        return StoreFault{StoreFault::Moment::kBefore, StoreError::kSessionExpired, true};
      };
      const Store from = Open(from_, {.injector = die});
      const Store into = Open(into_);
      EXPECT_FALSE(Copy(from.get(), into.get()).ok());
    }
    Set(from_, kFrom, "moved");
    Set(from_, In(kFrom, "/a"), "moved");
    Set(from_, In(kFrom, "/a-b"), "moved again");
    Delete(from_, In(kFrom, "/a/2/x"));
    Delete(from_, In(kFrom, "/a/2"));
    Put(from_, In(kFrom, "/new"), "n");
    const auto result = Copy();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_TRUE(result->resumed);
    EXPECT_EQ(Differences(), "");
  }
}

// ZooKeeper takes no ACL in a transaction, so that the journal did not guard it.
TEST_F(DisturbedCopyTest, ARunThatIsTakenOverSetsNoAclAnyMore) {
  const Store from = Open(from_);
  bool is_taken_over = false;
  int acls_set = 0;
  const auto take_over = [&](const StoreCall& call) -> std::optional<StoreFault> {
    if (is_taken_over && call.kind == "set the ACL of") ++acls_set;
    if (!is_taken_over && call.kind == "check") {
      is_taken_over = true;
      asio::io_context io;
      const Store theirs = Open(into_);
      const Store source = Open(from_);
      const CopyInto place{theirs.get(), kInto, absl::StrCat("target:1", kInto)};
      const auto other =
          RunAlone(&io, CopyTree(From(source.get()), place, SmallSteps(), {}, &clock_));
      EXPECT_TRUE(other.ok()) << other.status();
    }
    return std::nullopt;
  };
  const Store into = Open(into_, {.injector = take_over});
  const auto result = Copy(from.get(), into.get());
  EXPECT_TRUE(HasMark(result.status(), ErrorMark::kDisturbed)) << result.status();
  EXPECT_TRUE(is_taken_over);
  EXPECT_EQ(acls_set, 0);
  EXPECT_EQ(Differences(), "");
}

TEST_F(DisturbedCopyTest, ARunThatIsTakenOverCreatesNoContainerAnyMore) {
  const CopyFrom source = OfflineSource();
  bool is_taken_over = false;
  int created = 0;
  const auto take_over = [&](const StoreCall& call) -> std::optional<StoreFault> {
    if (is_taken_over && call.kind == "create") ++created;
    if (!is_taken_over && call.kind == "check") {
      is_taken_over = true;
      const Store theirs = Open(into_);
      RetryBudget budget(&clock_);
      TreeJournalZnode journal(theirs.get(), &budget, kInto);
      asio::io_context io;
      auto found = RunAlone(&io, journal.Read());
      EXPECT_TRUE(found.ok() && found->has_value());
      (*found)->run = "another";
      EXPECT_TRUE(RunAlone(&io, journal.Replace(**found)).ok());
    }
    return std::nullopt;
  };
  const Store into = Open(into_, {.injector = take_over});
  const CopyInto place{into.get(), kInto, "target"};
  const auto result = RunAlone(&io_, CopyTree(source, place, SmallSteps(), {}, &clock_));
  EXPECT_TRUE(HasMark(result.status(), ErrorMark::kDisturbed)) << result.status();
  EXPECT_TRUE(is_taken_over);
  EXPECT_EQ(created, 0);
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
