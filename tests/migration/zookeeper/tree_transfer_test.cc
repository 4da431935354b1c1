// Trees that a move copies and removes, between ZooKeepers in memory.

#include "migration/zookeeper/tree_transfer.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/in_memory_meta_store.h"
#include "tests/zk_store/client/store_world.h"
#include "zk_store/client/error_mark.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::InMemoryMetaStore;
using testing::InMemoryZooKeeper;
using ::testing::IsEmpty;

constexpr char kOld[] = "/old";
constexpr char kNew[] = "/new";

class TreeTransferTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* path : {"", "/apps", "/apps/1", "/apps/1/0"}) {
      Put(&old_, absl::StrCat(kOld, path), "unlock");
    }
  }

  static void Put(InMemoryMetaStore* store, const std::string& path, const std::string& data = "",
                  CreateMode mode = CreateMode::kPersistent) {
    asio::io_context io;
    const auto created = RunAlone(&io, store->Create(path, data, mode));
    EXPECT_TRUE(created.ok()) << created.status();
  }
  static void Set(InMemoryMetaStore* store, const std::string& path, const std::string& data) {
    asio::io_context io;
    EXPECT_TRUE(RunAlone(&io, store->Set(path, data)).ok()) << path;
  }
  static std::string DataAt(InMemoryMetaStore* store, const std::string& path) {
    asio::io_context io;
    const auto node = RunAlone(&io, store->Get(path));
    return node.ok() ? node->data : "(absent)";
  }

  TreePlace Old() { return {&old_, kOld, "zk1:2181/old"}; }
  TreePlace New() { return {&new_, kNew, "zk4:2181/new"}; }
  absl::StatusOr<TransferCount> Transfer(const TransferOptions& options = {}) {
    return RunAlone(&io_, TransferTree(Old(), New(), options, &clock_));
  }
  absl::Status DeleteNew() {
    const DeletionOptions all;
    return RunAlone(&io_, DeleteTree(New(), all, &clock_));
  }
  absl::StatusOr<TreeComparison> Compare(const std::vector<std::string>& left_alone = {}) {
    return RunAlone(&io_, CompareTrees(Old(), New(), left_alone, &clock_));
  }

  asio::io_context io_;
  ImmediateClock clock_;
  std::shared_ptr<InMemoryZooKeeper> new_server_ = std::make_shared<InMemoryZooKeeper>(&clock_);
  InMemoryMetaStore old_{std::make_shared<InMemoryZooKeeper>(&clock_)};
  InMemoryMetaStore new_{new_server_};
};

// It copied with --update --delete, even onto a target that was free.
TEST_F(TreeTransferTest, WhatAStrangerWritesBetweenTwoTransfersIsNeitherOverwrittenNorDeleted) {
  for (const bool sets : {false, true}) {
    ASSERT_TRUE(DeleteNew().ok());
    TransferOptions first;
    first.may_change = true;
    first.more_follow = true;
    ASSERT_TRUE(Transfer(first).ok());
    if (sets) Set(&new_, "/new/apps/1", "theirs");
    if (!sets) Put(&new_, "/new/theirs", "theirs");
    const auto last = Transfer();
    EXPECT_TRUE(HasMark(last.status(), ErrorMark::kDisturbed)) << last.status();
    EXPECT_EQ(DataAt(&new_, sets ? "/new/apps/1" : "/new/theirs"), "theirs");
  }
}

TEST_F(TreeTransferTest, ATransferFollowsItsSourceAndTheLastOneLeavesNoMark) {
  TransferOptions first;
  first.may_change = true;
  first.more_follow = true;
  ASSERT_TRUE(Transfer(first).ok());
  EXPECT_NE(DataAt(&new_, "/new/metarec_tree_journal"), "(absent)");
  Set(&old_, "/old/apps/1", "changed");
  Put(&old_, "/old/apps/2");
  asio::io_context io;
  ASSERT_TRUE(RunAlone(&io, old_.Delete("/old/apps/1/0")).ok());
  EXPECT_EQ(Compare()->differences, 3);
  const auto last = Transfer();
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_EQ(last->written, 2);
  EXPECT_EQ(last->deleted, 1);
  EXPECT_EQ(DataAt(&new_, "/new/metarec_tree_journal"), "(absent)");
  EXPECT_TRUE(Compare()->equal());
}

TEST_F(TreeTransferTest, ATransferThatIsOverOnlyCompares) {
  ASSERT_TRUE(Transfer().ok());
  const auto again = Transfer();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->znodes, 4);
  EXPECT_EQ(again->written, 0);
  Set(&new_, "/new/apps/1", "theirs");
  EXPECT_TRUE(HasMark(Transfer().status(), ErrorMark::kRefused));
  EXPECT_EQ(DataAt(&new_, "/new/apps/1"), "theirs");
}

