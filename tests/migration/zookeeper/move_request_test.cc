#include "migration/zookeeper/move_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "migration/zookeeper/zookeeper_ensemble.h"
#include "migration/zookeeper/zookeeper_move.h"

namespace metarec {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

MoveRequest Request() {
  MoveRequest request;
  request.from = {"zk1:2181,zk2:2181/chroot", "/pegasus/demo", "/pegasus/demo/lock", ""};
  request.to = {"zk4:2181", "/pegasus/demo", "/pegasus/demo/lock", "/etc/zk.auth"};
  request.metas = {{"m1:34601", "/etc/m1.ini"}, {"m2:34601", ""}};
  request.nodes = {"rs1:34801", "rs2:34801"};
  request.alive = {"rs1:34801"};
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

TEST(MoveStepsTest, WithoutACommandTheOperatorIsAsked) {
  ProcedureState state;
  ZooKeeperMove move(Request(), &state, "move.state", nullptr);
  for (const Step& step : move.Steps()) {
    if (step.name != "start_leader") continue;
    EXPECT_TRUE(step.deed.act == nullptr);
    EXPECT_THAT(step.deed.request, HasSubstr("Please start m1:34601"));
  }
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
