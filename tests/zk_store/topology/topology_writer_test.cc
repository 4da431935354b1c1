#include "zk_store/topology/topology_writer.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

#include <asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/runtime/task_group.h"
#include "tests/zk_store/client/store_world.h"
#include "zk_store/client/error_mark.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::StoreCall;
using testing::StoreFault;

class TopologyWriterTest : public WriterWorld {
 protected:
  static void ExpectDisturbed(const absl::Status& status) {
    EXPECT_TRUE(HasMark(status, ErrorMark::kDisturbed)) << status;
    EXPECT_FALSE(HasMark(status, ErrorMark::kRefused)) << status;
    EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("to resume")));
  }

  // A process each, all at once.
  asio::awaitable<bool> WriteAtOnce(
      const Topology& topology, const TopologyWriterOptions& options,
      std::vector<std::unique_ptr<testing::InMemoryMetaStore>>* stores,
      std::vector<absl::StatusOr<WriteResult>>* results) {
    const std::function<asio::awaitable<void>(size_t)> write =
        [&](size_t i) -> asio::awaitable<void> {
      TopologyWriter writer(options, (*stores)[i].get(), &clock_, &progress_);
      (*results)[i] = co_await writer.Write(topology, kRoot, kDigest);
    };
    co_await ForEachBounded(results->size(), results->size(), write);
    co_return true;
  }
};

TEST_F(TopologyWriterTest, AnUndisturbedRunWritesExactlyTheTree) {
  const auto store = Open();
  const auto result = Write(store.get(), topology_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(DumpWithoutJournal(), ExpectedTree());
  EXPECT_EQ(result->znodes_created, 11);
  EXPECT_EQ(result->znodes_found, 0);
  // Begin; 3 tables in threes; 8 partitions in threes; unlock.
  EXPECT_EQ(result->transactions, 1 + 1 + 3 + 1);
  EXPECT_FALSE(result->resumed);
  EXPECT_FALSE(result->already_finished);

  const auto journal = DecodeJournal(paths_.journal(), DataOf(paths_.journal()));
  ASSERT_TRUE(journal.ok()) << journal.status();
  EXPECT_TRUE(journal->finished);
  EXPECT_EQ(journal->plan_digest, kDigest);
  EXPECT_EQ(journal->tables, 3);
  EXPECT_EQ(journal->partitions, 8);
  EXPECT_EQ(journal->tool_version, "1.2.3");
  EXPECT_EQ(journal->started_at, "2027-01-15T08:00:00+00:00");
  EXPECT_EQ(*journal, result->journal);
}

TEST_F(TopologyWriterTest, AppsIsLockedFromItsFirstMomentToTheLastTransaction) {
  int writes = 0;
  std::string apps_before_last;
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    const std::string apps = DataOf(paths_.apps());
    EXPECT_TRUE(apps == "(absent)" ? writes == 0 : apps == "lock") << "operation " << call.index;
    if (call.is_write()) {
      EXPECT_EQ(call.kind, "multi");
      ++writes;
      apps_before_last = apps;
    }
    return std::nullopt;
  });
  ASSERT_TRUE(Write(store.get(), topology_).ok());
  EXPECT_EQ(writes, 6);
  EXPECT_EQ(apps_before_last, "lock");
  EXPECT_EQ(DataOf(paths_.apps()), "unlock");
}

TEST_F(TopologyWriterTest, TheTransactionThatUnlocksIsConditionalAndTheLastOperation) {
  std::vector<StoreOp> last_ops;
  int64_t last_write = -1;
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (!call.is_write()) return std::nullopt;
    last_ops = *call.ops;
    last_write = call.index;
    return std::nullopt;
  });
  ASSERT_TRUE(Write(store.get(), topology_).ok());
  EXPECT_EQ(store->operation_count(), last_write + 1);
  ASSERT_EQ(last_ops.size(), 4u);
  EXPECT_EQ(std::get<CheckOp>(last_ops[0]).path, paths_.apps());
  EXPECT_EQ(std::get<CheckOp>(last_ops[0]).version, 0);
  EXPECT_EQ(std::get<CheckOp>(last_ops[1]).path, paths_.journal());
  EXPECT_EQ(std::get<SetOp>(last_ops[3]).data, "unlock");
  EXPECT_EQ(std::get<SetOp>(last_ops[3]).version, 0);
}

