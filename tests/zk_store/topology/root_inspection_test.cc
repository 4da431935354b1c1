#include "zk_store/topology/root_inspection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/zk_store/client/store_world.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RootInspectionTest : public StoreWorld {
 protected:
  void SetUp() override {
    Put("/pegasus", "");
    Put(kRoot, "");
  }

  RootInspection Inspect(const std::string& root = kRoot, RootInspectionOptions options = {},
                         MetaStore* store = nullptr) {
    RetryBudget budget(&clock_);
    StoreReader reader(store != nullptr ? store : store_.get(), &budget);
    const int64_t zxid = zookeeper_->last_zxid();
    auto inspection = RunAlone(&io_, InspectRoot(&reader, root, options));
    EXPECT_EQ(zookeeper_->last_zxid(), zxid) << "something was written";
    EXPECT_TRUE(inspection.ok()) << inspection.status();
    return *std::move(inspection);
  }

  void PutJournal(const std::string& digest, bool finished) {
    Journal journal;
    journal.plan_digest = digest;
    journal.finished = finished;
    journal.tool_version = "0.9";
    Put(absl::StrCat(kRoot, "/metarec_journal"), EncodeJournal(journal));
  }
  void PutUnderRoot(const std::string& path, const std::string& data = "",
                    CreateMode mode = CreateMode::kPersistent) {
    Put(absl::StrCat(kRoot, "/", path), data, mode);
  }

  std::unique_ptr<testing::InMemoryMetaStore> store_ = Open();
};

TEST_F(RootInspectionTest, AbsentAndEmptyRoots) {
  EXPECT_EQ(Inspect("/nowhere/at/all").root_case, RootCase::kAbsent);
  EXPECT_EQ(Inspect().root_case, RootCase::kEmpty);
  EXPECT_EQ(Inspect().Describe(), "root /pegasus/recovered is empty");
}

TEST_F(RootInspectionTest, AnUnusedLockDirectoryDoesNotCount) {
  PutUnderRoot("lock");
  EXPECT_EQ(Inspect().root_case, RootCase::kOnlyLockDirectory);
  PutUnderRoot("lock/dsn.meta.server.leader");
  EXPECT_EQ(Inspect().root_case, RootCase::kOnlyLockDirectory);
  PutUnderRoot("dsn.meta.server.leader");
  PutUnderRoot("dsn.meta.server.leader/LOCKNODEx", "other names are not candidates");
  EXPECT_EQ(Inspect().root_case, RootCase::kOnlyLockDirectory);
}

TEST_F(RootInspectionTest, ALockDirectoryElsewhereUnderTheRootMustBeNamed) {
  PutUnderRoot("my");
  PutUnderRoot("my/locks");
  PutUnderRoot("my/locks/dsn.meta.server.leader");
  EXPECT_THAT(Inspect().Describe(), HasSubstr("it holds /pegasus/recovered/my"));
  const RootInspectionOptions options{absl::StrCat(kRoot, "/my/locks")};
  EXPECT_EQ(Inspect(kRoot, options).root_case, RootCase::kOnlyLockDirectory);
  PutUnderRoot("my/file");
  EXPECT_THAT(Inspect(kRoot, options).Describe(), HasSubstr("it holds /pegasus/recovered/my/file"));
}

TEST_F(RootInspectionTest, ACandidateMeansThatAMetaServerLivesThere) {
  PutUnderRoot("lock");
  PutUnderRoot("lock/dsn.meta.server.leader");
  PutUnderRoot("lock/dsn.meta.server.leader/LOCKNODE", "10.0.0.9:34601",
               CreateMode::kEphemeralSequential);
  const RootInspection inspection = Inspect();
  EXPECT_EQ(inspection.root_case, RootCase::kForeign);
  EXPECT_THAT(inspection.Describe(), AllOf(HasSubstr("a meta server lives there; stop it first"),
                                           HasSubstr("LOCKNODE0000000000 is \"10.0.0.9:34601\"")));
}

