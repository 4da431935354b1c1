// What ZooKeeper refuses for good, as the programs tell it: at once, with what to do. And what they
// can do nevertheless.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meta_recovery/plan_file/plan_file.h"
#include "meta_recovery/planner/planner.h"
#include "testing/scratch_folder.h"
#include "testing/zookeeper_server.h"
#include "tests/tools/metarecd_world.h"

namespace metarec::tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Far below the minute after which a lost connection is given up.
constexpr absl::Duration kAtOnce = absl::Seconds(15);

Evidence SmallCluster() {
  Evidence evidence;
  evidence.collected_at = absl::FromUnixSeconds(1'700'000'000);
  NodeEvidence& node = evidence.nodes.emplace_back();
  node.address = {0x0A000001u, 34801};
  node.name = "rs1:34801";
  node.listed_as = {node.name};
  TableRecord& table = node.tables.emplace_back(TableRecord()).Mutable();
  table.app_type = "pegasus";
  table.app_name = "temp";
  table.app_id = 1;
  table.partition_count = table.init_partition_count = 2;
  table.is_stateful = true;
  table.max_replica_count = 1;
  for (int32_t index = 0; index < 2; ++index) {
    ReplicaRecord& replica = node.replicas.emplace_back();
    replica.app_id = 1;
    replica.partition_index = index;
    replica.ballot = 3;
    replica.status = ReplicaStatus::kInactive;
  }
  return evidence;
}

class ZooKeeperRefusalsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const absl::StatusOr<RecoveryPlan> plan = MakePlan(SmallCluster(), {});
    ASSERT_TRUE(plan.ok()) << plan.status();
    ASSERT_EQ(WritePlanFile(*plan, plan_), absl::OkStatus());
  }

  void Serve(testing::ZooKeeperServerOptions options) {
    server_.reset();
    options.folder = folder_.Path("zookeeper");
    auto server = testing::ZooKeeperServer::Start(std::move(options));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  // `metarec VERB ARGUMENTS --zk SERVER/chroot --root /r`.
  Ended Run(std::vector<std::string> arguments, const std::string& chroot = "") {
    for (std::string more : {std::string("--zk"), server_->hosts() + chroot, std::string("--root"),
                             std::string("/r")}) {
      arguments.push_back(std::move(more));
    }
    const absl::Time start = absl::Now();
    auto process = StartProgram(std::move(arguments), folder_.Path("log"));
    EXPECT_TRUE(process.ok()) << process.status();
    if (!process.ok()) return {};
    const int exit_code = (*process)->Wait();
    EXPECT_LT(absl::Now() - start, kAtOnce);
    return {exit_code, (*process)->Output(), (*process)->Errors()};
  }
  Ended Apply(const std::string& chroot = "") { return Run({"apply", "--plan", plan_}, chroot); }

  const testing::ScratchFolder folder_;
  const std::string plan_ = folder_.Path("plan.jsonl");
  std::unique_ptr<testing::ZooKeeperServer> server_;
};

TEST_F(ZooKeeperRefusalsTest, ServersThatDemandSaslEndEveryProgramAtOnce) {
  testing::ZooKeeperServerOptions options;
  options.properties = {
      "zookeeper.sessionRequireClientSASLAuth=true",
      "zookeeper.authProvider.sasl=org.apache.zookeeper.server.auth.SASLAuthenticationProvider"};
  ASSERT_NO_FATAL_FAILURE(Serve(options));
  for (const Ended& ended : {Apply(), Run({"ls"})}) {
    EXPECT_EQ(ended.exit_code, 1);
    EXPECT_THAT(ended.err, AllOf(HasSubstr("serve only clients that authenticate"),
                                 HasSubstr("ZooKeeper with SASL or TLS")));
  }
  auto daemon = StartProgram({"--zk", server_->hosts(), "--root", "/r", "--own_name",
                              absl::StrCat("127.0.0.1:", FreePort()), "--listen", "127.0.0.1"},
                             folder_.Path("daemon"), "metarecd");
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  EXPECT_EQ((*daemon)->Wait(kAtOnce), 1);
  EXPECT_THAT((*daemon)->Errors(), HasSubstr("serve only clients that authenticate"));
}

TEST_F(ZooKeeperRefusalsTest, AServerWithoutQuorumIsReadButNotWritten) {
  ASSERT_NO_FATAL_FAILURE(Serve({}));
  const Ended applied = Apply();
  EXPECT_EQ(applied.exit_code, 0) << applied.err;
  testing::ZooKeeperServerOptions options;
  options.read_only = true;
  ASSERT_NO_FATAL_FAILURE(Serve(options));
  const Ended listed = Run({"ls"});
  EXPECT_EQ(listed.exit_code, 0) << listed.err;
  EXPECT_THAT(listed.out, HasSubstr("temp"));
  EXPECT_THAT(listed.err, HasSubstr("lost its quorum and only reads"));
  EXPECT_EQ(Run({"verify", "--plan", plan_}).exit_code, 0);
  const Ended refused = Apply();
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("read-only"), HasSubstr("restore the ensemble")));
}

TEST_F(ZooKeeperRefusalsTest, AChrootIsWhereStockServersFindTheirs) {
  ASSERT_NO_FATAL_FAILURE(Serve({}));
  const Ended applied = Apply("/prod/eu");
  EXPECT_EQ(applied.exit_code, 0) << applied.err;
  EXPECT_THAT(applied.out, AllOf(HasSubstr("to /prod/eu/r: "), HasSubstr("cluster_root = /r, "),
                                 HasSubstr("/prod/eu behind the servers of its hosts_list")));
  EXPECT_THAT(Run({"ls"}, "/prod/eu").out, HasSubstr("temp"));
  EXPECT_THAT(Run({"ls"}).err, HasSubstr("there is nothing at all at /r"));
  // A chroot hides nothing of what is above it.
  const Ended inside = Apply("/prod/eu/r/apps");
  EXPECT_EQ(inside.exit_code, 4);
  EXPECT_THAT(inside.err, AllOf(HasSubstr("/prod/eu/r/apps lists the tables of a cluster"),
                                Not(HasSubstr("retry"))));
}

}  // namespace
}  // namespace metarec::tools
