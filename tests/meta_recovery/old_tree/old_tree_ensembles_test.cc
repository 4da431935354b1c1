#include "meta_recovery/old_tree/old_tree_ensembles.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace metarec {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kEpoch = int64_t{1} << 32;

ReadOldTree Server(std::string source, int64_t zxid, int32_t voters = 0) {
  ReadOldTree read;
  read.tree.source = std::move(source);
  read.tree.kind = OldTreeKind::kDataDirectory;
  read.tree.root = "/pegasus/demo";
  read.tree.zxid = zxid;
  read.tree.apps_czxid = 7;
  read.voters = voters;
  return read;
}

TEST(Ensembles, OfAServerThatRunsAloneEverythingIsCommitted) {
  const std::vector<OldTree> trees = MergeEnsembles({Server("a", 40)});
  ASSERT_EQ(trees.size(), 1u);
  EXPECT_EQ(trees[0].committed_zxid, kAllCommitted);
}

TEST(Ensembles, TheTailThatOneServerAloneHasIsNotKnownToBeCommitted) {
  const std::vector<OldTree> trees =
      MergeEnsembles({Server("a", kEpoch + 5), Server("b", kEpoch + 9), Server("c", kEpoch + 7)});
  ASSERT_EQ(trees.size(), 1u);
  EXPECT_EQ(trees[0].source, "b");
  EXPECT_EQ(trees[0].committed_zxid, kEpoch + 7) << "two of three have it";
  EXPECT_THAT(trees[0].confirmed_by, ElementsAre("c", "a"));
}

TEST(Ensembles, TwoOfFiveServersAreNoMajority) {
  const std::vector<OldTree> trees =
      MergeEnsembles({Server("a", kEpoch + 5, 5), Server("b", kEpoch + 9, 5)});
  ASSERT_EQ(trees.size(), 1u);
  EXPECT_EQ(trees[0].committed_zxid, kCommittedUnknown);
}

TEST(Ensembles, OneServerOfAnEnsembleTellsNothing) {
  EXPECT_EQ(MergeEnsembles({Server("a", kEpoch + 5)})[0].committed_zxid, kCommittedUnknown);
  EXPECT_EQ(MergeEnsembles({Server("a", 5, 3)})[0].committed_zxid, kCommittedUnknown);
}

TEST(Ensembles, OtherRootsAndOtherEnsemblesStayApart) {
  ReadOldTree other_root = Server("a", 5);
  other_root.tree.root = "/pegasus/other";
  ReadOldTree other_ensemble = Server("b", 6);
  other_ensemble.tree.apps_czxid = 8;
  ReadOldTree file = Server("file", 9);
  file.tree.kind = OldTreeKind::kFile;
  const std::vector<OldTree> trees =
      MergeEnsembles({Server("a", 5), other_root, other_ensemble, file});
  ASSERT_EQ(trees.size(), 4u);
  for (const OldTree& tree : trees) EXPECT_TRUE(tree.confirmed_by.empty());
}

TEST(Ensembles, VotersAreCountedWithoutObservers) {
  EXPECT_EQ(VotersOf("server.1=a:2888:3888:participant;0.0.0.0:2181\n"
                     "server.2=b:2888:3888:observer;0.0.0.0:2181\n"
                     "server.3=c:2888:3888:participant;0.0.0.0:2181\nversion=0"),
            2);
  EXPECT_EQ(VotersOf(""), 0);
}

}  // namespace
}  // namespace metarec