TEST_F(TreeTransferTest, AnUnusedLockDirectoryInTheTargetStays) {
  Put(&new_, kNew);
  Put(&new_, "/new/lock");
  Put(&new_, "/new/lock/dsn.meta.server.leader");
  TransferOptions options;
  options.left_alone = {"lock"};
  const auto copied = Transfer(options);
  ASSERT_TRUE(copied.ok()) << copied.status();
  EXPECT_EQ(DataAt(&new_, "/new/lock/dsn.meta.server.leader"), "");
  EXPECT_TRUE(Compare({"lock"})->equal());
  EXPECT_EQ(Compare({"other"})->differences, 2);
}

TEST_F(TreeTransferTest, ATreeInWhichSomebodyIsAliveIsNotDeletedInPart) {
  ASSERT_TRUE(Transfer().ok());
  InMemoryMetaStore leader(new_server_);
  Put(&leader, "/new/apps/LOCK", "", CreateMode::kEphemeral);
  const absl::Status refused = DeleteNew();
  EXPECT_TRUE(HasMark(refused, ErrorMark::kRefused)) << refused;
  EXPECT_EQ(DataAt(&new_, "/new/apps/1/0"), "unlock");
  EXPECT_EQ(DataAt(&new_, "/new/metarec_tree_journal"), "(absent)");
}

TEST_F(TreeTransferTest, AnUnfinishedTransferIsDeletedWithItsMarks) {
  TransferOptions first;
  first.more_follow = true;
  ASSERT_TRUE(Transfer(first).ok());
  const absl::Status deleted = DeleteNew();
  EXPECT_TRUE(deleted.ok()) << deleted;
  EXPECT_EQ(DataAt(&new_, kNew), "(absent)");
}

