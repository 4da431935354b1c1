// Moves of a whole cluster between real ZooKeepers, with the real programs.

#include <filesystem>

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/migration/zookeeper/move_test.h"

namespace metarec {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;
using tools::Ended;

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
  EXPECT_EQ(WithoutJournal(cluster_->NewTree()), WithoutJournal(before_));
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

TEST_F(ZooKeeperMoveTest, FinishDoesNotRemoveWhatSomebodyCreatedDeepInTheOldTreeAfterTheMove) {
  for (const char* way : {"copy", "recovery"}) {
    cluster_->NewState();
    ASSERT_EQ(cluster_->Plan({"--way", way}).exit_code, 0);
    ASSERT_EQ(cluster_->Migrate("run").exit_code, 0);
    ASSERT_TRUE(cluster_->world().ConnectTo("").ok());
    const auto before = cluster_->OldTree();
    const std::string theirs = "/pegasus/demo/apps/1/0/theirs";
    using Created = absl::StatusOr<std::string>;
    ASSERT_TRUE(
        cluster_->world()
            .Run<Created>([&] { return cluster_->world().store()->Create(theirs, "precious"); })
            .ok());
    const Ended finished = cluster_->Migrate("finish");
    EXPECT_EQ(finished.exit_code, 4) << finished.err;
    EXPECT_THAT(finished.err, HasSubstr(theirs));
    EXPECT_EQ(cluster_->world().Get(theirs)->data, "precious");
    ASSERT_TRUE(cluster_->world()
                    .Run<absl::Status>([&] { return cluster_->world().store()->Delete(theirs); })
                    .ok());
    EXPECT_EQ(MovingCluster::Contents(cluster_->OldTree()), MovingCluster::Contents(before));
    if (absl::string_view(way) == "copy") {
      ASSERT_EQ(cluster_->Migrate("abort").exit_code, 0);
      continue;
    }
    const Ended again = cluster_->Migrate("finish");
    EXPECT_EQ(again.exit_code, 0) << again.err;
    EXPECT_EQ(cluster_->OldTree().size(), 2u);
  }
}

TEST_F(ZooKeeperMoveTest, AReplicaServerThatIsGoneIsNoDeadEndOnceThatIsAccepted) {
  ASSERT_EQ(cluster_->Plan({}).exit_code, 0);
  ASSERT_EQ(cluster_->Migrate("run").exit_code, 0);
  ASSERT_TRUE(cluster_->Break("n3", testing::SimulatedFault::Kind::kRefuse).ok());
  const Ended refused = cluster_->Migrate("abort");
  EXPECT_EQ(refused.exit_code, 4) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("abort --skip_bad_nodes"));
  ExpectServes(cluster_->new_hosts());
  const Ended aborted = cluster_->Migrate("abort", {"--skip_bad_nodes"});
  EXPECT_EQ(aborted.exit_code, 0) << aborted.err;
  EXPECT_THAT(aborted.err, HasSubstr("not looked at, as accepted: the ballots of"));
  ExpectServes(cluster_->old_hosts());
}

TEST_F(ZooKeeperMoveTest, ARecoveryWithoutAServerIsRefusedAtPlanUnlessThatIsAccepted) {
  ASSERT_TRUE(cluster_->Break("n3", testing::SimulatedFault::Kind::kRefuse).ok());
  const Ended refused = cluster_->Plan({"--way", "recovery"});
  EXPECT_EQ(refused.exit_code, 4) << refused.out;
  EXPECT_THAT(refused.out, HasSubstr("did not answer"));
  EXPECT_THAT(refused.out, HasSubstr(cluster_->state_path() + " was not written"));
  const Ended planned =
      cluster_->Plan({"--way", "recovery", "-b", "--carry_over", "--lease_seconds", "1"});
  ASSERT_EQ(planned.exit_code, 0) << planned.out << planned.err;
  EXPECT_THAT(planned.out, HasSubstr("do not answer and are left out as accepted"));
  const Ended ran = cluster_->Migrate("run");
  ASSERT_EQ(ran.exit_code, 0) << ran.out << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("not looked at, as accepted: what is served by"));
  EXPECT_THAT(ran.out, HasSubstr("1 replica server left out, as accepted"));
  const Ended aborted = cluster_->Migrate("abort");
  EXPECT_EQ(aborted.exit_code, 0) << aborted.err;
  ExpectServes(cluster_->old_hosts());
}

