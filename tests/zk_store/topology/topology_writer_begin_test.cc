// How a run begins: in which roots it does, and which it refuses; when somebody else comes to the
// root just before its first transaction, or after that, whose answer is lost.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_replace.h>
#include <asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/zk_store/client/store_world.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/topology/root_inspection.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::StoreCall;
using testing::StoreFault;

class BeginRaceTest : public WriterWorld {
 protected:
  // What another process has begun is there before the first write of this store.
  std::unique_ptr<testing::InMemoryMetaStore> OpenBehindAnother(const std::string& first_table) {
    return Open([this, first_table,
                 done = false](const StoreCall& call) mutable -> std::optional<StoreFault> {
      if (call.is_write() && !std::exchange(done, true)) BeginAsAnother(first_table);
      return std::nullopt;
    });
  }

  // The first transaction of this store loses its answer. Then `act` is done.
  std::unique_ptr<testing::InMemoryMetaStore> OpenWithLostBeginning(StoreFault::Moment moment,
                                                                    std::function<void()> act) {
    return Open([moment, act = std::move(act), sent = false,
                 done = false](const StoreCall& call) mutable -> std::optional<StoreFault> {
      if (sent && !std::exchange(done, true)) act();
      if (!call.is_write() || std::exchange(sent, true)) return std::nullopt;
      return StoreFault{moment};
    });
  }

  void BeginAnotherPlan() { BeginAsAnother("{}", "sha256:other"); }

  void ContendAsMetaServer() {
    const std::string directory = absl::StrCat(kRoot, "/dsn.meta.server.leader");
    PutMeanwhile("/pegasus");
    PutMeanwhile(kRoot);
    PutMeanwhile(directory);
    asio::io_context io;
    const auto candidate = RunAlone(&io, stranger_->Create(directory + "/LOCKNODE", "meta1:34601",
                                                           CreateMode::kEphemeralSequential));
    ASSERT_TRUE(candidate.ok()) << candidate.status();
  }

  void PutMeanwhile(const std::string& path) {
    asio::io_context io;
    RunAlone(&io, stranger_->Create(path, "")).status().IgnoreError();
  }
  void DeleteMeanwhile(const std::string& path) {
    asio::io_context io;
    const absl::Status deleted = RunAlone(&io, stranger_->Delete(path));
    ASSERT_TRUE(deleted.ok()) << deleted;
  }

  void ExpectRefused(const absl::StatusOr<WriteResult>& result) {
    EXPECT_TRUE(HasMark(result.status(), ErrorMark::kRefused)) << result.status();
    EXPECT_THAT(std::string(result.status().message()), HasSubstr("Nothing was written"));
  }
  void ExpectMayHaveBegun(const absl::StatusOr<WriteResult>& result) {
    EXPECT_TRUE(HasMark(result.status(), ErrorMark::kDisturbed)) << result.status();
    EXPECT_THAT(std::string(result.status().message()),
                AllOf(HasSubstr("This run may have begun there"), Not(HasSubstr("Nothing was"))));
  }

  void BeginAsAnother(const std::string& first_table, const std::string& digest = kDigest) {
    asio::io_context io;
    Journal journal;
    journal.plan_digest = digest;
    journal.tables = static_cast<int64_t>(topology_.tables.size());
    journal.partitions = static_cast<int64_t>(topology_.partitions.size());
    journal.started_at = JournalTime(clock_.Now());
    journal.tool_version = "1.2.3";
    std::vector<StoreOp> ops;
    if (DataOf("/pegasus") == "(absent)") ops.push_back(CreateOp{"/pegasus", ""});
    if (DataOf(kRoot) == "(absent)") ops.push_back(CreateOp{kRoot, ""});
    ops.push_back(CreateOp{paths_.journal(), EncodeJournal(journal)});
    ops.push_back(CreateOp{paths_.apps(), std::string(kAppsLocked)});
    ops.push_back(CreateOp{paths_.App(1), first_table});
    const auto begun = RunAlone(&io, stranger_->Multi(std::move(ops)));
    ASSERT_TRUE(begun.ok()) << begun.status();
  }
};

using BeginTest = WriterWorld;

