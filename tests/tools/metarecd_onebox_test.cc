// The documented recovery of a onebox cluster, step by step, with metarecd in the meta server's
// place: its config.ini, the two sed lines, ls, recover, and the flag back.

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <absl/time/clock.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include "testing/free_port.h"
#include "testing/scratch_folder.h"
#include "testing/simulated_servers.h"
#include "testing/zookeeper_server.h"
#include "tests/tools/metarecd_world.h"

namespace metarec::tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr absl::Duration kStartTimeout = absl::Seconds(60);

// As a onebox has it, shortened.
constexpr char kConfig[] = R"(; The meta server of a onebox.
[apps..default]
run = true
count = 1

[apps.meta]
type = meta
name = meta
ports = PORT
pools = THREAD_POOL_DEFAULT,THREAD_POOL_META_SERVER,THREAD_POOL_FD

[meta_server]
server_list = localhost:PORT
cluster_root = /pegasus/onebox
meta_state_service_type = meta_state_service_zookeeper
distributed_lock_service_type = distributed_lock_service_zookeeper
distributed_lock_service_parameters = /pegasus/onebox/lock
recover_from_replica_server = false
min_live_node_count_for_unfreeze = 1

[zookeeper]
hosts_list = ZOOKEEPER
timeout_ms = 10000
logfile = zoo.log

[replication]
cluster_name = onebox
fd_grace_seconds = 22
)";

// Without what appears when a second has passed.
std::string WithoutWaitLines(const std::string& text) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  std::erase_if(
      lines, [](const std::string& line) { return absl::StartsWith(line, "Wait recovery for "); });
  return absl::StrJoin(lines, "\n");
}

class MetarecdOneboxTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto zookeeper = testing::ZooKeeperServer::Start();
    ASSERT_TRUE(zookeeper.ok()) << zookeeper.status();
    zookeeper_ = *std::move(zookeeper);
    testing::SimulatedCluster cluster;
    cluster.AddNodes(3);
    testing::SimulatedTable temp;
    temp.name = "temp";
    temp.partition_count = 4;
    ASSERT_EQ(cluster.AddTable(temp), absl::OkStatus());
    auto servers = testing::SimulatedClusterThread::Start(std::move(cluster));
    ASSERT_TRUE(servers.ok()) << servers.status();
    servers_ = *std::move(servers);
    folder_.Write("recover_node_list", servers_->node_list_text());
    port_ = testing::FreePort();
    folder_.Write("config.ini", absl::StrReplaceAll(kConfig, {{"PORT", absl::StrCat(port_)},
                                                              {"ZOOKEEPER", zookeeper_->hosts()}}));
  }

  std::string Path(const std::string& name) const { return folder_.Path(name); }
  // A line of the documented procedure, in the folder of config.ini.
  void Shell(const std::string& line) {
    ASSERT_EQ(std::system(absl::StrCat("cd ", folder_.path(), " && ", line).c_str()), 0) << line;
  }

  void StartMetarecd() {
    auto started = StartProgram({"--pegasus_config", Path("config.ini")},
                                Path(absl::StrCat("metarecd", starts_++)), "metarecd");
    ASSERT_TRUE(started.ok()) << started.status();
    metarecd_ = *std::move(started);
  }
  void AwaitLeading() {
    const absl::Time deadline = absl::Now() + kStartTimeout;
    while (!absl::StrContains(metarecd_->Errors(), "leading as ")) {
      ASSERT_TRUE(metarecd_->Runs() && absl::Now() < deadline) << metarecd_->Errors();
      absl::SleepFor(absl::Milliseconds(10));
    }
  }
  void StopMetarecd() {
    metarecd_->Signal(SIGTERM);
    EXPECT_EQ(metarecd_->Wait(), 0) << metarecd_->Errors();
  }
  // Of one that does not stay.
  Ended RunMetarecd() {
    StartMetarecd();
    const int exit_code = metarecd_->Wait(kStartTimeout);
    return {exit_code, metarecd_->Output(), metarecd_->Errors()};
  }

  // `line`: a verb with its options, without --meta.
  Ended Metarec(const std::string& line) {
    std::vector<std::string> arguments = absl::StrSplit(line, ' ');
    arguments.insert(arguments.end(), {"--meta", absl::StrCat("localhost:", port_)});
    auto process = StartProgram(arguments, Path("metarec"));
    if (!process.ok()) return {-1, "", process.status().ToString()};
    const int exit_code = (*process)->Wait();
    return {exit_code, (*process)->Output(), (*process)->Errors()};
  }

  void Recover() {
    Shell("sed -i 's@/pegasus/onebox@/pegasus/recovered@g' config.ini");
    Shell(
        "sed -i 's@recover_from_replica_server = false@recover_from_replica_server = true@' "
        "config.ini");
    StartMetarecd();
    AwaitLeading();
    const Ended ls = Metarec("ls");
    EXPECT_EQ(ls.exit_code, 1);
    EXPECT_EQ(ls.out, "list apps failed, error=ERR_UNDER_RECOVERY\n");
    EXPECT_THAT(ls.err, HasSubstr("metarec recover -f recover_node_list --meta localhost:"));

    const Ended recover = Metarec("recover -f " + Path("recover_node_list"));
    EXPECT_EQ(recover.exit_code, 0) << recover.err;
    EXPECT_EQ(WithoutWaitLines(recover.out), absl::StrCat("Wait seconds: 100\n"
                                                          "Skip bad nodes: false\n"
                                                          "Skip lost partitions: false\n"
                                                          "Node list:\n"
                                                          "=============================\n",
                                                          servers_->node_list_text(),
                                                          "=============================\n"
                                                          "Recover result: ERR_OK\n"));
    EXPECT_THAT(recover.err, HasSubstr("recover_from_replica_server = false"));
  }

  void ExpectLsWorks() {
    const Ended ls = Metarec("ls -d");
    EXPECT_EQ(ls.exit_code, 0) << ls.out << ls.err;
    EXPECT_THAT(ls.out, AllOf(StartsWith("[general_info]\n"), HasSubstr("AVAILABLE  temp "),
                              HasSubstr("[healthy_info]\n"), HasSubstr("total_app_count")));
  }

  std::unique_ptr<testing::ZooKeeperServer> zookeeper_;
  std::unique_ptr<testing::SimulatedClusterThread> servers_;
  const testing::ScratchFolder folder_;
  std::unique_ptr<MetarecProcess> metarecd_;
  uint16_t port_ = 0;
  int starts_ = 0;
};

