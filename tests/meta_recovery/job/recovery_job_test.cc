#include "meta_recovery/job/recovery_job.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/runtime/cancellation.h"
#include "base/runtime/system_clock.h"
#include "meta_recovery/planner/planner.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "rpc/pegasus_status.h"
#include "testing/in_memory_meta_store.h"
#include "zk_store/client/error_mark.h"

namespace metarec {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kRoot[] = "/pegasus/recovered";

// Three servers, each with one replica of the only partition of table 1.
class Servers final : public ReplicaSource {
 public:
  asio::awaitable<absl::StatusOr<NodeIdentity>> Identify(NodeListEntry entry, absl::Time) override {
    NodeIdentity identity;
    identity.address = {.ip = 0x7F000001, .port = entry.port};
    identity.name = entry.text;
    co_return identity;
  }

  asio::awaitable<absl::StatusOr<NodeTables>> QueryTables(Ipv4Endpoint address,
                                                          absl::Time) override {
    if (address.port == down) co_return rpc::PegasusError(error_of_down, "it is down");
    TableRecord table;
    table.app_type = "pegasus";
    table.app_name = address.port == 2 ? name_on_second : "temp";
    table.app_id = 1;
    table.partition_count = 1;
    table.init_partition_count = 1;
    table.is_stateful = address.port == 2 ? stateful_on_second : true;
    table.max_replica_count = 3;
    table.create_second = 1;
    co_return std::vector<TableRecord>{table};
  }

  asio::awaitable<absl::Status> QueryReplicas(Ipv4Endpoint address, absl::Time,
                                              ReplicaSink sink) override {
    if (address.port == 1) ++rounds;
    if (on_query) on_query();
    const bool silent = address.port == 1 && rounds > serving_rounds &&
                        rounds <= serving_rounds + silent_rounds_after_serving;
    if (address.port == down || silent) co_return rpc::PegasusError(error_of_down, "it is down");
    ReplicaRecord replica;
    replica.app_id = 1;
    replica.ballot = rounds <= serving_rounds ? 3 : ballot_once_inactive;
    replica.last_committed_decree = 10;
    replica.last_prepared_decree = 10;
    const bool serving = rounds <= serving_rounds && address.port == 1;
    replica.status = serving ? ReplicaStatus::kPrimary : ReplicaStatus::kInactive;
    co_return sink(replica);
  }

  int down = 0;  // the port of a server that does not answer
  std::string error_of_down = "ERR_INVALID_DATA";
  int serving_rounds = 0;               // so often the first one says that it is primary
  int silent_rounds_after_serving = 0;  // so often the first one then does not answer
  int64_t ballot_once_inactive = 3;
  std::string name_on_second = "temp";
  bool stateful_on_second = true;
  std::function<void()> on_query;
  int rounds = 0;
};

class Heard final : public ProgressListener {
 public:
  void OnProgress(const Progress& progress) override { all.push_back(progress); }
  std::vector<Progress> all;
};

class RecoveryJobTest : public ::testing::Test {
 protected:
  RecoveryRequest Request() {
    RecoveryRequest request;
    request.nodes = *ParseNodeListString("n1:1,n2:2,n3:3");
    request.root = kRoot;
    request.ask_again_after = absl::Milliseconds(1);
    return request;
  }

  RecoveryResult Run(RecoveryRequest request) {
    RecoveryJob job(std::move(request), {&servers_, &clock_, [] { return 0.5; }}, &store_, &heard_);
    std::optional<RecoveryResult> result;
    asio::co_spawn(context_, WithoutThrowing(job.Run()),
                   asio::bind_cancellation_slot(
                       cancel_.slot(), [&](const std::exception_ptr& thrown, RecoveryResult done) {
                         EXPECT_EQ(thrown, nullptr);
                         result = std::move(done);
                       }));
    context_.restart();
    context_.run();
    return *std::move(result);
  }

  // The store dies when the znodes of the topology begin to be written.
  void RunUntilTheFirstZnodes(RecoveryRequest request) {
    int writes = 0;
    testing::InMemoryMetaStoreOptions options;
    options.injector = [&](const testing::StoreCall& call) -> std::optional<testing::StoreFault> {
      if (!call.is_write() || ++writes != 2) return std::nullopt;
      return testing::StoreFault{.error = StoreError::kSessionExpired, .for_ever = true};
    };
    testing::InMemoryMetaStore dying(zookeeper_, options);
    RecoveryJob job(std::move(request), {&servers_, &clock_, [] { return 0.5; }}, &dying, &silent_);
    asio::co_spawn(context_, WithoutThrowing(job.Run()),
                   [](const std::exception_ptr&, const RecoveryResult& result) {
                     EXPECT_EQ(result.outcome, RecoveryOutcome::kFailed);
                     EXPECT_EQ(result.error_name, "ERR_TIMEOUT");
                   });
    context_.restart();
    context_.run();
  }

