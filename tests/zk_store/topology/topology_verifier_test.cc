#include "zk_store/topology/topology_verifier.h"

#include <map>
#include <utility>

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/zk_store/client/store_world.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::StoreCall;
using testing::StoreFault;

class TopologyVerifierTest : public StoreWorld {
 protected:
  void SetUp() override {
    const auto store = Open();
    const auto written = Write(store.get(), topology_);
    ASSERT_TRUE(written.ok()) << written.status();
  }

  VerifyResult Verify(const Topology& topology, TopologyVerifierOptions options = {},
                      const std::string& root = kRoot) {
    const auto store = Open();
    RetryBudget budget(&clock_);
    StoreReader reader(store.get(), &budget);
    TopologyVerifier verifier(options, &reader, &progress_);
    auto result = RunAlone(&io_, verifier.Verify(topology, root));
    EXPECT_TRUE(result.ok()) << result.status();
    return *std::move(result);
  }

  // Replaces `from` in the data of `path`.
  void Edit(const std::string& path, const std::string& from, const std::string& to) {
    std::string data = DataOf(path);
    const size_t at = data.find(from);
    ASSERT_NE(at, std::string::npos) << data;
    Overwrite(path, data.replace(at, from.size(), to));
  }

  const Topology topology_ = SampleTopology();
  const ClusterPaths paths_{kRoot};
};

TEST_F(TopologyVerifierTest, WhatWasWrittenIsClean) {
  const VerifyResult result = Verify(topology_);
  EXPECT_TRUE(result.clean());
  EXPECT_EQ(result.znodes_read, 11);
  EXPECT_EQ(result.present, std::vector<bool>(11, true));
}

TEST_F(TopologyVerifierTest, AFlippedByteIsReportedByField) {
  Edit(paths_.Partition(1, 1), "10.0.0.3:34801", "10.0.0.4:34801");
  const VerifyResult result = Verify(topology_);
  EXPECT_EQ(result.Count(DifferenceKind::kDiffers), 1);
  ASSERT_EQ(result.differences.size(), 1u);
  const Difference& difference = result.differences[0];
  EXPECT_EQ(difference.path, paths_.Partition(1, 1));
  EXPECT_EQ(difference.app_id, 1);
  EXPECT_EQ(difference.partition_index, 1);
  EXPECT_THAT(difference.fields,
              ElementsAre(FieldDifference{"last_drops", R"(["10.0.0.3:34801","10.0.0.1:34801"])",
                                          R"(["10.0.0.4:34801","10.0.0.1:34801"])"}));
  EXPECT_THAT(DescribeDifference(difference),
              HasSubstr("differs /pegasus/recovered/apps/1/1: last_drops is [\"10.0.0.4:34801\""));
}

TEST_F(TopologyVerifierTest, EveryByteOfEveryZnodeMatters) {
  for (const std::string& path : {paths_.App(1), paths_.Partition(3, 2), paths_.apps()}) {
    const std::string good = DataOf(path);
    for (size_t at = 0; at < good.size(); ++at) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 1);
      Overwrite(path, bad);
      const VerifyResult result = Verify(topology_);
      EXPECT_EQ(result.differences.size(), 1u) << bad;
      EXPECT_FALSE(result.clean());
    }
    Overwrite(path, good);
  }
  EXPECT_TRUE(Verify(topology_).clean());
}

TEST_F(TopologyVerifierTest, AnAppsFieldsAreComparedDownToItsEnvs) {
  Edit(paths_.App(1), "\"default_ttl\":\"86400\"", "\"default_ttl\":\"1\",\"extra\":\"x\"");
  const VerifyResult result = Verify(topology_);
  ASSERT_EQ(result.differences.size(), 1u);
  EXPECT_THAT(result.differences[0].fields,
              ElementsAre(FieldDifference{"envs.default_ttl", "\"86400\"", "\"1\""},
                          FieldDifference{"envs.extra", "", "\"x\""}));
}

