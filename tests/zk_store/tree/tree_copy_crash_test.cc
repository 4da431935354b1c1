// A copy that is killed, or loses answers, at every operation there is.

#include <string>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "copy_world.h"
#include "testing/slow_build.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/tree/tree_journal.h"

namespace metarec {
namespace {

using testing::StoreCall;
using testing::StoreFault;

constexpr StoreFault::Moment kBothMoments[] = {StoreFault::Moment::kBefore,
                                               StoreFault::Moment::kAfter};
constexpr int64_t kStep = testing::InSlowBuild(3, 1);

class TreeCopyCrashTest : public CopyWorld {
 protected:
  void SetUp() override {
    FillSource();
    const Store from = Open(from_);
    const Store into = Open(into_);
    const auto result = Copy(from.get(), into.get());
    ASSERT_TRUE(result.ok()) << result.status();
    source_operations_ = from->operation_count();
    target_operations_ = into->operation_count();
    ASSERT_GE(target_operations_, 40);
  }

  static Session FailingAt(int64_t k, StoreFault fault) {
    Session session;
    session.injector = [k, fault](const StoreCall& call) {
      return call.index == k ? std::optional<StoreFault>(fault) : std::nullopt;
    };
    return session;
  }
  static std::string NameOf(int64_t k, StoreFault fault) {
    return absl::StrCat(StoreErrorName(fault.error),
                        fault.moment == StoreFault::Moment::kBefore ? " before " : " after ",
                        "operation ", k);
  }
  void ExpectUnfinishedOrWhole() {
    const std::string differences = Differences();
    const bool is_marked = DataAt(into_, "/way/target/metarec_tree_journal") != "(absent)";
    const bool is_begun = DataAt(into_, "/way/target/a") != "(absent)";
    EXPECT_TRUE(differences.empty() || is_marked || !is_begun) << differences;
  }