TEST_F(TopologyWriterTest, AZnodeChangedDuringTheRunKeepsItLocked) {
  bool changed = false;
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    // Once it has been written, before that is checked.
    if (!changed && call.kind == "check") {
      changed = true;
      asio::io_context io;
      EXPECT_TRUE(RunAlone(&io, stranger_->Set(paths_.Partition(3, 3), "tampered")).ok());
    }
    return std::nullopt;
  });
  const auto result = Write(store.get(), topology_);
  ExpectDisturbed(result.status());
  EXPECT_THAT(std::string(result.status().message()),
              AllOf(HasSubstr("is not there as it was"), HasSubstr("/apps/3/3"),
                    HasSubstr("/apps stays locked, so that no meta server starts from it"),
                    HasSubstr("deleteall /pegasus/recovered")));
  EXPECT_EQ(DataOf(paths_.apps()), "lock");
}

TEST_F(TopologyWriterTest, AppsChangedDuringTheRunIsNotUnlocked) {
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (call.kind == "check") {
      asio::io_context io;
      EXPECT_TRUE(RunAlone(&io, stranger_->Set(paths_.apps(), "lock")).ok());
    }
    return std::nullopt;
  });
  const auto result = Write(store.get(), topology_);
  ExpectDisturbed(result.status());
  EXPECT_THAT(std::string(result.status().message()),
              AllOf(HasSubstr("this run ends without unlocking"),
                    HasSubstr("somebody else wrote into /pegasus/recovered/apps"),
                    HasSubstr("/apps stays locked")));
  EXPECT_EQ(DataOf(paths_.apps()), "lock");
}

TEST_F(TopologyWriterTest, AZnodeOfSomebodyElseInTheWayKeepsItLocked) {
  bool put = false;
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (!put && call.is_write() && OpPath(call.ops->front()) == paths_.Partition(1, 0)) {
      put = true;
      asio::io_context io;
      EXPECT_TRUE(RunAlone(&io, stranger_->Create(paths_.Partition(1, 1), "theirs")).ok());
    }
    return std::nullopt;
  });
  const auto result = Write(store.get(), topology_);
  ExpectDisturbed(result.status());
  EXPECT_THAT(std::string(result.status().message()),
              AllOf(HasSubstr("/apps/1/1 was written by somebody else: it says theirs"),
                    HasSubstr("/apps stays locked")));
  EXPECT_EQ(DataOf(paths_.apps()), "lock");
}

TEST_F(TopologyWriterTest, TwoWritersOfOnePlanBothEndWellHoweverManyTransactionsItTakes) {
  Topology topology = SampleTopology();
  AddTable(MakeTable(4, "big", 300), 300, &topology);
  TopologyWriterOptions options = SmallBatches();  // 100 transactions, 5 retries
  std::vector<std::unique_ptr<testing::InMemoryMetaStore>> stores;
  std::vector<absl::StatusOr<WriteResult>> results(2, absl::UnknownError("not run"));
  for (size_t i = 0; i < results.size(); ++i) stores.push_back(Open());
  RunAlone(&io_, WriteAtOnce(topology, options, &stores, &results));
  int64_t created = 0;
  for (const auto& result : results) {
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->znodes_created + result->znodes_found, 312);
    created += result->znodes_created;
  }
  EXPECT_EQ(created, 312);
  Tree expected = AppsTree(topology, kRoot);
  expected["/"] = expected["/pegasus"] = expected[kRoot] = "";
  expected[paths_.apps()] = "unlock";
  EXPECT_EQ(DumpWithoutJournal(), expected);
}