TEST_F(MetarecdOneboxTest, TheDocumentedProcedureWorksLiterally) {
  ASSERT_NO_FATAL_FAILURE(Recover());
  ExpectLsWorks();
  const Ended info = Metarec("cluster_info");
  EXPECT_EQ(info.exit_code, 0) << info.err;
  EXPECT_THAT(info.out,
              AllOf(StartsWith("[cluster_info]\n"),
                    HasSubstr(absl::StrCat("primary_meta_server           : localhost:", port_)),
                    HasSubstr("  \"total\": 0\n}\n"), HasSubstr(": /pegasus/recovered ")));
  StopMetarecd();

  Shell(
      "sed -i 's@recover_from_replica_server = true@recover_from_replica_server = false@' "
      "config.ini");
  ASSERT_NO_FATAL_FAILURE(StartMetarecd());
  ASSERT_NO_FATAL_FAILURE(AwaitLeading());
  ExpectLsWorks();
  StopMetarecd();
}

TEST_F(MetarecdOneboxTest, OtherVerbsAreAnsweredOrRefusedInTheShellsWords) {
  ASSERT_NO_FATAL_FAILURE(Recover());
  const Ended app = Metarec("app temp -d");
  EXPECT_EQ(app.exit_code, 0) << app.err;
  EXPECT_THAT(app.out, AllOf(HasSubstr("[replicas]\n"), HasSubstr("1/3 ")));
  const Ended missing = Metarec("app nobody");
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_EQ(missing.out, "query app nobody failed, error=ERR_OBJECT_NOT_FOUND\n");

  const Ended level = Metarec("set_meta_level lively");
  EXPECT_EQ(level.exit_code, 1);
  EXPECT_EQ(level.out, "control meta level got error ERR_UNDER_RECOVERY\n");
  const Ended rename = Metarec("rename temp temp2");
  EXPECT_EQ(rename.exit_code, 1);
  EXPECT_THAT(rename.out, StartsWith("rename app failed, old_app_name(temp), new_app_name(temp2), "
                                     "failed: ERR_"));
  EXPECT_THAT(rename.err, HasSubstr("start a stock meta server"));

  // The same again is told its result.
  const Ended again = Metarec("recover -f " + Path("recover_node_list"));
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr("Recover result: ERR_OK\n"));
  const Ended other = Metarec("recover -b -f " + Path("recover_node_list"));
  EXPECT_EQ(other.exit_code, 4);
  EXPECT_THAT(other.out, HasSubstr("Recover result: ERR_SERVICE_ALREADY_RUNNING\n"));
}

