// The end of a run: when others come to the root, when they change what is there, and when it is
// interrupted.

#include "zk_store/topology/locked_run.h"

#include <functional>
#include <optional>
#include <string>
#include <variant>

#include <asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/zk_store/client/store_world.h"
#include "zk_store/client/error_mark.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::StoreCall;
using testing::StoreFault;

class LockedRunTest : public StoreWorld {
 protected:
  // A store through which `act` is done once, just before the first transaction of partitions.
  std::unique_ptr<testing::InMemoryMetaStore> OpenAnd(std::function<void()> act) {
    return Open([this, act = std::move(act),
                 done = false](const StoreCall& call) mutable -> std::optional<StoreFault> {
      if (!done && call.is_write() && OpPath(call.ops->front()) == paths_.Partition(1, 0)) {
        done = true;
        act();
      }
      return std::nullopt;
    });
  }

  // A store that does `act` at the transaction that unlocks, and fails as that says.
  std::unique_ptr<testing::InMemoryMetaStore> OpenWithUnlock(
      std::function<std::optional<StoreFault>()> act) {
    return Open([this, act = std::move(act)](const StoreCall& call) -> std::optional<StoreFault> {
      if (!call.is_write()) return std::nullopt;
      const auto* set = std::get_if<SetOp>(&call.ops->back());
      return set != nullptr && set->path == paths_.apps() ? act() : std::nullopt;
    });
  }

  void PutCandidate(const std::string& lock_root, const std::string& name) {
    asio::io_context io;
    const std::string directory = lock_root + "/dsn.meta.server.leader";
    if (DataOf(lock_root) == "(absent)") {
      ASSERT_TRUE(RunAlone(&io, stranger_->Create(lock_root, "")).ok());
    }
    ASSERT_TRUE(RunAlone(&io, stranger_->Create(directory, "")).ok());
    ASSERT_TRUE(RunAlone(&io, stranger_->Create(directory + "/LOCKNODE", name,
                                                CreateMode::kEphemeralSequential))
                    .ok());
  }
  void PutMeanwhile(const std::string& path) {
    asio::io_context io;
    EXPECT_TRUE(RunAlone(&io, stranger_->Create(path, "theirs")).ok());
  }
  void SetMeanwhile(const std::string& path, const std::string& data) {
    asio::io_context io;
    EXPECT_TRUE(RunAlone(&io, stranger_->Set(path, data)).ok());
  }
  void DeleteMeanwhile(const std::string& path) {
    asio::io_context io;
    EXPECT_TRUE(RunAlone(&io, stranger_->Delete(path)).ok());
  }

  static std::string MessageOf(const absl::StatusOr<WriteResult>& result) {
    EXPECT_TRUE(HasMark(result.status(), ErrorMark::kDisturbed)) << result.status();
    return std::string(result.status().message());
  }

  const Topology topology_ = SampleTopology();
  const ClusterPaths paths_{kRoot};
};

TEST_F(LockedRunTest, AStrangersZnodeKeepsItLockedUntilItIsRemoved) {
  const std::string mine = absl::StrCat(kRoot, "/mine");
  const auto store = OpenAnd([&] { PutMeanwhile(mine); });
  EXPECT_THAT(
      MessageOf(Write(store.get(), topology_)),
      AllOf(HasSubstr("ends without unlocking /pegasus/recovered/apps"),
            HasSubstr("it holds /pegasus/recovered/mine"), HasSubstr("/apps stays locked"),
            HasSubstr("run the same plan again, which resumes it"), Not(HasSubstr("deleteall"))));
  EXPECT_EQ(DataOf(paths_.apps()), "lock");
  DeleteMeanwhile(mine);
  const auto again = Open();
  const auto resumed = Write(again.get(), topology_);
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_TRUE(resumed->resumed);
  EXPECT_EQ(DataOf(paths_.apps()), "unlock");
}

