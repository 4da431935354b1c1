// The election: in memory, and on a real ZooKeeper.

#include "zk_store/election/leader_lock.h"

#include <chrono>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/runtime/system_clock.h"
#include "testing/zookeeper_server.h"
#include "tests/zk_store/election/contender.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/zookeeper_meta_store.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::StoreCall;
using testing::StoreFault;

class LeaderLockTest : public ElectionWorld {
 protected:
  static std::string CandidatePath(int sequence) {
    return absl::StrCat(kLockDirectory, "/LOCKNODE", absl::Dec(sequence, absl::kZeroPad10));
  }
  void PutDirectory() {
    for (const char* path : {"/pegasus", "/pegasus/recovered", kLockRoot, kLockDirectory}) {
      Put(path, "");
    }
  }
};

TEST_F(LeaderLockTest, TheOnlyCandidateLeads) {
  Contender& a = Enter("a:34601");
  ASSERT_TRUE(a.acquired().has_value());
  EXPECT_TRUE(a.acquired()->ok()) << *a.acquired();
  EXPECT_EQ(a.lock().leader(), (LockLeader{"a:34601", CandidatePath(0), true}));
  EXPECT_EQ(a.lock().znode_path(), CandidatePath(0));
  ASSERT_EQ(a.lock().Fence().size(), 1u);
  EXPECT_EQ(OpPath(a.lock().Fence()[0]), CandidatePath(0));
  const Tree expected = {{"/", ""},       {"/pegasus", ""},     {"/pegasus/recovered", ""},
                         {kLockRoot, ""}, {kLockDirectory, ""}, {CandidatePath(0), "a:34601"}};
  EXPECT_EQ(Dump(), expected);
  for (const auto& node : zookeeper_->Dump()) {
    EXPECT_EQ(node.ephemeral, node.path == CandidatePath(0)) << node.path;
  }
}

TEST_F(LeaderLockTest, CandidatesLeadInTheOrderOfTheirArrival) {
  Contender& a = Enter("a:1");
  Contender& b = Enter("b:1");
  Contender& c = Enter("c:1");
  EXPECT_THAT(Candidates(), ElementsAre("a:1", "b:1", "c:1"));
  EXPECT_TRUE(a.leads());
  for (const Contender* waiting : {&b, &c}) {
    EXPECT_FALSE(waiting->acquired().has_value());
    EXPECT_EQ(waiting->LeaderName(), "a:1");
    EXPECT_FALSE(waiting->leads());
  }
  EXPECT_THAT(b.lock().Fence(), IsEmpty());

  a.Release();
  Settle();
  EXPECT_TRUE(a.released()->ok()) << *a.released();
  EXPECT_FALSE(a.leads());
  EXPECT_TRUE(b.leads());
  EXPECT_EQ(c.LeaderName(), "b:1");

  Expire(&b);
  EXPECT_TRUE(c.leads());
  EXPECT_THAT(Candidates(), ElementsAre("c:1"));
  EXPECT_THAT(c.seen(), ElementsAre("a:1", "b:1", "c:1"));
}

TEST_F(LeaderLockTest, AWaitingCandidateThatGoesChangesNothingForTheOthers) {
  Contender& a = Enter("a:1");
  Contender& b = Enter("b:1");
  Contender& c = Enter("c:1");
  Expire(&b);
  ASSERT_TRUE(b.acquired().has_value());
  EXPECT_EQ(StoreErrorOf(*b.acquired()), StoreError::kSessionExpired);
  EXPECT_EQ(b.LeaderName(), "nobody");
  EXPECT_TRUE(a.leads());
  EXPECT_FALSE(c.acquired().has_value());
  a.CloseSession();
  Settle();
  EXPECT_TRUE(c.leads());
}

TEST_F(LeaderLockTest, AStockLeaderIsWaitedForAndNamed) {
  PutDirectory();
  Put(absl::StrCat(kLockDirectory, "/LOCKNODE"), "stock:34601", CreateMode::kEphemeralSequential);
  Contender& a = Enter("a:1");
  EXPECT_EQ(a.lock().leader(), (LockLeader{"stock:34601", CandidatePath(0), false}));
  Remove(CandidatePath(0));
  Settle();
  EXPECT_TRUE(a.leads());
}