TEST_F(BeginTest, AnEmptyRootAndAnUnusedLockDirectoryAreFine) {
  Put("/pegasus", "");
  Put(kRoot, "");
  Put(absl::StrCat(kRoot, "/lock"), "");
  Put(absl::StrCat(kRoot, "/lock/dsn.meta.server.leader"), "");
  const auto store = Open();
  ASSERT_TRUE(Write(store.get(), topology_).ok());
  EXPECT_EQ(DataOf(paths_.apps()), "unlock");
}

TEST_F(BeginTest, ATopologyWithoutTablesIsWrittenToo) {
  const auto store = Open();
  ASSERT_TRUE(Write(store.get(), Topology()).ok());
  EXPECT_EQ(Dump().size(), 5u);
  EXPECT_EQ(DataOf(paths_.apps()), "unlock");
}

TEST_F(BeginTest, AStrangersRootIsRefused) {
  Put("/pegasus", "");
  Put(kRoot, "");
  Put(absl::StrCat(kRoot, "/note"), "mine");
  ExpectRefusedUnchanged("it holds /pegasus/recovered/note");
}

TEST_F(BeginTest, AStockClustersRootIsRefused) {
  Put("/pegasus", "");
  Put(kRoot, "");
  Put(paths_.apps(), "unlock");
  Put(paths_.App(1), "{}");
  ExpectRefusedUnchanged("/pegasus/recovered/apps is \"unlock\" with 1 table");
}

TEST_F(BeginTest, ARootInWhichAMetaServerLivesIsRefused) {
  Put("/pegasus", "");
  Put(kRoot, "");
  Put(absl::StrCat(kRoot, "/dsn.meta.server.leader"), "");
  Put(absl::StrCat(kRoot, "/dsn.meta.server.leader/LOCKNODE"), "meta1:34601",
      CreateMode::kEphemeralSequential);
  ExpectRefusedUnchanged("meta1:34601");
}

TEST_F(BeginTest, ALockRootElsewhereIsLookedAtToo) {
  Put("/locks", "");
  Put("/locks/dsn.meta.server.leader", "");
  Put("/locks/dsn.meta.server.leader/LOCKNODE", "meta1:34601", CreateMode::kEphemeralSequential);
  TopologyWriterOptions options = SmallBatches();
  options.inspection.lock_root = "/locks";
  ExpectRefusedUnchanged("meta1:34601", kDigest, options);
}

TEST_F(BeginTest, AnotherPlansUnfinishedRunIsRefusedAndNamed) {
  WriteUntilTransaction(3, "sha256:other");
  ExpectRefusedUnchanged("an unfinished run of plan sha256:other");
}

TEST_F(BeginTest, AnotherPlansFinishedRunIsRefusedAndNamed) {
  const auto store = Open();
  ASSERT_TRUE(Write(store.get(), topology_, "sha256:other").ok());
  ExpectRefusedUnchanged("a finished run of plan sha256:other");
}

TEST_F(BeginTest, TheSamePlanFinishedBeforeIsLeftAsItIs) {
  const auto first = Open();
  ASSERT_TRUE(Write(first.get(), topology_).ok());
  // What a living cluster makes of it.
  std::string partition = DataOf(paths_.Partition(1, 0));
  absl::StrReplaceAll({{"\"ballot\":3", "\"ballot\":4"}}, &partition);
  Overwrite(paths_.Partition(1, 0), partition);
  const auto second = Open();
  const auto before = zookeeper_->Dump();
  const auto result = Write(second.get(), topology_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->already_finished);
  EXPECT_EQ(result->gone_on, 1);
  EXPECT_TRUE(result->journal.finished);
  EXPECT_EQ(zookeeper_->Dump(), before);
}