  int64_t source_operations_ = 0;
  int64_t target_operations_ = 0;
};

TEST_F(TreeCopyCrashTest, KilledAnywhereTheSameCopyGoesOnAndAHalfOneIsMarked) {
  for (int64_t k = 0; k < target_operations_; k += kStep) {
    for (const auto moment : kBothMoments) {
      const StoreFault death{moment, StoreError::kSessionExpired, true};
      SCOPED_TRACE(NameOf(k, death));
      StartTargetAfresh();
      {
        const Store from = Open(from_);
        const Store into = Open(into_, FailingAt(k, death));
        EXPECT_FALSE(Copy(from.get(), into.get()).ok());
      }
      ExpectUnfinishedOrWhole();
      const bool is_whole = Differences().empty();
      TreeCopyOptions options = SmallSteps();
      // When the answer to the very last operation was lost, it is done, and no work to go on with.
      options.update = is_whole && DataAt(into_, "/way/target/metarec_tree_journal") == "(absent)";
      const auto result = Copy(options);
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_EQ(Differences(), "");
    }
  }
}

TEST_F(TreeCopyCrashTest, KilledAnywhereWhileItReadsTheSourceItGoesOn) {
  for (int64_t k = 0; k < source_operations_; k += kStep) {
    const StoreFault death{StoreFault::Moment::kBefore, StoreError::kSessionExpired, true};
    SCOPED_TRACE(NameOf(k, death));
    StartTargetAfresh();
    {
      const Store from = Open(from_, FailingAt(k, death));
      const Store into = Open(into_);
      const auto result = Copy(from.get(), into.get());
      EXPECT_EQ(StoreErrorOf(result.status()), StoreError::kSessionExpired) << result.status();
    }
    ExpectUnfinishedOrWhole();
    const auto result = Copy();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(Differences(), "");
  }
}

TEST_F(TreeCopyCrashTest, KilledTwiceItStillEndsInTheSameTree) {
  for (int64_t k = 5; k < target_operations_; k += 5 * kStep) {
    for (int64_t j = 5; j < target_operations_; j += 7) {
      SCOPED_TRACE(absl::StrCat("killed at ", k, ", then at ", j));
      StartTargetAfresh();
      const StoreFault death{StoreFault::Moment::kAfter, StoreError::kSessionExpired, true};
      for (const int64_t at : {k, j}) {
        const Store from = Open(from_);
        const Store into = Open(into_, FailingAt(at, death));
        (void)Copy(from.get(), into.get());  // may get through when little was left
      }
      TreeCopyOptions options = SmallSteps();
      options.update =
          Differences().empty() && DataAt(into_, "/way/target/metarec_tree_journal") == "(absent)";
      const auto result = Copy(options);
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_EQ(Differences(), "");
    }
  }
}

TEST_F(TreeCopyCrashTest, AnAnswerLostAnywhereIsReadBackAndTheCopyGoesOn) {
  for (const StoreError error : {StoreError::kConnectionLoss, StoreError::kOperationTimeout}) {
    for (int64_t k = 0; k < target_operations_; k += kStep) {
      for (const auto moment : kBothMoments) {
        const StoreFault fault{moment, error, false};
        SCOPED_TRACE(NameOf(k, fault));
        StartTargetAfresh();
        const Store from = Open(from_);
        const Store into = Open(into_, FailingAt(k, fault));
        const auto result = Copy(from.get(), into.get());
        ASSERT_TRUE(result.ok()) << result.status();
        EXPECT_EQ(Differences(), "");
      }
    }
  }
}

TEST_F(TreeCopyCrashTest, AnUpdateThatLosesAnswersOrDiesAnywhereEndsInTheSameTree) {
  Put(from_, "/source/new", "n");
  Set(from_, "/source/a", "changed");
  Delete(from_, "/source/a/1");
  TreeCopyOptions options = SmallSteps();
  options.update = true;
  options.delete_extra = true;
  const auto spoil = [&] {
    StartTargetAfresh();
    ASSERT_TRUE(Copy().ok());
    Put(into_, "/way/target/a/old", "o");
    Put(into_, "/way/target/a/old/older", "o");
    Set(into_, "/way/target/a", "old");
    Delete(into_, "/way/target/new");
  };
  spoil();
  const Store counted = Open(into_);
  {
    const Store from = Open(from_);
    ASSERT_TRUE(Copy(from.get(), counted.get(), options).ok());
  }
  for (int64_t k = 0; k < counted->operation_count(); k += kStep) {
    for (const auto moment : kBothMoments) {
      for (const bool dies : {false, true}) {
        const StoreFault fault{
            moment, dies ? StoreError::kSessionExpired : StoreError::kConnectionLoss, dies};
        SCOPED_TRACE(NameOf(k, fault));
        spoil();
        {
          const Store from = Open(from_);
          const Store into = Open(into_, FailingAt(k, fault));
          EXPECT_EQ(Copy(from.get(), into.get(), options).ok(), !dies);
        }
        if (dies) {
          const auto result = Copy(options);
          ASSERT_TRUE(result.ok()) << result.status();
        }
        EXPECT_EQ(Differences(), "");
      }
    }
  }
}

class TreeRemovalTest : public CopyWorld {
 protected:
  void SetUp() override {
    Refill();
    digest_ = Look()->survey.digest;
  }
  // A tree whose ACLs allow it, without ephemeral znodes.
  void Refill() {
    from_ = std::make_shared<testing::InMemoryZooKeeper>(&clock_);
    FillSource();
    owner_.reset();
    const Store store = Open(from_);
    for (const char* path : {"/source/narrow", "/source/narrow/in"}) {
      asio::io_context io;
      EXPECT_TRUE(RunAlone(&io, store->SetAcl(path, OpenAcl(), kAnyVersion)).ok());
    }
  }