TEST_F(LeaderLockTest, OtherNamesInTheDirectoryMeanNothing) {
  PutDirectory();
  for (const char* name : {"LOCKNODE", "LOCKNODEx", "LOCKNODE-1", "A0000000000", "locknode0"}) {
    Put(absl::StrCat(kLockDirectory, "/", name), "stranger:1");
  }
  EXPECT_TRUE(Enter("a:1").leads());
}

TEST_F(LeaderLockTest, NumbersDecideNotTheOrderOfTheText) {
  PutDirectory();
  Put(absl::StrCat(kLockDirectory, "/LOCKNODE10000000000"), "far:1");
  Contender& a = Enter("a:1");
  EXPECT_TRUE(a.leads());
}

TEST_F(LeaderLockTest, ACandidateIntoWhichSomebodyWroteBeforeItWasReadIsMadeAnew) {
  bool overwritten = false;
  Contender& a = Enter("a:1", [&](const StoreCall& call) -> std::optional<StoreFault> {
    if (call.kind == "get" && call.path == CandidatePath(0) && !std::exchange(overwritten, true)) {
      Overwrite(CandidatePath(0), "impostor:1");
    }
    return std::nullopt;
  });
  Settle();
  EXPECT_TRUE(overwritten);
  EXPECT_TRUE(a.leads());
  EXPECT_THAT(Candidates(), ElementsAre("a:1"));
}

TEST_F(LeaderLockTest, AnOperationThatFailsAnywhereLeavesOneCandidateWhoLeads) {
  Contender& undisturbed = Enter("a:1");
  ASSERT_TRUE(undisturbed.leads());
  const int64_t operations =
      static_cast<testing::InMemoryMetaStore*>(undisturbed.store())->operation_count();
  EXPECT_GE(operations, 10);
  for (const StoreError error :
       {StoreError::kConnectionLoss, StoreError::kOperationTimeout, StoreError::kUnknown}) {
    for (const auto moment : {StoreFault::Moment::kBefore, StoreFault::Moment::kAfter}) {
      for (int64_t k = 0; k < operations; ++k) {
        SCOPED_TRACE(absl::StrCat(StoreErrorName(error), " at ", k,
                                  moment == StoreFault::Moment::kAfter ? ", executed" : ""));
        zookeeper_ = std::make_shared<testing::InMemoryZooKeeper>();
        Contender& a = Enter("a:1", [=](const StoreCall& call) -> std::optional<StoreFault> {
          if (call.index != k) return std::nullopt;
          return StoreFault{moment, error, false};
        });
        EXPECT_TRUE(a.leads());
        EXPECT_THAT(Candidates(), ElementsAre("a:1"));
        a.Release();
        Settle();
        EXPECT_THAT(Candidates(), IsEmpty());
      }
    }
  }
}

TEST_F(LeaderLockTest, ACandidateOfTheSameSessionIsGoneOnWith) {
  Contender& a = Enter("a:1");
  Contender& b = Enter("b:1");
  b.Cancel();
  Settle();
  ASSERT_TRUE(b.acquired().has_value());
  EXPECT_TRUE(absl::IsCancelled(*b.acquired())) << *b.acquired();
  EXPECT_THAT(Candidates(), ElementsAre("a:1", "b:1"));
  b.Acquire();
  Settle();
  EXPECT_THAT(Candidates(), ElementsAre("a:1", "b:1"));
  a.Release();
  Settle();
  EXPECT_TRUE(b.leads());
}