TEST_F(TopologyVerifierTest, UnreadableJsonIsQuotedByItsError) {
  Overwrite(paths_.App(3), "{oops");
  const VerifyResult result = Verify(topology_);
  ASSERT_EQ(result.differences.size(), 1u);
  EXPECT_THAT(DescribeDifference(result.differences[0]), HasSubstr("/apps/3: byte 1: not JSON"));
}

TEST_F(TopologyVerifierTest, TheSameInOtherWordsDiffersToo) {
  Edit(paths_.App(3), "{\"status\"", "{ \"status\"");
  const VerifyResult result = Verify(topology_);
  ASSERT_EQ(result.differences.size(), 1u);
  EXPECT_EQ(result.differences[0].fields[0].field, "(bytes)");
}

TEST_F(TopologyVerifierTest, MissingAndUnexpectedZnodesAreListed) {
  Topology more = topology_;
  AddTable(MakeTable(4, "more", 2), 2, &more);
  VerifyResult result = Verify(more);
  EXPECT_EQ(result.Count(DifferenceKind::kMissing), 3);
  EXPECT_THAT(result.differences[0].path, paths_.App(4));
  EXPECT_EQ(result.present[3], false);

  Put(paths_.App(77), "{}");
  Put(absl::StrCat(paths_.apps(), "/file"), "");
  Put(paths_.Partition(1, 3), "{}");
  Put(absl::StrCat(paths_.App(1), "/duplication"), "");
  Put(absl::StrCat(paths_.App(1), "/01"), "");
  Put(absl::StrCat(paths_.Partition(1, 2), "/deep"), "");
  result = Verify(topology_);
  EXPECT_EQ(result.Count(DifferenceKind::kUnexpected), 6);
  std::vector<std::string> paths;
  for (const Difference& difference : result.differences) paths.push_back(difference.path);
  EXPECT_THAT(paths, ElementsAre(absl::StrCat(paths_.apps(), "/file"),  //
                                 absl::StrCat(paths_.App(1), "/01"),
                                 absl::StrCat(paths_.App(1), "/duplication"),
                                 absl::StrCat(paths_.Partition(1, 2), "/deep"),
                                 paths_.Partition(1, 3), paths_.App(77)));
}

TEST_F(TopologyVerifierTest, AnAbsentRootMissesEverything) {
  const VerifyResult result = Verify(topology_, {}, "/nowhere");
  EXPECT_EQ(result.Count(DifferenceKind::kAppsState), 1);
  EXPECT_EQ(result.Count(DifferenceKind::kMissing), 11);
}

TEST_F(TopologyVerifierTest, TheStateOfAppsIsCompared) {
  Overwrite(paths_.apps(), "lock");
  const VerifyResult result = Verify(topology_);
  ASSERT_EQ(result.differences.size(), 1u);
  EXPECT_EQ(result.differences[0].kind, DifferenceKind::kAppsState);
  EXPECT_EQ(DescribeDifference(result.differences[0]),
            "apps_state /pegasus/recovered/apps: says \"lock\" instead of \"unlock\"");
  TopologyVerifierOptions options;
  options.apps_state = "lock";
  EXPECT_TRUE(Verify(topology_, options).clean());
}

TEST_F(TopologyVerifierTest, ABallotBelowAReplicasIsNamed) {
  Topology evidence = topology_;
  evidence.partitions[2].ballot = 9;  // of 1.2; the tree says 5
  const VerifyResult result = Verify(evidence);
  EXPECT_EQ(result.Count(DifferenceKind::kBallotTooLow), 1);
  EXPECT_EQ(DescribeDifference(result.differences[0]),
            "ballot_too_low /pegasus/recovered/apps/1/2: ballot is 5, expected 9");
}

