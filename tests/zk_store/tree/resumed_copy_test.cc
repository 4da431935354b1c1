// Copies that go on with one that was killed: what of the target they know for their own.

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/types/span.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "copy_world.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/tree/acl_text.h"
#include "zk_store/tree/tree_copy.h"
#include "zk_store/tree/tree_journal.h"

namespace metarec {
namespace {

using ::testing::HasSubstr;
using testing::StoreCall;
using testing::StoreFault;

class ResumedCopyTest : public CopyWorld {
 protected:
  void SetUp() override { FillSource(); }

  void SetAcl(const Server& server, const std::string& path, const Acl& acl) {
    const Store store = Open(server);
    asio::io_context io;
    const absl::Status set = RunAlone(&io, store->SetAcl(path, acl, kAnyVersion));
    EXPECT_TRUE(set.ok()) << set;
  }
  Acl AclAt(const Server& server, const std::string& path) {
    const Store store = Open(server);
    asio::io_context io;
    const auto found = RunAlone(&io, store->GetAcl(path));
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() ? found->acl : Acl();
  }

  // A copy that dies once all is written, before it is checked.
  void KillBeforeTheCheck() {
    const auto die = [count = 0](const StoreCall& call) mutable -> std::optional<StoreFault> {
      if (call.kind != "get" || call.path != kFrom || ++count != 3) return std::nullopt;
      return StoreFault{StoreFault::Moment::kBefore, StoreError::kSessionExpired, true};
    };
    const Store from = Open(from_, {.injector = die});
    const Store into = Open(into_);
    EXPECT_EQ(StoreErrorOf(Copy(from.get(), into.get()).status()), StoreError::kSessionExpired);
  }
};

// It said that somebody else had set them.
TEST_F(ResumedCopyTest, AResumedCopyBlamedOthersForTheAclsOfTheKilledOne) {
  SetAcl(from_, kFrom, Narrow());
  KillBeforeTheCheck();
  // All of these had to wait for what is below them.
  for (const char* path : {"/narrow", "/narrow/in"}) {
    SetAcl(from_, In(kFrom, path), AdminOnly());
  }
  SetAcl(from_, kFrom, AdminOnly());
  SetAcl(from_, In(kFrom, "/a"), AdminOnly());
  const auto result = Copy();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->resumed);
  EXPECT_EQ(Differences(), "");
}

TEST_F(ResumedCopyTest, AResumedCopyReplacesNoAclThatAStrangerSet) {
  const Acl theirs = {AclEntry{"world", "anyone", 31}, AclEntry{"digest", "eve:hash", 31}};
  for (const char* path : {"/narrow", "/a", "/box", ""}) {
    SCOPED_TRACE(path);
    StartTargetAfresh();
    KillBeforeTheCheck();
    SetAcl(into_, In(kInto, path), theirs);
    const auto result = Copy();
    EXPECT_TRUE(HasMark(result.status(), ErrorMark::kDisturbed)) << result.status();
    EXPECT_THAT(std::string(result.status().message()), HasSubstr("eve:hash"));
    EXPECT_TRUE(SameAcl(AclAt(into_, In(kInto, path)), theirs));
  }
}

// No transaction can create it, so that no znode names one of the copy's.
TEST_F(ResumedCopyTest, AResumedCopyBlamedOthersForTheContainersOfTheKilledOne) {
  const auto copy = [this](bool dies) {
    CopyFrom source = OfflineSource();
    source.check_unchanged = [dies] {
      return dies ? absl::CancelledError("killed") : absl::OkStatus();
    };
    const Store into = Open(into_);
    const CopyInto place{into.get(), kInto, "target"};
    return RunAlone(&io_, CopyTree(source, place, SmallSteps(), {}, &clock_));
  };
  EXPECT_TRUE(absl::IsCancelled(copy(true).status()));
  Set(from_, In(kFrom, "/box"), "changed");
  Set(from_, In(kFrom, "/ttl"), "changed");
  SetAcl(from_, In(kFrom, "/ttl"), AdminOnly());
  const auto result = copy(false);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(Differences(), "");
}

TEST_F(ResumedCopyTest, ADryRunWithOtherCredentialsThanTheUnfinishedCopysIsRefusedAsTheCopyIs) {
  KillBeforeTheCheck();
  for (const bool is_dry : {true, false}) {
    TreeCopyOptions options = SmallSteps();
    options.dry_run = is_dry;
    const Store from = Open(from_);
    const Store into = Open(into_, {.injector = nullptr, .user = "bob:pw"});
    const auto result = Copy(from.get(), into.get(), options);
    EXPECT_FALSE(result.ok()) << is_dry;
  }
  TreeCopyOptions options = SmallSteps();
  options.dry_run = true;
  const auto listed = Copy(options);
  ASSERT_TRUE(listed.ok()) << listed.status();
  EXPECT_TRUE(steps_.empty());
}

TEST_F(ResumedCopyTest, WhatIsClaimedIsReadBack) {
  const Store store = Open(into_);
  Put(into_, "/way");
  RetryBudget budget(&clock_);
  TreeJournalZnode journal(store.get(), &budget, "/way");
  TreeJournal copy;
  copy.action = "copy";
  ASSERT_TRUE(RunAlone(&io_, journal.Create(copy)).ok());
  const std::vector<NodeFingerprint> claims = {
      ClaimOfAcl("/b", OpenAcl()), ClaimOfAcl("/a", OpenAcl()), ClaimOfAcl("/a", AdminOnly())};
  for (const auto& some :
       {absl::MakeConstSpan(claims).first(2), absl::MakeConstSpan(claims).last(1),
        absl::Span<const NodeFingerprint>()}) {
    ASSERT_TRUE(RunAlone(&io_, store->Create(journal.mark(some))).ok());
  }
  const auto marks = RunAlone(&io_, journal.Marks());
  ASSERT_TRUE(marks.ok()) << marks.status();
  EXPECT_EQ(marks->transactions.size(), 3u);
  EXPECT_THAT(marks->claims, ::testing::UnorderedElementsAreArray(claims));
  EXPECT_TRUE(std::is_sorted(marks->claims.begin(), marks->claims.end()));
}

class TreeJournalTest : public CopyWorld {
 protected:
  // Loses the first transaction that deletes `path`. It takes place before the server is synced, or
  // before the next one of its kind: until then this server does not know of it.
  testing::FaultInjector TakesPlaceLate(std::string path) {
    return [this, path = std::move(path), lost = std::optional<std::vector<StoreOp>>(),
            is_done = false](const StoreCall& call) mutable -> std::optional<StoreFault> {
      bool deletes = false;
      if (call.ops != nullptr) {
        for (const StoreOp& op : *call.ops) {
          deletes |= std::holds_alternative<DeleteOp>(op) && OpPath(op) == path;
        }
      }
      if (!lost.has_value() && deletes) {
        lost = *call.ops;
        return StoreFault{StoreFault::Moment::kBefore, StoreError::kConnectionLoss, false};
      }
      if (lost.has_value() && !is_done && (deletes || call.kind == "sync")) {
        is_done = true;
        const Store other = Open(into_);
        asio::io_context io;
        EXPECT_TRUE(RunAlone(&io, other->Multi(*lost)).ok());
      }
      return std::nullopt;
    };
  }
};

// It read what was there from a server that lagged, and took its own deletion for another run's.
TEST_F(TreeJournalTest, AnUnansweredDeletionIsLookedForWhereItIsKnown) {
  FillSource();
  const Store from = Open(from_);
  const Store into = Open(into_, {.injector = TakesPlaceLate(In(kInto, "/metarec_tree_journal"))});
  const auto result = Copy(from.get(), into.get());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(Differences(), "");
}

TEST_F(TreeJournalTest, AnUnansweredDeletionOfTheRootIsLookedForWhereItIsKnown) {
  Put(into_, "/tree");
  const Store store = Open(into_, {.injector = TakesPlaceLate("/tree")});
  TreeRemovalOptions options;
  options.root = "/tree";
  options.name = "tree";
  options.whole = true;
  const auto removed = RunAlone(&io_, RemoveTree(store.get(), &clock_, options, {}));
  EXPECT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(DataAt(into_, "/tree"), "(absent)");
}

// Its requests stayed at 4 KiB, which the server did not take, until the copy gave up.
TEST_F(TreeJournalTest, AServerThatTakesVeryLittleGetsItsJournalDeletedBitByBit) {
  FillSource();
  for (int i = 0; i < 60; ++i) Put(from_, absl::StrCat(kFrom, "/a/w", i));
  TreeCopyOptions options = SmallSteps();
  options.writer.ops_max = 1;
  const Store from = Open(from_);
  const Store into =
      Open(into_, {.injector = nullptr, .user = "admin:secret", .server_request_bytes_max = 1200});
  const auto result = Copy(from.get(), into.get(), options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(Differences(), "");
}

}  // namespace
}  // namespace metarec