TEST_F(LeaderLockTest, ACancelledCreationIsNotForgotten) {
  Enter("a:1");
  Contender* b = nullptr;
  contenders_.push_back(std::make_unique<Contender>(
      &io_, &clock_, Open([&](const StoreCall& call) -> std::optional<StoreFault> {
        if (call.is_write() && b != nullptr) std::exchange(b, nullptr)->Cancel();
        return std::nullopt;
      }),
      Options("b:1")));
  b = contenders_.back().get();
  Contender& cancelled = *b;
  cancelled.Acquire();
  Settle();
  EXPECT_TRUE(absl::IsCancelled(*cancelled.acquired())) << *cancelled.acquired();
  cancelled.Acquire();
  Settle();
  EXPECT_THAT(Candidates(), ElementsAre("a:1", "b:1"));
  cancelled.Cancel();
  Settle();
  cancelled.Release();
  Settle();
  EXPECT_TRUE(cancelled.released()->ok());
  EXPECT_THAT(Candidates(), ElementsAre("a:1"));
}

TEST_F(LeaderLockTest, ALeaderWhoseZnodeIsDeletedLearnsItAndTheNextOneLeads) {
  Contender& a = Enter("a:1");
  Contender& b = Enter("b:1");
  a.AwaitLoss();
  Settle();
  EXPECT_FALSE(a.lost().has_value());
  Remove(CandidatePath(0));
  Settle();
  ASSERT_TRUE(a.lost().has_value());
  EXPECT_EQ(a.lost()->code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(a.lost()->message()), HasSubstr("LOCKNODE0000000000 was deleted"));
  EXPECT_EQ(a.LeaderName(), "nobody");
  EXPECT_THAT(a.lock().Fence(), IsEmpty());
  EXPECT_TRUE(b.leads());

  a.Release();
  Settle();
  a.Acquire();
  Settle();
  EXPECT_EQ(a.LeaderName(), "b:1");
  EXPECT_THAT(Candidates(), ElementsAre("b:1", "a:1"));
}

TEST_F(LeaderLockTest, ALeaderIntoWhoseZnodeSomebodyWritesStepsDown) {
  Contender& a = Enter("a:1");
  Contender& b = Enter("b:1");
  a.AwaitLoss();
  Settle();
  Overwrite(CandidatePath(0), "impostor:1");
  Settle();
  EXPECT_EQ(b.LeaderName(), "impostor:1");
  ASSERT_TRUE(a.lost().has_value());
  EXPECT_THAT(std::string(a.lost()->message()), HasSubstr("somebody wrote into"));
  a.Release();
  Settle();
  EXPECT_TRUE(b.leads());
}

TEST_F(LeaderLockTest, ALeaderWhoseSessionEndsLearnsIt) {
  Contender& expired = Enter("a:1");
  expired.AwaitLoss();
  Settle();
  Expire(&expired);
  ASSERT_TRUE(expired.lost().has_value());
  EXPECT_EQ(expired.lost()->code(), absl::StatusCode::kAborted);
  EXPECT_THAT(expired.seen(), ElementsAre("a:1", "nobody"));
  expired.Release();
  Settle();
  EXPECT_TRUE(expired.released()->ok()) << *expired.released();

  Contender& closed = Enter("b:1");
  EXPECT_TRUE(closed.leads());
  closed.AwaitLoss();
  Settle();
  closed.CloseSession();
  Settle();
  ASSERT_TRUE(closed.lost().has_value());
  EXPECT_FALSE(closed.leads());
}

TEST_F(LeaderLockTest, AwaitingTheLossOfWhatIsNotHeldEndsAtOnce) {
  Enter("a:1");
  Contender& b = Enter("b:1");
  b.Cancel();
  Settle();
  b.AwaitLoss();
  Settle();
  ASSERT_TRUE(b.lost().has_value());
  EXPECT_EQ(b.lost()->code(), absl::StatusCode::kAborted);
}

TEST_F(LeaderLockTest, ACancelledWaitForTheLossLosesNothing) {
  Contender& a = Enter("a:1");
  a.AwaitLoss();
  Settle();
  a.Cancel();
  Settle();
  EXPECT_TRUE(absl::IsCancelled(*a.lost())) << *a.lost();
  EXPECT_TRUE(a.leads());
}