TEST_F(TopologyVerifierTest, WhatARunningMetaServerChangesIsProgress) {
  Edit(paths_.Partition(1, 1), "\"ballot\":4", "\"ballot\":6");
  Edit(paths_.Partition(1, 1), "\"secondaries\":[]", "\"secondaries\":[\"10.0.0.1:34801\"]");
  Edit(paths_.Partition(1, 2), "\"ballot\":5", "\"ballot\":7");
  Edit(paths_.Partition(1, 2), "\"max_replica_count\":3", "\"max_replica_count\":1");
  const VerifyResult result = Verify(topology_);
  EXPECT_EQ(result.Count(DifferenceKind::kProgress), 1);
  EXPECT_EQ(result.Count(DifferenceKind::kDiffers), 1);
  EXPECT_FALSE(result.clean());
}

TEST_F(TopologyVerifierTest, AHigherBallotWithALowerDecreeIsNoProgress) {
  Edit(paths_.Partition(1, 2), "\"ballot\":5", "\"ballot\":7");
  Edit(paths_.Partition(1, 2), "\"last_committed_decree\":200", "\"last_committed_decree\":199");
  const VerifyResult result = Verify(topology_);
  EXPECT_EQ(result.Count(DifferenceKind::kProgress), 0);
  EXPECT_EQ(result.Count(DifferenceKind::kDiffers), 1);
}

TEST_F(TopologyVerifierTest, TheListIsBoundedAndTheCountIsNot) {
  TopologyVerifierOptions options;
  options.differences_max = 2;
  const VerifyResult result = Verify(topology_, options, "/nowhere");
  EXPECT_EQ(result.differences.size(), 3u);  // the state of /apps and two that are missing
  EXPECT_EQ(result.Count(DifferenceKind::kMissing), 11);
}

TEST_F(TopologyVerifierTest, LostConnectionsAreOutlastedAndOtherErrorsReported) {
  for (const bool once : {true, false}) {
    for (int64_t k = 0; k < 12; ++k) {
      const auto store = Open([&](const testing::StoreCall& call) {
        testing::StoreFault fault;
        if (!once) fault.error = StoreError::kNoAuth;
        return call.index == k ? std::optional<testing::StoreFault>(fault) : std::nullopt;
      });
      RetryBudget budget(&clock_);
      StoreReader reader(store.get(), &budget);
      TopologyVerifier verifier({}, &reader, &progress_);
      const auto result = RunAlone(&io_, verifier.Verify(topology_, kRoot));
      EXPECT_EQ(result.ok(), once) << result.status();
      if (once) {
        EXPECT_TRUE(result->clean());
      } else {
        EXPECT_EQ(StoreErrorOf(result.status()), StoreError::kNoAuth);
      }
    }
  }
}

class VersionsTest : public TopologyVerifierTest {
 protected:
  VerifyResult Check(testing::FaultInjector injector = nullptr) {
    TopologyVerifierOptions options;
    options.contents = TopologyVerifierOptions::Contents::kReadWhereWritten;
    options.checks_max = 4;
    const auto store = Open([&, injector](const StoreCall& call) -> std::optional<StoreFault> {
      ++calls_[std::string(call.kind)];
      return injector ? injector(call) : std::nullopt;
    });
    RetryBudget budget(&clock_);
    StoreReader reader(store.get(), &budget);
    TopologyVerifier verifier(options, &reader, &progress_);
    auto result = RunAlone(&io_, verifier.Verify(topology_, kRoot));
    EXPECT_TRUE(result.ok()) << result.status();
    return *std::move(result);
  }

  std::map<std::string, int> calls_;
};

TEST_F(VersionsTest, WhatNobodyTouchedIsNotRead) {
  const VerifyResult result = Check();
  EXPECT_TRUE(result.clean());
  EXPECT_EQ(result.znodes_read, 11);
  EXPECT_EQ(result.present, std::vector<bool>(11, true));
  EXPECT_EQ(calls_["check"], 3);     // of 11 znodes, four at a time
  EXPECT_EQ(calls_["get"], 1);       // /apps
  EXPECT_EQ(calls_["children"], 4);  // of /apps and of three tables
}