TEST_F(MetarecdOneboxTest, TheNodeListForTheNextRecoveryIsCutFromNodes) {
  ASSERT_NO_FATAL_FAILURE(Recover());
  const Ended nodes = Metarec("nodes -d -o " + Path("nodes.list"));
  EXPECT_EQ(nodes.exit_code, 0) << nodes.err;
  EXPECT_EQ(nodes.out, "");
  Shell("grep ALIVE nodes.list | awk '{print $1}' > cut_node_list");
  std::ifstream cut(Path("cut_node_list"));
  const std::string text((std::istreambuf_iterator<char>(cut)), std::istreambuf_iterator<char>());
  EXPECT_EQ(text, servers_->node_list_text());
}

TEST_F(MetarecdOneboxTest, JsonIsOneObjectWhateverTheAnswer) {
  ASSERT_NO_FATAL_FAILURE(Recover());
  const std::string recover = "recover -f " + Path("recover_node_list");
  for (const std::string& line :
       {std::string("ls -d"), std::string("nodes -d"), std::string("app temp -d"),
        std::string("cluster_info"), recover, std::string("set_meta_level steady"),
        std::string("rename a b")}) {
    rapidjson::Document json;
    const Ended ended = Metarec(line + " --format json");
    json.Parse(ended.out);
    EXPECT_FALSE(json.HasParseError()) << line << ": " << ended.out;
    if (!json.IsObject()) continue;
    EXPECT_EQ(json.HasMember("error"), ended.exit_code != 0) << line << ": " << ended.out;
  }
}

TEST_F(MetarecdOneboxTest, TheAdvisedRecoveryRepeatsAllOptionsThatWereGiven) {
  const std::string given = absl::StrCat(
      "recover -s 127.0.0.1:1 --node_timeout 0.5 --zk ", zookeeper_->hosts(),
      " --root /pegasus/advised --zk_timeout 20 -w 7 --ask_again_seconds 2 --plan ", Path("p"));
  const std::vector<std::string> words = absl::StrSplit(given, ' ');
  auto process = StartProgram(words, Path("advised"));
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_EQ((*process)->Wait(), 1);
  EXPECT_THAT((*process)->Errors(), HasSubstr(absl::StrCat("    metarec ", given, "\n")));
}

TEST_F(MetarecdOneboxTest, AFilledRootIsRefusedInRecoveryMode) {
  ASSERT_NO_FATAL_FAILURE(Recover());
  StopMetarecd();
  const Ended refused = RunMetarecd();
  EXPECT_EQ(refused.exit_code, 4) << refused.err;
  EXPECT_THAT(refused.err, AllOf(HasSubstr("/pegasus/recovered"), HasSubstr("cluster_root"),
                                 HasSubstr("recover_from_replica_server = false")));
}

// The advice was to change a file, of which there was none.
TEST_F(MetarecdOneboxTest, AFilledRootThatAFlagNamesIsRefusedByTheNameOfTheFlag) {
  ASSERT_NO_FATAL_FAILURE(Recover());
  StopMetarecd();
  auto process = StartProgram({"--zk", zookeeper_->hosts(), "--root", "/pegasus/recovered",
                               "--own_name", absl::StrCat("127.0.0.1:", FreePort())},
                              Path("flags"), "metarecd");
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_EQ((*process)->Wait(), 4);
  EXPECT_THAT((*process)->Errors(), AllOf(HasSubstr("connecting to ZooKeeper"),
                                          HasSubstr("--root is given, and takes the place of")));
}

TEST_F(MetarecdOneboxTest, AnEmptyRootIsRefusedOutsideRecoveryMode) {
  const Ended refused = RunMetarecd();
  EXPECT_EQ(refused.exit_code, 4) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("recover_from_replica_server = true"));
}

}  // namespace
}  // namespace metarec::tools
