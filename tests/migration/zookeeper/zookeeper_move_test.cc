// Moves of a whole cluster between real ZooKeepers, with the real programs. METAREC_MIGRATE_RUNS
// (scripts/campaign-migrate) sets how many of them are killed or aborted.

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <random>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/migration/zookeeper/move_world_for_test.h"

namespace metarec {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;
using tools::Ended;

class ZooKeeperMoveTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto cluster = MovingCluster::Make(/*metas=*/2);
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    before_ = cluster_->OldTree();
    tables_ = cluster_->Ask({"ls", "-d"}).out;
    partitions_ = cluster_->Ask({"app", "table_1", "-d"}).out;
  }

  // The old tree has not been touched, transaction ids included.
  void ExpectOldTreeUntouched() {
    EXPECT_TRUE(cluster_->OldTree() == before_) << "the old tree was changed";
  }
  void ExpectServes(const std::string& hosts) {
    const Ended info = cluster_->Ask({"cluster_info"});
    EXPECT_EQ(info.exit_code, 0) << info.err;
    EXPECT_THAT(info.out, HasSubstr(absl::StrCat(": ", hosts)));
    EXPECT_THAT(info.out, HasSubstr(": steady"));
    EXPECT_EQ(cluster_->Ask({"ls", "-d"}).out, tables_);
    EXPECT_EQ(cluster_->Ask({"app", "table_1", "-d"}).out, partitions_);
    EXPECT_THAT(cluster_->ConfiguredHosts(), Each(hosts));
  }

  std::unique_ptr<MovingCluster> cluster_;
  tools::ZnodeRecords before_;
  std::string tables_;
  std::string partitions_;
};

TEST_F(ZooKeeperMoveTest, ByCopyEverythingIsThereAndTheOldTreeIsUntouchedUntilItIsFinished) {
  const Ended planned = cluster_->Plan({});
  ASSERT_EQ(planned.exit_code, 0) << planned.out << planned.err;
  EXPECT_THAT(planned.out, HasSubstr("recommended: --way copy"));
  EXPECT_THAT(planned.out, HasSubstr("table table_1: envs default_ttl=86400"));
  EXPECT_THAT(planned.out, HasSubstr("backup policies: daily"));
  ExpectOldTreeUntouched();

  const Ended ran = cluster_->Migrate("run");
  ASSERT_EQ(ran.exit_code, 0) << ran.out << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("next: metarec migrate finish"));
  ExpectOldTreeUntouched();
  EXPECT_EQ(MovingCluster::Contents(cluster_->NewTree()), MovingCluster::Contents(before_));
  ExpectServes(cluster_->new_hosts());

  const Ended finished = cluster_->Migrate("finish");
  ASSERT_EQ(finished.exit_code, 0) << finished.out << finished.err;
  const auto left = MovingCluster::Contents(cluster_->OldTree());
  EXPECT_EQ(left.size(), 2u);
  EXPECT_THAT(left.at("/apps"), HasSubstr("moved to "));
  ExpectServes(cluster_->new_hosts());
  const Ended aborted = cluster_->Migrate("abort");
  EXPECT_EQ(aborted.exit_code, 4) << aborted.err;
  EXPECT_THAT(aborted.err, HasSubstr("no way back"));
}

TEST_F(ZooKeeperMoveTest, AMetaServerWithTheOldConfigurationDoesNotStartOnceItIsFinished) {
  ASSERT_EQ(cluster_->Plan({}).exit_code, 0);
  const std::string old_config = cluster_->ConfigText(0);
  ASSERT_EQ(cluster_->Migrate("run").exit_code, 0);
  ASSERT_EQ(cluster_->Migrate("finish").exit_code, 0);
  cluster_->world().folder().Write("old.ini", old_config);
  auto metarecd =
      tools::StartProgram({"--pegasus_config", cluster_->world().folder().Path("old.ini"), "--port",
                           absl::StrCat(tools::FreePort()), "--own_name", "127.0.0.1:1"},
                          cluster_->world().folder().Path("old"), "metarecd");
  ASSERT_TRUE(metarecd.ok());
  EXPECT_NE((*metarecd)->Wait(), 0);
  EXPECT_THAT((*metarecd)->Errors(), HasSubstr("no meta server starts from it"));
}

TEST_F(ZooKeeperMoveTest, ByRecoveryWithWhatCanBeCarriedOver) {
  const Ended planned = cluster_->Plan({"--way", "recovery", "--carry_over"});
  ASSERT_EQ(planned.exit_code, 0) << planned.out << planned.err;
  const Ended ran = cluster_->Migrate("run");
  ASSERT_EQ(ran.exit_code, 0) << ran.out << ran.err;
  ExpectOldTreeUntouched();
  auto recovered = MovingCluster::Contents(cluster_->NewTree());
  auto old = MovingCluster::Contents(before_);
  // The times of the runs are in them.
  recovered.erase("/metarec_journal");
  old.erase("/metarec_journal");
  EXPECT_EQ(recovered, old);
  ExpectServes(cluster_->new_hosts());
  EXPECT_TRUE(std::filesystem::exists(cluster_->state_path() + ".carried_over"));
}

