#include "migration/zookeeper/move_request.h"

#include <cstdlib>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "migration/zookeeper/by_hand.h"
#include "migration/zookeeper/recovery_outlook.h"
#include "migration/zookeeper/same_zookeeper.h"
#include "migration/zookeeper/tables_before.h"
#include "migration/zookeeper/zookeeper_ensemble.h"
#include "migration/zookeeper/zookeeper_move.h"

namespace metarec {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

MoveRequest Request() {
  MoveRequest request;
  request.from = {"zk1:2181,zk2:2181/chroot", "/pegasus/demo", "/pegasus/demo/lock", ""};
  request.to = {"zk4:2181", "/pegasus/demo", "/pegasus/demo/lock", "/etc/zk.auth"};
  request.metas = {{"m1:34601", "/etc/m1.ini"}, {"m2:34601", ""}};
  request.nodes = {"rs1:34801", "rs2:34801"};
  request.alive = {"rs1:34801"};
  request.dead = {"rs3:34801"};
  request.level = "steady";
  request.stop_meta = "ssh \"${METAREC_META%:*}\" stop";
  request.accept_outage = true;
  return request;
}

TEST(MoveRequestTest, ComesBackAsItWasWritten) {
  const auto read = DecodeMoveRequest(EncodeMoveRequest(Request()));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, Request());
}

TEST(MoveRequestTest, WhatIsNoRequestIsRefused) {
  for (const char* json : {"", "{}", "[]", R"({"way":"swim"})"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(DecodeMoveRequest(json).status())) << json;
  }
}

TEST(MoveRequestTest, ChangesOnlyTheKeysThatMustChange) {
  MoveRequest request = Request();
  ASSERT_EQ(request.ConfigChanges().size(), 1u);
  EXPECT_EQ(request.ConfigChanges()[0].key, "hosts_list");
  EXPECT_EQ(request.ConfigChanges()[0].value, "zk4:2181");
  request.to.root = "/pegasus/new";
  request.to.lock_root = MovedLockRoot(request.from.lock_root, request.from.root, request.to.root);
  EXPECT_EQ(request.to.lock_root, "/pegasus/new/lock");
  EXPECT_EQ(request.ConfigChanges().size(), 3u);
}

TEST(MoveRequestTest, ALockRootOutsideOfTheRootStaysWhereItIs) {
  EXPECT_EQ(MovedLockRoot("/locks/demo", "/pegasus/demo", "/pegasus/new"), "/locks/demo");
  EXPECT_EQ(MovedLockRoot("/pegasus/demo", "/pegasus/demo", "/new"), "/new");
  EXPECT_EQ(MovedLockRoot("/pegasus/demo2", "/pegasus/demo", "/new"), "/pegasus/demo2");
}

TEST(MoveRequestTest, ASideIsBehindItsChroot) {
  EXPECT_EQ(Request().from.RealRoot(), "/chroot/pegasus/demo");
  EXPECT_EQ(Request().to.RealRoot(), "/pegasus/demo");
}

std::vector<std::string> NamesOfSteps(const MoveRequest& request) {
  ProcedureState state;
  ZooKeeperMove move(request, &state, "move.state", nullptr);
  std::vector<std::string> names;
  for (const Step& step : move.Steps()) names.push_back(step.name);
  return names;
}

TEST(MoveStepsTest, ByCopy) {
  EXPECT_THAT(NamesOfSteps(Request()),
              ElementsAre("check", "backup", "stop_followers", "set_blind", "first_pass",
                          "rehearse", "stop_leader", "last_pass", "edit_configs", "start_leader",
                          "check_tables", "start_followers", "restore_level", "check_nodes",
                          "mark_old_root", "remove_old_tree", "remove_mark"));
}

TEST(MoveStepsTest, ByRecoveryWithASingleMetaServer) {
  MoveRequest request = Request();
  request.way = MoveWay::kRecovery;
  request.metas.pop_back();
  EXPECT_THAT(NamesOfSteps(request),
              ElementsAre("check", "backup", "stop_metas", "await_inactive", "recover",
                          "edit_configs", "start_leader", "check_tables", "restore_level",
                          "check_nodes", "mark_old_root", "remove_old_tree", "remove_mark"));
  request.carry_over = true;
  EXPECT_THAT(NamesOfSteps(request), Contains("carry_over"));
}

