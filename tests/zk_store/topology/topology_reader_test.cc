// What a root holds: whose it is, and the metadata in it.

#include "zk_store/topology/topology_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/zk_store/client/store_world.h"
#include "tests/zk_store/topology/golden_tree.h"
#include "zk_store/topology/neighbouring_roots.h"
#include "zk_store/topology/root_inspection.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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

class TopologyReaderTest : public StoreWorld {
 protected:
  absl::StatusOr<RootContents> Read(const std::string& root = kRoot,
                                    TopologyReaderOptions options = {}) {
    const auto store = Open();
    RetryBudget budget(&clock_);
    StoreReader reader(store.get(), &budget);
    return RunAlone(&io_, ReadTopology(&reader, root, options, &progress_));
  }
  RootContents MustRead(const std::string& root = kRoot, TopologyReaderOptions options = {}) {
    auto contents = Read(root, std::move(options));
    EXPECT_TRUE(contents.ok()) << contents.status();
    return *std::move(contents);
  }
  void WriteSample() {
    const auto store = Open();
    ASSERT_TRUE(Write(store.get(), topology_).ok());
  }
  static std::vector<std::string> Messages(const RootContents& contents) {
    std::vector<std::string> messages;
    for (const ReadProblem& problem : contents.problems) messages.push_back(problem.message);
    return messages;
  }

  const Topology topology_ = SampleTopology();
  const ClusterPaths paths_{kRoot};
};

TEST_F(TopologyReaderTest, ReadsWhatWasWritten) {
  WriteSample();
  const RootContents contents = MustRead();
  EXPECT_EQ(contents.apps_state, "unlock");
  ASSERT_EQ(contents.tables.size(), 3u);
  EXPECT_EQ(contents.tables[0].app.app_name, "temp");
  ASSERT_EQ(contents.tables[0].partitions.size(), 3u);
  EXPECT_EQ(contents.tables[0].partitions[1].hp_primary, "rs2:34801");
  EXPECT_EQ(contents.tables[1].app.status, TableStatus::kDropped);
  // An unfinished split.
  EXPECT_EQ(contents.tables[2].partitions.size(), 4u);
  EXPECT_THAT(Messages(contents),
              ElementsAre("/pegasus/recovered/apps/3/4: no such znode, nor 3 others of 8"));
  EXPECT_TRUE(contents.problems[0].is_unfinished_split);
  EXPECT_EQ(contents.unfinished_splits, 1);
}

TEST_F(TopologyReaderTest, ARootThatAppearsWhileItIsReadIsNotTakenForAnEmptyOne) {
  const auto writers = Open();
  bool written = false;
  const auto store = Open([&](const testing::StoreCall& call) {
    if (!written && call.kind == "exists") {
      written = true;
      asio::io_context io;
      TopologyWriter writer(SmallBatches(), writers.get(), &clock_, &progress_);
      EXPECT_TRUE(RunAlone(&io, writer.Write(topology_, kRoot, kDigest)).ok());
    }
    return std::optional<testing::StoreFault>();
  });
  RetryBudget budget(&clock_);
  StoreReader reader(store.get(), &budget);
  const auto contents = RunAlone(&io_, ReadTopology(&reader, kRoot, {}, &progress_));
  ASSERT_TRUE(contents.ok()) << contents.status();
  EXPECT_EQ(contents->apps_state, "unlock");
  EXPECT_EQ(contents->tables.size(), 3u);
}

TEST_F(TopologyReaderTest, AMissingPartitionIsNamedWithHowManyOthersAreMissing) {
  WriteSample();
  const auto remove = [&](int32_t index) {
    const absl::Status removed = RunAlone(&io_, stranger_->Delete(paths_.Partition(1, index)));
    ASSERT_TRUE(removed.ok()) << removed;
  };
  remove(1);
  EXPECT_THAT(Messages(MustRead())[0], HasSubstr("/1/1: no such znode, the only one missing of 3"));
  remove(2);
  EXPECT_THAT(Messages(MustRead())[0], HasSubstr("/1/1: no such znode, nor 1 other of 3"));
  // Which is none of the children of table 3.
  EXPECT_FALSE(MustRead().problems[0].is_unfinished_split);
  EXPECT_EQ(MustRead().unfinished_splits, 1);
}

TEST_F(TopologyReaderTest, ReadsACapturedClusterWithItsSecondaries) {
  for (const auto& [path, data] :
       ReadGoldenTree(std::filesystem::path(METAREC_GOLDEN_DIR) / "zk_after_healed.jsonl")) {
    if (path != "/" && path.rfind("/zookeeper", 0) != 0) Put(path, data);
  }
  const RootContents contents = MustRead("/pegasus/recovered");
  EXPECT_THAT(Messages(contents), IsEmpty());
  ASSERT_EQ(contents.tables.size(), 12u);
  EXPECT_EQ(contents.tables[5].app.app_name, "__drop_holder__6");
  EXPECT_EQ(contents.tables[1].partitions[0].secondaries.size(), 2u);
}