TEST_F(RootInspectionTest, ACandidateOutsideTheRootCountsWhenItsDirectoryIsNamed) {
  Put("/locks", "");
  Put("/locks/dsn.meta.server.leader", "");
  Put("/locks/dsn.meta.server.leader/LOCKNODE", "m:1", CreateMode::kEphemeralSequential);
  EXPECT_EQ(Inspect().root_case, RootCase::kEmpty);
  EXPECT_EQ(Inspect(kRoot, {"/locks"}).root_case, RootCase::kForeign);
  EXPECT_EQ(Inspect("/not/yet", {"/locks"}).root_case, RootCase::kForeign);
}

TEST_F(RootInspectionTest, OurOwnCandidateDoesNotCount) {
  PutUnderRoot("dsn.meta.server.leader");
  const auto created =
      RunAlone(&io_, store_->Create(absl::StrCat(kRoot, "/dsn.meta.server.leader/LOCKNODE"), "us:1",
                                    CreateMode::kEphemeralSequential));
  ASSERT_TRUE(created.ok()) << created.status();
  const RootInspection inspection = Inspect();
  EXPECT_EQ(inspection.root_case, RootCase::kOnlyLockDirectory);
  ASSERT_EQ(inspection.candidates.size(), 1u);
  EXPECT_TRUE(inspection.candidates[0].ours);
  EXPECT_EQ(Inspect(kRoot, {}, stranger_.get()).root_case, RootCase::kForeign);
}

TEST_F(RootInspectionTest, CandidatesThatWaitBehindOursDoNotCountButThoseAheadDo) {
  PutUnderRoot("dsn.meta.server.leader");
  const std::string prefix = absl::StrCat(kRoot, "/dsn.meta.server.leader/LOCKNODE");
  const auto created =
      RunAlone(&io_, store_->Create(prefix, "us:1", CreateMode::kEphemeralSequential));
  ASSERT_TRUE(created.ok()) << created.status();
  Put(prefix, "waiting:1", CreateMode::kEphemeralSequential);
  const RootInspection leading = Inspect();
  EXPECT_EQ(leading.root_case, RootCase::kOnlyLockDirectory) << leading.Describe();
  ASSERT_EQ(leading.candidates.size(), 2u);
  EXPECT_TRUE(leading.candidates[1].waits_for_us);

  ASSERT_TRUE(RunAlone(&io_, store_->Delete(*created)).ok());
  ASSERT_TRUE(
      RunAlone(&io_, store_->Create(prefix, "us:1", CreateMode::kEphemeralSequential)).ok());
  EXPECT_EQ(Inspect().root_case, RootCase::kForeign);
}

TEST_F(RootInspectionTest, AStockClusterIsNamedWithItsTables) {
  PutUnderRoot("apps", "unlock");
  PutUnderRoot("apps/1", "{}");
  PutUnderRoot("apps/2", "{}");
  PutUnderRoot("backup");
  PutUnderRoot("bulk_load");
  const RootInspection inspection = Inspect();
  EXPECT_EQ(inspection.root_case, RootCase::kForeign);
  EXPECT_EQ(inspection.tables, 2);
  EXPECT_THAT(inspection.children, ElementsAre("apps", "backup", "bulk_load"));
  EXPECT_THAT(inspection.Describe(),
              AllOf(HasSubstr("root /pegasus/recovered is not empty"),
                    HasSubstr("/pegasus/recovered/apps is \"unlock\" with 2 tables"),
                    HasSubstr("its children are apps, backup, bulk_load")));
}

TEST_F(RootInspectionTest, WhatAStrangerLeftIsNamed) {
  PutUnderRoot("note", "do not touch");
  EXPECT_THAT(Inspect().Describe(), HasSubstr("it holds /pegasus/recovered/note"));
}

