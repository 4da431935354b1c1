// The collector's decisions, against a source that is told what to answer and a clock that jumps.

#include "replica_collector/collector.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/runtime/cancellation.h"
#include "idl/error_names.h"
#include "rpc/pegasus_status.h"
#include "testing/virtual_clock.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kMs = [](int64_t ms) { return absl::Milliseconds(ms); };

// What one server does when asked, in turn; the last of it again and again.
struct Script {
  struct Answer {
    absl::Duration after;
    std::string error = "ERR_OK";
    size_t count = 0;  // tables or replicas
  };
  std::deque<Answer> tables = {Answer{}};
  std::deque<Answer> replicas = {Answer{}};
};

class ScriptedSource final : public ReplicaSource {
 public:
  explicit ScriptedSource(Clock* clock) : clock_(clock) {}

  asio::awaitable<absl::StatusOr<NodeIdentity>> Identify(NodeListEntry entry, absl::Time) override {
    const auto known = identities.find(entry.host);
    if (known == identities.end()) {
      co_return rpc::PegasusError(idl::kErrNetworkFailure,
                                  absl::StrCat("cannot resolve ", entry.text));
    }
    NodeIdentity identity{{known->second, entry.port},
                          absl::StrCat("self-", entry.host, ":", entry.port),
                          NodeNameSource::kReverseLookup};
    identity.other_addresses = other_addresses[entry.host];
    co_return identity;
  }

  asio::awaitable<absl::StatusOr<NodeTables>> QueryTables(Ipv4Endpoint address,
                                                          absl::Time deadline) override {
    const Script::Answer answer = Next(&scripts[address.ip].tables);
    asked.push_back({address.ip, clock_->Now(), deadline});
    in_flight_max = std::max(in_flight_max, ++in_flight);
    const absl::Status status = co_await Play(answer, deadline);
    --in_flight;
    if (!status.ok()) co_return status;
    NodeTables tables(std::vector<TableRecord>(answer.count));
    tables.own_address = own_addresses[address.ip];
    co_return std::move(tables);
  }

  asio::awaitable<absl::Status> QueryReplicas(Ipv4Endpoint address, absl::Time deadline,
                                              ReplicaSink sink) override {
    const Script::Answer answer = Next(&scripts[address.ip].replicas);
    const absl::Status status = co_await Play(answer, deadline);
    for (size_t i = 0; i < answer.count; ++i) {
      ReplicaRecord replica = {.app_id = 1, .partition_index = static_cast<int32_t>(i)};
      if (edit_replica) edit_replica(address.ip, &replica);
      const absl::Status taken = sink(replica);
      if (!taken.ok()) co_return taken;
    }
    co_return status;
  }

  struct Asked {
    uint32_t ip;
    absl::Time at;
    absl::Time deadline;
  };

  std::map<std::string, uint32_t> identities;
  std::map<std::string, std::vector<Ipv4Endpoint>> other_addresses;  // by host
  std::map<uint32_t, Ipv4Endpoint> own_addresses;                    // by the address asked
  std::function<void(uint32_t ip, ReplicaRecord* replica)> edit_replica;
  std::map<uint32_t, Script> scripts;
  std::vector<Asked> asked;  // for tables, in order
  int in_flight = 0;
  int in_flight_max = 0;

 private:
  static Script::Answer Next(std::deque<Script::Answer>* answers) {
    const Script::Answer answer = answers->front();
    if (answers->size() > 1) answers->pop_front();
    return answer;
  }

  asio::awaitable<absl::Status> Play(Script::Answer answer, absl::Time deadline) {
    const absl::Time ready = clock_->Now() + answer.after;
    const absl::Status slept = co_await clock_->SleepUntil(std::min(ready, deadline));
    if (!slept.ok()) co_return slept;
    if (ready > deadline) co_return rpc::PegasusError(idl::kErrTimeout, "no answer in time");
    co_return rpc::PegasusError(answer.error, absl::StrCat("it said ", answer.error));
  }

  Clock* const clock_;
};

class Recorder final : public ProgressListener {
 public:
  void OnProgress(const Progress& progress) override { seen.push_back(progress); }
  std::vector<Progress> seen;
};

class CollectorTest : public ::testing::Test {
 protected:
  CollectorTest() : clock_(&time_), source_(&clock_) {
    time_.Advance(kMs(250));
    for (uint32_t i = 1; i <= 9; ++i) source_.identities[absl::StrCat("n", i)] = i;
  }