TEST_F(VersionsTest, WhatWasWrittenToIsReadAndCompared) {
  Edit(paths_.Partition(1, 1), "10.0.0.3:34801", "10.0.0.4:34801");
  Edit(paths_.App(3), "pegasus", "pegasuz");
  const VerifyResult result = Check();
  EXPECT_EQ(result.Count(DifferenceKind::kDiffers), 2);
  ASSERT_EQ(result.differences.size(), 2u);
  EXPECT_EQ(result.differences[0].path, paths_.Partition(1, 1));
  EXPECT_EQ(result.differences[0].fields.size(), 1u);
  EXPECT_EQ(result.differences[1].path, paths_.App(3));
}

TEST_F(VersionsTest, TheSameBytesWrittenAgainAreNoDifference) {
  Overwrite(paths_.Partition(1, 1), DataOf(paths_.Partition(1, 1)));
  EXPECT_TRUE(Check().clean());
}

TEST_F(VersionsTest, MissingAndUnexpectedZnodesAreListed) {
  asio::io_context io;
  ASSERT_TRUE(RunAlone(&io, stranger_->Delete(paths_.Partition(1, 0))).ok());
  Put(paths_.Partition(1, 77), "theirs");
  Put(absl::StrCat(paths_.apps(), "/99"), "theirs");
  const VerifyResult result = Check();
  EXPECT_EQ(result.Count(DifferenceKind::kMissing), 1);
  EXPECT_EQ(result.Count(DifferenceKind::kUnexpected), 2);
  EXPECT_EQ(result.differences.size(), 3u);
}

TEST_F(VersionsTest, WhatGoesAfterItWasListedIsMissing) {
  bool gone = false;
  const VerifyResult result = Check([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (call.kind == "check" && !std::exchange(gone, true)) {
      asio::io_context io;
      EXPECT_TRUE(RunAlone(&io, stranger_->Delete(paths_.Partition(3, 3))).ok());
    }
    return std::nullopt;
  });
  EXPECT_EQ(result.Count(DifferenceKind::kMissing), 1);
  EXPECT_EQ(result.differences.front().path, paths_.Partition(3, 3));
}

TEST_F(VersionsTest, LostAnswersAreAskedForAgain) {
  int checks = 0;
  const VerifyResult result = Check([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (call.kind != "check" || ++checks % 2 == 0) return std::nullopt;
    return StoreFault{checks % 4 == 1 ? StoreFault::Moment::kBefore : StoreFault::Moment::kAfter};
  });
  EXPECT_TRUE(result.clean());
  EXPECT_GT(checks, 3);
}

// It is at the version at which it was created.
TEST_F(VersionsTest, AZnodeThatWasDeletedAndMadeAnewIsSeen) {
  asio::io_context io;
  ASSERT_TRUE(RunAlone(&io, stranger_->Delete(paths_.Partition(1, 0))).ok());
  Put(paths_.Partition(1, 0), "theirs");
  const VerifyResult result = Check();
  EXPECT_EQ(result.Count(DifferenceKind::kDiffers), 1);
  EXPECT_EQ(calls_["check"], 3) << "only its siblings are read";
}

TEST_F(VersionsTest, ATableThatWasDeletedAndMadeAnewIsSeen) {
  asio::io_context io;
  const std::string app = DataOf(paths_.App(2));
  ASSERT_TRUE(RunAlone(&io, stranger_->Delete(paths_.Partition(2, 0))).ok());
  ASSERT_TRUE(RunAlone(&io, stranger_->Delete(paths_.App(2))).ok());
  Put(paths_.App(2), app);
  Put(paths_.Partition(2, 0), "theirs");
  const VerifyResult result = Check();
  EXPECT_EQ(result.Count(DifferenceKind::kDiffers), 1);
}

}  // namespace
}  // namespace metarec