TEST_F(LockedRunTest, AMetaServerThatComesMeanwhileKeepsItLocked) {
  for (const std::string lock_root : {"", "/lock"}) {
    zookeeper_ = std::make_shared<testing::InMemoryZooKeeper>();
    stranger_ = Open();
    const auto store = OpenAnd([&] { PutCandidate(kRoot + lock_root, "meta1:34601"); });
    EXPECT_THAT(
        MessageOf(Write(store.get(), topology_)),
        AllOf(HasSubstr("a meta server lives there; stop it first"),
              HasSubstr("LOCKNODE0000000000 is \"meta1:34601\""), HasSubstr("/apps stays locked")));
    EXPECT_EQ(DataOf(paths_.apps()), "lock");
  }
}

TEST_F(LockedRunTest, AMetaServerThatComesToAnotherLockRootKeepsItLocked) {
  TopologyWriterOptions options = SmallBatches();
  options.inspection.lock_root = "/locks";
  const auto store = OpenAnd([&] { PutCandidate("/locks", "meta1:34601"); });
  EXPECT_THAT(MessageOf(Write(store.get(), topology_, kDigest, options)),
              HasSubstr("LOCKNODE0000000000 is \"meta1:34601\""));
  EXPECT_EQ(DataOf(paths_.apps()), "lock");
}

TEST_F(LockedRunTest, ADeletedJournalIsSaid) {
  const auto store = OpenAnd([&] { DeleteMeanwhile(paths_.journal()); });
  EXPECT_THAT(MessageOf(Write(store.get(), topology_)),
              AllOf(HasSubstr("deleted or replaced /pegasus/recovered/metarec_journal"),
                    HasSubstr("/apps stays locked"), HasSubstr("give another root"),
                    Not(HasSubstr("resume"))));
  EXPECT_EQ(DataOf(paths_.apps()), "lock");
}

TEST_F(LockedRunTest, AJournalDeletedAtTheLastMomentIsSaid) {
  const auto store = OpenWithUnlock([&] {
    DeleteMeanwhile(paths_.journal());
    return std::nullopt;
  });
  EXPECT_THAT(MessageOf(Write(store.get(), topology_)),
              AllOf(HasSubstr("deleted or replaced /pegasus/recovered/metarec_journal"),
                    HasSubstr("give another root")));
  EXPECT_EQ(DataOf(paths_.apps()), "lock");
}

TEST_F(LockedRunTest, ADeletedTableIsSaid) {
  const auto store = OpenAnd([&] { DeleteMeanwhile(paths_.App(1)); });
  EXPECT_THAT(MessageOf(Write(store.get(), topology_)),
              AllOf(HasSubstr("somebody else deleted what this run had written"),
                    HasSubstr("/apps stays locked")));
}

TEST_F(LockedRunTest, ARunThatWasHeldUpWritesNothingIntoWhatAnotherOneHasFinished) {
  const auto other = Open();
  const auto store = OpenAnd([&] {
    asio::io_context io;
    TopologyWriter writer(SmallBatches(), other.get(), &clock_, &progress_);
    EXPECT_TRUE(RunAlone(&io, writer.Write(topology_, kRoot, kDigest)).ok());
    DeleteMeanwhile(paths_.Partition(1, 0));  // as the meta server that boots from it may
  });
  const auto result = Write(store.get(), topology_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->journal.finished);
  EXPECT_EQ(DataOf(paths_.apps()), "unlock");
  EXPECT_EQ(DataOf(paths_.Partition(1, 0)), "(absent)");
}

TEST_F(LockedRunTest, AppsUnlockedBySomebodyElseIsToldWithItsDanger) {
  const auto store = OpenAnd([&] { SetMeanwhile(paths_.apps(), "unlock"); });
  EXPECT_THAT(MessageOf(Write(store.get(), topology_)),
              AllOf(HasSubstr("/apps says \"unlock\", which does not belong to this run"),
                    HasSubstr("a meta server may start from it"),
                    HasSubstr("Make sure that none does"), Not(HasSubstr("stays locked"))));
}