// It asked whose the znodes directly below the root were, and deleted what was deeper.
TEST_F(TreeTransferTest, WhatSomebodyWroteDeepInTheTreeSinceAMomentIsSeenAndNotDeleted) {
  const auto then = RunAlone(&io_, LookAtTree(Old(), &clock_));
  ASSERT_TRUE(then.ok()) << then.status();
  const std::vector<std::string> nothing;
  EXPECT_EQ(RunAlone(&io_, LookAtTreeSince(Old(), *then, nothing, &clock_))->newer_count, 0);
  Put(&old_, "/old/apps/1/0/theirs", "precious");
  Set(&old_, "/old/apps/1", "changed");
  Set(&old_, "/old/apps", "moved");
  const std::vector<std::string> marked = {"/apps"};
  const auto since = RunAlone(&io_, LookAtTreeSince(Old(), *then, marked, &clock_));
  ASSERT_TRUE(since.ok()) << since.status();
  EXPECT_TRUE(since->is_same);
  EXPECT_THAT(since->newer, ElementsAre("/old/apps/1", "/old/apps/1/0/theirs"));
  DeletionOptions known;
  known.keeps_root = true;
  known.newest_zxid = then->zxid;
  TreePlace apps = {&old_, "/old/apps", "zk1:2181/old/apps"};
  const absl::Status refused = RunAlone(&io_, DeleteTree(apps, known, &clock_));
  EXPECT_TRUE(HasMark(refused, ErrorMark::kRefused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("theirs"));
  EXPECT_EQ(DataAt(&old_, "/old/apps/1/0/theirs"), "precious");
  EXPECT_EQ(DataAt(&old_, "/old/apps/1/metarec_tree_journal"), "(absent)");
}

TEST_F(TreeTransferTest, ATreeThatWasCreatedAnewIsNotTheOneOfTheMoment) {
  const auto then = RunAlone(&io_, LookAtTree(Old(), &clock_));
  ASSERT_TRUE(then.ok()) << then.status();
  const DeletionOptions all;
  ASSERT_TRUE(RunAlone(&io_, DeleteTree(Old(), all, &clock_)).ok());
  Put(&old_, kOld);
  const std::vector<std::string> nothing;
  EXPECT_FALSE(RunAlone(&io_, LookAtTreeSince(Old(), *then, nothing, &clock_))->is_same);
}

// An abort deleted what others had written into the tree that it removes.
TEST_F(TreeTransferTest, WhatIsNotOfATransferIsToldFromWhatIs) {
  Put(&new_, kNew);
  Put(&new_, "/new/lock");
  Put(&new_, "/new/lock/dsn.meta.server.leader");
  TransferOptions first;
  first.more_follow = true;
  first.left_alone = {"lock"};
  ASSERT_TRUE(Transfer(first).ok());
  Set(&old_, "/old/apps/1", "changed");
  ASSERT_TRUE(Transfer(first).ok());
  const std::vector<std::string> left_alone = {"lock"};
  const auto others = [&] { return RunAlone(&io_, LookForOthers(New(), left_alone, &clock_)); };
  ASSERT_TRUE(others().ok()) << others().status();
  EXPECT_THAT(others()->newer, IsEmpty());
  Put(&new_, "/new/apps/1/theirs");
  Set(&new_, "/new/apps/1/0", "theirs");
  EXPECT_THAT(others()->newer, ElementsAre("/new/apps/1/0", "/new/apps/1/theirs"));
}

// Between its end and the look that notes the end, it was not known any more what is whose.
TEST_F(TreeTransferTest, WhatIsWrittenAfterTheEndOfATransferIsNotOfIt) {
  TransferOptions first;
  first.more_follow = true;
  ASSERT_TRUE(Transfer(first).ok());
  ASSERT_TRUE(Transfer().ok());
  const std::vector<std::string> nothing;
  const auto others = [&] { return RunAlone(&io_, LookForOthers(New(), nothing, &clock_)); };
  EXPECT_THAT(others()->newer, IsEmpty());
  Set(&new_, "/new/apps/1/0", "theirs");
  EXPECT_THAT(others()->newer, ElementsAre("/new/apps/1/0"));
}

// The root's own last change was taken for the transfer's end, and an abort deleted what a stranger
// had created directly below the root since.
TEST_F(TreeTransferTest, ATransferTellsTheLastTransactionThatIsItsOwn) {
  const auto copied = Transfer();
  ASSERT_TRUE(copied.ok()) << copied.status();
  Put(&new_, "/new/theirs");
  TreeMoment end;
  end.zxid = copied->newest_zxid;
  const std::vector<std::string> nothing;
  const auto others = RunAlone(&io_, LookAtTreeSince(New(), end, nothing, &clock_));
  ASSERT_TRUE(others.ok()) << others.status();
  EXPECT_THAT(others->newer, ElementsAre("/new/theirs"));
}

TEST_F(TreeTransferTest, WhatHasNoPlaceInATopologyIsNotOfARecovery) {
  for (const char* path : {"", "/metarec_journal", "/apps", "/apps/1", "/apps/1/0",
                           "/apps/1/0/theirs", "/apps/theirs", "/lock", "/lock/x"}) {
    Put(&new_, absl::StrCat(kNew, path));
  }
  const std::vector<std::string> left_alone = {"lock"};
  const auto others = RunAlone(&io_, LookForOthersInTopology(New(), left_alone, &clock_));
  ASSERT_TRUE(others.ok()) << others.status();
  EXPECT_THAT(others->newer, ElementsAre("/new/apps/1/0/theirs", "/new/apps/theirs"));
}

// An aborted move left them, empty, and the next one took them for somebody's.
TEST_F(TreeTransferTest, AMarkTakesWithItWhatItMadeAboveItselfAndNothingElse) {
  Put(&new_, "/theirs");
  const TreePlace place = {&new_, "/theirs/a/b/demo", "zk4:2181/theirs/a/b/demo"};
  const auto mark = [&] { return RunAlone(&io_, WriteMoveMark(place, "run", &clock_)); };
  const auto remove = [&] { return RunAlone(&io_, RemoveMoveMark(place, "run", &clock_)); };
  ASSERT_TRUE(mark().ok());
  ASSERT_TRUE(mark().ok()) << "it is there already";
  ASSERT_TRUE(remove().ok());
  EXPECT_EQ(DataAt(&new_, "/theirs/a"), "(absent)");
  EXPECT_EQ(DataAt(&new_, "/theirs"), "");
  ASSERT_TRUE(mark().ok());
  Put(&new_, "/theirs/a/other");
  ASSERT_TRUE(remove().ok());
  EXPECT_EQ(DataAt(&new_, "/theirs/a/b"), "(absent)");
  EXPECT_EQ(DataAt(&new_, "/theirs/a/other"), "");
  EXPECT_EQ(DataAt(&new_, "/theirs/a/b/demo.metarec_move"), "(absent)");
}

// It said to repeat the command with an option that a move does not have.
TEST_F(TreeTransferTest, TheErrorOfADisturbedTransferDoesNotEndInAdviceForAnotherCommand) {
  TransferOptions first;
  first.more_follow = true;
  ASSERT_TRUE(Transfer(first).ok());
  Set(&new_, "/new/apps/1", "theirs");
  for (int i = 0; i < 2; ++i) {
    const auto disturbed = Transfer();
    EXPECT_THAT(std::string(disturbed.status().message()),
                HasSubstr("a move cannot go on here: abort it"));
  }
}

}  // namespace
}  // namespace metarec