TEST_F(ZooKeeperMoveTest, RecoveryWithoutCarryOverLosesWhatThePlanNamed) {
  ASSERT_EQ(cluster_->Plan({"--way", "recovery"}).exit_code, 0);
  const Ended ran = cluster_->Migrate("run");
  ASSERT_EQ(ran.exit_code, 0) << ran.out << ran.err;
  EXPECT_THAT(MovingCluster::Contents(cluster_->NewTree()).at("/apps/1"),
              Not(HasSubstr(MovingCluster::kEnvKey)));
}

TEST_F(ZooKeeperMoveTest, ATargetThatIsNotFreeIsRefusedWhenItIsPlanned) {
  ASSERT_TRUE(cluster_->world().ConnectTo(cluster_->new_hosts()).ok());
  for (const char* path : {"/pegasus", "/pegasus/demo", "/pegasus/demo/somebodys"}) {
    using Created = absl::StatusOr<std::string>;
    ASSERT_TRUE(cluster_->world()
                    .Run<Created>([&] { return cluster_->world().store()->Create(path, ""); })
                    .ok());
  }
  const Ended planned = cluster_->Plan({});
  EXPECT_EQ(planned.exit_code, 4);
  EXPECT_THAT(planned.out, HasSubstr("A run would be refused:"));
  EXPECT_FALSE(std::filesystem::exists(cluster_->state_path()));
}

TEST_F(ZooKeeperMoveTest, AMetaServerThatStandsInTheNewLockDirectoryStopsEverything) {
  ASSERT_EQ(cluster_->Plan({}).exit_code, 0);
  ASSERT_TRUE(cluster_->world().ConnectTo(cluster_->new_hosts()).ok());
  using Created = absl::StatusOr<std::string>;
  std::string path;
  for (const char* part : {"/pegasus", "/demo", "/lock", "/dsn.meta.server.leader"}) {
    path += part;
    ASSERT_TRUE(cluster_->world()
                    .Run<Created>([&] { return cluster_->world().store()->Create(path, ""); })
                    .ok());
  }
  path += "/LOCKNODE";
  ASSERT_TRUE(cluster_->world()
                  .Run<Created>([&] {
                    return cluster_->world().store()->Create(path, "10.0.0.9:34601",
                                                             CreateMode::kEphemeralSequential);
                  })
                  .ok());
  const Ended ran = cluster_->Migrate("run");
  EXPECT_EQ(ran.exit_code, 4) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("10.0.0.9:34601"));
  ASSERT_TRUE(cluster_->world().ConnectTo("").ok());
  ExpectServes(cluster_->old_hosts());
}

TEST_F(ZooKeeperMoveTest, AWayBackIsRefusedOnceABallotHasGoneBeyondTheOldTree) {
  ASSERT_EQ(cluster_->Plan({}).exit_code, 0);
  ASSERT_EQ(cluster_->Migrate("run").exit_code, 0);
  ASSERT_TRUE(cluster_->RaiseBallot().ok());
  const Ended aborted = cluster_->Migrate("abort");
  EXPECT_EQ(aborted.exit_code, 4) << aborted.err;
  EXPECT_THAT(aborted.err, HasSubstr("in the old tree"));
  ExpectServes(cluster_->new_hosts());
}

TEST_F(ZooKeeperMoveTest, FinishDoesNotRemoveWhatIsNotPegasuss) {
  ASSERT_EQ(cluster_->Plan({}).exit_code, 0);
  ASSERT_EQ(cluster_->Migrate("run").exit_code, 0);
  ASSERT_TRUE(cluster_->world().ConnectTo("").ok());
  using Created = absl::StatusOr<std::string>;
  ASSERT_TRUE(cluster_->world()
                  .Run<Created>([&] {
                    return cluster_->world().store()->Create("/pegasus/demo/somebodys", "precious");
                  })
                  .ok());
  const Ended finished = cluster_->Migrate("finish");
  EXPECT_EQ(finished.exit_code, 4) << finished.err;
  EXPECT_THAT(finished.err, HasSubstr("/pegasus/demo/somebodys"));
  EXPECT_EQ(cluster_->world().Get("/pegasus/demo/somebodys")->data, "precious");
  EXPECT_EQ(cluster_->world().Get("/pegasus/demo/apps")->data, "unlock");
}

int MovesWanted() {
  const char* const text = std::getenv("METAREC_MIGRATE_RUNS");
  int runs = 2;
  if (text != nullptr && (!absl::SimpleAtoi(text, &runs) || runs < 1 || runs > 1000)) {
    ADD_FAILURE() << "METAREC_MIGRATE_RUNS must be a number from 1 to 1000";
    return 0;
  }
  return runs;
}