TEST_F(LockedRunTest, AppsUnlockedAtTheLastMomentIsToldToo) {
  const auto store = OpenWithUnlock([&] {
    SetMeanwhile(paths_.apps(), "unlock");
    return std::nullopt;
  });
  EXPECT_THAT(MessageOf(Write(store.get(), topology_)),
              AllOf(HasSubstr("/apps says \"unlock\", which does not belong to this run"),
                    HasSubstr("Make sure that none does"), Not(HasSubstr("stays locked"))));
}

TEST_F(LockedRunTest, AnotherPlansRunThatIsFinishedMeanwhileIsNotTakenForOurs) {
  const auto store = OpenAnd([&] {
    Journal theirs;
    theirs.plan_digest = "sha256:other";
    theirs.finished = true;
    SetMeanwhile(paths_.journal(), EncodeJournal(theirs));
    SetMeanwhile(paths_.apps(), "unlock");
  });
  EXPECT_THAT(MessageOf(Write(store.get(), topology_)),
              HasSubstr("/apps says \"unlock\", which does not belong to this run"));
}

// Found by the simulation: it said that nothing was written.
TEST_F(LockedRunTest, ABeginningWithoutAnswerBesideAStrangersZnodeIsSaid) {
  const std::string mine = absl::StrCat(kRoot, "/mine");
  bool begun = false;
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (begun && DataOf(mine) == "(absent)") PutMeanwhile(mine);
    if (begun || !call.is_write()) return std::nullopt;
    begun = true;
    return StoreFault{StoreFault::Moment::kAfter};
  });
  EXPECT_THAT(MessageOf(Write(store.get(), topology_)),
              AllOf(HasSubstr("it holds /pegasus/recovered/mine"),
                    HasSubstr("This run had begun there"), Not(HasSubstr("Nothing was written"))));
  DeleteMeanwhile(mine);
  const auto again = Open();
  EXPECT_TRUE(Write(again.get(), topology_).ok());
}

// Likewise.
TEST_F(LockedRunTest, ABeginningWithoutAnswerWhoseJournalIsDeletedIsSaid) {
  bool begun = false;
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (begun && DataOf(paths_.journal()) != "(absent)") DeleteMeanwhile(paths_.journal());
    if (begun || !call.is_write()) return std::nullopt;
    begun = true;
    return StoreFault{StoreFault::Moment::kAfter};
  });
  EXPECT_THAT(MessageOf(Write(store.get(), topology_)),
              AllOf(HasSubstr("This run may have begun there"), Not(HasSubstr("Nothing was"))));
  EXPECT_EQ(DataOf(paths_.apps()), "lock");
}

// Found by the simulation: the advice was to delete what another process had just finished.
TEST_F(LockedRunTest, WhoCannotLookWhoItWasAdvisesToDeleteNothing) {
  bool finished = false;
  const auto other = Open();
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (!finished && call.is_write() && OpPath(call.ops->front()) == paths_.Partition(1, 0)) {
      finished = true;
      asio::io_context io;
      TopologyWriter writer(SmallBatches(), other.get(), &clock_, &progress_);
      EXPECT_TRUE(RunAlone(&io, writer.Write(topology_, kRoot, kDigest)).ok());
    }
    if (!finished || call.kind != "get" || call.path != kRoot) return std::nullopt;
    return StoreFault{StoreFault::Moment::kBefore, StoreError::kSessionExpired};
  });
  EXPECT_THAT(std::string(Write(store.get(), topology_).status().message()),
              AllOf(HasSubstr("could not be read"), HasSubstr("run the same plan again"),
                    Not(HasSubstr("deleteall"))));
  EXPECT_EQ(DataOf(paths_.apps()), "unlock");
}