TEST_F(LeaderLockTest, AWaitingCandidateThatWasDeletedEntersAgain) {
  Contender& a = Enter("a:1");
  Contender& b = Enter("b:1");
  Remove(CandidatePath(1));
  a.Release();
  Settle();
  EXPECT_TRUE(b.leads());
  EXPECT_EQ(b.lock().znode_path(), CandidatePath(2));
}

TEST_F(LeaderLockTest, ACandidateThatIsDeletedAgainAndAgainGivesUp) {
  const auto& a = Enter("a:1", [this](const StoreCall& call) -> std::optional<StoreFault> {
    if (call.kind != "children") return std::nullopt;
    for (const auto& node : zookeeper_->Dump(kLockDirectory)) {
      if (node.path != kLockDirectory) Remove(node.path);
    }
    return std::nullopt;
  });
  ASSERT_TRUE(a.acquired().has_value());
  EXPECT_THAT(std::string(a.acquired()->message()),
              ::testing::AllOf(HasSubstr("somebody deletes our candidates"),
                               HasSubstr("given up after 5 retries")));
}

TEST_F(LeaderLockTest, AServerThatIsAwayForAWhileIsOutlasted) {
  Contender& a = Enter("a:1");
  Contender& b = Enter("b:1");
  a.AwaitLoss();
  Settle();
  zookeeper_->StopServing();
  Settle();
  zookeeper_->Serve();
  Settle();
  EXPECT_TRUE(a.leads());
  EXPECT_FALSE(a.lost().has_value());
  EXPECT_EQ(b.LeaderName(), "a:1");
  Remove(CandidatePath(0));
  Settle();
  EXPECT_TRUE(b.leads());
}

TEST_F(LeaderLockTest, ALeaderWithoutConnectionForTooLongStepsDown) {
  LeaderLockOptions options = Options("a:1");
  options.disconnected_max = absl::Seconds(30);
  Contender& a = Enter(options);
  Contender& b = Enter("b:1");
  a.AwaitLoss();
  Settle();
  EXPECT_FALSE(a.lost().has_value());
  zookeeper_->StopServing();
  Settle();
  ASSERT_TRUE(a.lost().has_value());
  EXPECT_THAT(std::string(a.lost()->message()), HasSubstr("no connection to ZooKeeper for 30s"));
  EXPECT_FALSE(a.leads());
  EXPECT_THAT(a.lock().Fence(), IsEmpty());
  zookeeper_->Serve();
  a.Release();
  Settle();
  EXPECT_TRUE(b.leads());
}

TEST_F(LeaderLockTest, TooManyCandidatesAreAnError) {
  LeaderLockOptions options = Options("c:1");
  options.candidates_max = 2;
  Enter("a:1");
  Enter("b:1");
  const auto& c = Enter(options);
  ASSERT_TRUE(c.acquired().has_value());
  EXPECT_THAT(std::string(c.acquired()->message()), HasSubstr("has 3 candidates for leadership"));
}

TEST_F(LeaderLockTest, NonsenseIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(*Enter("").acquired()));
  for (const char* lock_root : {"", "/", "locks", "/locks/", "/zookeeper"}) {
    LeaderLockOptions options = Options("a:1");
    options.lock_root = lock_root;
    EXPECT_TRUE(absl::IsInvalidArgument(*Enter(options).acquired())) << lock_root;
  }
  EXPECT_EQ(Dump().size(), 1u);
}

// Outlasts a server that is restarted on a busy machine.
constexpr absl::Duration kSessionTimeout = absl::Seconds(60);

class LeaderLockOnZooKeeperTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto server = testing::ZooKeeperServer::Start();
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  void TearDown() override {
    for (const auto& contender : contenders_) contender->Cancel();
    io_.restart();
    io_.poll();
  }

  template <typename T>
  T RunAmongOthers(asio::awaitable<T> task) {
    std::optional<T> result;
    asio::co_spawn(io_, StoreResult(std::move(task), &result), asio::detached);
    EXPECT_TRUE(Await([&] { return result.has_value(); }));
    return std::move(*result);
  }

  Contender* Enter(const std::string& name) {
    ZooKeeperOptions options;
    options.hosts = server_->hosts();
    options.session_timeout = kSessionTimeout;
    auto store = RunAmongOthers(ZooKeeperMetaStore::Connect(options, &clock_));
    EXPECT_TRUE(store.ok()) << store.status();
    LeaderLockOptions lock_options;
    lock_options.lock_root = kLockRoot;
    lock_options.own_name = name;
    lock_options.disconnected_max = kSessionTimeout;
    contenders_.push_back(
        std::make_unique<Contender>(&io_, &clock_, *std::move(store), std::move(lock_options)));
    contenders_.back()->Acquire();
    return contenders_.back().get();
  }

  absl::StatusOr<WriteResult> Write(MetaStore* store, std::vector<StoreOp> fence) {
    TopologyWriterOptions options;
    options.fence = std::move(fence);
    TopologyWriter writer(options, store, &clock_, &progress_);
    return RunAmongOthers(writer.Write(topology_, kRoot, kDigest));
  }

  bool Await(const std::function<bool()>& condition) {
    const absl::Time deadline = clock_.Now() + absl::Seconds(120);
    while (!condition() && clock_.Now() < deadline) {
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(50));
    }
    return condition();
  }

  SystemClock clock_;
  asio::io_context io_;
  SilentProgress progress_;
  const Topology topology_ = SampleTopology();
  std::unique_ptr<testing::ZooKeeperServer> server_;
  std::vector<std::unique_ptr<Contender>> contenders_;
};

TEST_F(LeaderLockOnZooKeeperTest, LeadershipPassesOnWithTheSessionAndTheOldLeaderIsFenced) {
  Contender* const a = Enter("a:34601");
  ASSERT_TRUE(Await([&] { return a->leads(); }));
  a->AwaitLoss();
  Contender* const b = Enter("b:34601");
  ASSERT_TRUE(Await([&] { return b->LeaderName() == "a:34601"; }));
  Contender* const c = Enter("c:34601");
  ASSERT_TRUE(Await([&] { return c->LeaderName() == "a:34601"; }));
  EXPECT_FALSE(b->acquired().has_value());
  const auto fence_of_a = a->lock().Fence();

  const auto session = static_cast<ZooKeeperMetaStore*>(a->store())->credentials();
  ASSERT_TRUE(server_->ExpireSession(session).ok());
  ASSERT_TRUE(Await([&] { return a->lost().has_value() && b->leads(); }));
  EXPECT_EQ(a->lost()->code(), absl::StatusCode::kAborted);
  ASSERT_TRUE(Await([&] { return c->LeaderName() == "b:34601"; }));

  // In a session that lives, so that it is the fence that fails.
  const auto deposed = Write(b->store(), fence_of_a);
  EXPECT_TRUE(HasMark(deposed.status(), ErrorMark::kFenced)) << deposed.status();

  // Closing gives way as well, at once.
  b->CloseSession();
  ASSERT_TRUE(Await([&] { return c->leads(); }));
  const auto written = Write(c->store(), c->lock().Fence());
  EXPECT_TRUE(written.ok()) << written.status();
}

TEST_F(LeaderLockOnZooKeeperTest, AServerThatIsRestartedCostsNobodyTheLock) {
  Contender* const a = Enter("a:34601");
  ASSERT_TRUE(Await([&] { return a->leads(); }));
  a->AwaitLoss();
  Contender* const b = Enter("b:34601");
  ASSERT_TRUE(Await([&] { return b->LeaderName() == "a:34601"; }));
  ASSERT_TRUE(server_->Restart().ok());
  ASSERT_TRUE(Await([&] {
    return a->store()->session_state() == SessionState::kConnected &&
           b->store()->session_state() == SessionState::kConnected;
  }));
  EXPECT_FALSE(a->lost().has_value());
  a->Cancel();
  ASSERT_TRUE(Await([&] { return a->lost().has_value(); }));
  EXPECT_TRUE(absl::IsCancelled(*a->lost())) << *a->lost();
  EXPECT_TRUE(a->leads());
  a->Release();
  ASSERT_TRUE(Await([&] { return b->leads(); }));
}

}  // namespace
}  // namespace metarec