constexpr const char* kCopySteps[] = {
    "check",        "backup",          "stop_followers", "set_blind",    "first_pass",
    "rehearse",     "stop_leader",     "last_pass",      "edit_configs", "start_leader",
    "check_tables", "start_followers", "restore_level",  "check_nodes"};
constexpr const char* kRecoverySteps[] = {"check",           "backup",        "stop_metas",
                                          "await_inactive",  "recover",       "carry_over",
                                          "edit_configs",    "start_leader",  "check_tables",
                                          "start_followers", "restore_level", "check_nodes"};

class KilledMoveTest : public ZooKeeperMoveTest {
 protected:
  // Kills a run a moment after it has begun this step.
  void RunKilledAt(const std::string& step, absl::Duration after) {
    const auto run = cluster_->StartMigrate("run");
    const bool begun = tools::Await(
        [&] { return absl::StrContains(run->Errors(), absl::StrCat(step, ": ")) || !run->Runs(); });
    EXPECT_TRUE(begun) << step;
    absl::SleepFor(after);
    run->Signal(SIGKILL);
    run->Wait();
  }

  void MoveOnce(bool by_copy, const std::string& step, absl::Duration after, bool goes_on) {
    cluster_->NewState();
    std::vector<std::string> options = {"--way", by_copy ? "copy" : "recovery"};
    if (!by_copy) options.push_back("--carry_over");
    const Ended planned = cluster_->Plan(options);
    ASSERT_EQ(planned.exit_code, 0) << planned.out << planned.err;
    RunKilledAt(step, after);
    if (goes_on) {
      const Ended ran = cluster_->Migrate("run");
      ASSERT_EQ(ran.exit_code, 0) << ran.out << ran.err;
      auto now = MovingCluster::Contents(cluster_->NewTree());
      auto then = MovingCluster::Contents(before_);
      now.erase("/metarec_journal");
      then.erase("/metarec_journal");
      ASSERT_EQ(now, then);
      ExpectServes(cluster_->new_hosts());
    }
    const Ended aborted = cluster_->Migrate("abort");
    ASSERT_EQ(aborted.exit_code, 0) << aborted.out << aborted.err;
    ExpectOldTreeUntouched();
    EXPECT_TRUE(cluster_->NewTree().empty()) << "something is left in the target";
    ExpectServes(cluster_->old_hosts());
  }
};

TEST_F(KilledMoveTest, AMetaServerThatRanOnTheOldOneAfterTheLastPassIsNoticedAlthoughItHasGone) {
  ASSERT_EQ(cluster_->Plan({}).exit_code, 0);
  RunKilledAt("edit_configs", absl::ZeroDuration());
  ASSERT_TRUE(cluster_->world().ConnectTo("").ok());
  using Created = absl::StatusOr<std::string>;
  const Created candidate = cluster_->world().Run<Created>([&] {
    return cluster_->world().store()->Create("/pegasus/demo/lock/dsn.meta.server.leader/LOCKNODE",
                                             cluster_->meta_addresses().front(),
                                             CreateMode::kEphemeralSequential);
  });
  ASSERT_TRUE(candidate.ok()) << candidate.status();
  ASSERT_TRUE(cluster_->world()
                  .Run<absl::Status>([&] { return cluster_->world().store()->Delete(*candidate); })
                  .ok());
  const Ended ran = cluster_->Migrate("run");
  EXPECT_EQ(ran.exit_code, 4) << ran.out << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("since the new tree was made"));
  EXPECT_EQ(cluster_->Migrate("abort").exit_code, 0);
  ExpectServes(cluster_->old_hosts());
}

TEST_F(KilledMoveTest, GoesOnOrIsUndoneFromEveryStep) {
  std::mt19937_64 random(20261129);
  const int runs = MovesWanted();
  for (int run = 0; run < runs && !HasFailure(); ++run) {
    const bool by_copy = run % 2 == 0;
    const size_t steps = by_copy ? std::size(kCopySteps) : std::size(kRecoverySteps);
    // With few runs, those in the middle.
    const size_t index = runs <= 2 ? steps / 2 : static_cast<size_t>(run / 2) % steps;
    const std::string step = by_copy ? kCopySteps[index] : kRecoverySteps[index];
    const absl::Duration after = absl::Milliseconds(random() % 60);
    const bool goes_on = (run / 2) % 3 != 2;
    SCOPED_TRACE(absl::StrCat("run ", run, ", killed at ", step));
    MoveOnce(by_copy, step, after, goes_on);
    std::cout << "run " << run << ": " << (by_copy ? "copy" : "recovery") << ", killed "
              << absl::FormatDuration(after) << " into " << step
              << (goes_on ? ", run again, aborted" : ", aborted") << std::endl;
  }
}

}  // namespace
}  // namespace metarec