// Found by the simulation: a run that had unlocked the tree said that it had not.
TEST_F(LockedRunTest, WhatWasUnlockedUnansweredAndIsLockedAgainMayHaveBeenFinished) {
  for (const auto moment : {StoreFault::Moment::kBefore, StoreFault::Moment::kAfter}) {
    zookeeper_ = std::make_shared<testing::InMemoryZooKeeper>();
    stranger_ = Open();
    bool lost = false;
    const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
      if (std::exchange(lost, false)) SetMeanwhile(paths_.apps(), "lock");
      if (!call.is_write() || !std::holds_alternative<SetOp>(call.ops->back())) return std::nullopt;
      lost = true;
      return StoreFault{moment};
    });
    const absl::Status status = Write(store.get(), topology_).status();
    EXPECT_TRUE(HasMark(status, ErrorMark::kDisturbed)) << status;
    EXPECT_EQ(HasMark(status, ErrorMark::kMayBeFinished), moment == StoreFault::Moment::kAfter)
        << status;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("somebody else wrote into"),
                      HasSubstr(moment == StoreFault::Moment::kAfter ? "may be finished"
                                                                     : "without unlocking")));
  }
}

TEST_F(LockedRunTest, OneLookThatFindsItFinishedIsEnough) {
  bool lost = false;
  int looks = 0;
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (lost && call.kind == "sync" && ++looks > 1) {
      return StoreFault{StoreFault::Moment::kBefore, StoreError::kSessionExpired, true};
    }
    if (!call.is_write() || !std::holds_alternative<SetOp>(call.ops->back())) return std::nullopt;
    lost = true;
    return StoreFault{StoreFault::Moment::kAfter};
  });
  const auto result = Write(store.get(), topology_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->journal.finished);
  EXPECT_EQ(looks, 1);
}

TEST_F(LockedRunTest, ACancellationDuringTheLastTransactionIsTooLate) {
  for (const bool at_once : {false, true}) {  // or together with the answer
    zookeeper_ = std::make_shared<testing::InMemoryZooKeeper>();
    asio::cancellation_signal cancel;
    const auto emit = [&] { cancel.emit(asio::cancellation_type::terminal); };
    const auto store = OpenWithUnlock([&] {
      at_once ? emit() : asio::post(io_, emit);
      return std::nullopt;
    });
    TopologyWriter writer(SmallBatches(), store.get(), &clock_, &progress_);
    const auto result = RunAlone(&io_, writer.Write(topology_, kRoot, kDigest), &cancel);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_TRUE(result->journal.finished);
    EXPECT_EQ(DataOf(paths_.apps()), "unlock");
  }
}

TEST_F(LockedRunTest, AnUnansweredLastTransactionMayHaveBeenExecuted) {
  for (const bool cancelled : {true, false}) {
    for (const auto moment : {StoreFault::Moment::kBefore, StoreFault::Moment::kAfter}) {
      zookeeper_ = std::make_shared<testing::InMemoryZooKeeper>();
      asio::cancellation_signal cancel;
      const auto store = OpenWithUnlock([&] {
        if (cancelled) asio::post(io_, [&] { cancel.emit(asio::cancellation_type::terminal); });
        return StoreFault{moment, StoreError::kConnectionLoss, true};
      });
      TopologyWriter writer(SmallBatches(), store.get(), &clock_, &progress_);
      const auto result = RunAlone(&io_, writer.Write(topology_, kRoot, kDigest), &cancel);
      EXPECT_EQ(absl::IsCancelled(result.status()), cancelled) << result.status();
      EXPECT_TRUE(HasMark(result.status(), ErrorMark::kMayBeFinished));
      EXPECT_THAT(std::string(result.status().message()),
                  AllOf(HasSubstr("the run may be finished and a meta server may start from it"),
                        Not(HasSubstr("is locked"))));
      const bool executed = moment == StoreFault::Moment::kAfter;
      EXPECT_EQ(DataOf(paths_.apps()), executed ? "unlock" : "lock");
      const auto again = Open();
      const auto resumed = Write(again.get(), topology_);
      ASSERT_TRUE(resumed.ok()) << resumed.status();
      EXPECT_EQ(resumed->already_finished, executed);
    }
  }
}

}  // namespace
}  // namespace metarec
