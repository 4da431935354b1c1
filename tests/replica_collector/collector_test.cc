// The collector's decisions: whom it asks when, and what it keeps.

#include "replica_collector/collector.h"

#include <functional>
#include <utility>

#include <asio/cancellation_type.hpp>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector_world.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(CollectorTest, KeepsTheOrderOfTheListWhoeverAnswersFirst) {
  source_.scripts[1].replicas = {{kMs(300)}};
  source_.scripts[2].replicas = {{kMs(200)}};
  source_.scripts[3].replicas = {{kMs(100)}};
  const Evidence evidence = Collect("n1:1,n2:1,n3:1");
  ASSERT_EQ(evidence.nodes.size(), 3u);
  EXPECT_EQ(evidence.nodes[0].name, "self-n1:1");
  EXPECT_EQ(evidence.nodes[2].name, "self-n3:1");
  EXPECT_EQ(evidence.collected_at, absl::FromUnixSeconds(1'790'000'000));
}

TEST_F(CollectorTest, AsksNoMoreNodesAtOnceThanItMay) {
  options_.nodes_in_flight_max = 2;
  for (uint32_t i = 1; i <= 5; ++i) source_.scripts[i].tables = {{kMs(10)}};
  Collect("n1:1,n2:1,n3:1,n4:1,n5:1");
  EXPECT_EQ(source_.in_flight_max, 2);
  EXPECT_EQ(source_.asked.size(), 5u);
}

TEST_F(CollectorTest, AsksBothQuestionsAtOnce) {
  source_.scripts[1].tables = {{kMs(300)}};
  source_.scripts[1].replicas = {{kMs(300)}};
  const absl::Time before = clock_.Now();
  EXPECT_TRUE(CollectOne().complete());
  EXPECT_EQ(clock_.Now() - before, kMs(300));
}

TEST_F(CollectorTest, RepeatsWithPausesThatDoubleUpToABound) {
  options_.node_timeout = absl::Minutes(1);
  options_.backoff_max = kMs(400);
  source_.scripts[1].tables = {{kMs(0), "ERR_HANDLER_NOT_FOUND"},
                               {kMs(0), "ERR_BUSY"},
                               {kMs(0), "ERR_HANDLER_NOT_FOUND"},
                               {kMs(0), "ERR_BUSY"},
                               {kMs(0), "ERR_OK", 2}};
  const NodeEvidence node = CollectOne();
  EXPECT_TRUE(node.complete());
  EXPECT_EQ(node.attempts, 5);
  EXPECT_EQ(node.tables.size(), 2u);
  EXPECT_THAT(Asked(), ElementsAre(kMs(0), kMs(100), kMs(300), kMs(700), kMs(1100)));
}

TEST_F(CollectorTest, RandomShortensPausesToHalfAtTheMost) {
  random_ = 0;
  source_.scripts[1].tables = {{kMs(0), "ERR_BUSY"}, {kMs(0), "ERR_BUSY"}, {kMs(0)}};
  CollectOne();
  EXPECT_THAT(Asked(), ElementsAre(kMs(0), kMs(50), kMs(150)));
}

TEST_F(CollectorTest, TriesAnUnreachableNodeAFewTimesOnly) {
  options_.node_timeout = absl::Hours(1);
  options_.attempts_max = 4;
  source_.scripts[1].replicas = {{kMs(0), "ERR_NETWORK_FAILURE"}};
  const NodeEvidence node = CollectOne();
  EXPECT_EQ(node.error, "ERR_NETWORK_FAILURE");
  EXPECT_EQ(node.attempts, 4);
}

TEST_F(CollectorTest, LoadingDoesNotUseUpTheTriesOfAnUnreachableNode) {
  options_.node_timeout = absl::Hours(1);
  options_.attempts_max = 2;
  source_.scripts[1].replicas = {{kMs(0), "ERR_NETWORK_FAILURE"},
                                 {kMs(0), "ERR_HANDLER_NOT_FOUND"},
                                 {kMs(0), "ERR_HANDLER_NOT_FOUND"},
                                 {kMs(0), "ERR_HANDLER_NOT_FOUND"},
                                 {kMs(0)}};
  EXPECT_TRUE(CollectOne().complete());
}

TEST_F(CollectorTest, DoesNotRepeatWhatWillNotChange) {
  for (const char* error : {"ERR_INVALID_DATA", "ERR_ACL_DENY", "ERR_INVALID_STATE", "ERR_NEW"}) {
    source_.scripts[1].replicas = {{kMs(0), error}};
    const NodeEvidence node = CollectOne();
    EXPECT_EQ(node.error, error);
    EXPECT_EQ(node.attempts, 1);
  }
}

TEST_F(CollectorTest, StopsWhenTheTimeOfTheNodeIsOver) {
  options_.node_timeout = kMs(1'000);
  source_.scripts[1].tables = {{kMs(0), "ERR_HANDLER_NOT_FOUND"}};
  const absl::Time before = clock_.Now();
  const NodeEvidence node = CollectOne();
  EXPECT_EQ(node.error, "ERR_HANDLER_NOT_FOUND");
  EXPECT_LE(clock_.Now() - before, kMs(1'000));
  EXPECT_THAT(Asked(), ElementsAre(kMs(0), kMs(100), kMs(300), kMs(700)));
}

TEST_F(CollectorTest, EveryTryHasItsOwnDeadlineWithinThatOfTheNode) {
  options_.node_timeout = kMs(2'500);
  options_.attempt_timeout = kMs(1'000);
  options_.attempts_max = 10;
  source_.scripts[1].tables = {{absl::Hours(1)}};
  const NodeEvidence node = CollectOne();
  EXPECT_EQ(node.error, "ERR_TIMEOUT");
  EXPECT_THAT(Asked(), ElementsAre(kMs(0), kMs(1'100), kMs(2'300)));
  std::vector<absl::Duration> given;
  for (const auto& asked : source_.asked) given.push_back(asked.deadline - asked.at);
  EXPECT_THAT(given, ElementsAre(kMs(1'000), kMs(1'000), kMs(200)));
}

TEST_F(CollectorTest, WhatANodeSaidTellsMoreThanALastTryWithoutTime) {
  options_.node_timeout = kMs(1'000);
  source_.scripts[1].replicas = {{kMs(0), "ERR_HANDLER_NOT_FOUND"}, {absl::Hours(1)}};
  EXPECT_EQ(CollectOne().error, "ERR_HANDLER_NOT_FOUND");
}

TEST_F(CollectorTest, LostAnswerIsMadeUpForByTheNextTry) {
  options_.attempt_timeout = kMs(1'000);
  source_.scripts[1].replicas = {{absl::Hours(1)}, {kMs(10), "ERR_OK", 7}};
  const NodeEvidence node = CollectOne();
  EXPECT_TRUE(node.complete());
  EXPECT_EQ(node.replicas.size(), 7u);
  EXPECT_EQ(node.attempts, 2);
}

TEST_F(CollectorTest, RetriesOfAllNodesTogetherAreBounded) {
  options_.retries_max = 3;
  options_.attempts_max = 100;
  for (uint32_t i = 1; i <= 4; ++i) source_.scripts[i].tables = {{kMs(0), "ERR_NETWORK_FAILURE"}};
  const Evidence evidence = Collect("n1:1,n2:1,n3:1,n4:1");
  EXPECT_EQ(source_.asked.size(), 4u + 3u);
  for (const NodeEvidence& node : evidence.nodes) EXPECT_EQ(node.error, "ERR_NETWORK_FAILURE");
}

TEST_F(CollectorTest, NothingOfAHalfAnswerOrOfAnEarlierTryIsKept) {
  // The first try brings replicas and then breaks off, the second all of them.
  source_.scripts[1].tables = {{kMs(0), "ERR_OK", 2}};
  source_.scripts[1].replicas = {{kMs(0), "ERR_NETWORK_FAILURE", 5}, {kMs(0), "ERR_OK", 3}};
  source_.scripts[2].tables = {{kMs(0), "ERR_OK", 2}};
  source_.scripts[2].replicas = {{kMs(0), "ERR_INVALID_DATA", 5}};
  source_.scripts[3].tables = {{kMs(0), "ERR_ACL_DENY"}};
  source_.scripts[3].replicas = {{kMs(0), "ERR_OK", 5}};
  const Evidence evidence = Collect("n1:1,n2:1,n3:1");
  EXPECT_EQ(evidence.nodes[0].replicas.size(), 3u);
  EXPECT_EQ(evidence.nodes[1].error, "ERR_INVALID_DATA");
  EXPECT_EQ(evidence.nodes[2].error, "ERR_ACL_DENY");
  for (size_t i : {1, 2}) {
    EXPECT_THAT(evidence.nodes[i].tables, IsEmpty());
    EXPECT_THAT(evidence.nodes[i].replicas, IsEmpty());
  }
}

TEST_F(CollectorTest, ErrorOfTheReplicasIsNamedWhenBothAnswersFailed) {
  source_.scripts[1].tables = {{kMs(0), "ERR_ACL_DENY"}};
  source_.scripts[1].replicas = {{kMs(0), "ERR_INVALID_DATA"}};
  const NodeEvidence node = CollectOne();
  EXPECT_EQ(node.error, "ERR_INVALID_DATA");
  EXPECT_EQ(node.error_detail, "it said ERR_INVALID_DATA");
}

TEST_F(CollectorTest, NodeAboveABoundFailsAndTheBoundIsNamed) {
  options_.replicas_per_node_max = 4;
  options_.tables_per_node_max = 2;
  source_.scripts[1].replicas = {{kMs(0), "ERR_OK", 5}};
  source_.scripts[2].tables = {{kMs(0), "ERR_OK", 3}};
  source_.scripts[3].tables = {{kMs(0), "ERR_OK", 2}};
  source_.scripts[3].replicas = {{kMs(0), "ERR_OK", 4}};
  const Evidence evidence = Collect("n1:1,n2:1,n3:1");
  EXPECT_EQ(evidence.nodes[0].error, "ERR_CAPACITY_EXCEEDED");
  EXPECT_THAT(evidence.nodes[0].error_detail, HasSubstr("more than 4 replicas"));
  EXPECT_EQ(evidence.nodes[1].error, "ERR_CAPACITY_EXCEEDED");
  EXPECT_THAT(evidence.nodes[1].error_detail, HasSubstr("more than 2 tables"));
  EXPECT_TRUE(evidence.nodes[2].complete());
}

TEST_F(CollectorTest, ProgressCountsEveryNodeOnce) {
  source_.scripts[1].replicas = {{kMs(10), "ERR_OK", 3}};
  source_.scripts[2].replicas = {{kMs(20), "ERR_ACL_DENY"}};
  source_.scripts[3].replicas = {{kMs(30), "ERR_OK", 4}};
  Collect("n1:1,n2:1,n3:1");
  ASSERT_EQ(progress_.seen.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(progress_.seen[i].phase, Phase::kCollect);
    EXPECT_EQ(progress_.seen[i].done, static_cast<int64_t>(i));
    EXPECT_EQ(progress_.seen[i].total, 3);
  }
  EXPECT_EQ(progress_.seen[1].failed, 0);
  EXPECT_EQ(progress_.seen[2].failed, 1);
  EXPECT_EQ(progress_.seen[2].note, "n2:1: ERR_ACL_DENY");
  EXPECT_EQ(progress_.seen[3].failed, 1);
  EXPECT_EQ(progress_.seen[3].note, "n3:1: 0 tables, 4 replicas");
  EXPECT_EQ(progress_.seen[3].replicas, 7);
}

TEST_F(CollectorTest, CancellationEndsItWhereverItIs) {
  // Cancelled while asking, and while waiting to ask again.
  source_.scripts[1].tables = {{absl::InfiniteDuration()}};
  source_.scripts[2].tables = {{kMs(0), "ERR_BUSY"}};
  options_.attempt_timeout = absl::InfiniteDuration();
  options_.node_timeout = absl::InfiniteDuration();
  std::function<void(int)> cancel_later = [&](int turns) {
    asio::post(context_, [&, turns] {
      if (turns == 0) return cancel_.emit(asio::cancellation_type::terminal);
      cancel_later(turns - 1);
    });
  };
  cancel_later(50);
  EXPECT_EQ(CollectOr("n1:1,n2:1").status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(clock_.sleepers(), 0);
}

TEST_F(CollectorTest, NobodyToAskGivesEmptyEvidence) {
  Collector collector(options_, &source_, &clock_, &progress_, [] { return 0.0; });
  absl::StatusOr<Evidence> evidence = absl::UnknownError("not finished");
  asio::co_spawn(
      context_, collector.Collect({}),
      [&](std::exception_ptr, absl::StatusOr<Evidence> got) { evidence = std::move(got); });
  RunAll();
  ASSERT_TRUE(evidence.ok());
  EXPECT_THAT(evidence->nodes, IsEmpty());
}

TEST(CountServing, CountsPrimariesAndSecondariesOnly) {
  Evidence evidence;
  evidence.nodes.resize(2);
  for (int status = 0; status <= 7; ++status) {
    evidence.nodes[1].replicas.push_back({.status = static_cast<ReplicaStatus>(status)});
  }
  EXPECT_EQ(CountServing(evidence), (ServingCount{2, 8, 1}));
}

}  // namespace
}  // namespace metarec
