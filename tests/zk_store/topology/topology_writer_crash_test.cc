// The writer, killed or disturbed at every operation there is.

#include <set>
#include <string>
#include <variant>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/zk_store/client/store_world.h"
#include "zk_store/client/error_mark.h"

namespace metarec {
namespace {

using testing::StoreCall;
using testing::StoreFault;

class TopologyWriterCrashTest : public StoreWorld {
 protected:
  void SetUp() override {
    const auto store = Open();
    const auto result = Write(store.get(), topology_);
    ASSERT_TRUE(result.ok()) << result.status();
    operations_ = store->operation_count();
    undisturbed_ = WithoutTimes(Dump());
  }

  void StartAfresh() { zookeeper_ = std::make_shared<testing::InMemoryZooKeeper>(); }

  // A store that fails at its `k`-th operation.
  std::unique_ptr<testing::InMemoryMetaStore> FailingAt(int64_t k, StoreFault fault) {
    return Open([k, fault](const StoreCall& call) {
      return call.index == k ? std::optional<StoreFault>(fault) : std::nullopt;
    });
  }

  // The journal's times differ between runs.
  Tree WithoutTimes(Tree tree) const {
    const auto journal = tree.find(paths_.journal());
    if (journal == tree.end()) return tree;
    auto decoded = DecodeJournal(journal->first, journal->second);
    EXPECT_TRUE(decoded.ok()) << decoded.status();
    decoded->started_at = decoded->finished_at = "";
    journal->second = EncodeJournal(*decoded);
    return tree;
  }

  static std::string NameOf(int64_t k, StoreFault fault) {
    return absl::StrCat(StoreErrorName(fault.error),
                        fault.moment == StoreFault::Moment::kBefore ? " before " : " after ",
                        "operation ", k);
  }

  const Topology topology_ = SampleTopology();
  const ClusterPaths paths_{kRoot};
  int64_t operations_ = 0;
  Tree undisturbed_;
};

constexpr StoreFault::Moment kMoments[] = {StoreFault::Moment::kBefore, StoreFault::Moment::kAfter};

TEST_F(TopologyWriterCrashTest, KilledAnywhereTheSamePlanGoesOnToTheSameTree) {
  ASSERT_GE(operations_, 20);
  for (int64_t k = 0; k < operations_; ++k) {
    for (const auto moment : kMoments) {
      const StoreFault death{moment, StoreError::kSessionExpired, true};
      SCOPED_TRACE(NameOf(k, death));
      StartAfresh();
      const auto first = FailingAt(k, death);
      EXPECT_FALSE(Write(first.get(), topology_).ok());
      const std::string apps = DataOf(paths_.apps());
      EXPECT_TRUE(apps == "(absent)" || apps == "lock" || WithoutTimes(Dump()) == undisturbed_)
          << apps;
      const auto second = Open();
      const auto result = Write(second.get(), topology_);
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_EQ(WithoutTimes(Dump()), undisturbed_);
    }
  }
}

TEST_F(TopologyWriterCrashTest, KilledAnywhereAnotherPlanIsRefusedAndChangesNothing) {
  int refused = 0;
  for (int64_t k = 0; k < operations_; ++k) {
    for (const auto moment : kMoments) {
      const StoreFault death{moment, StoreError::kSessionExpired, true};
      SCOPED_TRACE(NameOf(k, death));
      StartAfresh();
      const auto first = FailingAt(k, death);
      EXPECT_FALSE(Write(first.get(), topology_).ok());
      if (DataOf(paths_.apps()) == "(absent)") continue;  // nothing was written yet
      const auto before = zookeeper_->Dump();
      const auto second = Open();
      const auto result = Write(second.get(), topology_, "sha256:another");
      EXPECT_TRUE(HasMark(result.status(), ErrorMark::kRefused)) << result.status();
      EXPECT_EQ(zookeeper_->Dump(), before);
      ++refused;
    }
  }
  EXPECT_GT(refused, operations_);
}

TEST_F(TopologyWriterCrashTest, KilledTwiceStillEndsInTheSameTree) {
  for (int64_t k = 0; k < operations_; k += 3) {
    for (int64_t j = 0; j < operations_; j += 5) {
      SCOPED_TRACE(absl::StrCat("killed at ", k, ", then at ", j));
      StartAfresh();
      const StoreFault death{StoreFault::Moment::kAfter, StoreError::kSessionExpired, true};
      const auto first = FailingAt(k, death);
      const auto second = FailingAt(j, death);
      EXPECT_FALSE(Write(first.get(), topology_).ok());
      (void)Write(second.get(), topology_);  // may get through when little was left
      const auto third = Open();
      const auto result = Write(third.get(), topology_);
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_EQ(WithoutTimes(Dump()), undisturbed_);
    }
  }
}

TEST_F(TopologyWriterCrashTest, AnAnswerLostAnywhereIsReadBackAndTheRunGoesOn) {
  for (const StoreError error :
       {StoreError::kConnectionLoss, StoreError::kOperationTimeout, StoreError::kUnknown}) {
    for (int64_t k = 0; k < operations_; ++k) {
      for (const auto moment : kMoments) {
        const StoreFault fault{moment, error, false};
        SCOPED_TRACE(NameOf(k, fault));
        StartAfresh();
        const auto store = FailingAt(k, fault);
        const auto result = Write(store.get(), topology_);
        ASSERT_TRUE(result.ok()) << result.status();
        EXPECT_FALSE(result->resumed);
        EXPECT_EQ(result->znodes_created + result->znodes_found, 11);
        EXPECT_EQ(WithoutTimes(Dump()), undisturbed_);
      }
    }
  }
}

TEST_F(TopologyWriterCrashTest, WhatWasCreatedIsNeverSentAgain) {
  constexpr int kTransactions = 6;
  for (int lost = 0; lost < kTransactions; ++lost) {
    SCOPED_TRACE(lost);
    StartAfresh();
    int sent = 0;
    std::set<std::string> created;
    const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
      if (!call.is_write()) return std::nullopt;
      for (const StoreOp& op : *call.ops) {
        if (!std::holds_alternative<CreateOp>(op)) continue;
        EXPECT_TRUE(created.insert(OpPath(op)).second) << OpPath(op);
      }
      if (sent++ != lost) return std::nullopt;
      return StoreFault{StoreFault::Moment::kAfter};
    });
    ASSERT_TRUE(Write(store.get(), topology_).ok());
    EXPECT_GE(sent, kTransactions);
  }
}