  std::vector<std::string> ToldOfWaiting() const {
    std::vector<std::string> told;
    for (const Progress& progress : heard_.all) {
      if (progress.phase != Phase::kAwaitInactive) continue;
      told.push_back(absl::StrCat(progress.done, "/", progress.total, " ", progress.note));
    }
    return told;
  }

  std::string AppsState() {
    for (const testing::DumpedNode& node : zookeeper_->Dump()) {
      if (node.path == std::string(kRoot) + "/apps") return node.data;
    }
    return "(none)";
  }

  SystemClock clock_;
  SilentProgress silent_;
  Heard heard_;
  asio::io_context context_;
  asio::cancellation_signal cancel_;
  Servers servers_;
  std::shared_ptr<testing::InMemoryZooKeeper> zookeeper_ =
      std::make_shared<testing::InMemoryZooKeeper>();
  testing::InMemoryMetaStore store_{zookeeper_};
};

TEST_F(RecoveryJobTest, HealthyNodesEndInAnUnlockedTree) {
  const RecoveryResult result = Run(Request());
  EXPECT_EQ(result.outcome, RecoveryOutcome::kRecovered) << result.status;
  EXPECT_EQ(result.error_name, "ERR_OK");
  EXPECT_EQ(result.hints, "");
  ASSERT_TRUE(result.written.has_value());
  EXPECT_EQ(result.written->znodes_created, 2);
  EXPECT_EQ(AppsState(), "unlock");
}

TEST_F(RecoveryJobTest, ABadNodeEndsItWithTheHintAndNothingIsWritten) {
  servers_.down = 3;
  const RecoveryResult result = Run(Request());
  EXPECT_EQ(result.outcome, RecoveryOutcome::kTryAgain);
  EXPECT_EQ(result.error_name, "ERR_TRY_AGAIN");
  EXPECT_EQ(result.hints,
            "ERROR: collect app and replica info from node(n3:3) failed with "
            "err(ERR_INVALID_DATA), you can skip it by set skip_bad_nodes option\n");
  EXPECT_EQ(AppsState(), "(none)");
}

TEST_F(RecoveryJobTest, AConflictEndsItAndNothingIsWritten) {
  servers_.stateful_on_second = false;
  const RecoveryResult result = Run(Request());
  EXPECT_EQ(result.outcome, RecoveryOutcome::kConflict);
  EXPECT_EQ(result.error_name, "ERR_INVALID_STATE");
  EXPECT_EQ(AppsState(), "(none)");
}

TEST_F(RecoveryJobTest, APlanThatTheCallerDoesNotWantIsNotWritten) {
  RecoveryRequest request = Request();
  std::string seen;
  request.before_writing = [&](const RecoveryPlan& plan) {
    seen = plan.topology.tables.front().app_name;
    return absl::NotFoundError("no such table");
  };
  const RecoveryResult result = Run(std::move(request));
  EXPECT_EQ(seen, "temp");
  EXPECT_EQ(result.outcome, RecoveryOutcome::kFailed);
  EXPECT_EQ(result.status, absl::NotFoundError("no such table"));
  EXPECT_EQ(AppsState(), "(none)");
}

TEST_F(RecoveryJobTest, AForeignRootIsRefusedBeforeAnyNodeIsAsked) {
  asio::co_spawn(
      context_,
      [this]() -> asio::awaitable<void> {
        for (const char* path : {"/pegasus", "/pegasus/recovered", "/pegasus/recovered/apps"}) {
          const auto created = co_await store_.Create(path, "unlock");
          EXPECT_TRUE(created.ok()) << created.status();
        }
      },
      [](std::exception_ptr) {});
  context_.run();
  const RecoveryResult result = Run(Request());
  EXPECT_EQ(result.outcome, RecoveryOutcome::kRootRefused);
  EXPECT_EQ(result.error_name, "ERR_NODE_ALREADY_EXIST");
  EXPECT_TRUE(HasMark(result.status, ErrorMark::kRefused)) << result.status;
  EXPECT_EQ(servers_.rounds, 0);
}

TEST_F(RecoveryJobTest, WaitsUntilEveryReplicaIsInactiveAndPlansFromTheLastAnswers) {
  servers_.serving_rounds = 3;
  servers_.ballot_once_inactive = 8;
  const RecoveryResult result = Run(Request());
  EXPECT_EQ(result.outcome, RecoveryOutcome::kRecovered) << result.status;
  EXPECT_EQ(servers_.rounds, 4);
  EXPECT_EQ(result.plan->topology.partitions[0].ballot, 8);
}

TEST_F(RecoveryJobTest, TheWaitingEndsWithEveryReplicaInactive) {
  servers_.serving_rounds = 2;
  EXPECT_EQ(Run(Request()).outcome, RecoveryOutcome::kRecovered);
  EXPECT_THAT(ToldOfWaiting(),
              ElementsAre("2/3 1 node still serving", "2/3 1 node still serving", "3/3 "));
}

TEST_F(RecoveryJobTest, ANodeThatServedAndFallsSilentCountsAsServing) {
  servers_.serving_rounds = 1;
  servers_.silent_rounds_after_serving = 1'000'000;
  RecoveryRequest request = Request();
  request.plan.skip_bad_nodes = true;
  request.ask_again_after = absl::Milliseconds(100);
  request.time_limit = absl::Seconds(2);
  const RecoveryResult result = Run(std::move(request));
  EXPECT_EQ(result.outcome, RecoveryOutcome::kStillServed) << result.status;
  EXPECT_THAT(result.status.message(), HasSubstr("1 of 3 replicas on 1 node is still served"));
  EXPECT_THAT(result.status.message(), HasSubstr("These nodes no longer answer: n1:1. Nothing"));
  EXPECT_EQ(AppsState(), "(none)");
}

TEST_F(RecoveryJobTest, ANodeThatServedAndAnswersAgainIsInactiveWhenItSaysSo) {
  servers_.serving_rounds = 1;
  servers_.silent_rounds_after_serving = 3;
  RecoveryRequest request = Request();
  request.plan.skip_bad_nodes = true;
  EXPECT_EQ(Run(std::move(request)).outcome, RecoveryOutcome::kRecovered);
  EXPECT_EQ(servers_.rounds, 5);
  EXPECT_EQ(ToldOfWaiting().back(), "3/3 ");
}

TEST_F(RecoveryJobTest, ASilentNodesLeaseIsOverAtLastWithoutBeingTold) {
  servers_.serving_rounds = 1;
  servers_.silent_rounds_after_serving = 1'000'000;
  RecoveryRequest request = Request();
  request.plan.skip_bad_nodes = true;
  request.ask_again_after = absl::Milliseconds(20);
  request.lease_max = absl::Milliseconds(100);
  const RecoveryResult result = Run(std::move(request));
  EXPECT_EQ(result.outcome, RecoveryOutcome::kRecovered) << result.status;
  EXPECT_EQ(result.plan->topology.partitions[0].last_drops_count, 1u) << "the silent one is left";
  EXPECT_THAT(ToldOfWaiting(), Each("2/3 1 node still serving"));
}

TEST_F(RecoveryJobTest, ANodeThatServedAndFallsSilentIsNotWaitedForIfThereIsNoPlanWithoutIt) {
  servers_.serving_rounds = 1;
  servers_.silent_rounds_after_serving = 1'000'000;
  EXPECT_EQ(Run(Request()).outcome, RecoveryOutcome::kTryAgain);
  EXPECT_EQ(servers_.rounds, 2);
}

TEST_F(RecoveryJobTest, StillServedWhenTheTimeIsOverIsRefusedWithTheNumbers) {
  servers_.serving_rounds = 1'000'000;
  RecoveryRequest request = Request();
  request.time_limit = absl::Milliseconds(20);
  const RecoveryResult result = Run(std::move(request));
  EXPECT_EQ(result.outcome, RecoveryOutcome::kStillServed);
  EXPECT_THAT(result.status.message(), HasSubstr("1 of 3 replicas on 1 node is still served"));
  EXPECT_EQ(AppsState(), "(none)");
}

TEST_F(RecoveryJobTest, AsksOnceMoreBeforeTheTimeIsOverHoweverLongThePauseIs) {
  servers_.serving_rounds = 1;
  RecoveryRequest request = Request();
  request.ask_again_after = absl::Seconds(90);
  request.time_limit = absl::Milliseconds(700);
  EXPECT_EQ(Run(std::move(request)).outcome, RecoveryOutcome::kRecovered);
  EXPECT_EQ(servers_.rounds, 2);
}

TEST_F(RecoveryJobTest, StillServedIsIgnoredOnRequest) {
  servers_.serving_rounds = 1'000'000;
  RecoveryRequest request = Request();
  request.plan.accept_still_served = true;
  EXPECT_EQ(Run(std::move(request)).outcome, RecoveryOutcome::kRecovered);
  EXPECT_EQ(servers_.rounds, 1);
}

TEST_F(RecoveryJobTest, APlanWithErrorsIsNotWaitedFor) {
  servers_.serving_rounds = 1'000'000;
  servers_.down = 3;
  EXPECT_EQ(Run(Request()).outcome, RecoveryOutcome::kTryAgain);
  EXPECT_EQ(servers_.rounds, 1);
}

TEST_F(RecoveryJobTest, ASecondRunResumesWhatAnInterruptedOneLeft) {
  RunUntilTheFirstZnodes(Request());
  EXPECT_EQ(AppsState(), "lock");
  const RecoveryResult result = Run(Request());
  EXPECT_EQ(result.outcome, RecoveryOutcome::kRecovered) << result.status;
  EXPECT_TRUE(result.written->resumed);
  EXPECT_EQ(AppsState(), "unlock");
}

TEST_F(RecoveryJobTest, ASkippedNodeThatFailsInAnotherWayDoesNotKeepARunFromBeingResumed) {
  RecoveryRequest request = Request();
  request.plan.skip_bad_nodes = true;
  servers_.down = 3;
  RunUntilTheFirstZnodes(request);
  ASSERT_EQ(AppsState(), "lock");
  servers_.error_of_down = "ERR_NETWORK_FAILURE";
  const RecoveryResult result = Run(request);
  EXPECT_EQ(result.outcome, RecoveryOutcome::kRecovered) << result.status;
  EXPECT_TRUE(result.written->resumed);
}

TEST_F(RecoveryJobTest, ARunThatWouldWriteSomethingElseDoesNotResumeAnother) {
  RunUntilTheFirstZnodes(Request());
  servers_.ballot_once_inactive = 9;
  const RecoveryResult result = Run(Request());
  EXPECT_EQ(result.outcome, RecoveryOutcome::kRootRefused);
  EXPECT_THAT(result.status.message(), HasSubstr("an unfinished run of plan sha256:"));
  EXPECT_EQ(AppsState(), "lock");
}

TEST_F(RecoveryJobTest, AReviewedPlanIsWrittenOnlyIfTheNodesStillSaySo) {
  servers_.serving_rounds = 1;
  const RecoveryResult first = Run(Request());
  ASSERT_EQ(first.outcome, RecoveryOutcome::kRecovered);
  RecoveryPlan reviewed = *first.plan;

  RecoveryRequest request = Request();
  request.root = "/pegasus/second";
  request.reviewed = &reviewed;
  const RecoveryResult same = Run(std::move(request));
  EXPECT_EQ(same.outcome, RecoveryOutcome::kRecovered) << same.status;
  EXPECT_EQ(same.written->journal.plan_digest, *TopologyDigest(reviewed.topology));

  servers_.ballot_once_inactive = 9;
  RecoveryRequest outdated = Request();
  outdated.root = "/pegasus/third";
  outdated.reviewed = &reviewed;
  const RecoveryResult changed = Run(std::move(outdated));
  EXPECT_EQ(changed.outcome, RecoveryOutcome::kPlanOutdated);
  EXPECT_THAT(changed.status.message(), HasSubstr("the cluster changed since the plan was made"));
}

TEST_F(RecoveryJobTest, CancellingEndsItAtTheNextStep) {
  servers_.serving_rounds = 1'000'000;
  RecoveryRequest request = Request();
  request.ask_again_after = absl::Seconds(90);
  servers_.on_query = [this] {
    asio::post(context_, [this] { cancel_.emit(asio::cancellation_type::terminal); });
  };
  const RecoveryResult result = Run(std::move(request));
  EXPECT_EQ(result.outcome, RecoveryOutcome::kCancelled) << result.status;
  EXPECT_EQ(AppsState(), "(none)");
}

}  // namespace
}  // namespace metarec