// It was called applied already, without a look.
TEST_F(BeginTest, AFinishedTreeThatIsDamagedSinceIsNotCalledApplied) {
  const auto first = Open();
  ASSERT_TRUE(Write(first.get(), topology_).ok());
  const auto expect_differs = [this](const std::string& what) {
    const auto second = Open();
    const auto before = zookeeper_->Dump();
    const absl::Status status = Write(second.get(), topology_).status();
    EXPECT_TRUE(HasMark(status, ErrorMark::kDiffers)) << status;
    EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(what), HasSubstr("Nothing was")));
    EXPECT_EQ(zookeeper_->Dump(), before);
  };
  const std::string app = DataOf(paths_.App(3));
  Overwrite(paths_.App(3), "garbage");
  expect_differs("differs /pegasus/recovered/apps/3");
  Overwrite(paths_.App(3), app);
  const std::string partition = DataOf(paths_.Partition(1, 0));
  DeleteOf(paths_.Partition(1, 0));
  expect_differs("missing /pegasus/recovered/apps/1/0");
  Put(paths_.Partition(1, 0), "garbage");
  expect_differs("differs /pegasus/recovered/apps/1/0");
  Overwrite(paths_.Partition(1, 0), partition);
  const auto last = Open();
  EXPECT_TRUE(Write(last.get(), topology_).ok());
}

// It was refused (exit code 4), as if somebody else's data were there.
TEST_F(BeginTest, AFinishedTreeThatHasLostAppsDiffersAndIsNotRefused) {
  const auto first = Open();
  ASSERT_TRUE(Write(first.get(), topology_).ok());
  const auto expect = [this](ErrorMark mark, const std::string& what, const std::string& digest) {
    const auto second = Open();
    const auto before = zookeeper_->Dump();
    const absl::Status status = Write(second.get(), topology_, digest).status();
    EXPECT_TRUE(HasMark(status, mark)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(what));
    EXPECT_EQ(zookeeper_->Dump(), before);
  };
  Overwrite(paths_.apps(), "lock");
  expect(ErrorMark::kDiffers, "apps_state /pegasus/recovered/apps", kDigest);
  std::vector<std::string> gone;
  for (const auto& [path, node] : Dump()) {
    if (path.starts_with(paths_.apps() + "/")) gone.push_back(path);
  }
  std::sort(gone.rbegin(), gone.rend());
  for (const std::string& path : gone) DeleteOf(path);
  DeleteOf(paths_.apps());
  expect(ErrorMark::kDiffers, "apps_state /pegasus/recovered/apps: no such znode", kDigest);
  expect(ErrorMark::kRefused, "/pegasus/recovered/apps is missing", "sha256:other");
}

// It was written into a table of another cluster, into a lock directory, below a journal.
TEST_F(BeginTest, ARootInsideAnotherTreeIsRefused) {
  const auto first = Open();
  ASSERT_TRUE(Write(first.get(), topology_, kDigest, SmallBatches(), "/pegasus/demo").ok());
  Put("/pegasus/demo/lock", "");
  Put("/pegasus/demo/lock/dsn.meta.server.leader", "");
  Put("/pegasus/alone", "");  // of a cluster that has lost its metadata
  Put("/pegasus/alone/lock", "");
  Put("/pegasus/alone/lock/dsn.meta.server.leader", "");
  Put("/pegasus/stock", "");  // without a journal
  Put("/pegasus/stock/apps", "");
  Put("/pegasus/stock/apps/1", "{}");
  for (const auto& [root, why] : std::vector<std::pair<std::string, std::string>>{
           {"/pegasus/demo/apps/99", "/pegasus/demo/apps lists the tables of a cluster"},
           {"/pegasus/demo/sub", "/pegasus/demo/metarec_journal is the journal"},
           {"/pegasus/demo/lock", "so /pegasus/demo is a cluster's root"},
           {"/pegasus/demo/metarec_journal/x", "/pegasus/demo/metarec_journal is the journal"},
           {"/pegasus/alone/lock", "so /pegasus/alone is some cluster's"},
           {"/pegasus/alone/sub/sub", "/pegasus/alone/lock/dsn.meta.server.leader is where"},
           {"/pegasus/alone/lock/dsn.meta.server.leader/x", "is where meta servers elect"},
           {"/pegasus/stock/apps/99", "/pegasus/stock/apps lists the tables of a cluster"},
           {"/pegasus/stock/sub", "/pegasus/stock/apps lists the tables of a cluster"},
           {"/pegasus/none/apps/1", "/pegasus/none/apps does not exist, and a meta server"},
           {"/pegasus/none/metarec_journal/1", "is the journal of a recovery"},
           {"/pegasus/none/dsn.meta.server.leader/1", "is where meta servers elect"}}) {
    const auto store = Open();
    const int64_t zxid = zookeeper_->last_zxid();
    const absl::Status status =
        Write(store.get(), topology_, kDigest, SmallBatches(), root).status();
    EXPECT_TRUE(HasMark(status, ErrorMark::kRefused)) << root << ": " << status;
    EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(why), HasSubstr("not its own")));
    EXPECT_EQ(zookeeper_->last_zxid(), zxid) << "a write was tried";
  }
}

