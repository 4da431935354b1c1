#include "zk_store/topology/topology_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/zk_store/client/store_world.h"
#include "tests/zk_store/topology/golden_tree.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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

}  // namespace
}  // namespace metarec