TEST_F(ZooKeeperMoveTest, APartitionWithoutAReplicaIsFoundAtPlanAndAnAcceptedLossIsExitCode5) {
  ASSERT_TRUE(cluster_->LosePartition(3).ok());
  const Ended by_copy = cluster_->Plan({});
  EXPECT_EQ(by_copy.exit_code, 0) << by_copy.err;
  EXPECT_THAT(by_copy.out, HasSubstr("it would be refused: "));
  cluster_->NewState();
  const Ended refused = cluster_->Plan({"--way", "recovery"});
  EXPECT_EQ(refused.exit_code, 4) << refused.out;
  EXPECT_THAT(refused.out, HasSubstr("a recovery: "));
  EXPECT_THAT(refused.out, HasSubstr("1.3"));
  const Ended planned = cluster_->Plan({"--way", "recovery", "-l"});
  ASSERT_EQ(planned.exit_code, 0) << planned.out << planned.err;
  EXPECT_THAT(planned.out, HasSubstr("1 partition created EMPTY, as accepted: table_1.3"));
  const Ended ran = cluster_->Migrate("run");
  EXPECT_EQ(ran.exit_code, 5) << ran.out << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("1 partition created EMPTY, as accepted"));
}

TEST_F(ZooKeeperMoveTest, OneZooKeeperUnderAnotherNameIsNotTakenForTwo) {
  const std::string port = absl::StrCat(cluster_->world().zookeeper().port());
  const std::string local = "localhost:" + port;
  const std::string twice = absl::StrCat("127.0.0.1:", port, ",", local);
  const auto refusal = [&](std::vector<std::string> options) {
    const Ended planned = cluster_->Plan(std::move(options));
    EXPECT_EQ(planned.exit_code, 4) << planned.out << planned.err;
    return planned.out;
  };
  EXPECT_THAT(refusal({"--to", local}), HasSubstr("are one root in one ZooKeeper"));
  EXPECT_THAT(refusal({"--to", twice}), HasSubstr("are one root in one ZooKeeper"));
  EXPECT_THAT(refusal({"--to", local + "/pegasus", "--to_root", "/demo"}),
              HasSubstr("are one root in one ZooKeeper"));
  EXPECT_THAT(refusal({"--to", local, "--to_root", "/pegasus/demo/below"}),
              HasSubstr("one root lies inside the other"));
  EXPECT_THAT(refusal({"--to", local, "--to_root", "/pegasus"}),
              HasSubstr("one root lies inside the other"));
  EXPECT_THAT(refusal({"--to", local, "--to_root", "/other", "--to_lock_root",
                       std::string(MovingCluster::kRoot) + "/lock"}),
              HasSubstr("would have one lock root"));
  ExpectOldTreeUntouched();
}

TEST_F(ZooKeeperMoveTest, AConfigThatCannotBeChangedIsFoundWhileTheClusterStillServes) {
  const std::string config = cluster_->ConfigText(0);
  cluster_->world().folder().Write("config0.ini", config + "\n[zookeeper]\n");
  const Ended refused = cluster_->Plan({});
  EXPECT_EQ(refused.exit_code, 4) << refused.out << refused.err;
  EXPECT_THAT(refused.out, HasSubstr("[zookeeper] is there twice"));
  cluster_->world().folder().Write("config0.ini", config);
  ASSERT_EQ(cluster_->Plan({}).exit_code, 0);
  // Somebody else spoils it after the plan.
  cluster_->world().folder().Write("config0.ini", config + "\n[zookeeper]\n");
  const Ended ran = cluster_->Migrate("run");
  EXPECT_NE(ran.exit_code, 0);
  EXPECT_THAT(ran.err, HasSubstr("check: "));
  EXPECT_THAT(ran.err, HasSubstr("[zookeeper] is there twice"));
  cluster_->world().folder().Write("config0.ini", config);
  ExpectServes(cluster_->old_hosts());
}

TEST_F(ZooKeeperMoveTest, OptionsOfTheOtherWayAreNotTakenInSilence) {
  for (const char* option : {"-b", "-l", "--carry_over"}) {
    const Ended planned = cluster_->Plan({"--way", "copy", option});
    EXPECT_EQ(planned.exit_code, 1) << option;
    EXPECT_THAT(planned.err, HasSubstr("is for --way recovery")) << option;
  }
  const Ended planned = cluster_->Plan({"--way", "recovery", "--accept_outage"});
  EXPECT_EQ(planned.exit_code, 1);
  EXPECT_FALSE(std::filesystem::exists(cluster_->state_path()));
}