TEST_F(BeginTest, WhatIsOnlyCalledLikeAClustersIsNoTreeOfAnother) {
  Put("/apps", "");
  Put("/apps/pegasus", "");
  const auto store = Open();
  const auto written = Write(store.get(), topology_, kDigest, SmallBatches(), "/apps/pegasus/c1");
  EXPECT_TRUE(written.ok()) << written.status();
}

TEST_F(BeginTest, TheOwnLockDirectoryMayBeAboveTheRoot) {
  Put("/pegasus", "");
  Put("/pegasus/dsn.meta.server.leader", "");
  ExpectRefusedUnchanged("name /pegasus as the lock root");
  TopologyWriterOptions options = SmallBatches();
  options.inspection.lock_root = "/pegasus";
  const auto store = Open();
  const auto written = Write(store.get(), topology_, kDigest, options);
  EXPECT_TRUE(written.ok()) << written.status();
}

TEST_F(BeginTest, AnUnfinishedRunIsResumedWithWhatIsMissing) {
  WriteUntilTransaction(3);  // begin, tables, one batch of partitions
  const auto store = Open();
  const auto result = Write(store.get(), topology_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->resumed);
  EXPECT_EQ(result->znodes_found + result->znodes_created, 11);
  EXPECT_GE(result->znodes_found, 6);
  EXPECT_EQ(DumpWithoutJournal(), ExpectedTree());
}

TEST_F(BeginTest, WhatWasChangedInAnUnfinishedRunIsRefusedAndNamed) {
  WriteUntilTransaction(3);
  Overwrite(paths_.Partition(1, 0), R"({"pid":"1.0"})");
  ExpectRefusedUnchanged(
      "ballot_too_low /pegasus/recovered/apps/1/0: ballot is missing, expected 3");
}

TEST_F(BeginTest, WhatWasAddedToAnUnfinishedRunIsRefusedAndNamed) {
  WriteUntilTransaction(3);
  Put(paths_.App(9), "{}");
  ExpectRefusedUnchanged("unexpected /pegasus/recovered/apps/9");
}

TEST_F(BeginTest, AMetaServerWaitingAtAnUnfinishedRunIsRefused) {
  WriteUntilTransaction(3);
  Put(absl::StrCat(kRoot, "/dsn.meta.server.leader"), "");
  Put(absl::StrCat(kRoot, "/dsn.meta.server.leader/LOCKNODE"), "meta1:34601",
      CreateMode::kEphemeralSequential);
  ExpectRefusedUnchanged("meta1:34601");
}

TEST_F(BeginRaceTest, ItsRunIsResumed) {
  const auto store = OpenBehindAnother(AppsTree(topology_, kRoot).at(paths_.App(1)));
  const auto result = Write(store.get(), topology_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->resumed);
  EXPECT_EQ(DataOf(paths_.apps()), kAppsUnlocked);
}

TEST_F(BeginRaceTest, WhatItsRunHasBecomeIsNotTakenForOurs) {
  const auto store = OpenBehindAnother("{}");
  const auto result = Write(store.get(), topology_);
  EXPECT_TRUE(HasMark(result.status(), ErrorMark::kRefused)) << result.status();
  EXPECT_THAT(
      std::string(result.status().message()),
      AllOf(HasSubstr("Nothing was written by this run"), Not(HasSubstr("had begun there"))));
}

// Found by the simulation: each of these failed with "this run may have begun there".
TEST_F(BeginRaceTest, WhoseBeginningWasNeverExecutedIsRefusedByAnotherPlansRun) {
  const auto store =
      OpenWithLostBeginning(StoreFault::Moment::kBefore, [&] { BeginAnotherPlan(); });
  ExpectRefused(Write(store.get(), topology_));
}