TEST_F(TopologyWriterTest, APlanFinishedByAnotherProcessMeanwhileIsNoDisturbance) {
  // Another process overtakes this one, and then a meta server goes on from its tree.
  const auto other = Open();
  bool overtaken = false;
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (!overtaken && call.is_write() && OpPath(call.ops->front()) == paths_.Partition(1, 0)) {
      overtaken = true;
      asio::io_context io;
      TopologyWriter writer(SmallBatches(), other.get(), &clock_, &progress_);
      EXPECT_TRUE(RunAlone(&io, writer.Write(topology_, kRoot, kDigest)).ok());
      EXPECT_TRUE(RunAlone(&io, stranger_->Set(paths_.Partition(1, 1), "a later state")).ok());
    }
    return std::nullopt;
  });
  const auto result = Write(store.get(), topology_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->journal.finished);
  EXPECT_EQ(DataOf(paths_.Partition(1, 1)), "a later state");
}

TEST_F(TopologyWriterTest, AZnodeThatComesAndGoesSpendsTheBudget) {
  int sent = 0;
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (!call.is_write() || OpPath(call.ops->front()) != paths_.Partition(1, 0)) {
      return std::nullopt;
    }
    ++sent;
    return StoreFault{StoreFault::Moment::kBefore, StoreError::kNodeExists, false};
  });
  const auto result = Write(store.get(), topology_);
  EXPECT_EQ(StoreErrorOf(result.status()), StoreError::kNodeExists) << result.status();
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("given up after 5 retries"));
  EXPECT_EQ(sent, 6);
}

TEST_F(TopologyWriterTest, OthersOnTheExecutorHaveTheirTurnWhileABigTreeIsMeasured) {
  Topology topology = SampleTopology();
  for (int32_t app_id = 4; app_id < 5'000; ++app_id) {
    AddTable(MakeTable(app_id, absl::StrCat("t", app_id), 1), 1, &topology);
  }
  int turns = 0;
  const auto store = Open([](const StoreCall&) -> std::optional<StoreFault> {
    return StoreFault{StoreFault::Moment::kBefore, StoreError::kSessionExpired, true};
  });
  std::function<void()> take_turn = [&] {
    ++turns;
    if (store->operation_count() == 0) asio::post(io_, take_turn);
  };
  asio::post(io_, take_turn);
  EXPECT_FALSE(Write(store.get(), topology).ok());
  EXPECT_GE(turns, 5);
}

TEST_F(TopologyWriterTest, TooLargeTransactionsAreHalved) {
  // A store whose limit is not known to its client, as when the server's is lower.
  int refused = 0;
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (call.kind != "multi" || call.ops->size() <= 5) return std::nullopt;  // 4 and a check
    ++refused;
    return StoreFault{StoreFault::Moment::kBefore, StoreError::kTooLarge, false};
  });
  TopologyWriterOptions options = SmallBatches();
  options.limits.ops_max = 1000;
  Put("/pegasus", "");
  const auto result = Write(store.get(), topology_, kDigest, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(refused, 1);  // 8 partitions
  EXPECT_EQ(DumpWithoutJournal(), ExpectedTree());
}

TEST_F(TopologyWriterTest, TransactionsAreCutByBytes) {
  TopologyWriterOptions options = SmallBatches();
  options.limits.ops_max = 1000;
  options.limits.request_bytes_max = 1500;
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (call.kind == "multi") {
      size_t bytes = MetaStore::kMultiOverheadBytes;
      for (const StoreOp& op : *call.ops) bytes += stranger_->OpBytes(op);
      EXPECT_LE(bytes, 1500u);
    }
    return std::nullopt;
  });
  const auto result = Write(store.get(), topology_, kDigest, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GT(result->transactions, 4);
  EXPECT_EQ(DumpWithoutJournal(), ExpectedTree());
}

TEST_F(TopologyWriterTest, AZnodeBeyondZooKeepersLimitIsReportedBeforeAnythingIsWritten) {
  Topology topology = topology_;
  topology.tables[2].envs["huge"] = std::string(size_t{1024} * 1024, 'x');
  const auto store = Open();
  const auto result = Write(store.get(), topology);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(result.status().message()),
              AllOf(HasSubstr("/apps/3 (table \"split\")"), HasSubstr("jute.maxbuffer")));
  EXPECT_EQ(Dump().size(), 1u);

  topology.tables[2].app_name = "\x1b" + std::string(size_t{1024} * 1024, 'n');
  const auto of_long_name = Write(store.get(), topology);
  EXPECT_EQ(of_long_name.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(of_long_name.status().message()),
              AllOf(HasSubstr("/apps/3 (table \"\\x1bnnn"), HasSubstr("nnn...\") needs")));
  EXPECT_LT(of_long_name.status().message().size(), 500u);

  const auto in_deep_root =
      Write(store.get(), topology, kDigest, SmallBatches(), "/" + std::string(3000, 'r'));
  EXPECT_THAT(std::string(in_deep_root.status().message()),
              HasSubstr("rrr.../apps/3 (table \"\\x1bnnn"));
  EXPECT_LT(in_deep_root.status().message().size(), 500u);
}