TEST_F(TopologyWriterCrashTest, AfterAnErrorNothingMoreIsSent) {
  TopologyWriterOptions options = SmallBatches();
  options.limits.ops_max = 1;
  options.limits.in_flight_max = 1;  // the others wait for the answer
  StartAfresh();
  int sent = 0;
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (!call.is_write() || ++sent < 7) return std::nullopt;
    return StoreFault{StoreFault::Moment::kBefore, StoreError::kNoAuth, false};
  });
  EXPECT_FALSE(Write(store.get(), topology_, kDigest, options).ok());
  EXPECT_EQ(sent, 7);
}

TEST_F(TopologyWriterCrashTest, WithoutSessionOrPermissionNothingIsTriedAgain) {
  for (const StoreError error : {StoreError::kSessionExpired, StoreError::kClosed,
                                 StoreError::kNoAuth, StoreError::kReadOnly}) {
    for (int64_t k = 0; k < operations_; ++k) {
      const StoreFault fault{StoreFault::Moment::kBefore, error, true};
      SCOPED_TRACE(NameOf(k, fault));
      StartAfresh();
      const auto store = FailingAt(k, fault);
      const absl::Time before = clock_.Now();
      EXPECT_EQ(StoreErrorOf(Write(store.get(), topology_).status()), error);
      EXPECT_EQ(clock_.Now(), before);
    }
  }
}

TEST_F(TopologyWriterCrashTest, EveryOtherErrorAnywhereEndsTheRunLockedOrIsOutlasted) {
  for (const StoreError error :
       {StoreError::kNoNode, StoreError::kNodeExists, StoreError::kBadVersion,
        StoreError::kNotEmpty, StoreError::kNoChildrenForEphemerals, StoreError::kNoAuth,
        StoreError::kAuthFailed, StoreError::kInvalidAcl, StoreError::kReadOnly,
        StoreError::kTooLarge, StoreError::kBadArguments, StoreError::kSessionExpired,
        StoreError::kClosed, StoreError::kRuntimeInconsistency}) {
    for (int64_t k = 0; k < operations_; ++k) {
      const StoreFault fault{StoreFault::Moment::kBefore, error, false};
      SCOPED_TRACE(NameOf(k, fault));
      StartAfresh();
      const auto store = FailingAt(k, fault);
      const auto result = Write(store.get(), topology_);
      if (result.ok()) {
        EXPECT_EQ(WithoutTimes(Dump()), undisturbed_);
        continue;
      }
      EXPECT_NE(DataOf(paths_.apps()), "unlock");
      const auto again = Open();
      const auto resumed = Write(again.get(), topology_);
      ASSERT_TRUE(resumed.ok()) << resumed.status();
      EXPECT_EQ(WithoutTimes(Dump()), undisturbed_);
    }
  }
}

TEST_F(TopologyWriterCrashTest, ManyLostAnswersAreOutlasted) {
  StartAfresh();
  const auto store = Open([](const StoreCall& call) -> std::optional<StoreFault> {
    // Two of seven, in no step with any loop of the writer.
    if (call.index % 7 % 3 != 2) return std::nullopt;
    return StoreFault{
        call.index % 2 == 0 ? StoreFault::Moment::kBefore : StoreFault::Moment::kAfter,
        StoreError::kConnectionLoss, false};
  });
  TopologyWriterOptions options = SmallBatches();
  options.retry.incidents_max = 100;
  const auto result = Write(store.get(), topology_, kDigest, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(WithoutTimes(Dump()), undisturbed_);
}

TEST_F(TopologyWriterCrashTest, TwoRunsOfOnePlanSideBySideEndInTheSameTree) {
  for (uint32_t turn = 0; turn < 8; ++turn) {
    StartAfresh();
    const auto store_a = Open();
    const auto store_b = Open();
    TopologyWriterOptions options_b = SmallBatches();
    options_b.limits.ops_max = 1 + turn;
    TopologyWriter a(SmallBatches(), store_a.get(), &clock_, &progress_);
    TopologyWriter b(options_b, store_b.get(), &clock_, &progress_);
    std::optional<absl::StatusOr<WriteResult>> result_a;
    std::optional<absl::StatusOr<WriteResult>> result_b;
    asio::co_spawn(io_, StoreResult(a.Write(topology_, kRoot, kDigest), &result_a),
                   [](std::exception_ptr) {});
    asio::co_spawn(io_, StoreResult(b.Write(topology_, kRoot, kDigest), &result_b),
                   [](std::exception_ptr) {});
    io_.restart();
    io_.run();
    ASSERT_TRUE((*result_a).ok()) << (*result_a).status();
    ASSERT_TRUE((*result_b).ok()) << (*result_b).status();
    EXPECT_EQ(WithoutTimes(Dump()), undisturbed_);
  }
}

}  // namespace
}  // namespace metarec