TEST_F(ZooKeeperMoveTest, TheMarkOfAFinishedMoveIsNotInTheWayOfMovingBack) {
  ASSERT_EQ(cluster_->Plan({}).exit_code, 0);
  ASSERT_EQ(cluster_->Migrate("run").exit_code, 0);
  ASSERT_EQ(cluster_->Migrate("finish").exit_code, 0);
  const auto marked = MovingCluster::Contents(cluster_->OldTree());
  for (const char* way : {"copy", "recovery"}) {
    cluster_->NewState();
    const Ended planned = cluster_->Plan({"--way", way}, /*back=*/true);
    ASSERT_EQ(planned.exit_code, 0) << planned.out << planned.err;
    EXPECT_THAT(planned.out, HasSubstr("has only the mark of a former move"));
    const Ended ran = cluster_->Migrate("run");
    ASSERT_EQ(ran.exit_code, 0) << ran.out << ran.err;
    EXPECT_EQ(AppsIn(cluster_->OldTree()).count("/apps/1/0"), 1u);
    EXPECT_EQ(cluster_->Ask({"cluster_info"}).exit_code, 0);
    EXPECT_THAT(cluster_->ConfiguredHosts(), Each(cluster_->old_hosts()));
    const Ended aborted = cluster_->Migrate("abort");
    ASSERT_EQ(aborted.exit_code, 0) << aborted.out << aborted.err;
    EXPECT_EQ(MovingCluster::Contents(cluster_->OldTree()), marked);
  }
  ExpectServes(cluster_->new_hosts());
}

class MoveIntoEnsembleTest : public ZooKeeperMoveTest {
 protected:
  static constexpr char kNewRoot[] = "/pegasus/moved";

  void SetUp() override {
    MovingClusterOptions options;
    options.into_ensemble = true;
    options.old_chroot = "/old/zoo";
    options.new_chroot = "/new";
    options.has_configs_here = false;
    MakeCluster(options);
    if (cluster_ != nullptr) old_config_ = cluster_->ConfigText(0);
  }

  // Runs it, and looks whether before and after are equal.
  void MoveAndCompare(std::vector<std::string> options) {
    cluster_->NewState();
    // The names that the cluster has may be unknown here.
    options.insert(options.end(),
                   {"--to_root", kNewRoot, "--zk",
                    absl::StrCat("localhost:", cluster_->world().zookeeper().port(), "/old/zoo")});
    const Ended planned = cluster_->Plan(options);
    ASSERT_EQ(planned.exit_code, 0) << planned.out << planned.err;
    const Ended ran = cluster_->Migrate("run");
    ASSERT_EQ(ran.exit_code, 0) << ran.out << ran.err;
    ExpectOldTreeUntouched();
    EXPECT_EQ(WithoutJournal(cluster_->NewTree(kNewRoot)), WithoutJournal(before_));
    ExpectServes(cluster_->new_hosts());
    EXPECT_THAT(cluster_->Ask({"cluster_info"}).out, HasSubstr(kNewRoot));
  }

  std::string old_config_;
};

TEST_F(MoveIntoEnsembleTest, BothWaysWithChrootsAnotherRootAndConfigsElsewhere) {
  MoveAndCompare({"--way", "copy"});
  if (HasFatalFailure()) return;
  const Ended aborted = cluster_->Migrate("abort");
  ASSERT_EQ(aborted.exit_code, 0) << aborted.out << aborted.err;
  EXPECT_TRUE(cluster_->NewTree(kNewRoot).empty());
  EXPECT_EQ(cluster_->ConfigText(0), old_config_);
  ExpectServes(cluster_->old_hosts());

  MoveAndCompare({"--way", "recovery", "--carry_over"});
  if (HasFatalFailure()) return;
  const Ended finished = cluster_->Migrate("finish");
  ASSERT_EQ(finished.exit_code, 0) << finished.out << finished.err;
  EXPECT_EQ(cluster_->OldTree().size(), 2u);
  ExpectServes(cluster_->new_hosts());
}

}  // namespace
}  // namespace metarec