TEST(MoveStepsTest, EachStepSaysWhatItDoesAndHowItIsSeen) {
  ProcedureState state;
  ZooKeeperMove move(Request(), &state, "move.state", nullptr);
  for (const Step& step : move.Steps()) {
    EXPECT_FALSE(step.deed.title.empty()) << step.name;
    EXPECT_FALSE(step.deed.result.empty()) << step.name;
    EXPECT_TRUE(step.deed.after != nullptr) << step.name;
    EXPECT_TRUE(step.deed.act != nullptr || !step.deed.request.empty()) << step.name;
    EXPECT_EQ(step.back.why_none.empty(), step.back.kind != WayBack::Kind::kNone) << step.name;
    EXPECT_EQ(step.back.deed.after == nullptr, step.back.kind != WayBack::Kind::kDeed) << step.name;
  }
}

TEST(MoveStepsTest, OneServerWasToldOfAsSeveral) {
  ProcedureState state;
  ZooKeeperMove move(Request(), &state, "move.state", nullptr);
  for (const Step& step : move.Steps()) {
    if (step.name == "stop_leader") {
      EXPECT_EQ(step.deed.result, "its port refuses connections");
    }
    if (step.name == "start_leader") {
      EXPECT_THAT(step.deed.result, HasSubstr("and it is a candidate in the lock directory"));
    }
  }
}

TEST(MoveStepsTest, WithoutACommandTheOperatorIsAsked) {
  ProcedureState state;
  ZooKeeperMove move(Request(), &state, "move.state", nullptr);
  for (const Step& step : move.Steps()) {
    if (step.name != "start_leader") continue;
    EXPECT_TRUE(step.deed.act == nullptr);
    EXPECT_THAT(step.deed.request, HasSubstr("Please start m1:34601"));
  }
}

TEST(MoveStepsTest, AnAbortAsksForTheOldValuesAndNotForTheNewOnes) {
  MoveRequest request = Request();
  request.to.root = "/pegasus/new";
  ProcedureState state;
  ZooKeeperMove move(request, &state, "move.state", nullptr);
  for (const Step& step : move.Steps()) {
    if (step.name != "edit_configs") continue;
    EXPECT_THAT(step.deed.request, HasSubstr("[meta_server] cluster_root = /pegasus/new"));
    EXPECT_THAT(step.back.deed.request,
                HasSubstr("hosts_list = zk1:2181,zk2:2181/chroot, [meta_server] cluster_root = "
                          "/pegasus/demo again"));
    EXPECT_THAT(step.back.deed.request, Not(HasSubstr("zk4:2181")));
  }
}

TEST(ByHandTest, TheCommandThatChangesAConfigDoesWhatTheToolDoes) {
  const std::string path = ::testing::TempDir() + "/by hand.ini";
  const std::vector<ConfigChange> changes = {{"zookeeper", "hosts_list", "zk4:2181/a&b"},
                                             {"meta_server", "cluster_root", "/new\\er"},
                                             {"meta_server", "distributed_lock", "/locks"}};
  const std::string before =
      "[apps.meta_server]\ncluster_root = /other\n[meta_server]\n  cluster_root = /pegasus\n"
      "cluster_root_too = /x\n\n[zookeeper]\n hosts_list=zk1:2181 ; the old one\n";
  std::ofstream(path) << before;
  ASSERT_EQ(std::system(by_hand::EditConfig(changes, path).c_str()), 0);
  const std::string after = ReadConfigText(path).value_or("");
  for (const ConfigChange& change : changes) {
    EXPECT_EQ(ConfigValue(after, change.section, change.key), change.value) << after;
  }
  EXPECT_EQ(ConfigValue(after, "apps.meta_server", "cluster_root"), "/other");
  EXPECT_EQ(ConfigValue(after, "meta_server", "cluster_root_too"), "/x");
  EXPECT_EQ(ReadConfigText(path + ".bak").value_or(""), before);
}

TEST(ByHandTest, CommandsHaveTheCredentialsOfTheirSide) {
  MoveRequest request = Request();
  request.from.auth_file = "/etc/old zk.auth";
  EXPECT_EQ(
      by_hand::CopyTree(request, /*updates=*/true),
      "metarec zk copy --update --delete zk1:2181,zk2:2181/chroot/pegasus/demo "
      "zk4:2181/pegasus/demo --from_auth_file '/etc/old zk.auth' --to_auth_file /etc/zk.auth");
  EXPECT_THAT(by_hand::Recover(request, "list"),
              HasSubstr("--lock_root /pegasus/demo/lock --zk_auth_file /etc/zk.auth"));
}

AppZnode Table(int32_t id, const std::string& name) {
  AppZnode table;
  table.app_id = id;
  table.app_name = name;
  table.partition_count = 8;
  return table;
}