TEST_F(TopologyWriterTest, BadArgumentsAreReportedBeforeAnythingIsWritten) {
  const auto store = Open();
  const auto bad_root = Write(store.get(), topology_, kDigest, SmallBatches(), "/pegasus/");
  EXPECT_EQ(bad_root.status().code(), absl::StatusCode::kInvalidArgument);
  Topology bad = topology_;
  bad.partitions[0].primary = 99;
  EXPECT_EQ(Write(store.get(), bad).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Write(store.get(), topology_, "").status().code(), absl::StatusCode::kInvalidArgument);
  for (const auto limit : {&ZnodeCreatorLimits::request_bytes_max, &ZnodeCreatorLimits::ops_max,
                           &ZnodeCreatorLimits::in_flight_max}) {
    TopologyWriterOptions options = SmallBatches();
    options.limits.*limit = 0;
    const auto nothing_allowed = Write(store.get(), topology_, kDigest, options);
    EXPECT_EQ(nothing_allowed.status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(store->operation_count(), 0);
}

TEST_F(TopologyWriterTest, EveryTransactionCarriesTheFence) {
  Put("/fence", "");
  TopologyWriterOptions options = SmallBatches();
  options.fence = {CheckOp{"/fence", 0}};
  int transactions = 0;
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (!call.is_write()) return std::nullopt;
    EXPECT_EQ(OpPath(call.ops->front()), "/fence");
    if (++transactions == 4) {
      asio::io_context io;
      EXPECT_TRUE(RunAlone(&io, stranger_->Set("/fence", "theirs")).ok());
    }
    return std::nullopt;
  });
  const auto result = Write(store.get(), topology_, kDigest, options);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(result.status().message()),
              AllOf(HasSubstr("the right to write (leadership) was lost"), HasSubstr("/fence"),
                    HasSubstr("nothing was written by this run since"),
                    HasSubstr("whoever leads now resumes it"), Not(HasSubstr("again to resume"))));
  EXPECT_TRUE(HasMark(result.status(), ErrorMark::kFenced));
  EXPECT_EQ(DataOf(paths_.apps()), "lock");
}

TEST_F(TopologyWriterTest, PermissionThatIsMissingIsSaid) {
  for (const StoreError error :
       {StoreError::kNoAuth, StoreError::kReadOnly, StoreError::kAuthFailed,
        StoreError::kInvalidAcl, StoreError::kClosed, StoreError::kSessionExpired}) {
    const auto store = Open([error](const StoreCall& call) -> std::optional<StoreFault> {
      if (!call.is_write()) return std::nullopt;
      return StoreFault{StoreFault::Moment::kBefore, error, false};
    });
    const auto result = Write(store.get(), topology_);
    EXPECT_EQ(StoreErrorOf(result.status()), error);
    EXPECT_FALSE(HasMark(result.status(), ErrorMark::kRefused));
    EXPECT_EQ(Dump().size(), 1u);
  }
}

TEST_F(TopologyWriterTest, AServerThatStaysAwayEndsTheRunWithinItsBudget) {
  WriteUntilTransaction(2);
  int64_t failed = 0;
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (call.index < 20) return std::nullopt;
    ++failed;
    return StoreFault();
  });
  const absl::Time before = clock_.Now();
  const auto result = Write(store.get(), topology_);
  EXPECT_EQ(StoreErrorOf(result.status()), StoreError::kConnectionLoss);
  EXPECT_THAT(std::string(result.status().message()),
              AllOf(HasSubstr("given up after 5 retries"), HasSubstr("again to resume")));
  EXPECT_LE(failed, 5 * 4 + 4);
  EXPECT_EQ(clock_.Now() - before, absl::Milliseconds(100 + 200 + 400 + 800 + 1600));
}