TEST_F(BeginRaceTest, WhoseBeginningWasNeverExecutedIsRefusedByAMetaServer) {
  const auto store =
      OpenWithLostBeginning(StoreFault::Moment::kBefore, [&] { ContendAsMetaServer(); });
  ExpectRefused(Write(store.get(), topology_));
}

TEST_F(BeginRaceTest, WhoseBeginningWasNeverExecutedIsRefusedAlsoInARootThatWasThere) {
  Put("/pegasus", "");
  Put(kRoot, "");
  const auto store =
      OpenWithLostBeginning(StoreFault::Moment::kBefore, [&] { BeginAnotherPlan(); });
  ExpectRefused(Write(store.get(), topology_));
}

// But what was executed and deleted since must not be denied.
TEST_F(BeginRaceTest, ABeginningThatWasExecutedAndDeletedWithItsRootIsNotDenied) {
  const auto store = OpenWithLostBeginning(StoreFault::Moment::kAfter, [&] {
    for (const std::string& path : {paths_.journal(), paths_.apps(), paths_.root()}) {
      DeleteMeanwhile(path);
    }
    BeginAnotherPlan();
  });
  ExpectMayHaveBegun(Write(store.get(), topology_));
}

TEST_F(BeginRaceTest, ABeginningThatWasExecutedAndDeletedWithAllAboveItIsNotDenied) {
  const auto store = OpenWithLostBeginning(StoreFault::Moment::kAfter, [&] {
    for (const std::string& path :
         {paths_.journal(), paths_.apps(), paths_.root(), std::string("/pegasus")}) {
      DeleteMeanwhile(path);
    }
    ContendAsMetaServer();
  });
  ExpectMayHaveBegun(Write(store.get(), topology_));
}

TEST_F(BeginRaceTest, ABeginningThatWasExecutedAndDeletedAloneIsNotDenied) {
  Put("/pegasus", "");
  Put(kRoot, "");
  const auto store = OpenWithLostBeginning(StoreFault::Moment::kAfter, [&] {
    DeleteMeanwhile(paths_.journal());
    DeleteMeanwhile(paths_.apps());
    BeginAnotherPlan();
  });
  ExpectMayHaveBegun(Write(store.get(), topology_));
}

TEST_F(BeginRaceTest, ARootThatWasMadeAnewIsNoProof) {
  Put("/pegasus", "");
  const auto store = OpenWithLostBeginning(StoreFault::Moment::kAfter, [&] {
    for (const std::string& path :
         {paths_.journal(), paths_.apps(), paths_.root(), std::string("/pegasus")}) {
      DeleteMeanwhile(path);
    }
    BeginAnotherPlan();
  });
  ExpectMayHaveBegun(Write(store.get(), topology_));
}

// The first answer is lost and what it began deleted; the second is lost, too, and never executed.
TEST_F(BeginRaceTest, NoneOfSeveralBeginningsIsForgotten) {
  int sent = 0;
  bool deleted = false;
  bool begun = false;
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (sent == 1 && !std::exchange(deleted, true)) {
      for (const std::string& path : {paths_.journal(), paths_.apps(), paths_.root()}) {
        DeleteMeanwhile(path);
      }
    }
    if (sent == 2 && !std::exchange(begun, true)) BeginAnotherPlan();
    if (!call.is_write() || sent == 2) return std::nullopt;
    return StoreFault{++sent == 1 ? StoreFault::Moment::kAfter : StoreFault::Moment::kBefore};
  });
  ExpectMayHaveBegun(Write(store.get(), topology_));
}

// Nothing to check is not an empty transaction, which ZooKeeper refuses.
TEST_F(BeginRaceTest, NoChecksHoldWithoutBeingSent) {
  const auto store = Open();
  RetryBudget budget(&clock_, RetryLimits());
  StoreReader reader(store.get(), &budget);
  RequestSize size(0);
  const absl::Status checked = RunAlone(&io_, reader.Check({}, &size));
  EXPECT_TRUE(checked.ok()) << checked;
  EXPECT_EQ(store->operation_count(), 0);
}

}  // namespace
}  // namespace metarec