  absl::StatusOr<Evidence> CollectOr(const std::string& nodes) {
    const auto list = ParseNodeListString(nodes);
    EXPECT_TRUE(list.ok()) << list.status();
    Collector collector(options_, &source_, &clock_, &progress_, [this] { return random_; });
    absl::StatusOr<Evidence> evidence = absl::UnknownError("not finished");
    const auto root = [&]() -> asio::awaitable<void> {
      co_await asio::this_coro::throw_if_cancelled(false);
      evidence = co_await collector.Collect(*list);
    };
    asio::co_spawn(context_, root,
                   asio::bind_cancellation_slot(cancel_.slot(), [](std::exception_ptr error) {
                     EXPECT_EQ(error, nullptr);
                   }));
    RunAll();
    return evidence;
  }
  Evidence Collect(const std::string& nodes) {
    auto evidence = CollectOr(nodes);
    EXPECT_TRUE(evidence.ok()) << evidence.status();
    return *std::move(evidence);
  }
  NodeEvidence CollectOne() { return Collect("n1:1").nodes.at(0); }

  // Runs until nothing is left to do; then time jumps to the end of the shortest sleep.
  void RunAll() {
    do {
      context_.restart();
      context_.poll();
    } while (time_.RunNext());
  }

  // When n1 was asked, after the first time.
  std::vector<absl::Duration> Asked() const {
    std::vector<absl::Duration> times;
    for (const auto& asked : source_.asked) times.push_back(asked.at - source_.asked[0].at);
    return times;
  }

  asio::io_context context_;
  testing::EventQueue time_;
  testing::VirtualClock clock_;
  ScriptedSource source_;
  Recorder progress_;
  CollectorOptions options_;
  double random_ = 1.0;  // the longest pause
  asio::cancellation_signal cancel_;
};

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

TEST_F(CollectorTest, EntriesThatAreOneServerAreAskedOnce) {
  source_.identities["alias"] = 1;
  const Evidence evidence = Collect("n1:1,n2:1,alias:1,n1:2");
  ASSERT_EQ(evidence.nodes.size(), 3u);
  EXPECT_THAT(evidence.nodes[0].listed_as, ElementsAre("n1:1", "alias:1"));
  EXPECT_THAT(evidence.nodes[1].listed_as, ElementsAre("n2:1"));
  EXPECT_THAT(evidence.nodes[2].listed_as, ElementsAre("n1:2"));
  EXPECT_EQ(source_.asked.size(), 3u);
}

TEST_F(CollectorTest, OperatorsNameBeatsEveryOther) {
  options_.node_names = {{{2, 1}, "rack7:1"}};
  const Evidence evidence = Collect("n1:1,n2:1");
  EXPECT_EQ(evidence.nodes[0].name_source, NodeNameSource::kReverseLookup);
  EXPECT_EQ(evidence.nodes[1].name, "rack7:1");
  EXPECT_EQ(evidence.nodes[1].name_source, NodeNameSource::kOverride);
}

TEST_F(CollectorTest, OneServerUnderTwoOfItsAddressesCountsOnce) {
  source_.own_addresses = {{1, {3, 1}}, {2, {2, 1}}, {3, {3, 1}}};
  for (const uint32_t ip : {1, 2, 3}) source_.scripts[ip].replicas = {{kMs(0), "ERR_OK", 3}};
  const Evidence evidence = Collect("n1:1,n2:1,n3:1");
  ASSERT_EQ(evidence.nodes.size(), 2u);
  EXPECT_THAT(evidence.nodes[0].listed_as, ElementsAre("n2:1"));
  EXPECT_THAT(evidence.nodes[1].listed_as, ElementsAre("n3:1", "n1:1"));
  EXPECT_EQ(evidence.nodes[1].address, (Ipv4Endpoint{3, 1})) << "which it calls its own";
}

TEST_F(CollectorTest, TwoServersThatGiveOneAddressButHoldDifferentReplicasNeverCountAsOne) {
  source_.own_addresses = {{1, {9, 1}}, {2, {9, 1}}};
  source_.scripts[1].replicas = {{kMs(0), "ERR_OK", 3}};
  source_.scripts[2].replicas = {{kMs(0), "ERR_OK", 4}};
  EXPECT_EQ(Collect("n1:1,n2:1").nodes.size(), 2u);
}