TEST_F(TopologyWriterTest, ACancelledRunStaysUnfinishedAndSaysHowToGoOn) {
  const auto measured = Open();
  ASSERT_TRUE(Write(measured.get(), topology_, kDigest, SmallBatches(), "/measured").ok());
  int cancelled = 0;
  for (int64_t k = 0; k < measured->operation_count(); ++k) {
    zookeeper_ = std::make_shared<testing::InMemoryZooKeeper>();
    asio::cancellation_signal cancel;
    const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
      if (call.index == k) {
        asio::post(io_, [&] { cancel.emit(asio::cancellation_type::terminal); });
      }
      return std::nullopt;
    });
    TopologyWriter writer(SmallBatches(), store.get(), &clock_, &progress_);
    const auto result = RunAlone(&io_, writer.Write(topology_, kRoot, kDigest), &cancel);
    if (result.ok()) continue;
    ++cancelled;
    EXPECT_NE(DataOf(paths_.apps()), "unlock") << "cancelled at operation " << k;
    EXPECT_EQ(result.status().code(), absl::StatusCode::kCancelled) << result.status();
    const std::string apps = DataOf(paths_.apps());
    if (apps == "lock") {
      EXPECT_THAT(std::string(result.status().message()), HasSubstr("run the same plan again"));
    }
    const auto again = Open();
    const auto resumed = Write(again.get(), topology_);
    ASSERT_TRUE(resumed.ok()) << resumed.status();
    EXPECT_EQ(DumpWithoutJournal(), ExpectedTree());
  }
  EXPECT_GT(cancelled, measured->operation_count() / 2);
}

TEST_F(TopologyWriterTest, OthersHaveTheirTurnsWhileManyZnodesAreEncoded) {
  Topology topology = SampleTopology();
  AddTable(MakeTable(4, "large", 4000), 4000, &topology);
  std::vector<int> turns_at_transaction;
  int turns = 0;
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (call.kind == "multi") turns_at_transaction.push_back(turns);
    return std::nullopt;
  });
  bool is_written = false;
  std::function<void()> take_turn = [&] {
    ++turns;
    if (!is_written) asio::post(io_, take_turn);
  };
  asio::post(io_, take_turn);
  const auto write = [&]() -> asio::awaitable<absl::StatusOr<WriteResult>> {
    TopologyWriterOptions options;  // one transaction holds 1000
    TopologyWriter writer(options, store.get(), &clock_, &progress_);
    auto written = co_await writer.Write(topology, kRoot, kDigest);
    is_written = true;
    co_return written;
  };
  ASSERT_TRUE(RunAlone(&io_, write()).ok());
  // Begin, the tables, and four times a thousand partitions.
  ASSERT_GE(turns_at_transaction.size(), 6U);
  for (size_t i = 2; i < 6; ++i) {
    EXPECT_GE(turns_at_transaction[i] - turns_at_transaction[i - 1], 1000 / 250 - 1);
  }
}

TEST_F(TopologyWriterTest, ProgressCountsUpToAllZnodes) {
  struct Recorder final : ProgressListener {
    void OnProgress(const Progress& progress) override { seen.push_back(progress); }
    std::vector<Progress> seen;
  } recorder;
  const auto store = Open();
  TopologyWriter writer(SmallBatches(), store.get(), &clock_, &recorder);
  ASSERT_TRUE(RunAlone(&io_, writer.Write(topology_, kRoot, kDigest)).ok());
  ASSERT_FALSE(recorder.seen.empty());
  int64_t written = 0;
  for (const Progress& progress : recorder.seen) {
    EXPECT_EQ(progress.total, 11);
    if (progress.phase != Phase::kWrite) continue;
    EXPECT_GE(progress.done, written);
    written = progress.done;
  }
  EXPECT_EQ(written, 11);
  EXPECT_EQ(recorder.seen.back().phase, Phase::kVerify);
  EXPECT_EQ(recorder.seen.back().done, 11);
}

}  // namespace
}  // namespace metarec