TEST_F(RootInspectionTest, DataOfTheRootItselfCounts) {
  Overwrite(kRoot, "hello\n");
  EXPECT_EQ(Inspect().root_case, RootCase::kForeign);
  EXPECT_THAT(Inspect().Describe(), HasSubstr("it has data of its own, \"hello\\n\""));
}

TEST_F(RootInspectionTest, AppsWithoutJournalIsSomebodyElses) {
  PutUnderRoot("apps", "lock");
  EXPECT_THAT(Inspect().Describe(), HasSubstr("it holds a cluster's metadata"));
}

TEST_F(RootInspectionTest, AnUnfinishedRunIsRecognised) {
  PutJournal("d1", false);
  PutUnderRoot("apps", "lock");
  const RootInspection inspection = Inspect();
  EXPECT_EQ(inspection.root_case, RootCase::kUnfinishedRun);
  EXPECT_EQ(inspection.journal->plan_digest, "d1");
  EXPECT_THAT(inspection.Describe(), HasSubstr("holds an unfinished run of plan d1"));
  PutUnderRoot("backup");
  EXPECT_EQ(Inspect().root_case, RootCase::kForeign);
}

TEST_F(RootInspectionTest, AFinishedRunIsRecognisedWhateverTheClusterDidSince) {
  PutJournal("d1", true);
  PutUnderRoot("apps", "unlock");
  PutUnderRoot("backup");
  PutUnderRoot("dsn.meta.server.leader");
  PutUnderRoot("dsn.meta.server.leader/LOCKNODE", "m:1", CreateMode::kEphemeralSequential);
  EXPECT_EQ(Inspect().root_case, RootCase::kFinishedRun);
}

TEST_F(RootInspectionTest, AJournalThatContradictsTheTreeIsForeign) {
  PutJournal("d1", false);
  EXPECT_THAT(Inspect().Describe(), HasSubstr("/pegasus/recovered/apps is missing"));
  PutUnderRoot("apps", "unlock");
  EXPECT_THAT(Inspect().Describe(), HasSubstr("is \"unlock\" instead of \"lock\""));
}

TEST_F(RootInspectionTest, AJournalThatIsNotOursIsForeign) {
  PutUnderRoot("metarec_journal", "dear diary");
  PutUnderRoot("apps", "lock");
  EXPECT_EQ(Inspect().root_case, RootCase::kForeign);
  EXPECT_THAT(Inspect().Describe(), HasSubstr("/pegasus/recovered/metarec_journal: byte 0"));
  Journal journal;
  journal.plan_digest = "d1";
  std::string newer = EncodeJournal(journal);
  newer.replace(newer.find("\"version\":1"), 11, "\"version\":2");
  Overwrite(absl::StrCat(kRoot, "/metarec_journal"), newer);
  EXPECT_THAT(Inspect().Describe(), HasSubstr("a journal of version 2"));
}

TEST_F(RootInspectionTest, LostConnectionsAreOutlasted) {
  PutUnderRoot("note");
  for (int64_t k = 0;; ++k) {
    const auto store = Open([k](const testing::StoreCall& call) {
      return call.index == k ? std::optional<testing::StoreFault>(testing::StoreFault())
                             : std::nullopt;
    });
    EXPECT_EQ(Inspect(kRoot, {}, store.get()).root_case, RootCase::kForeign);
    if (store->operation_count() <= k) break;
  }
}

TEST(JournalTest, ReadsBackWhatWasWritten) {
  Journal journal;
  journal.finished = true;
  journal.plan_digest = "sha256:ab";
  journal.tables = 3;
  journal.partitions = 1'000'000;
  journal.started_at = "2026-11-21T02:35:55+00:00";
  journal.finished_at = "2026-11-21T02:36:55+00:00";
  journal.tool_version = "0.1.0";
  const auto read = DecodeJournal("/r/j", EncodeJournal(journal));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, journal);
}

}  // namespace
}  // namespace metarec