TEST_F(CollectorTest, AServerThatServedBetweenItsTwoAnswersCountedAsTwo) {
  source_.own_addresses = {{1, {2, 1}}, {2, {2, 1}}};
  for (const uint32_t ip : {1, 2}) source_.scripts[ip].replicas = {{kMs(0), "ERR_OK", 3}};
  int64_t decree = 100;  // grows with each replica that is told of
  source_.edit_replica = [&](uint32_t ip, ReplicaRecord* replica) {
    replica->status = ReplicaStatus::kPrimary;
    replica->last_committed_decree = ip * 1000 + ++decree;
  };
  const Evidence evidence = Collect("n1:1,n2:1");
  ASSERT_EQ(evidence.nodes.size(), 1u);
  EXPECT_THAT(evidence.nodes[0].listed_as, ElementsAre("n2:1", "n1:1"));
}

TEST_F(CollectorTest, ServersOfWhichNeitherAnswerIsTheLaterOneStayTwo) {
  source_.own_addresses = {{1, {2, 1}}, {2, {2, 1}}};
  for (const uint32_t ip : {1, 2}) source_.scripts[ip].replicas = {{kMs(0), "ERR_OK", 3}};
  source_.edit_replica = [](uint32_t ip, ReplicaRecord* replica) {
    replica->status = ReplicaStatus::kSecondary;
    replica->last_committed_decree = replica->partition_index == 0 ? ip : 10 - ip;
  };
  EXPECT_EQ(Collect("n1:1,n2:1").nodes.size(), 2u);
  // Nor is a replica at rest ever another one in the next moment.
  source_.edit_replica = [](uint32_t ip, ReplicaRecord* replica) {
    replica->status = ReplicaStatus::kInactive;
    replica->last_committed_decree = ip;
  };
  EXPECT_EQ(Collect("n1:1,n2:1").nodes.size(), 2u);
  // Nor is one the primary and a secondary of a partition at the same ballot.
  source_.edit_replica = [](uint32_t ip, ReplicaRecord* replica) {
    replica->status = ip == 1 ? ReplicaStatus::kPrimary : ReplicaStatus::kSecondary;
  };
  EXPECT_EQ(Collect("n1:1,n2:1").nodes.size(), 2u);
}

TEST_F(CollectorTest, AddressesOfANameThatWereNotAskedAreKept) {
  source_.other_addresses["n1"] = {{5, 1}, {6, 1}};
  const Evidence evidence = Collect("n1:1,n2:1");
  EXPECT_THAT(evidence.nodes[0].ambiguous,
              ElementsAre(AmbiguousEntry{.text = "n1:1", .not_asked = {{5, 1}, {6, 1}}}));
  EXPECT_THAT(evidence.nodes[1].ambiguous, IsEmpty());
}

TEST_F(CollectorTest, BeaconsOfTheAddressThatAServerGivesAsItsOwnAreItsOwn) {
  source_.own_addresses = {{1, {9, 1}}};
  options_.beacons = [] {
    return std::vector<BeaconSender>{{.address = {9, 1}, .names = {"rs1:1"}, .is_there = true},
                                     {.address = {8, 1}, .names = {"rs8:1"}, .is_there = true}};
  };
  const Evidence evidence = Collect("n1:1,n2:1");
  EXPECT_EQ(evidence.nodes[0].name, "rs1:1");
  EXPECT_EQ(evidence.nodes[0].name_source, NodeNameSource::kBeacon);
  ASSERT_EQ(evidence.unlisted.size(), 1u);
  EXPECT_EQ(evidence.unlisted[0].address, (Ipv4Endpoint{8, 1}));
}

TEST_F(CollectorTest, HostsThatCannotBeResolvedAreBadNodesOfTheirOwn) {
  const Evidence evidence = Collect("x:1,n1:1,y:1");
  ASSERT_EQ(evidence.nodes.size(), 3u);
  for (size_t i : {0, 2}) {
    EXPECT_EQ(evidence.nodes[i].error, "ERR_NETWORK_FAILURE");
    EXPECT_EQ(evidence.nodes[i].address, Ipv4Endpoint());
    EXPECT_EQ(evidence.nodes[i].attempts, 0);
    EXPECT_EQ(evidence.nodes[i].name, evidence.nodes[i].listed_as[0]);
  }
  EXPECT_EQ(source_.asked.size(), 1u);
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