TEST(TablesBeforeTest, ATableWhoseNameLooksLikeADroppedOneIsCompared) {
  const std::string path = ::testing::TempDir() + "/tables_before";
  TableView odd;
  static_cast<AppZnode&>(odd) = Table(2, "x dropped partitions=8");
  odd.envs["a"] = "b";
  TableView dropped;
  static_cast<AppZnode&>(dropped) = Table(1, "gone");
  dropped.status = TableStatus::kDropped;
  ASSERT_TRUE(WriteTablesBefore(path, {odd, dropped}).ok());
  const auto before = ReadTablesBefore(path);
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_THAT(TablesThatDiffer(*before, {odd, dropped}, /*copied=*/true), IsEmpty());
  EXPECT_THAT(TablesThatDiffer(*before, {}, /*copied=*/false),
              ElementsAre(HasSubstr("x dropped partitions=8 (2) is not there any more")));
  odd.envs["a"] = "c";
  EXPECT_THAT(TablesThatDiffer(*before, {odd, dropped}, /*copied=*/false), IsEmpty());
  EXPECT_THAT(TablesThatDiffer(*before, {odd, dropped}, /*copied=*/true),
              ElementsAre(HasSubstr("envs.a was \"b\" and is \"c\"")));
  odd.status = TableStatus::kDropping;
  EXPECT_TRUE(absl::IsFailedPrecondition(WriteTablesBefore(path, {odd})));
}

TEST(RecoveryOutlookTest, ServersThatAreNotAliveAreNotLeftOutInSilence) {
  RecoveryOutlook outlook;
  RecoveryAccepts accepts;
  AddDeadServers({"rs3:34801"}, accepts, &outlook);
  EXPECT_THAT(outlook.obstacles, ElementsAre(HasSubstr("not alive: rs3:34801")));
  EXPECT_THAT(outlook.losses, IsEmpty());
  accepts.skip_bad_nodes = true;
  outlook = {};
  AddDeadServers({"rs3:34801"}, accepts, &outlook);
  EXPECT_THAT(outlook.obstacles, IsEmpty());
  EXPECT_THAT(outlook.losses, ElementsAre(HasSubstr("rs3:34801")));
}

TEST(SameZooKeeperTest, RootsWithinOneAreComparedBehindTheirChroots) {
  const MoveSide from = {"zk1:2181/chroot", "/pegasus/demo", "/pegasus/demo/lock", ""};
  EXPECT_THAT(WhyNotWithinOne(from, {"zk2:2181", "/chroot/pegasus/demo", "/l", ""}),
              HasSubstr("the same"));
  EXPECT_THAT(WhyNotWithinOne(from, {"zk2:2181", "/chroot/pegasus", "/l", ""}),
              HasSubstr("inside"));
  EXPECT_THAT(
      WhyNotWithinOne(from, {"zk2:2181/chroot", "/pegasus/demo2", "/pegasus/demo/lock", ""}),
      HasSubstr("lock root"));
  EXPECT_EQ(WhyNotWithinOne(from, {"zk2:2181", "/pegasus/demo", "/l", ""}), "");
}

constexpr char kSrvr[] =
    "Zookeeper version: 3.8.0-${mvnshortcommit}, built on 2023-01-14 12:00 UTC\n"
    "Latency min/avg/max: 0/0.0/0\nReceived: 1\nSent: 0\nConnections: 1\nOutstanding: 0\n"
    "Zxid: 0x100000005\nMode: leader\nNode count: 27\n";

TEST(ZooKeeperEnsembleTest, UnderstandsAServersAnswer) {
  const ZooKeeperServerInfo info = ParseServerInfo("zk1:2181", kSrvr);
  EXPECT_EQ(info.version, "3.8.0");
  EXPECT_EQ(info.mode, "leader");
  EXPECT_EQ(info.znodes, "27");
  EXPECT_EQ(info.zxid, "0x100000005");
  EXPECT_THAT(EnsembleWarnings({info}), IsEmpty());
}

TEST(ZooKeeperEnsembleTest, AListThatMixesTwoEnsemblesIsNoticed) {
  const ZooKeeperServerInfo one = ParseServerInfo("zk1:2181", kSrvr);
  const ZooKeeperServerInfo other = ParseServerInfo("zk2:2181", kSrvr);
  EXPECT_THAT(EnsembleWarnings({one, other}),
              ElementsAre(HasSubstr("zk1:2181 and zk2:2181 each say that they lead")));
}

TEST(ZooKeeperEnsembleTest, AServerWithoutAnAnswerIsNoticed) {
  EXPECT_THAT(EnsembleWarnings({ParseServerInfo(
                  "zk1:2181", "srvr is not executed because it is not in the whitelist.\n")}),
              ElementsAre(HasSubstr("4lw.commands.whitelist")));
}

}  // namespace
}  // namespace metarec
