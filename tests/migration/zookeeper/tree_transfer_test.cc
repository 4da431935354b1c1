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

using ::testing::HasSubstr;
using testing::InMemoryMetaStore;
using testing::InMemoryZooKeeper;

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
    const std::vector<std::string> nothing;
    return RunAlone(&io_, DeleteTree(New(), nothing, /*keeps_root=*/false, &clock_));
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

}  // namespace
}  // namespace metarec