  absl::StatusOr<TreeRemovalResult> Remove(MetaStore* store, const std::string& digest,
                                           const std::string& root = kFrom) {
    TreeRemovalOptions options;
    options.root = root;
    options.name = absl::StrCat("zk:1", root);
    options.digest = digest;
    options.writer = SmallSteps().writer;
    return RunAlone(&io_, RemoveTree(store, &clock_, options, TreeRemovalEvents()));
  }
  absl::StatusOr<TreeRemovalResult> Remove(const std::string& digest) {
    const Store store = Open(from_);
    return Remove(store.get(), digest);
  }
  absl::StatusOr<TreeRemovalResult> Look() { return Remove(""); }

  void ExpectRefused(const absl::StatusOr<TreeRemovalResult>& result, const std::string& why) {
    EXPECT_TRUE(HasMark(result.status(), ErrorMark::kRefused)) << result.status();
    EXPECT_THAT(std::string(result.status().message()), ::testing::HasSubstr(why));
  }

  std::string digest_;
};

TEST_F(TreeRemovalTest, WhatWasSeenIsDeletedAndNothingElse) {
  Put(from_, "/source-2");
  const auto seen = Look();
  ASSERT_TRUE(seen.ok()) << seen.status();
  EXPECT_EQ(seen->survey.znodes, 16);
  EXPECT_EQ(seen->survey.children.front().name, "a");
  EXPECT_EQ(seen->survey.children.front().znodes, 4);
  EXPECT_EQ(seen->deleted, 0);
  const auto removed = Remove(digest_);
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(removed->deleted, 16);
  EXPECT_EQ(from_->Dump().size(), 2u);  // "/" and "/source-2"
  EXPECT_TRUE(absl::IsNotFound(Look().status()));
}

TEST_F(TreeRemovalTest, ATreeThatIsNotWhatWasSeenIsNotTouched) {
  Put(from_, "/source/a/3");
  const auto before = from_->Dump();
  ExpectRefused(Remove(digest_), "is not what");
  EXPECT_EQ(from_->Dump(), before);
}

// It says that all was looked at, which was elsewhere.
TEST_F(TreeRemovalTest, AJournalThatWasCopiedWithItsTreeIsNotBelieved) {
  TreeJournal journal;
  journal.action = "remove";
  journal.run = "1";
  journal.scope = digest_;
  journal.is_checked = true;
  journal.since_zxid = from_->last_zxid() + 1000;
  const Store store = Open(from_);
  RetryBudget budget(&clock_);
  TreeJournalZnode znode(store.get(), &budget, kFrom);
  ASSERT_TRUE(RunAlone(&io_, znode.Create(journal)).ok());
  Put(from_, "/source/a/precious");
  ExpectRefused(Remove(digest_), "is not what");
  EXPECT_EQ(DataAt(from_, "/source/a/precious"), "");
}

TEST_F(TreeRemovalTest, ATreeWithALockInItIsNotTouched) {
  const Store leader = Open(from_);
  Put(leader.get(), CreateOp{"/source/a/LOCK-", "me", CreateMode::kEphemeralSequential});
  const auto seen = Look();
  ASSERT_TRUE(seen.ok());
  EXPECT_EQ(seen->survey.ephemerals.count, 1);
  const auto before = from_->Dump();
  ExpectRefused(Remove(seen->survey.digest), "ephemeral znodes: /a/LOCK-");
  EXPECT_EQ(from_->Dump(), before);
}

TEST_F(TreeRemovalTest, ZooKeepersOwnZnodesAreRefused) {
  const Store store = Open(from_);
  for (const char* root : {"/", "/zookeeper", "/zookeeper/quota"}) {
    ExpectRefused(Remove(store.get(), "", root), "ZooKeeper's own");
  }
}

TEST_F(TreeRemovalTest, WhatIsCreatedOrSetMeanwhileIsNotDeleted) {
  for (const bool sets : {false, true}) {
    Refill();
    bool done = false;
    Session session;
    session.injector = [&](const StoreCall& call) -> std::optional<StoreFault> {
      // The journal is set when the digest was right.
      if (done || call.kind != "children") return std::nullopt;
      if (!absl::StrContains(DataAt(from_, "/source/metarec_tree_journal"),
                             "\"is_checked\":true")) {
        return std::nullopt;
      }
      done = true;
      if (sets) Set(from_, "/source/narrow/in/in", "theirs");
      if (!sets) Put(from_, "/source/null/theirs");
      return std::nullopt;
    };
    const Store store = Open(from_, std::move(session));
    const auto result = Remove(store.get(), digest_);
    EXPECT_TRUE(done);
    EXPECT_TRUE(HasMark(result.status(), ErrorMark::kDisturbed)) << result.status();
    EXPECT_NE(DataAt(from_, sets ? "/source/narrow/in/in" : "/source/null/theirs"), "(absent)");
  }
}

TEST_F(TreeRemovalTest, AnUnfinishedCopyCanBeDeleted) {
  Session dying;
  dying.injector = [](const StoreCall& call) -> std::optional<StoreFault> {
    if (call.kind != "multi") return std::nullopt;
    return StoreFault{StoreFault::Moment::kAfter, StoreError::kSessionExpired, true};
  };
  {
    const Store from = Open(from_);
    const Store into = Open(into_, dying);
    EXPECT_FALSE(Copy(from.get(), into.get()).ok());
  }
  const Store into = Open(into_);
  const auto seen = Remove(into.get(), "", kInto);
  ASSERT_TRUE(seen.ok()) << seen.status();
  EXPECT_THAT(seen->unfinished, ::testing::HasSubstr("copy of source:1/source"));
  const auto removed = Remove(into.get(), seen->survey.digest, kInto);
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(into_->Dump().size(), 2u);  // "/" and "/way"
}

// Nobody could take it away again: "/" was refused whatever was in it.
TEST_F(TreeRemovalTest, AnUnfinishedCopyIntoTheRootCanBeTakenAway) {
  Session dying;
  dying.injector = [multis = 0](const StoreCall& call) mutable -> std::optional<StoreFault> {
    if (call.kind != "multi" || ++multis < 3) return std::nullopt;
    return StoreFault{StoreFault::Moment::kAfter, StoreError::kSessionExpired, true};
  };
  {
    const Store from = Open(from_);
    const Store into = Open(into_, dying);
    EXPECT_FALSE(Copy(from.get(), into.get(), SmallSteps(), "/").ok());
  }
  EXPECT_EQ(DataAt(into_, "/"), "root");
  const Store into = Open(into_);
  const auto seen = Remove(into.get(), "", "/");
  ASSERT_TRUE(seen.ok()) << seen.status();
  const auto removed = Remove(into.get(), seen->survey.digest, "/");
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(into_->Dump().size(), 1u);  // "/"; it has no /zookeeper
  EXPECT_EQ(DataAt(into_, "/"), "");
  ExpectRefused(Remove(into.get(), "", "/"), "ZooKeeper's own");
  // And the same copy can be begun again.
  const Store from = Open(from_);
  EXPECT_TRUE(Copy(from.get(), into.get(), SmallSteps(), "/").ok());
}

// After its last write it was refused: what it had written itself was newer than what it had seen.
TEST_F(TreeRemovalTest, KilledOrUnansweredAnywhereTheRootIsClearedByTheSameRemoval) {
  const auto spoil = [this] {
    StartTargetAfresh();
    Session dying;
    dying.injector = [multis = 0](const StoreCall& call) mutable -> std::optional<StoreFault> {
      if (call.kind != "multi" || ++multis < 3) return std::nullopt;
      return StoreFault{StoreFault::Moment::kAfter, StoreError::kSessionExpired, true};
    };
    const Store from = Open(from_);
    const Store into = Open(into_, std::move(dying));
    EXPECT_FALSE(Copy(from.get(), into.get(), SmallSteps(), "/").ok());
  };
  spoil();
  std::string digest;
  int64_t operations = 0;
  {
    const Store into = Open(into_);
    digest = Remove(into.get(), "", "/")->survey.digest;
    const Store counted = Open(into_);
    ASSERT_TRUE(Remove(counted.get(), digest, "/").ok());
    operations = counted->operation_count();
  }
  for (int64_t k = 0; k < operations; k += kStep) {
    for (const auto moment : kBothMoments) {
      for (const bool dies : {false, true}) {
        SCOPED_TRACE(absl::StrCat("operation ", k, dies ? " dies" : " loses its answer"));
        spoil();
        {
          Session session;
          const StoreFault fault{
              moment, dies ? StoreError::kSessionExpired : StoreError::kConnectionLoss, dies};
          session.injector = [k, fault](const StoreCall& call) {
            return call.index == k ? std::optional<StoreFault>(fault) : std::nullopt;
          };
          const Store into = Open(into_, std::move(session));
          const auto result = Remove(into.get(), digest, "/");
          EXPECT_EQ(result.ok(), !dies) << result.status();
        }
        if (DataAt(into_, "/metarec_tree_journal") != "(absent)") {
          const Store into = Open(into_);
          const auto again = Remove(into.get(), digest, "/");
          ASSERT_TRUE(again.ok()) << again.status();
        }
        EXPECT_EQ(into_->Dump().size(), 1u);
        EXPECT_EQ(DataAt(into_, "/"), "");
      }
    }
  }
}

TEST_F(TreeRemovalTest, AWholeTreeIsRemovedWithoutADigestUnlessSomebodyUsesIt) {
  const auto remove_whole = [this] {
    const Store store = Open(from_);
    TreeRemovalOptions options;
    options.root = kFrom;
    options.name = "zk:1";
    options.whole = true;
    options.writer = SmallSteps().writer;
    return RunAlone(&io_, RemoveTree(store.get(), &clock_, options, TreeRemovalEvents()));
  };
  {
    const Store leader = Open(from_);
    Put(leader.get(), CreateOp{"/source/a/LOCK", "me", CreateMode::kEphemeral});
    const auto before = from_->Dump();
    ExpectRefused(remove_whole(), "ephemeral znodes: /a/LOCK");
    EXPECT_EQ(from_->Dump(), before);
  }
  const auto removed = remove_whole();
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(removed->deleted, 16);
  EXPECT_EQ(from_->Dump().size(), 1u);
  EXPECT_TRUE(remove_whole().ok()) << "there is none any more";
}

TEST_F(TreeRemovalTest, KilledOrUnansweredAnywhereTheSameRemovalGoesOn) {
  const Store counted = Open(from_);
  ASSERT_TRUE(Remove(counted.get(), digest_).ok());
  for (int64_t k = 0; k < counted->operation_count(); k += kStep) {
    for (const auto moment : kBothMoments) {
      for (const bool dies : {false, true}) {
        SCOPED_TRACE(absl::StrCat("operation ", k, dies ? " dies" : " loses its answer"));
        Refill();
        {
          Session session;
          const StoreFault fault{
              moment, dies ? StoreError::kSessionExpired : StoreError::kConnectionLoss, dies};
          session.injector = [k, fault](const StoreCall& call) {
            return call.index == k ? std::optional<StoreFault>(fault) : std::nullopt;
          };
          const Store store = Open(from_, std::move(session));
          const auto result = Remove(store.get(), digest_);
          EXPECT_EQ(result.ok(), !dies) << result.status();
        }
        if (DataAt(from_, kFrom) != "(absent)") {
          const auto again = Remove(digest_);
          ASSERT_TRUE(again.ok()) << again.status();
        }
        EXPECT_EQ(from_->Dump().size(), 1u);
      }
    }
  }
}

}  // namespace
}  // namespace metarec