TEST_F(TopologyReaderTest, OnlyWantedPartitionsAreRead) {
  WriteSample();
  TopologyReaderOptions options;
  options.wants_partitions = [](const AppZnode& app) { return app.app_name == "temp"; };
  const RootContents contents = MustRead(kRoot, options);
  EXPECT_EQ(contents.tables[0].partitions.size(), 3u);
  EXPECT_EQ(contents.tables[2].partitions.size(), 0u);
  EXPECT_EQ(contents.problems_count, 0);
}

TEST_F(TopologyReaderTest, WhatMakesNoSenseIsAProblemNotAnError) {
  WriteSample();
  Overwrite(paths_.apps(), "lock");
  Overwrite(paths_.App(3), "garbage");
  Overwrite(paths_.Partition(1, 0), "{}");
  Overwrite(paths_.Partition(1, 1), DataOf(paths_.Partition(1, 2)));
  Put(paths_.Partition(1, 3), DataOf(paths_.Partition(3, 3)));
  Put(absl::StrCat(paths_.apps(), "/stray"), DataOf(paths_.App(1)));
  const RootContents contents = MustRead();
  EXPECT_EQ(contents.tables.size(), 3u);
  EXPECT_EQ(contents.problems_count, 8);
  EXPECT_THAT(
      Messages(contents),
      ElementsAre(HasSubstr("/apps/1/0: byte 0: field \"pid\" must be"),
                  HasSubstr("/apps/1/1: says that it is partition 1.2"),
                  HasSubstr("/apps/1/3: is beyond partition_count 3"),
                  HasSubstr("/apps/1/3: says that it is partition 3.3"),
                  HasSubstr("/apps/3: byte 0: not JSON"),
                  HasSubstr("/apps/stray/0: no such znode, nor 2 others of 3"),
                  HasSubstr("/apps/stray: says that it is app_id 1"),
                  HasSubstr("/apps: says \"lock\" instead of \"unlock\": no meta server starts")));
}

TEST_F(TopologyReaderTest, ProblemsAreBounded) {
  WriteSample();
  for (int i = 0; i < 3; ++i) Overwrite(paths_.Partition(1, i), "{}");
  TopologyReaderOptions options;
  options.problems_max = 2;
  const RootContents contents = MustRead(kRoot, options);
  EXPECT_EQ(contents.problems.size(), 2u);
  EXPECT_EQ(contents.problems_count, 4);
}

TEST_F(TopologyReaderTest, AnAbsurdPartitionCountIsOneProblem) {
  WriteSample();
  std::string app = DataOf(paths_.App(1));
  const std::string count = "\"partition_count\":3";
  Overwrite(paths_.App(1),
            app.replace(app.find(count), count.size(), "\"partition_count\":2147483647"));
  EXPECT_EQ(MustRead().problems_count, 2);
}

TEST_F(TopologyReaderTest, ARootWithoutClusterAndNoRootAtAll) {
  Put("/pegasus", "");
  Put(kRoot, "");
  const RootContents contents = MustRead();
  EXPECT_EQ(contents.apps_state, std::nullopt);
  EXPECT_EQ(contents.problems_count, 1);
  EXPECT_EQ(Read("/nowhere").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Read("nowhere").status().code(), absl::StatusCode::kInvalidArgument);
}

// It looked like a total loss.
TEST_F(RootInspectionTest, OfARootWhereNothingIsTheClustersNearItAreNamed) {
  const auto said = [this](const std::string& root) {
    RetryBudget budget(&clock_);
    StoreReader reader(store_.get(), &budget);
    const auto text = RunAlone(&io_, NothingAt(&reader, root));
    EXPECT_TRUE(text.ok()) << text.status();
    return text.value_or("");
  };
  EXPECT_EQ(said("/pegasus/recoverd"),
            "there is nothing at all at /pegasus/recoverd: is it the right one? There is no "
            "cluster near it");
  PutUnderRoot("apps", "unlock");
  EXPECT_THAT(said("/pegasus/recoverd"), HasSubstr("? Near it is the cluster /pegasus/recovered"));
  EXPECT_THAT(said("/pegasus/recovered/a/b"), HasSubstr("is the cluster /pegasus/recovered"));
  Put("/other", "");
  Put("/other/apps", "unlock");
  Put("/third", "");
  Put("/third/apps", "unlock");
  EXPECT_THAT(said("/pegsus/recovered"), HasSubstr("Near it are the clusters /other, /third"));
}

}  // namespace
}  // namespace metarec
